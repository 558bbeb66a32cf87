"""Serial ports and sockets that are lost and come back, on the same way or another."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_devices import SOON
from heard import Heard
from lasting import AT_ONCE, Robot, becomes

import iotkit
from iotkit import host, opened
from iotkit.device import link_of
from iotkit.errors import DeviceLost
from iotkit.transports import serial as serial_transport
from iotkit.transports.pty import Pty
from iotkit.transports.serial import UsbBoard
from iotkit.transports.tcp import Tcp

posix = pytest.mark.skipif(os.name != "posix", reason="there are no pseudo terminals")


@contextmanager
def on_a_terminal(device):
    """Give a pseudo terminal at whose end `device` is; it can be closed before."""
    with Pty() as terminal:
        board = threading.Thread(target=host.run, args=(device, terminal))
        board.start()
        try:
            yield terminal
        finally:
            terminal.close()
            board.join(SOON)


@pytest.fixture
def cable(tmp_path):
    """Give what makes a name in a folder lead to a terminal, as a port's name in /dev does."""

    def plug(name, terminal):
        link = tmp_path / name
        link.unlink(missing_ok=True)
        if terminal is not None:
            link.symlink_to(terminal.name)
        return str(link)

    return plug


@posix
def test_a_port_that_is_gone_and_back_under_a_running_link(cable):
    robot_there, heard = Robot(), Heard()
    with on_a_terminal(robot_there) as terminal:
        port = cable("ttyUSB0", terminal)
        robot = iotkit.connect(port)
        link_of(robot).follow("speed", heard)
        heard.wait(lambda changes: changes == [80])
        cable("ttyUSB0", None)
    becomes(robot, "lost")
    with pytest.raises(DeviceLost, match="unplugged: plug it in again"):
        robot.forward(1)
    assert iotkit.connect(port) is robot
    with on_a_terminal(robot_there) as terminal:
        cable("ttyUSB0", terminal)
        becomes(robot, "ready")
        heard.wait(lambda changes: changes[2:] == [80])
        robot.forward(2)
        assert robot_there.calls == ["forward 2"]
        assert iotkit.connect(port) is robot
        robot.close()
    assert robot not in opened.devices()


@pytest.fixture
def usb(monkeypatch):
    """Give what is on USB: boards by their ports, to be changed."""
    boards = {}
    monkeypatch.setattr(serial_transport, "usb_boards", lambda: dict(boards))
    return boards


CLONE = ("", "1-2"), ("", "1-3")  # number and socket of two that can't be told apart
NUMBERED = ("A1", "1-2"), ("B2", "1-3")


@posix
@pytest.mark.parametrize("boards", [CLONE, NUMBERED])
def test_the_same_board_on_another_port_is_found_and_no_other_is_taken(cable, usb, boards):
    ours, others = (UsbBoard(0x1A86, 0x7523, *which) for which in boards)
    red, blue = Robot(), Robot()
    with on_a_terminal(blue) as beside:
        usb[cable("ttyUSB1", beside)] = others
        with on_a_terminal(red) as terminal:
            port = cable("ttyUSB0", terminal)
            usb[port] = ours
            robot = iotkit.connect(port)
            del usb[port]
            cable("ttyUSB0", None)
        becomes(robot, "lost")
        with on_a_terminal(red) as terminal:
            # The ports' names are dealt out anew: the other one has that of ours now.
            cable("ttyUSB0", beside)
            usb[port] = usb.pop(str(Path(port).with_name("ttyUSB1")))
            moved = cable("ttyUSB2", terminal)
            usb[moved] = UsbBoard(0x1A86, 0x7523, ours.number, "1-4")  # in another socket
            becomes(robot, "ready")
            robot.forward(1)
            assert (red.calls, blue.calls) == (["forward 1"], [])
            assert link_of(robot).target == moved
            assert iotkit.connect(moved) is robot
            with iotkit.connect(port) as another:
                assert another is not robot
            robot.close()


