"""News for a person's program: on, watch, and what becomes of them."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import Annotated

import pytest
from fake_devices import SOON, boarded
from heard import settled
from program import PATIENCE, environment

import iotkit
from iotkit import host
from iotkit.device import device_over, link_of
from iotkit.links.serial import SerialLink
from iotkit.transports.memory import pair
from iotkit.watching import EVENTS_KEPT, News


class Lamp(host.Device):
    """A lamp."""

    bright: Annotated[int, "How bright [0..1000 lx]"] = 80
    lit: bool = False
    bad = False

    @property
    def warmth(self) -> float:
        """At the lamp [C]"""
        if self.bad:
            raise RuntimeError("the sensor fell off")
        return 21.5

    @host.function
    def blink(self) -> None:
        """Blink"""

    @host.event
    def touched(self, times: int) -> None:
        """Somebody touched it"""

    @host.event
    def fell(self) -> None:
        """It fell"""


@pytest.fixture
def lamp():
    return Lamp()


@pytest.fixture
def device(lamp):
    with iotkit.connect(lamp) as device:
        yield device


class Called:
    """A callback that keeps what it is called with."""

    def __init__(self):
        self.args = []
        self.threads = []
        self._changed = threading.Condition()

    def __call__(self, *args):
        with self._changed:
            self.args.append(args)
            self.threads.append(threading.current_thread().name)
            self._changed.notify_all()

    def wait(self, ready):
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self.args), SOON), self.args


def followed(device, name):
    return link_of(device).newsroom.follows(name)


def soon(ready):
    """Wait until something is so that nobody tells of."""
    deadline = time.monotonic() + SOON
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# on


def test_a_callback_gets_the_value_at_once_and_then_each_change_with_its_time(lamp, device):
    called = Called()
    before = time.time()
    with device.on("bright", called):
        called.wait(len)
        lamp.bright = 90
        called.wait(lambda args: len(args) == 2)
    assert [value for value, _ in called.args] == [80, 90]
    assert before <= called.args[0][1] <= called.args[1][1] <= time.time()
    assert set(called.threads) == {"iotkit on bright"}


def test_what_is_set_from_elsewhere_is_news(device):
    called = Called()
    with device.on("bright", called):
        device.bright = 7
        called.wait(lambda args: args and args[-1][0] == 7)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_callback_takes_as_many_arguments_as_it_likes(device, count):
    called = Called()
    callback = [lambda: called(), lambda value: called(value), lambda value, at: called(value, at)]
    with device.on("bright", callback[count]):
        called.wait(len)
    assert len(called.args[0]) == count
    assert called.args[0][:1] == (80,)[:count]


def test_a_callback_may_be_a_method_of_pythons_own(device):
    values = []
    with device.on("bright", values.append):
        soon(lambda: values)
    assert values == [80]


def test_a_value_knows_its_unit_help_and_time(device):
    called = Called()
    with device.on("bright", called):
        called.wait(len)
    value, at = called.args[0]
    assert (value.unit, value.time) == ("lx", at)
    assert value.__doc__.startswith("How bright")


def test_an_event_calls_back_with_its_value_or_none(lamp, device):
    called, fell = Called(), Called()
    with device.on("touched", called), device.on("fell", fell):
        lamp.touched(2)
        lamp.fell()
        called.wait(len)
        fell.wait(len)
    assert called.args[0][0] == 2
    assert fell.args[0][0] is None


def test_quick_events_each_call_back(lamp, device):
    called = Called()
    with device.on("touched", called):
        for times in range(EVENTS_KEPT):
            lamp.touched(times)
        called.wait(lambda args: len(args) == EVENTS_KEPT)
    assert [args[0] for args in called.args] == list(range(EVENTS_KEPT))


def test_a_pace_is_kept(lamp, device):
    called = Called()
    with device.on("bright", called, every=60):
        called.wait(len)
        for value in range(10):
            lamp.bright = value
        settled()
        assert len(called.args) == 1


def test_close_ends_the_calls_and_the_thread(lamp, device):
    called = Called()
    watch = device.on("bright", called)
    called.wait(len)
    (thread,) = (t for t in threading.enumerate() if t.name == "iotkit on bright")
    watch.close()
    watch.close()
    thread.join(SOON)
    assert not thread.is_alive()
    assert not followed(device, "bright")
    lamp.bright = 5
    assert len(called.args) == 1


def test_a_callback_may_close_its_own_watch(lamp, device):
    values = []
    ready = threading.Event()

    def once(value):
        assert ready.wait(SOON)
        values.append(value)
        watch.close()

    watch = device.on("bright", once)
    ready.set()
    soon(lambda: watch.closed)
    lamp.bright = 5
    settled()
    assert values == [80]


def test_a_callback_may_follow_set_call_and_close_the_device(lamp, device):
    done = threading.Event()

    def all_of_it(value):
        if value == 80:
            with device.watch("warmth") as warmth:
                assert next(warmth).value == 21.5
            device.blink()
            device.bright = 81
        else:
            device.close()
            done.set()

    device.on("bright", all_of_it)
    assert done.wait(SOON)


def test_what_a_callback_raises_is_shown_where_it_happened_and_the_news_goes_on(
    lamp, device, capsys
):
    called = Called()

    def wrong(value):
        called(value)
        raise ValueError(f"not today \x1b[2J {value % 1}")

    with device.on("bright", wrong):
        for value in (1, 2, 3):
            called.wait(len)
            lamp.bright = value
            called.wait(lambda args, value=value: args[-1] == (value,))
    shown = capsys.readouterr().err
    assert shown.count("ValueError: not today") == 1  # the same error again and again is no news
    assert "on('bright'): the callback failed" in shown
    assert "raise ValueError" in shown
    assert "test_watching.py" in shown
    assert "\x1b" not in shown


def test_the_same_error_with_other_words_is_shown_once(lamp, device, capsys):
    called = Called()

    def wrong(value):
        called(value)
        raise ValueError(f"no {value}")

    with device.on("bright", wrong):
        for value in (1, 2, 3):
            called.wait(len)
            lamp.bright = value
            called.wait(lambda args, value=value: args[-1] == (value,))
    soon(lambda: not any(t.name == "iotkit on bright" for t in threading.enumerate()))
    assert capsys.readouterr().err.count("\nValueError: no") == 1


def test_another_error_of_a_callback_is_shown_as_well(lamp, device, capsys):
    called = Called()

    def wrong(value):
        called(value)
        if value == 80:
            raise ValueError("no more")
        raise ValueError("no more")

    with device.on("bright", wrong):
        called.wait(len)
        lamp.bright = 1
        called.wait(lambda args: args[-1] == (1,))
    soon(lambda: not any(t.name == "iotkit on bright" for t in threading.enumerate()))
    assert capsys.readouterr().err.count("\nValueError: no") == 2


def test_a_callback_with_too_many_arguments_is_told_so(device, capsys):
    with device.on("bright", lambda a, b, c: None):
        soon(lambda: "missing 1 required positional" in capsys.readouterr().err)


def test_why_a_value_is_not_known_is_shown_to_who_follows_and_the_next_value_comes(
    lamp, device, capsys
):
    called = Called()
    lamp.bad = True
    with device.on("warmth", called):
        soon(
            lambda: "on('warmth'): warmth failed: the sensor fell off\n" in capsys.readouterr().err
        )
        assert called.args == []
        lamp.bad = False
        called.wait(lambda args: args and args[-1][0] == 21.5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_exits_ends_its_news(device):
    def leave(value):
        raise SystemExit(3)

    watch = device.on("bright", leave)
    soon(lambda: watch.closed)
    soon(lambda: not followed(device, "bright"))


def test_the_end_of_the_device_is_shown_and_ends_the_thread(capsys):
    with boarded() as (robot, board):
        called = Called()
        watch = robot.on("x", called)
        called.wait(len)
        board._transport.close()
        soon(lambda: watch.closed)
        soon(lambda: not any(t.name == "iotkit on x" for t in threading.enumerate()))
    assert capsys.readouterr().err.startswith("on('x'): ")


def test_a_lamp_keeps_an_on_of_its_own():
    class Simple(host.Device):
        bright: int = 3
        lit = False

        @host.function
        def on(self) -> None:
            """Switch on"""
            self.lit = True

    simple = Simple()
    with iotkit.connect(simple) as device:
        device.on()
        assert simple.lit
        called = Called()
        with iotkit.Device.on(device, "bright", called):
            called.wait(len)


def test_on_a_function_or_a_name_that_is_not_there_is_an_error_at_once(device):
    with pytest.raises(iotkit.UnknownName, match="blink is a function"):
        device.on("blink", print)
    with pytest.raises(iotkit.UnknownName, match="did you mean 'bright'"):
        device.on("brigth", print)
    with pytest.raises(iotkit.UnknownName, match=r"touched is an event: write lamp\.on"):
        _ = device.touched


# Coroutine functions


def test_a_coroutine_function_runs_in_the_loop_that_called_on(lamp, device):
    async def main():
        values, enough = [], asyncio.Event()

        async def callback(value, at):
            await asyncio.sleep(0)
            values.append((value, asyncio.get_running_loop()))
            if value == 90:
                enough.set()

        with device.on("bright", callback):
            while not values:
                await asyncio.sleep(0.005)
            lamp.bright = 90
            await asyncio.wait_for(enough.wait(), SOON)
        assert [value for value, _ in values] == [80, 90]
        assert {loop for _, loop in values} == {asyncio.get_running_loop()}

    asyncio.run(main())
    assert not followed(device, "bright")


def test_an_object_whose_call_is_a_coroutine_is_awaited(device):
    class Callback:
        def __init__(self):
            self.called = asyncio.Event()

        async def __call__(self):
            self.called.set()

    async def main():
        callback = Callback()
        with device.on("bright", callback):
            await asyncio.wait_for(callback.called.wait(), SOON)

    asyncio.run(main())


def test_the_end_of_the_loop_ends_what_it_followed(device):
    async def main():
        async def callback(value):
            """Does nothing"""

        device.on("bright", callback)
        await asyncio.sleep(0)

    asyncio.run(main())
    soon(lambda: not followed(device, "bright"))


def test_a_coroutine_function_without_a_loop_is_an_error_that_leaves_nothing(device):
    async def callback(value):
        """Is never called"""

    with pytest.raises(iotkit.BadValue, match="running event loop"):
        device.on("bright", callback)
    assert not followed(device, "bright")


def test_what_a_coroutine_raises_is_shown_and_the_news_goes_on(lamp, device, capsys):
    async def main():
        values = asyncio.Queue()

        async def wrong(value):
            values.put_nowait(value)
            raise ValueError("not today")

        with device.on("bright", wrong):
            assert await asyncio.wait_for(values.get(), SOON) == 80
            lamp.bright = 1
            assert await asyncio.wait_for(values.get(), SOON) == 1

    asyncio.run(main())
    assert capsys.readouterr().err.count("ValueError: not today") == 1


# watch


def test_a_loop_gets_the_value_and_each_change_until_it_is_left(lamp, device):
    values = []
    with device.watch("bright") as watch:
        for value, at in watch:
            assert at <= time.time()
            values.append(value)
            if value == 83:
                break
            lamp.bright = value + 1
    assert values == [80, 81, 82, 83]
    assert watch.closed
    assert next(watch, None) is None
    assert not followed(device, "bright")


def test_a_slow_loop_gets_the_newest_and_knows_how_many_it_missed(lamp, device):
    with device.watch("bright") as watch:
        assert next(watch).value == 80
        for value in range(100):
            lamp.bright = value
        assert next(watch).value == 99
        assert watch.dropped == 99
        assert repr(watch) == "<news of bright of lamp, open, 99 dropped>"


def test_who_keeps_some_gets_the_last_ones_in_order(lamp, device):
    with device.watch("bright", keep=3) as watch:
        assert next(watch).value == 80
        for value in range(10):
            lamp.bright = value
        assert [next(watch).value for _ in range(3)] == [7, 8, 9]
        assert watch.dropped == 7


def test_events_are_kept_without_being_asked_for(lamp, device):
    with device.watch("touched") as watch:
        for times in range(EVENTS_KEPT + 3):
            lamp.touched(times)
        assert [next(watch).value for _ in range(EVENTS_KEPT)] == [*range(3, EVENTS_KEPT + 3)]
        assert watch.dropped == 3


def test_news_is_a_pair_with_names(device):
    with device.watch("lit") as watch:
        news = next(watch)
    assert isinstance(news, News)
    assert news == (False, news.time)


@pytest.mark.parametrize("every", [-1, float("nan"), float("inf"), "1", None])
def test_an_every_that_is_no_time_is_an_error(device, every):
    with pytest.raises(iotkit.BadValue, match="is no time: write seconds"):
        device.watch("bright", every=every)
    assert not followed(device, "bright")


@pytest.mark.parametrize("keep", [0, -1, True, 1.5, "2"])
def test_a_keep_that_is_no_number_of_values_is_an_error(device, keep):
    with pytest.raises(iotkit.BadValue, match="1 or more can be kept"):
        device.watch("bright", keep=keep)


def test_why_a_value_is_not_known_is_raised_and_the_loop_may_go_on(lamp, device):
    lamp.bad = True
    with device.watch("warmth") as watch:
        with pytest.raises(iotkit.DeviceError, match="fell off"):
            next(watch)
        lamp.bad = False
        assert next(watch).value == 21.5


@pytest.mark.parametrize("close", [lambda d, w: w.close(), lambda d, w: d.close()])
def test_closing_ends_a_loop_that_waits_in_another_thread(device, close):
    values, waiting = [], threading.Event()
    watch = device.watch("bright")

    def loop():
        for value, _ in watch:
            values.append(value)
            waiting.set()

    thread = threading.Thread(target=loop)
    thread.start()
    assert waiting.wait(SOON)
    close(device, watch)
    thread.join(SOON)
    assert not thread.is_alive()
    assert values == [80]


def test_a_loop_over_a_device_that_is_lost_gets_its_last_value_and_raises_that_once():
    with boarded() as (robot, board):
        watch = robot.watch("x")
        soon(lambda: watch._inbox._waiting)
        board._transport.close()
        soon(lambda: watch._inbox._gone)
        assert next(watch).value == 1
        with pytest.raises(iotkit.DeviceDisconnected):
            next(watch)
        assert next(watch, None) is None


def test_what_nobody_has_any_more_ends_by_itself(device):
    watch = device.watch("bright")
    assert followed(device, "bright")
    del watch
    gc.collect()
    soon(lambda: not followed(device, "bright"))


def test_what_is_found_forgotten_in_any_place_locks_nobody_up(lamp, device):
    """Python collects garbage wherever it likes, also in the midst of telling news."""
    threshold = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for number in range(200):
            holder = [device.watch("bright")]
            holder.append(holder)  # so that only the collector finds it
            del holder
            lamp.bright = number
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    soon(lambda: not followed(device, "bright"))


def test_a_device_that_is_not_closed_forgets_watches_that_are(device):
    for _ in range(100):
        device.watch("bright").close()
    gc.collect()
    assert len(device._watches) == 0


# async for


def test_async_for_gets_each_change_until_close(lamp, device):
    async def main():
        values = []
        watch = device.watch("bright")
        async for value, _ in watch:
            values.append(value)
            if value == 83:
                watch.close()
            lamp.bright = value + 1
        return values

    assert asyncio.run(main()) == [80, 81, 82, 83]


def test_one_watch_serves_one_loop_after_the_other_and_a_thread(lamp, device):
    with device.watch("bright") as watch:

        async def one(value):
            task = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            if value is not None:
                lamp.bright = value
            return (await asyncio.wait_for(task, SOON)).value

        assert asyncio.run(one(None)) == 80
        assert asyncio.run(one(81)) == 81
        assert asyncio.run(one(82)) == 82
        lamp.bright = 83
        assert next(watch).value == 83


def test_a_wait_that_is_cancelled_loses_no_value(lamp, device):
    async def main():
        with device.watch("bright") as watch:
            await anext(watch)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(watch), 0.01)
            lamp.bright = 5
            return (await anext(watch)).value

    assert asyncio.run(main()) == 5


def test_the_end_of_the_device_ends_async_for(device):
    async def main():
        watch = device.watch("bright")
        await anext(watch)
        waiting = asyncio.ensure_future(anext(watch, None))
        await asyncio.sleep(0)
        await asyncio.to_thread(device.close)
        assert await asyncio.wait_for(waiting, SOON) is None

    asyncio.run(main())


# Ctrl-C

WAITING = """
import iotkit
with iotkit.connect("sim:testhosttiny") as robot:
    try:
        for value, time in robot.watch("turn_time_ms"):
            print(value, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGINT for one process")
def test_ctrl_c_ends_a_loop_that_waits():
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            assert process.stdout.readline() == "2000\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "interrupted\n"
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


# What is left


@contextmanager
def over_a_line(lamp):
    here, there = pair()
    board = threading.Thread(target=host.run, args=(lamp, there))
    board.start()
    try:
        with device_over(SerialLink(here)) as device:
            yield device
    finally:
        here.close()
        board.join(SOON)


def test_a_hundred_watches_leave_nothing(lamp):
    with over_a_line(lamp) as device:
        assert device.bright == 80
        before = set(threading.enumerate())
        watches = [device.watch(name) for name in ("bright", "lit", "touched") for _ in range(30)]
        called = [device.on("bright", Called()) for _ in range(10)]
        for one in (*watches, *called):
            one.close()
        soon(lambda: set(threading.enumerate()) <= before)
        assert link_of(device).newsroom.attributes() == []
