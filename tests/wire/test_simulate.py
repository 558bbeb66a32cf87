"""A simulated device as its own program, on every way to reach it; and the pseudo terminal."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import serial
from program import PATIENCE, environment, iotkit, running, started

from iotkit import DeviceDisconnected, connect
from iotkit.host import Device, Hosted, function, run
from iotkit.links.local import LocalLink
from iotkit.links.serial import SerialLink
from iotkit.offering import offer
from iotkit.transports import TICK
from iotkit.transports.memory import pair
from iotkit.transports.tcp import Tcp

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no pseudo terminals")


@pytest.fixture
def terminal() -> Iterator[object]:
    from iotkit.transports.pty import Pty

    with Pty() as terminal:
        yield terminal


def opened(name: str) -> int:
    """Open the client's end without changing how it is set."""
    return os.open(name, os.O_RDWR | os.O_NOCTTY)


def read_all(terminal, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        data += terminal.read()
    return data


# The pseudo terminal


def test_bytes_cross_a_pseudo_terminal_unchanged_and_without_echo(terminal):
    every = bytes(range(256))
    client = opened(terminal.name)
    try:
        os.write(client, every)
        assert read_all(terminal, 256) == every
        terminal.write(every)
        assert os.read(client, 1000) == every
        assert terminal.read() == b""
    finally:
        os.close(client)


def test_a_pseudo_terminal_outlives_its_clients(terminal):
    for number in range(3):
        client = opened(terminal.name)
        os.write(client, b"%d" % number)
        os.close(client)
        assert terminal.read() == b"%d" % number
    assert terminal.read() == b""


def test_a_read_without_data_returns_after_a_tick(terminal):
    began = time.monotonic()
    assert terminal.read() == b""
    assert TICK * 0.9 <= time.monotonic() - began < TICK + 5


def test_much_data_arrives_whole_at_a_client_that_reads(terminal):
    much = bytes(100_000)
    writer = threading.Thread(target=terminal.write, args=[much])
    client = opened(terminal.name)
    try:
        writer.start()
        read = 0
        while read < len(much):
            read += len(os.read(client, 5000))
        writer.join()
        assert read == len(much)
    finally:
        os.close(client)


def test_what_nobody_reads_is_lost_and_holds_up_nothing_for_long(terminal):
    terminal.write(bytes(100_000))
    client = opened(terminal.name)
    os.write(client, b"still there")
    os.close(client)
    assert terminal.read() == b"still there"


def test_closing_a_pseudo_terminal_wakes_its_reader(terminal):
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(DeviceDisconnected):
            while True:
                terminal.read()
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    terminal.close()
    assert ended.wait(10)
    reader.join()


def test_a_closed_pseudo_terminal_says_so_and_closes_twice(terminal):
    terminal.close()
    terminal.close()
    with pytest.raises(DeviceDisconnected):
        terminal.read()
    with pytest.raises(DeviceDisconnected):
        terminal.write(b"x")
    assert not os.path.exists(terminal.name)


# Several hosts of one device


class Counter(Device):
    closed = 0

    @function
    def count(self) -> int:
        return self.closed

    def on_close(self) -> None:
        self.closed += 1


def test_a_device_is_let_go_of_by_run_but_not_by_one_of_several_conversations():
    device = Counter()
    for host_of, expected in (
        (lambda t: offer(LocalLink(Hosted(device), "sim"), t), 0),
        (lambda t: run(device, t), 1),
    ):
        near, far = pair()
        thread = threading.Thread(target=host_of, args=[far])
        thread.start()
        with closing(SerialLink(near)) as link:
            assert link.call("count", []).result() == 0
        thread.join()
        assert device.closed == expected


# The program


def test_a_plain_serial_client_talks_to_a_simulated_device():
    with (
        started("simulate", "sumobot") as start,
        serial.Serial(start["target"], 19200, timeout=PATIENCE) as port,
    ):
        port.write(b"get speed\n")
        heard = port.readline()
        if heard.startswith(b"200:DEV READY iotoy/2 "):  # it may say so before or after the opening
            heard = port.readline()
        assert heard == b"200:Found:50\r\n"


def test_a_simulated_device_keeps_its_state_while_serial_clients_come_and_go():
    with started("simulate", "sumobot") as start:
        with connect(start["target"]) as robot:
            robot.speed = 80
        with connect(start["target"]) as robot:
            assert robot.speed == 80


def test_several_tcp_clients_share_one_device():
    with started("simulate", "sumobot", "--tcp", "0") as start:
        _, port = start["target"].removeprefix("socket://").split(":")
        links = [SerialLink(Tcp.connect("127.0.0.1", int(port))) for _ in range(3)]
        links[0].set("speed", 80).result()
        assert [link.get("speed").result() for link in links] == [80, 80, 80]
        for link in links:
            link.close()
        with connect(start["target"]) as robot:
            assert robot.speed == 80


def test_a_tcp_client_that_leaves_does_not_stop_the_robot():
    with started("simulate", "sumobot", "--tcp", "0") as start, connect(start["target"]) as robot:
        before = robot.y
        robot.drive_forward_time_ms = 1000
        port = int(start["target"].rpartition(":")[2])
        moving = threading.Thread(target=robot.forward)
        moving.start()
        with closing(SerialLink(Tcp.connect("127.0.0.1", port))) as other:
            while other.get("y").result() == before:
                pass
        moving.join()
        assert robot.y - before == pytest.approx(20, abs=2)  # cm: one second at 50 %


def test_a_simulated_device_is_a_program_on_standard_input_and_output():
    command = f"{sys.executable} -m iotkit simulate sumobot --stdio --specifier red"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", environment())
        with connect(f"exec:{command}") as robot:
            robot.speed = 70
            assert robot.speed == 70
            assert robot.devinfo["devicename"] == "sumobot:red"


def test_a_simulation_on_standard_input_ends_with_it_and_says_nothing_else():
    done = iotkit("simulate", "testhosttiny", "--stdio", stdin="get str_id\nnonsense\n")
    assert done.stdout.splitlines() == [
        done.stdout.splitlines()[0],
        "200:Found:default",
        "404:funcname Not Found:-",
    ]
    assert re.fullmatch(
        "200:DEV READY iotoy/2 [0-9a-f]{8}:testhosttiny", done.stdout.splitlines()[0]
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_simulation_says_how_to_reach_it_from_python():
    with running("simulate", "sumobot", "--specifier", "red") as process:
        line = process.stdout.readline()
        assert line.startswith("sumobot:red is on /dev/")
        target = line.split('connect("')[1].split('"')[0]
        with connect(target) as robot:
            assert robot.devinfo["devicename"] == "sumobot:red"


@pytest.mark.parametrize("way", ["--pty", "--tcp=0", "--stdio"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_a_simulation_quietly(way, number, code):
    with running("simulate", "sumobot", way) as process:
        process.stdout.readline()  # it is up
        process.send_signal(number)
        assert process.wait(PATIENCE) == code
        assert process.stderr.read() == ""


def test_ctrl_c_ends_a_simulation_in_the_middle_of_a_function():
    with running("simulate", "sumobot", "--stdio") as process:
        process.stdin.write("set drive_forward_time_ms 10000\nget led\nforward\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[2] == "200:Found:False\n"
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert time.monotonic() - began < 8
        assert process.stderr.read() == ""


def test_a_client_that_hangs_up_does_not_end_a_simulation_on_tcp():
    with started("simulate", "sumobot", "--tcp", "0") as start:
        port = int(start["target"].rpartition(":")[2])
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as rude:
                rude.sendall(b"get speed\nget sp")
        with connect(start["target"]) as robot:
            assert robot.speed == 50


def test_a_tcp_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = iotkit("simulate", "sumobot", "--tcp", str(port))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"port {port} is taken, or kept for the system: choose another, or 0 for a free one\n"
    )


def test_an_unknown_simulation_is_answered_with_those_there_are():
    done = iotkit("simulate", "sumobat")
    assert done.returncode == 1
    assert done.stderr == (
        "there is no simulation 'sumobat', did you mean 'sumobot'?"
        " (there are: sumobot, weather, testhosttiny)\n"
    )


def test_a_bad_specifier_is_one_sentence():
    done = iotkit("simulate", "sumobot", "--specifier", "9 lives")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "9 lives" in done.stderr


def test_only_one_way_at_a_time():
    done = iotkit("simulate", "sumobot", "--stdio", "--tcp", "0")
    assert done.returncode == 2
    assert "Only one of --pty, --tcp and --stdio" in done.stderr


def test_standard_output_that_nobody_reads_ends_a_simulation():
    with running("simulate", "sumobot", "--stdio") as process:
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write("get speed\n")
        process.stdin.flush()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""