@posix
def test_a_port_that_another_board_has_got_is_that_boards(cable, usb):
    with on_a_terminal(Robot()) as terminal:
        port = cable("ttyUSB0", terminal)
        usb[port] = UsbBoard(0x2341, 0x43, "A1", "1-2")
        robot = iotkit.connect(port)
        usb.clear()
        cable("ttyUSB0", None)
    becomes(robot, "lost")

    class Lamp(host.Device):
        level: int = 3

    with on_a_terminal(Lamp()) as terminal:
        usb[port] = UsbBoard(0x2341, 0x43, "B2", "1-2")
        cable("ttyUSB0", terminal)
        while link_of(robot).target:
            pass
        with iotkit.connect(port) as lamp:
            assert lamp.level == 3
        assert robot.state == "lost"
        robot.close()


@contextmanager
def listening(device, port=0):
    """Give the port on which `device` is served, to one client after the other."""
    server = socket.create_server(("127.0.0.1", port))
    clients = []

    def serve():
        while True:
            try:
                clients.append(Tcp(server.accept()[0], "the host"))
            except OSError:
                return
            host.run(device, clients[-1])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for client in clients:
            client.close()
        thread.join(SOON)


def test_a_server_that_is_killed_and_started_anew_on_the_same_port():
    device, heard = Robot(), Heard()
    with listening(device) as port:
        robot = iotkit.connect(f"socket://127.0.0.1:{port}")
        other = iotkit.connect("sim:sumobot")
        link_of(robot).follow("speed", heard)
        heard.wait(lambda changes: changes == [80])
        waiting = link_of(robot).call("wait", ())
        while not device.calls:
            pass
    with pytest.raises(iotkit.DeviceDisconnected, match="may have run"):
        waiting.result(AT_ONCE)
    device.go_on.set()
    assert other.speed == 50  # other devices go on
    with pytest.raises(DeviceLost, match="is out of reach"):
        robot.forward(1)
    assert iotkit.connect(f"socket://127.0.0.1:{port}") is robot
    with listening(device, port):
        becomes(robot, "ready")
        heard.wait(lambda changes: changes[2:] == [80])
        assert device.calls == ["wait"]
        robot.close()
        other.close()


def test_a_device_that_is_closed_while_it_is_looked_for_leaves_nothing_open():
    with listening(Robot()) as port:
        robot = iotkit.connect(f"socket://127.0.0.1:{port}")
    becomes(robot, "reconnecting")
    assert robot in opened.devices()
    robot.close()
    assert robot not in opened.devices()
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(0.3)
        with pytest.raises(TimeoutError):
            server.accept()


def test_what_is_closed_while_a_silent_port_is_opened_ends_at_once():
    with listening(Robot()) as port:
        robot = iotkit.connect(f"socket://127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", port)) as silent:
        silent.settimeout(SOON)
        client, _ = silent.accept()
        client.settimeout(AT_ONCE)
        robot.close()
        assert client.makefile("rb").read().count(b"\n") <= 2  # the barrier, and the end
        client.close()


def test_a_device_that_ends_for_good_is_open_no_more():
    program = shlex.join([sys.executable, "-c", PROGRAM % [str(Path(__file__).parents[2])]])
    device = iotkit.connect(f"exec:{program}")
    assert device in opened.devices()
    gone = threading.Event()
    watch = opened.watch(gone.set)
    with pytest.raises(iotkit.DeviceDisconnected):
        device.die()
    assert gone.wait(SOON)
    watch.close()
    assert device not in opened.devices()
    assert device.state == "closed"


PROGRAM = """
import sys, os
sys.path[:0] = %r
from iotkit.host import Device, function, run
from iotkit.transports.process import Streams
class Mortal(Device):
    @function
    def die(self) -> None: os._exit(3)
run(Mortal(), Streams(sys.stdin.buffer, sys.stdout.buffer, 'mortal'))
"""


@posix
def test_a_board_is_known_by_its_number_wherever_it_is_plugged_in(cable, usb):
    known = []
    for name, socket_ in (("ttyUSB0", "1-2"), ("ttyUSB1", "1-3")):
        with on_a_terminal(Robot()) as terminal:
            port = cable(name, terminal)
            usb[port] = UsbBoard(0x2341, 0x43, "85736", socket_)
            with iotkit.connect(port) as robot:
                known.append(link_of(robot).identify())
            del usb[port]
    assert known[0] == known[1]
