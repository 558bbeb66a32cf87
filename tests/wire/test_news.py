"""News from a device over a line: pushed, polled, lost, made up for, and ended."""

from __future__ import annotations

import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import Annotated

import pytest
from fake_devices import SOON, Board, Counting, boarded
from heard import Heard, settled
from program import PATIENCE, environment

import iotkit
from iotkit import host
from iotkit.device import device_over, link_of
from iotkit.errors import DeviceDisconnected, DeviceLost, DeviceTimeout
from iotkit.links import serial as serial_link
from iotkit.links.serial import SerialLink
from iotkit.offering import offer
from iotkit.protocol.frames import frame, is_frame, unframe
from iotkit.transports import Transport
from iotkit.transports.memory import pair
from iotkit.transports.pty import Pty
from iotkit.transports.serial import Serial
from iotkit.transports.tcp import Tcp

SHORT = 0.15  # seconds


class Robot(host.Device):
    """A robot."""

    speed: Annotated[int, "How fast [0..1000000]"] = 80
    gear: str = "slow"
    x: int = 1
    y: int = 2

    def __init__(self) -> None:
        self.level = 1

    @property
    def distance(self) -> int:
        """To the wall [cm]"""
        return self.level

    @host.function
    def stop(self) -> None:
        """Stop"""

    @host.event
    def bump(self, side: str) -> None:
        """Hit something"""

    @host.event
    def lap(self) -> None:
        """Once round"""


class Rough(Transport):
    """The device's end of a line, on which a test makes things go wrong."""

    def __init__(self, inner: Transport) -> None:
        self.name, self._inner = inner.name, inner
        self.heard: list[str] = []  # the commands that came in frames
        self.lose = re.compile(b"(?!)")  # what of the device's is lost on its way
        self.mute = False
        self.slots = 1000  # of watches
        self._watched: set[str] = set()
        self._reset = threading.Event()

    def reset(self) -> None:
        """Have the device start anew, as when its button is pressed."""
        self._reset.set()

    def restarted(self) -> None:
        self._reset.clear()
        self._watched.clear()

    def read(self) -> bytes:
        if self._reset.is_set():
            raise DeviceDisconnected("reset")
        data = self._inner.read()
        if self.mute:
            return b""
        return b"".join(map(self._taken, data.splitlines(keepends=True)))

    def write(self, data: bytes) -> None:
        if not self.mute and not self.lose.search(data):
            self._inner.write(data)

    def close(self) -> None:
        self._inner.close()

    def _taken(self, line: bytes) -> bytes:
        found = unframe(line.strip()) if is_frame(line) else None
        if found is None:
            return line
        tag, command = found[0], found[1].decode()
        self.heard.append(command)
        word, name, milliseconds = [*command.split(), "", ""][:3]
        if word == "watch":
            self._watched.discard(name)
            if milliseconds != "0" and len(self._watched) == self.slots:
                self._inner.write(frame(tag, "503:Too many watches:-"))
                return b""
            if milliseconds != "0":
                self._watched.add(name)
        return line


@contextmanager
def wired(robot, *, version=2, timeout=SOON, ends=pair):
    """Give the object for `robot`, on a line, and the device's end of that."""
    here, there = ends()
    rough = Rough(there)
    over = threading.Event()

    def run():
        while not over.is_set():
            rough.restarted()
            host.run(robot, rough, version=version)
            if not rough._reset.is_set():
                return

    board = threading.Thread(target=run)
    board.start()
    try:
        link = SerialLink(here)
        link._timeout = timeout
        with device_over(link) as device:
            rough.heard.clear()
            yield device, rough
    finally:
        over.set()
        here.close()
        there.close()
        board.join(SOON)


def tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = Tcp.connect("127.0.0.1", server.getsockname()[1])
        return here, Tcp(server.accept()[0], "host")


def pty():
    there = Pty()
    return Serial(there.name, 115200), there


WAYS = {
    "version 1": {"version": 1},
    "memory": {},
    "tcp": {"ends": tcp},
    "pty": {"ends": pty},
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request):
    if request.param.get("ends") is pty and sys.platform == "win32":
        pytest.skip("it has no pseudo terminals")
    return request.param


def follow(device, name, period=0.0):
    heard = Heard()
    return heard, link_of(device).follow(name, heard, period)


def watches(rough, name):
    return [command for command in rough.heard if command.startswith(f"watch {name} ")]


def soon(ready):
    deadline = time.monotonic() + SOON
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Whatever the way


