"""One device over everything that can carry it: the object behaves the same."""

from __future__ import annotations

import math
import os
import shlex
import socket
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_devices import SOON, Probe, wired

import iotkit
from iotkit.device import device_over, link_of
from iotkit.host import Hosted, run
from iotkit.links.local import LocalLink
from iotkit.links.serial import SerialLink
from iotkit.transports.process import Process
from iotkit.transports.tcp import Tcp

PROGRAM = """
import sys
sys.path[:0] = %r
from fake_devices import Probe
from iotkit.host import run
from iotkit.transports.process import Streams
run(Probe(), Streams(sys.stdin.buffer, sys.stdout.buffer, "the program"))
"""


@contextmanager
def in_memory():
    with wired(Probe()) as (robot, _):
        yield robot


@contextmanager
def on_a_pseudo_terminal():
    from iotkit.transports.pty import Pty
    from iotkit.transports.serial import Serial

    with Pty() as terminal:
        board = threading.Thread(target=run, args=(Probe(), terminal))
        board.start()
        try:
            with device_over(SerialLink(Serial(terminal.name), timeout=SOON)) as robot:
                yield robot
        finally:
            terminal.close()
            board.join(SOON)


@contextmanager
def on_a_socket():
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        board_side, host_side = [], []

        def accept():
            board_side.append(Tcp(server.accept()[0], "the host"))
            run(Probe(), board_side[0])

        board = threading.Thread(target=accept)
        board.start()
        host_side.append(Tcp.connect(host, port))
        try:
            with device_over(SerialLink(host_side[0], timeout=SOON)) as robot:
                yield robot
        finally:
            board.join(SOON)
            board_side[0].close()


@contextmanager
def in_a_child_process():
    here = Path(__file__).parents
    program = PROGRAM % [str(here[1]), str(here[2])]
    transport = Process(shlex.join([sys.executable, "-c", program]))
    with device_over(SerialLink(transport, timeout=SOON)) as robot:
        yield robot


@contextmanager
def in_this_process():
    with device_over(LocalLink(Hosted(Probe()), "here")) as robot:
        yield robot


@contextmanager
def on_the_web():
    from iotkit.links.web import WebLink

    with (
        iotkit.serve(Probe(), announce=False) as service,
        device_over(WebLink(service.url, timeout=SOON)) as robot,
    ):
        yield robot


@contextmanager
def on_an_encrypted_channel():
    with (
        iotkit.serve(Probe(), announce=False, tls=True) as service,
        iotkit.connect(service.url, timeout=SOON) as robot,
    ):
        yield robot


@contextmanager
def served_from_a_line():
    from iotkit.links.web import WebLink

    with (
        wired(Probe()) as (wired_robot, _),
        iotkit.serve(wired_robot, announce=False) as service,
        device_over(WebLink(service.url, timeout=SOON)) as robot,
    ):
        yield robot


CARRIERS = {
    carrier.__name__: carrier
    for carrier in (
        in_memory,
        on_a_pseudo_terminal,
        on_a_socket,
        in_a_child_process,
        in_this_process,
        on_the_web,
        on_an_encrypted_channel,
        served_from_a_line,
    )
    if os.name == "posix" or carrier is not on_a_pseudo_terminal
}


@pytest.fixture(params=CARRIERS.values(), ids=CARRIERS)
def robot(request):
    with request.param() as robot:
        yield robot


TEXTS = [
    "",
    " ",
    " a  b ",
    "1:2:3",
    "schön ☃ 𝄞",
    "-",
    "<b>&amp;",
    '"quoted"',
    "%41+%20",
    "\\n",
    "\t",
]
TEXTS += [
    "True",
    "null",
    "1",
    "1.0",
    "{}",
    '{"value": 1}',
    "[1]",
    "\x7f",
    "\ufeff",
    "$x$",
    "a" * 120,
]
VALUES = {
    "speed": [0, 1, 255],
    "ratio": [0.0, 1.5, -1e-7, 1e300, 5e-324, 1 / 3, 1e16, 12345678901234567.0],
    "led": [True, False],
    "gear": ["fast", "slow"],
    "name": TEXTS,
    "anything": TEXTS,
}


