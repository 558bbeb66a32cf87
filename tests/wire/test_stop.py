"""A device stopped by hand: `stop` goes out first, and nothing that drives follows."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from fake_devices import SOON, Board, Counting, Probe, wired

import iotkit
from iotkit import host
from iotkit.device import device_over, link_of
from iotkit.links.local import LocalLink
from iotkit.links.serial import SerialLink
from iotkit.protocol.host_end import SMALLEST_BUFFER
from iotkit.transports.memory import pair

WORDS = "stuck was stopped by hand: run a cell to drive it again"


class Stuck(host.Device):
    """A device whose values can be held up, while its functions run."""

    other: int = 0

    def __init__(self):
        self.free = threading.Event()
        self.asked = threading.Event()
        self.log = []

    @property
    def speed(self) -> int:
        """How fast"""
        return 0

    @speed.setter
    def speed(self, value):
        self.asked.set()
        self.free.wait(SOON)
        self.log.append(f"speed {value}")

    @host.function
    def forward(self) -> None:
        """Go ahead"""
        self.log.append("forward")

    @host.function
    def stop(self) -> None:
        """Stop"""
        self.log.append("stop")

    def on_close(self):
        """Let go."""
        self.free.set()


@pytest.fixture
def stuck():
    return Stuck()


@contextmanager
def in_process(device):
    with device_over(LocalLink(host.Hosted(device), "sim:stuck")) as robot:
        yield robot, None


@contextmanager
def board(answers):
    """Give a device over a version 1 board that has a `stop`, the board, and the line."""
    here, there = pair("board")
    funcs = b"200:FUNCS OK:ping,devinfo,funcs,attrs,set,get,help,go,stop\r\n"
    has_stop = {"funcs": funcs, "help stop": b"200:Help found:stop -> - Stop\r\n"}
    line = Counting(here)
    with (
        Board(there, has_stop | {"stop": b"200:Success:-\r\n"}) as board,
        device_over(SerialLink(line, timeout=SOON)) as robot,
    ):
        board.answers.update(answers)
        board.heard.clear()
        yield robot, board, line


def error_of(future: Future):
    return future.exception(SOON)


# What is on its way.


@contextmanager
def on_a_small_board(device):
    with wired(device) as (robot, line):
        link_of(robot)._line.use_frames(room=SMALLEST_BUFFER)
        yield robot, line


@pytest.mark.parametrize("way", [on_a_small_board, in_process])
def test_stop_overtakes_what_waits_and_what_waited_is_not_done(stuck, way):
    with way(stuck) as (robot, _):
        link = link_of(robot)
        first = link.set("speed", 1)
        assert stuck.asked.wait(SOON)
        waiting = [link.set("speed", number) for number in range(2, 12)]
        stopped = link.halt()
        stopped.result(SOON)
        assert stuck.log == ["stop"]
        errors = [future.exception() for future in waiting if future.done()]
        assert len(errors) >= 8  # the rest was on the line already
        assert {(type(error), str(error)) for error in errors} == {(iotkit.DeviceStopped, WORDS)}
        stuck.free.set()
        first.result(SOON)
        for future in waiting:
            error_of(future)
        assert len(stuck.log) == 2 + len(waiting) - len(errors)


def test_what_asks_still_gets_its_answer(stuck):
    with on_a_small_board(stuck) as (robot, _):
        link = link_of(robot)
        link.set("speed", 1)
        assert stuck.asked.wait(SOON)
        asked = [link.get("other") for _ in range(10)]
        link.halt().result(SOON)
        stuck.free.set()
        assert [future.result(SOON) for future in asked] == [0] * 10


def test_an_original_board_gets_stop_at_once_though_it_is_at_work():
    going = threading.Event()
    answers = {"go": lambda board: going.wait(SOON) and board.say(b"200:Success:-\r\n")}
    with board(answers) as (robot, original, line):
        link = link_of(robot)
        out = link.call("go", ())
        original.wait_for("go")
        waiting, asked = link.set("x", 5), link.get("x")
        before = len(line.sent)
        stopped = link.halt()
        assert line.sent[before:].startswith(b"stop\n")  # the board reads it when it can
        assert str(error_of(out)).endswith("to drive it again; the call may have run")
        assert str(error_of(waiting)).endswith("to drive it again")
        assert not stopped.done()
        going.set()
        stopped.result(SOON)
        assert asked.result(SOON) == 1
        assert original.heard == ["go", "stop", "get x"]


def test_on_an_original_board_that_misses_an_answer_none_is_given_to_another_question():
    with board({"set x 5": None, "stop": None}) as (robot, original, _):
        link = link_of(robot)
        unanswered = link.set("x", 5)
        original.wait_for("set x 5")
        asked = link.get("y")
        link.halt().result(SOON)
        assert type(error_of(unanswered)) is iotkit.DeviceStopped
        assert asked.result(SOON) == 2
        assert original.heard == ["set x 5", "stop", "get y"]


def test_what_was_sent_before_a_stop_is_not_sent_again_after_it():
    with wired(Probe()) as (robot, line):
        link = link_of(robot)
        write, lost = line._inner.write, []
        line._inner.write = lost.append
        link._timeout = 0.1
        setting, reading = link.set("speed", 200), link.get("ratio")
        line._inner.write = write
        link.halt().result(SOON)
        assert type(error_of(setting)) is iotkit.DeviceTimeout
        assert reading.result(SOON) == 0.5  # to ask again does no harm
        assert robot.speed == 80
        assert len(lost) == 2


def test_a_closed_device_cannot_be_stopped_and_says_so():
    with wired(Probe()) as (robot, _):
        robot.close()
        assert type(error_of(link_of(robot).halt())) is iotkit.DeviceDisconnected


def test_who_can_be_stopped_has_a_stop_without_arguments(stuck):
    with in_process(stuck) as (robot, _):
        assert link_of(robot).can_halt
    with board({}) as (robot, *_):
        assert link_of(robot).can_halt

    class Buses(host.Device):
        """Has stops."""

        @host.function
        def stop(self, number: int) -> None:
            """Look one up"""

    with in_process(Buses()) as (robot, _):
        assert not link_of(robot).can_halt


# What programs may do then.


@pytest.mark.parametrize("way", [wired, in_process])
def test_programs_cannot_drive_a_device_that_was_stopped_until_they_may_again(stuck, way):
    stuck.free.set()
    with way(stuck) as (robot, _):
        robot.forward()
        assert link_of(robot).hold.driven
        link_of(robot).halt().result(SOON)
        assert not link_of(robot).hold.driven

        async def forward():
            await robot.aio.forward()

        async def faster():
            await robot.aio.set("speed", 5)

        drives = [robot.forward, lambda: setattr(robot, "speed", 5), lambda: robot["forward"]()]
        drives += [lambda: asyncio.run(forward()), lambda: asyncio.run(faster())]
        for drive in drives:
            with pytest.raises(iotkit.DeviceStopped, match=WORDS):
                drive()
        assert robot.other == 0
        robot.stop()
        link_of(robot).set("other", 7).result(SOON)  # as a panel does
        assert robot.other == 7
        link_of(robot).hold.end()
        robot.forward()
        assert stuck.log == ["forward", "stop", "stop", "forward"]


def test_a_callback_cannot_drive_a_device_that_was_stopped(stuck):
    with in_process(stuck) as (robot, _):
        tried = threading.Event()

        def drive(value):
            if value:
                with pytest.raises(iotkit.DeviceStopped):
                    robot.forward()
                tried.set()

        with robot.on("other", drive):
            link_of(robot).halt().result(SOON)
            link_of(robot).set("other", 1).result(SOON)
            assert tried.wait(SOON)
    assert stuck.log == ["stop"]


def test_many_threads_that_drive_do_nothing_after_the_stop(stuck):
    begun = threading.Barrier(5)

    def drive(robot):
        begun.wait(SOON)
        try:
            while True:
                robot.forward()
        except iotkit.DeviceStopped:
            pass

    with wired(stuck) as (robot, line):
        threads = [threading.Thread(target=drive, args=(robot,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        begun.wait(SOON)
        while "forward" not in stuck.log:
            robot.other  # noqa: B018 - in between
        link_of(robot).halt().result(SOON)
        for thread in threads:
            thread.join(SOON)
            assert not thread.is_alive()
        commands = [part[1:] for part in bytes(line.sent).decode().split("$") if part]
        assert not any("forward" in one for one in commands[_last(commands, "stop") :])


def _last(commands, word):
    return max(n for n, command in enumerate(commands) if command.startswith(word))


def test_who_watches_a_hold_is_told_of_its_begin_and_end(stuck):
    with in_process(stuck) as (robot, _):
        hold, told = link_of(robot).hold, []
        end = hold.watch(lambda: told.append(hold.why))
        link_of(robot).halt(12.5)
        assert hold.since == 12.5
        hold.end()
        hold.end()
        end()
        link_of(robot).halt()
        assert told == [WORDS, ""]