def test_the_value_comes_at_once_and_then_each_change(way):
    robot = Robot()
    with wired(robot, **way) as (device, _):
        heard, following = follow(device, "speed")
        assert heard.wait(len) == [80]
        for value in (81, 82, 83):
            robot.speed = value
            heard.wait_last(speed=value)
        device.speed = 84
        heard.wait_last(speed=84)
        following.close()
        assert heard.changes == [80, 81, 82, 83, 84]


def test_a_property_of_the_device_is_news_too(way):
    robot = Robot()
    with wired(robot, **way) as (device, _):
        heard, _ = follow(device, "distance")
        heard.wait_last(distance=1)
        robot.level = 7
        heard.wait_last(distance=7)


def test_many_attributes_at_once_each_have_their_last_value(way):
    robot = Robot()
    with wired(robot, **way) as (device, _):
        heard = Heard()
        for name in ("speed", "gear", "x", "y"):
            link_of(device).follow(name, heard)
        for value in range(300):
            robot.speed = robot.x = robot.y = value
        robot.gear = "fast"
        heard.wait_last(speed=299, x=299, y=299, gear="fast")


def test_the_end_of_the_line_is_told_once_and_ends_all_threads(way):
    with wired(Robot(), **way) as (device, rough):
        heard, _ = follow(device, "speed")
        heard.wait(len)
        rough.close()
        if way.get("ends") is pty:
            link_of(device).close()  # a pty's client doesn't see its other end go
        changes = heard.wait(lambda changes: isinstance(changes[-1], DeviceDisconnected))
        assert len(changes) == 2
        soon(lambda: not any(t.name.startswith("iotkit poll") for t in threading.enumerate()))
        late, _ = follow(device, "speed")
        assert isinstance(late.wait(len)[0], DeviceDisconnected)


def test_an_event_reaches_all_who_follow_it():
    robot = Robot()
    with wired(robot) as (device, _):
        one, other = follow(device, "bump")[0], follow(device, "bump")[0]
        lap, _ = follow(device, "lap")
        for number in range(100):
            robot.bump(f"side {number}")
        robot.lap()
        for heard in (one, other):
            assert heard.wait(lambda changes: len(changes) == 100) == [
                f"side {number}" for number in range(100)
            ]
        assert lap.wait(len) == [None]


def test_a_text_with_anything_in_it_arrives():
    robot = Robot()
    with wired(robot) as (device, _):
        gear, _ = follow(device, "gear")
        bump, _ = follow(device, "bump")
        for said in ("a:b:c", "", "-", "  x ", "größer", "$_103:x:1*0000"):
            robot.gear = said
            gear.wait_last(gear=said)
            robot.bump(said)
            bump.wait_last(bump=said)


# What it costs the line


def test_one_watch_on_the_wire_however_many_follow_and_it_ends_with_the_last():
    with wired(Robot()) as (device, rough):
        many = [follow(device, "speed") for _ in range(10)]
        for heard, _ in many:
            heard.wait(len)
        for _, following in many[1:]:
            following.close()
        assert watches(rough, "speed") == ["watch speed 1"]
        many[0][1].close()
        soon(lambda: watches(rough, "speed") == ["watch speed 1", "watch speed 0"])


def test_the_shortest_period_is_asked_for_and_the_next_one_when_it_goes():
    with wired(Robot()) as (device, rough):
        slow = follow(device, "speed", 5.0)[1]
        quick = follow(device, "speed", 0.2)[1]
        follow(device, "speed", 1.0)
        quick.close()
        slow.close()
        soon(lambda: watches(rough, "speed")[-1:] == ["watch speed 1000"])


def test_a_period_longer_than_the_device_knows_is_its_longest():
    with wired(Robot()) as (device, rough):
        following = follow(device, "speed", 1e6)[1]
        soon(lambda: watches(rough, "speed") == ["watch speed 65535"])
        following.close()