def test_every_value_comes_back(robot):
    for name, values in VALUES.items():
        for value in values:
            setattr(robot, name, value)
            read = getattr(robot, name)
            assert read == value, name
            assert isinstance(read, type(value)), name


def test_a_negative_zero_keeps_its_sign(robot):
    robot.ratio = -0.0
    assert math.copysign(1, robot.ratio) == -1


def test_a_value_read_knows_its_help_unit_and_time(robot):
    assert robot.speed.__doc__ == "How fast [0..255]"
    assert robot.ratio.unit == "V"
    assert robot.ratio.time <= robot.ratio.time
    assert robot.led is False


def test_functions_take_and_give_values(robot):
    assert robot.stop() is None
    assert robot.turn(500) is None
    assert robot.add(-(2**31), 2**31 - 1) == -1
    assert robot.add(b=1, a=2) == 3
    for text in TEXTS:
        if text != "-":  # version 1 says that for nothing
            assert robot.echo(text) == text


def test_the_description_crosses_whole(robot):
    there = Hosted(Probe()).description
    known = link_of(robot).description
    assert known.attributes == there.attributes
    assert known.functions == there.functions
    assert list(known.attributes) == list(there.attributes)
    assert str(known.attributes["speed"].limits) == "0..255"
    assert known.functions["turn"].args[0].limits.unit == "ms"
    assert known.id == "probe"


def test_what_the_device_does_not_take_is_an_error_and_changes_nothing(robot):
    with pytest.raises(iotkit.OutOfRange):
        robot.speed = 256
    with pytest.raises(iotkit.BadType):
        robot.speed = "fast"
    with pytest.raises(iotkit.BadValue):
        robot.name = "a\nb"
    with pytest.raises(iotkit.ReadOnly):
        robot.distance = 1.0
    with pytest.raises(iotkit.OutOfRange):
        robot.turn(-1)
    with pytest.raises(iotkit.UnknownName):
        robot.sped = 1
    assert (robot.speed, robot.name, robot.distance) == (80, "probe", 12.5)


def test_an_error_of_the_devices_comes_in_its_words(robot):
    with pytest.raises(iotkit.DeviceError, match="the motor is stuck"):
        robot.fail()
    with pytest.raises(iotkit.DeviceError, match="the wire is loose"):
        _ = robot.broken
    assert robot.speed == 80


def test_everybody_gets_their_own_answers(robot):
    wrong = []

    def use(number):
        for i in range(100):
            try:
                if robot.add(number * 1000, i) != number * 1000 + i:
                    wrong.append(("add", number, i))
                if i % 10 == 0 and robot.name != "probe":
                    wrong.append(("name", number, i))
            except iotkit.IotkitError as error:
                wrong.append((error, number, i))

    threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert wrong == []


def test_futures_serve_those_who_dont_want_to_wait(robot):
    link = link_of(robot)
    futures = [link.get("speed"), link.get("led", background=True), link.call("add", (1, 2))]
    assert [future.result(SOON) for future in futures] == [80, False, 3]


def test_a_closed_device_says_so_and_can_be_closed_again(robot):
    robot.close()
    robot.close()
    for use in (lambda: robot.speed, robot.stop, lambda: setattr(robot, "speed", 1)):
        with pytest.raises(iotkit.DeviceDisconnected, match="closed"):
            use()
    assert "closed" in repr(robot)
    assert link_of(robot).closed


def test_closing_while_others_ask_ends_their_waits(robot):
    ended = []

    def use():
        try:
            while True:
                assert robot.add(1, 1) == 2
        except iotkit.DeviceDisconnected:
            ended.append(1)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert robot.speed == 80
    robot.close()
    for thread in threads:
        thread.join(SOON)
    assert ended == [1] * 4
