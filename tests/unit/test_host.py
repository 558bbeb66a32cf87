from __future__ import annotations

import threading
import time
from typing import Annotated, Any, ClassVar

import pytest
from fake_devices import SOON, Probe, wired
from heard import Heard

import iotkit
from iotkit.device import device_over
from iotkit.errors import DeviceDisconnected, DeviceError
from iotkit.host import Device, Hosted, event, function, run
from iotkit.links.local import MAX_CALLS, LocalLink
from iotkit.transports.memory import Memory, pair
from iotkit.types import Limits, Type


class Lamp(Device):
    """A lamp
    that blinks.
    """

    brightness: Annotated[int, "How bright [0..255]"] = 80
    colour: str
    on: bool
    hue: float
    note: Any
    _private: int = 3
    shared: ClassVar[int] = 4

    @property
    def temperature(self) -> float:
        """At the lamp [C]"""
        return 21.5

    @property
    def fan(self) -> int:
        """How fast [0..9]"""
        return self._private

    @fan.setter
    def fan(self, value: int) -> None:
        self._private = value

    @function
    def blink(self, times: int) -> None:
        """Blink so many times [times 1..10]"""

    @function
    def mix(self, a: int, b: float, c: str) -> bool:
        return True

    @function
    def anything(self, what: Any) -> Any:
        return what

    def helper(self) -> None:
        """Not a function of the device"""


def described(cls):
    return Hosted(cls()).description


# The class is the description


def test_type_hints_and_docstrings_are_the_description():
    lamp = described(Lamp)
    assert lamp.id == "lamp"
    assert lamp.help == "A lamp that blinks."
    assert {a.name: a.type for a in lamp.attributes.values()} == {
        "brightness": Type.INT,
        "colour": Type.STR,
        "on": Type.BOOL,
        "hue": Type.FLOAT,
        "note": Type.ANY,
        "temperature": Type.FLOAT,
        "fan": Type.INT,
    }
    assert lamp.attributes["brightness"].help == "How bright [0..255]"
    assert lamp.attributes["brightness"].limits == Limits(0, 255)
    assert [f.signature for f in lamp.functions.values()] == [
        "blink times:int ->",
        "mix a:int b:float c:str -> result:bool",
        "anything what:T -> result:T",
    ]
    assert lamp.functions["blink"].args[0].limits == Limits(1, 10)


def test_a_property_without_a_setter_is_read_only():
    lamp = described(Lamp)
    assert lamp.attributes["temperature"].read_only
    assert lamp.attributes["temperature"].help == "At the lamp [C; read-only]"
    assert lamp.attributes["temperature"].limits.unit == "C"
    assert not lamp.attributes["fan"].read_only


def test_an_attribute_without_a_default_begins_empty():
    lamp = Hosted(Lamp())
    assert [lamp.get(name) for name in ("colour", "on", "hue", "note")] == ["", False, 0.0, ""]


def test_the_id_can_be_given_and_has_a_specifier():
    class Anything(Device, id="toaster"):
        pass

    one = Anything()
    one.specifier = "red"
    assert Hosted(one).description.id == "toaster:red"
    assert Hosted(Anything()).description.id == "toaster"


def test_a_class_inherits_from_another_device():
    class BigLamp(Lamp):
        height: float = 2.0

        @function
        def stretch(self) -> None:
            """Grow"""

    big = described(BigLamp)
    assert set(described(Lamp).attributes) | {"height"} == set(big.attributes)
    assert set(described(Lamp).functions) | {"stretch"} == set(big.functions)


def test_two_lamps_have_values_of_their_own():
    one, two = Hosted(Lamp()), Hosted(Lamp())
    one.set("brightness", 5)
    one.set("fan", 7)
    assert (two.get("brightness"), two.get("fan")) == (80, 3)


@pytest.mark.parametrize("hint", [list, "int | None", dict[str, int], None, "Annotated[list, 'x']"])
def test_an_attribute_without_a_usable_type_is_an_error_at_once(hint):
    with pytest.raises(TypeError, match=r"^Bad\.thing needs type hints of int, float, bool, str"):
        type("Bad", (Device,), {"__annotations__": {"thing": hint}})


def test_a_function_without_hints_is_an_error_at_once():
    with pytest.raises(TypeError, match=r"^Bad.go, argument how, needs type hints"):

        class Bad(Device):
            @function
            def go(self, how): ...


@pytest.mark.parametrize("name", ["get", "ping", "describe", "größe"])
def test_a_name_that_no_device_can_have_is_an_error_at_once(name):
    with pytest.raises(TypeError, match=f"^Bad.{name}: no device can have that name"):
        type("Bad", (Device,), {"__annotations__": {name: int}})


# What its code does wrong