def test_following_and_leaving_at_random_leaves_nothing_behind():
    robot = Robot()
    with wired(robot) as (device, rough):
        names = ["speed", "x", "y", "bump"]

        def come_and_go(seed):
            dice = random.Random(seed)
            mine = []
            for _ in range(60):
                if mine and dice.random() < 0.5:
                    mine.pop(dice.randrange(len(mine)))[1].close()
                else:
                    mine.append(follow(device, dice.choice(names), dice.choice([0, 0.01, 1])))
            for _, following in mine:
                following.close()

        threads = [threading.Thread(target=come_and_go, args=(seed,)) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
            assert not thread.is_alive()
        for name in names[:3]:
            soon(lambda name=name: watches(rough, name)[-1] == f"watch {name} 0")
        robot.speed = 5
        heard, _ = follow(device, "speed")
        heard.wait_last(speed=5)


def test_a_user_waits_for_one_answer_of_a_board_that_is_polled_and_half_the_time_is_free():
    with boarded() as (robot, board):
        for name in ("x", "y", "f", "b", "s"):
            follow(robot, name)
        released = threading.Semaphore(0)

        def held(board):
            assert released.acquire(timeout=SOON)
            board.say(b"200:Found:1\r\n")

        board.answers["get x"] = held
        board.heard.clear()
        board.wait_for("get x")
        asked = len(board.heard)
        going = link_of(robot).call("go", ())
        assert not going.done()
        board.answers.clear()
        released.release()
        going.result(SOON)
        assert board.heard[asked] == "go"  # nothing was asked in between


def test_an_attribute_without_an_answer_does_not_hold_up_the_others():
    with boarded({"get y": None}, timeout=SHORT) as (robot, board):
        heard = Heard()
        for name in ("x", "y", "f"):
            link_of(robot).follow(name, heard)
        heard.wait(lambda _: isinstance(heard.last.get("y"), DeviceTimeout))
        board.heard.clear()
        for value in ("7", "8", "9"):
            board.values["x"] = value
            heard.wait_last(x=int(value), f=0.5)
        assert "get y" not in board.heard  # it is left in peace for a while


def test_an_attribute_that_is_refused_is_told_so_and_polled_on():
    with boarded({"get y": b"500:Fail:-\r\n", "get x": b"200:Found:?\r\n"}) as (robot, board):
        heard = Heard()
        link_of(robot).follow("x", heard)
        link_of(robot).follow("y", heard)
        heard.wait(lambda _: len(heard.last) == 2)
        assert "Fail" in str(heard.last["y"])
        assert "gave nonsense for x" in str(heard.last["x"])
        board.answers.clear()
        heard.wait_last(x=1, y=2)


def test_a_board_that_is_polled_and_restarts_is_followed_on():
    with boarded() as (robot, board):
        heard, _ = follow(robot, "x")
        heard.wait(len)
        board.answers["get x"] = b"200:DEV READY:board\r\n"
        board.heard.clear()
        board.wait_for("get x", 3)
        board.values["x"] = "9"
        board.answers.clear()
        heard.wait_last(x=9)
        assert heard.changes == [1, 9]


def test_a_board_that_is_polled_is_left_alone_when_nobody_follows_any_more():
    with boarded() as (robot, board):
        heard, following = follow(robot, "x")
        heard.wait(len)
        board.values["x"] = "2"
        heard.wait_last(x=2)
        following.close()
        soon(lambda: not any(t.name.startswith("iotkit poll") for t in threading.enumerate()))
        assert robot.y == 2
        board.heard.clear()
        assert robot.f == 0.5
        assert board.heard == ["get f"]


def test_a_refresh_asks_at_once_and_tells_the_same_value_again(way):
    with wired(Robot(), **way) as (device, _):
        heard, following = follow(device, "gear", 60)
        heard.wait(len)
        following.refresh()
        heard.wait(lambda changes: changes == ["slow", "slow"])
        following.close()


# What goes wrong


def test_news_that_is_lost_on_the_wire_is_made_up_for():
    robot = Robot()
    with wired(robot) as (device, rough):
        heard, _ = follow(device, "speed")
        heard.wait(len)
        rough.lose = re.compile(b"103:speed:")
        robot.speed = 90
        heard.wait_last(speed=90)  # by a question


def test_a_wish_that_the_device_has_missed_is_said_again(monkeypatch):
    monkeypatch.setattr(serial_link, "HEARTBEAT", SHORT)
    robot = Robot()
    with wired(robot, timeout=SHORT) as (device, rough):
        rough.lose = re.compile(b".")
        heard, following = follow(device, "speed")
        soon(lambda: isinstance(heard.changes and heard.changes[0], DeviceTimeout))
        rough.restarted()
        rough.lose = re.compile(b"(?!)")
        heard.wait_last(speed=80)
        robot.speed = 1
        heard.wait_last(speed=1)
        assert len(watches(rough, "speed")) > 1
        following.close()


def test_a_board_that_restarts_is_asked_again():
    robot = Robot()
    with wired(robot) as (device, rough):
        speed, _ = follow(device, "speed")
        bump, _ = follow(device, "bump")
        speed.wait(len)
        for value in (1, 2):
            rough.heard.clear()
            rough.reset()
            soon(lambda: watches(rough, "speed") == ["watch speed 1"])
            soon(lambda: len(robot._hosts) == 1)
            robot.speed = value
            speed.wait_last(speed=value)
            soon(lambda: "ping" in rough.heard)
            device.stop()
            robot.bump(f"{value}")
            bump.wait_last(bump=f"{value}")


def test_what_a_device_has_no_room_to_watch_is_polled():
    robot = Robot()
    with wired(robot) as (device, rough):
        rough.slots = 2
        heard = Heard()
        followed = [link_of(device).follow(name, heard) for name in ("speed", "x", "y", "gear")]
        heard.wait_last(speed=80, x=1, y=2, gear="slow")
        for value in (7, 8, 9):
            robot.speed = robot.x = robot.y = value
            robot.gear = f"gear {value}"
            heard.wait_last(speed=value, x=value, y=value, gear=f"gear {value}")
        assert rough.heard.count("get y") > 3
        assert watches(rough, "y") == ["watch y 1"]  # it isn't asked for again and again
        for following in followed:
            following.close()
        rough.heard.clear()
        assert device.x == 9
        soon(lambda: not any(t.name.startswith("iotkit poll") for t in threading.enumerate()))


def test_a_silent_device_is_told_of_and_so_is_its_return(monkeypatch):
    monkeypatch.setattr(serial_link, "HEARTBEAT", SHORT)
    robot = Robot()
    with wired(robot, timeout=SHORT) as (device, rough):
        heard = Heard()
        for name in ("speed", "x"):
            link_of(device).follow(name, heard)
        heard.wait_last(speed=80, x=1)
        rough.mute = True
        soon(lambda: all(isinstance(c, DeviceTimeout) for c in heard.last.values()))
        silent = len(heard.changes)
        time.sleep(8 * SHORT)
        assert len(heard.changes) == silent  # it is said once
        rough.mute = False
        robot.x = 5
        heard.wait_last(speed=80, x=5)


def test_a_line_that_damages_much_brings_no_wrong_value_and_the_last_one():
    robot = Robot()
    dice = random.Random(1)

    with wired(robot, timeout=SHORT) as (device, rough):
        heard, _ = follow(device, "speed")
        heard.wait(len)
        quiet = rough._inner.write
        quiet_lock = threading.Lock()

        def noisy(data):
            with quiet_lock:
                if dice.random() < 0.3:
                    at = dice.randrange(len(data))
                    data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
            quiet(data)

        rough._inner.write = noisy
        for value in range(100, 400):
            robot.speed = value
            if value % 20 == 0:
                time.sleep(0.01)
        soon(lambda: heard.last["speed"] == 399)
        values = [change for change in heard.changes if not isinstance(change, Exception)]
        assert set(values) <= {80, *range(100, 400)}
        assert values == sorted(values)


@pytest.mark.parametrize(
    "line", ["103:speed:fast", "103:nothing:1", "105:speed:x", "104:bump", "103", "199:speed:1"]
)
def test_news_that_makes_no_sense_is_dropped(line):
    robot = Robot()
    with wired(robot) as (device, rough):
        heard, _ = follow(device, "speed")
        heard.wait(len)
        rough._inner.write(frame("_", line))
        robot.speed = 5
        heard.wait_last(speed=5)
        assert heard.changes == [80, 5]


def test_an_answer_that_is_overtaken_by_news_is_not_told_after_it():
    """A question's answer may have been read before the change that the news tells of."""
    robot = Robot()
    with wired(robot) as (device, _):
        heard, following = follow(device, "speed", 0.5)
        heard.wait(len)
        link = link_of(device)
        mark = link.newsroom.mark()
        robot.speed = 90
        heard.wait_last(speed=90)
        assert not link.newsroom.tell("speed", 80, mark=mark)
        following.close()


def test_a_callback_in_the_reading_thread_may_follow_close_and_ask():
    robot = Robot()
    with wired(robot) as (device, _):
        link = link_of(device)
        done = threading.Event()
        other = Heard()

        def all_of_it(name, change, at):
            if change == 1:
                link.follow("x", other)
                link.get("y").add_done_callback(lambda _: done.set())
                following.close()

        following = link.follow("speed", all_of_it)
        robot.speed = 1
        assert done.wait(SOON)
        other.wait_last(x=1)


def test_a_callback_may_close_the_link():
    robot = Robot()
    with wired(robot) as (device, _):
        link = link_of(device)
        told = []

        def close(name, change, at):
            told.append(change)
            link.close()

        link.follow("speed", close)
        soon(lambda: link.closed and len(told) == 2)
        assert told[0] == 80
        assert isinstance(told[1], DeviceDisconnected)


# One behind the other


def test_news_passes_through_a_computer_that_offers_the_device_on():
    robot = Robot()
    with wired(robot) as (near, rough):
        here, there = pair("second")
        line = Counting(here)
        offering = threading.Thread(target=offer, args=(link_of(near), there))
        offering.start()
        try:
            with device_over(SerialLink(line)) as far:
                own = follow(near, "speed")[0]
                heard, bump = follow(far, "speed")[0], follow(far, "bump")[0]
                heard.wait_last(speed=80)
                for value in range(200):
                    robot.speed = value
                heard.wait_last(speed=199)
                own.wait_last(speed=199)
                robot.bump("left")
                bump.wait_last(bump="left")
                assert len(watches(rough, "speed")) == 1
                rough.close()  # the device is gone; the computer between is not
                heard.wait(lambda changes: isinstance(changes[-1], DeviceLost))
                assert "503" not in str(heard.changes[-1])
                late, _ = follow(far, "speed")
                late.wait(lambda changes: changes and isinstance(changes[0], DeviceLost))
        finally:
            here.close()
            offering.join(SOON)
        assert link_of(near).newsroom.attributes() == [] or link_of(near).closed


def test_the_end_of_an_offer_ends_what_it_followed():
    robot = Robot()
    with wired(robot) as (near, rough):
        here, there = pair("second")
        offering = threading.Thread(target=offer, args=(link_of(near), there))
        offering.start()
        with device_over(SerialLink(here)) as far:
            follow(far, "speed")[0].wait(len)
            assert link_of(near).newsroom.follows("speed")
        offering.join(SOON)
        assert not link_of(near).newsroom.follows("speed")
        assert not link_of(near).newsroom.follows("bump")
        soon(lambda: watches(rough, "speed")[-1] == "watch speed 0")


def test_two_hosts_of_one_device_have_news_of_their_own():
    robot = Robot()
    link = iotkit.links.local.LocalLink(host.Hosted(robot), "robot")
    ends = [pair() for _ in range(2)]
    offers = [threading.Thread(target=offer, args=(link, there)) for _, there in ends]
    for one in offers:
        one.start()
    with device_over(SerialLink(ends[0][0])) as one, device_over(SerialLink(ends[1][0])) as other:
        heard, following = follow(one, "speed")
        heard_too, _ = follow(other, "speed")
        heard.wait(len)
        heard_too.wait(len)
        following.close()
        other.speed = 5
        heard_too.wait_last(speed=5)
        settled()
        assert heard.changes == [80]
    for one in offers:
        one.join(SOON)
    link.close()


# Hosts that go without a word

HOST = """
import sys, time, iotkit
robot = iotkit.connect(sys.argv[1], baud=115200)
robot.on("speed", lambda value: print(value, flush=True))
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pseudo terminals")
def test_a_host_that_is_killed_holds_up_neither_the_device_nor_the_next_host():
    robot, port = Robot(), Pty()
    board = threading.Thread(target=host.run, args=(robot, port))
    board.start()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", HOST, port.name],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process:
            try:
                assert process.stdout.readline() == "80\n"
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait(PATIENCE)
        for value in range(20_000):  # more than the port keeps
            robot.speed = value
        with device_over(SerialLink(Serial(port.name, 115200))) as device:
            assert device.x == 1
            assert not robot._hosts[0]._link.newsroom.follows("speed")  # that was the other's
            heard, _ = follow(device, "speed")
            heard.wait_last(speed=19_999)
            robot.speed = 3
            heard.wait_last(speed=3)
    finally:
        port.close()
        board.join(SOON)


def test_a_board_in_the_field_is_never_asked_to_watch():
    here, there = pair()
    with Board(there) as board, device_over(SerialLink(line := Counting(here))) as robot:
        heard, following = follow(robot, "x")
        heard.wait(len)
        board.values["x"] = "7"
        heard.wait_last(x=7)
        following.close()
    assert b"watch" not in line.sent