class Faulty(Device):
    number: int = 1

    @property
    def nan(self) -> float:
        return float("nan")

    @property
    def text(self) -> int:
        return "many"  # type: ignore[return-value]

    @property
    def picky(self) -> int:
        return 1

    @picky.setter
    def picky(self, value: int) -> None:
        raise ValueError("only on Sundays")

    @function
    def crash(self) -> None:
        raise RuntimeError("line one\nline: two")

    @function
    def nothing(self) -> int:
        return None  # type: ignore[return-value]

    def on_close(self) -> None:
        raise RuntimeError("can't stop")


@pytest.mark.parametrize(
    ("work", "status", "words"),
    [
        (lambda f: f.get("nan"), 500, "nan failed: it gave no float"),
        (lambda f: f.get("text"), 500, "text failed: it gave no int"),
        (lambda f: f.set("picky", 3), 400, "picky failed: only on Sundays"),
        (lambda f: f.call("crash", ()), 500, "crash"),
        (lambda f: f.call("nothing", ()), 500, "nothing() failed: it gave no int"),
    ],
)
def test_a_fault_in_a_devices_code_is_an_error_of_the_device(work, status, words):
    with pytest.raises(DeviceError) as caught:
        work(Hosted(Faulty()))
    assert caught.value.status == status
    assert words in str(caught.value)


def test_a_fault_in_a_devices_code_is_in_the_log(caplog):
    with pytest.raises(DeviceError):
        Hosted(Faulty()).call("crash", ())
    assert "crash() of faulty failed" in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_fault_in_on_close_does_not_stop_the_closing(caplog):
    link = LocalLink(Hosted(Faulty()), "faulty")
    link.close()
    assert link.closed
    assert "can't stop" in caplog.text


def test_a_fault_crosses_the_line_as_one_line():
    with wired(Faulty()) as (robot, _):
        with pytest.raises(DeviceError, match="line one line: two"):
            robot.crash()
        with pytest.raises(DeviceError, match="it gave no float"):
            _ = robot.nan
        assert robot.number == 1


# Being a device on a line


def test_the_device_is_told_when_the_line_ends():
    closed = threading.Event()

    class Told(Device):
        def on_close(self) -> None:
            closed.set()

    with wired(Told()):
        assert not closed.is_set()
    assert closed.is_set()


def test_the_device_is_told_when_its_program_is_interrupted():
    closed = threading.Event()

    class Told(Device):
        def on_close(self) -> None:
            closed.set()

    class Interrupted(Memory):
        def read(self) -> bytes:
            raise KeyboardInterrupt

    _, device_side = pair()
    device_side.__class__ = Interrupted
    with pytest.raises(KeyboardInterrupt):
        run(Told(), device_side)
    assert closed.is_set()


# In this process


class Slow(Device):
    """Waits until it is let go."""

    def __init__(self) -> None:
        self.working = threading.Event()
        self.release = threading.Event()
        self.at_once = 0
        self.most = 0
        self._lock = threading.Lock()

    level: int = 1

    @function
    def work(self) -> int:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.working.set()
        self.release.wait(SOON)
        with self._lock:
            self.at_once -= 1
        return 5

    @function
    def stop(self) -> None:
        self.release.set()

    @function
    def leave(self) -> None:
        raise SystemExit(3)


@pytest.fixture
def slow():
    device = Slow()
    link = LocalLink(Hosted(device), "slow")
    yield device, link
    device.release.set()
    link.close()


def test_a_function_that_takes_long_holds_up_nothing(slow):
    device, link = slow
    going = link.call("work", ())
    assert device.working.wait(SOON)
    assert link.get("level").result(SOON) == 1
    link.set("level", 2).result(SOON)
    assert not going.done()
    link.call("stop", ()).result(SOON)
    assert going.result(SOON) == 5


def test_the_number_of_functions_at_work_is_bounded(slow):
    device, link = slow
    before = threading.active_count()
    going = [link.call("work", ()) for _ in range(200)]
    assert device.working.wait(SOON)
    assert threading.active_count() - before <= MAX_CALLS
    device.release.set()
    assert [one.result(SOON) for one in going] == [5] * 200
    assert device.most <= MAX_CALLS


def test_closing_ends_the_wait_for_a_function_that_does_not_end(slow):
    device, link = slow
    going = [link.call("work", ()) for _ in range(10)]
    assert device.working.wait(SOON)
    began = time.monotonic()
    link.close()
    for one in going:
        with pytest.raises(DeviceDisconnected, match=r"^slow is closed: connect to it again$"):
            one.result(SOON)
    assert time.monotonic() - began < 1
    with pytest.raises(DeviceDisconnected):
        link.get("level").result(SOON)


def test_a_call_whose_turn_has_not_come_can_be_taken_back(slow):
    device, link = slow
    going = [link.call("work", ()) for _ in range(8)]
    assert device.working.wait(SOON)
    ninth = link.call("work", ())
    assert ninth.cancel()
    device.release.set()
    assert [one.result(SOON) for one in going] == [5] * 8
    assert link.get("level").result(SOON) == 1


def test_a_device_that_wants_to_exit_tells_its_caller(slow):
    _, link = slow
    with pytest.raises(SystemExit):
        link.call("leave", ()).result(SOON)
    assert link.get("level").result(SOON) == 1


def test_closing_tells_the_device_once():
    told = []

    class Told(Device):
        def on_close(self) -> None:
            told.append(1)

    link = LocalLink(Hosted(Told()), "told")
    link.close()
    link.close()
    assert told == [1]


def test_values_set_by_many_threads_are_all_set():
    class Counter(Device):
        total: int = 0

    link = LocalLink(Hosted(counter := Counter()), "counter")
    try:
        with device_over(link) as robot:
            threads = [
                threading.Thread(target=lambda: [setattr(robot, "total", i) for i in range(50)])
                for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(SOON)
            assert counter.total == robot.total == 49
    finally:
        link.close()


def test_connect_takes_a_device_written_in_python():
    with iotkit.connect(Probe()) as robot:
        assert robot.add(1, 2) == 3


# News


class Counting(Device):
    """Counts."""

    count: int = 0
    hidden = 5

    @property
    def double(self) -> int:
        """Twice as much"""
        return 2 * self.count

    @event
    def lap(self, number: int) -> None:
        """Once round [1..9]"""
        self.hidden = number

    @event
    def begun(self) -> None:
        """It begins"""


@pytest.fixture
def counting():
    device = Counting()
    link = LocalLink(Hosted(device), "counting")
    yield device, link
    link.close()


def test_setting_an_attribute_inside_is_news_in_the_very_moment(counting):
    device, link = counting
    heard = Heard()
    link.follow("count", heard)
    heard.wait(len)
    for value in range(1, 50):
        device.count = value
    assert heard.changes == list(range(50))


def test_a_property_is_sampled_while_it_is_followed(counting):
    device, link = counting
    heard = Heard()
    following = link.follow("double", heard)
    device.count = 4
    heard.wait_last(double=8)
    following.close()
    for thread in threading.enumerate():
        if thread.name == "iotkit watch counting":
            thread.join(SOON)
            assert not thread.is_alive()


def test_a_change_that_is_told_of_is_read_at_once():
    class Sensor(Device):
        read = threading.Semaphore(0)

        @property
        def level(self) -> int:
            self.read.release()
            return 1

    device = Sensor()
    link = LocalLink(Hosted(device), "sensor")
    link.follow("level", Heard(), 60)  # so often is it sampled
    assert device.read.acquire(timeout=SOON)
    for _ in range(3):
        device.changed("level")
        assert device.read.acquire(timeout=SOON)
    link.close()


def test_telling_of_an_unknown_name_says_so():
    with pytest.raises(iotkit.UnknownName, match="did you mean 'count'"):
        Counting().changed("cuont")


def test_without_anybody_who_follows_nothing_is_read(counting):
    device, _ = counting
    device.count = 3
    device.changed("double")
    device.lap(2)


def test_an_event_does_what_its_body_says_and_is_told(counting):
    device, link = counting
    heard = Heard()
    link.follow("lap", heard)
    link.follow("begun", heard)
    device.lap(3)
    device.begun()
    assert heard.changes == [3, None]
    assert device.hidden == 3


def test_an_event_with_a_wrong_value_is_not_told(counting):
    device, link = counting
    heard = Heard()
    link.follow("lap", heard)
    with pytest.raises(iotkit.BadType):
        device.lap("x")
    with pytest.raises(TypeError):
        device.lap()
    assert heard.changes == []


def test_an_event_of_two_values_is_an_error_at_once():
    with pytest.raises(TypeError, match=r"Bad\.bump: an event has one value, or none"):

        class Bad(Device):
            @event
            def bump(self, a: int, b: int) -> None: ...


def test_events_are_part_of_the_description():
    known = described(Counting)
    assert [one.signature for one in known.events.values()] == ["lap number:int", "begun"]
    assert known.events["lap"].help == "Once round [1..9]"


def test_a_device_served_by_two_tells_both_and_one_that_has_closed_no_more():
    device = Counting()
    links = [LocalLink(Hosted(device), name) for name in "ab"]
    both = [Heard(), Heard()]
    for link, heard in zip(links, both, strict=True):
        link.follow("count", heard)
        heard.wait(len)
    device.count = 1
    links[0].close()
    device.count = 2
    assert both[0].changes[:2] == [0, 1]
    assert isinstance(both[0].changes[-1], DeviceDisconnected)
    assert both[1].changes == [0, 1, 2]
    links[1].close()


def test_many_that_begin_and_end_at_once_are_all_told_of_the_next_change():
    device = Counting()
    links = []

    def begin():
        for _ in range(20):
            LocalLink(Hosted(device), "short").close()
        links.append(LocalLink(Hosted(device), "long"))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert len(device._hosts) == 8
    for link in links:
        link.close()
    assert device._hosts == ()


def test_a_property_that_fails_is_told_once_and_is_in_the_log_once(caplog):
    device = Faulty()
    link = LocalLink(Hosted(device), "faulty")
    heard = Heard()
    link.follow("nan", heard)
    heard.wait(len)
    for _ in range(3):
        with pytest.raises(DeviceError):
            link.get("nan").result(SOON)
    assert len(heard.changes) == 1
    assert isinstance(heard.changes[0], DeviceError)
    assert caplog.text.count("nan of faulty failed") == 1
    link.close()


def test_many_threads_that_set_a_value_leave_all_with_the_last_one(counting):
    device, link = counting
    many = [Heard() for _ in range(4)]
    for number, heard in enumerate(many):
        link.follow("count", heard, number * 0.001)
    threads = [
        threading.Thread(
            target=lambda n=n: [setattr(device, "count", 1000 * n + i) for i in range(200)]
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    for heard in many:
        heard.wait_last(count=device.count)


# The deadman

DEADMAN_MS = 100


class Driven(Device, deadman_ms=DEADMAN_MS):
    """Stops when nobody speaks to it."""

    speed: int = 0

    def __init__(self) -> None:
        self.silences = 0
        self.silent = threading.Event()

    def on_silence(self) -> None:
        self.silences += 1
        self.silent.set()


@pytest.fixture
def driven():
    """A device on a line that nobody has spoken on, and the host's end of that."""
    device = Driven()
    here, there = pair()
    board = threading.Thread(target=run, args=(device, there))
    board.start()
    yield device, here
    here.close()
    board.join(SOON)


@pytest.mark.parametrize("command", ["ping", "set speed 5", "get speed"])
def test_silence_after_a_good_command_is_told_once(driven, command):
    device, line = driven
    line.write(f"{command}\n".encode())
    assert device.silent.wait(SOON)
    time.sleep(3 * DEADMAN_MS / 1000)
    assert device.silences == 1
    device.silent.clear()
    line.write(b"ping\n")
    assert device.silent.wait(SOON)
    assert device.silences == 2


def test_what_is_no_good_command_does_not_keep_it_going(driven):
    device, line = driven
    line.write(b"ping\n")
    while not device.silent.wait(0.01):
        line.write(b"rubbish\n$arubbish*0000\nset speed x\nget nothing\n")


def test_without_any_good_command_there_is_no_silence(driven):
    device, line = driven
    line.write(b"rubbish\n")
    time.sleep(3 * DEADMAN_MS / 1000)
    assert device.silences == 0


def test_a_device_that_iotkit_holds_is_not_silent():
    class Patient(Driven, deadman_ms=1000):
        pass

    with wired(patient := Patient()) as (robot, _):
        robot.speed = 5
        time.sleep(2)
        assert patient.silences == 0


def test_a_program_in_the_same_process_is_never_silent():
    device = Driven()
    with iotkit.connect(device) as robot:
        robot.speed = 5
        time.sleep(3 * DEADMAN_MS / 1000)
        assert device.silences == 0


def test_there_is_no_silence_after_the_end(driven):
    device, line = driven
    line.write(b"ping\n")
    line.close()
    time.sleep(3 * DEADMAN_MS / 1000)
    assert device.silences == 0


def test_a_fault_in_on_silence_is_in_the_log(driven, caplog):
    device, line = driven

    def fail():
        device.silent.set()
        raise RuntimeError("can't stop")

    device.on_silence = fail
    line.write(b"ping\n")
    assert device.silent.wait(SOON)
    while "what driven does in silence failed" not in caplog.text:
        time.sleep(0.005)


def test_the_deadman_is_part_of_the_description_and_is_inherited():
    class Small(Driven):
        pass

    assert described(Driven).deadman_ms == described(Small).deadman_ms == DEADMAN_MS
    assert described(Lamp).deadman_ms == 0


@pytest.mark.parametrize("time_", [-1, 65536, True])
def test_a_deadman_that_is_no_time_is_an_error_at_once(time_):
    with pytest.raises(TypeError, match="deadman_ms is a time from 1 to 65535 ms"):
        type("Bad", (Device,), {}, deadman_ms=time_)
