"""The household gateway: what is plugged in is served, for as long as it is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import serial
from fake_devices import SOON
from lasting import Robot, becomes
from plugging import gateway
from program import PATIENCE, environment, running

import iotkit
from iotkit import discovery
from iotkit.device import link_of
from iotkit.errors import DeviceLost
from iotkit.gateway import board as boards
from iotkit.gateway import ports
from iotkit.gateway.board import Board, Terms
from iotkit.gateway.ports import USB, plugged_in
from iotkit.links import greeting

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no pseudo terminals")


def robot_called(name, specifier="red"):
    """Return a robot of a class that no other test has."""
    kind = type("Robot_", (Robot,), {"specifier": specifier}, id=name)
    return kind()


# What a person sees


def test_a_board_is_served_while_it_is_plugged_in(sockets, unique_name):
    there = robot_called(unique_name)
    with gateway(sockets.pattern) as auto:
        port = sockets.plug("ttyACM0", there)
        up = auto.next("up")
        assert (up["id"], up["port"]) == (f"{unique_name}:red", port)
        name = discovery.python_name(up["name"])
        robot = iotkit.find(name)
        robot.forward(1)
        sockets.pull("ttyACM0")
        assert auto.next("down")["id"] == f"{unique_name}:red"
        becomes(robot, "lost")  # it has said goodbye
        with pytest.raises(DeviceLost):
            robot.forward(2)
        sockets.plug("ttyACM7", there)  # on another port
        again = auto.next("up")
        assert (again["name"], again["url"]) == (up["name"], up["url"])
        becomes(robot, "ready")
        robot.forward(3)
        assert there.calls == ["forward 1", "forward 3"]
        robot.close()


def test_the_log_is_for_people(sockets, unique_name):
    with running("serve", "--auto", sockets.pattern) as process:
        clock = r"^[0-9]{2}:[0-9]{2}:[0-9]{2}  "
        assert re.match(clock + "Waiting for boards", process.stdout.readline())
        port = sockets.plug("ttyACM0", robot_called(unique_name))
        assert re.match(
            f"{clock}{unique_name}:red is plugged in at {port}: http://127.0.0.1:[0-9]+"
            f"  from iotkit.local import {unique_name}_red\n$",
            process.stdout.readline(),
        )
        sockets.pull("ttyACM0")
        line = process.stdout.readline()
        assert re.match(f"{clock}{unique_name}:red at {port} is gone\n$", line)


def test_two_boards_that_call_themselves_the_same_are_told_of_and_are_two_devices(
    sockets, unique_name
):
    with gateway(sockets.pattern) as auto:
        there = []
        for number in (0, 1):
            there.append(robot_called(unique_name))
            sockets.plug(f"ttyACM{number}", there[number])
            auto.next("up")
        told = auto.next("doubled")
        other = f"{unique_name}_red_2"
        assert told["text"] == (
            f"Another device calls itself {unique_name}:red too, so this one is {other} on the"
            f" network. Tell them apart, as by: iotkit name {other} blue"
        )
        with iotkit.find(f"{unique_name}_red") as one, iotkit.find(other) as two:
            one.forward(1)
            two.forward(2)
        assert [one.calls for one in there] == [["forward 1"], ["forward 2"]]
        with iotkit.find(other) as two:  # as iotkit name does
            link_of(two).rename("blue").result(PATIENCE)
        assert auto.next("up")["id"] == f"{unique_name}:blue"
    with gateway(sockets.pattern) as auto:
        names = {auto.next("up")["name"] for _ in there}
    assert names == {f"{unique_name}_red", f"{unique_name}_blue"}


def test_the_code_is_shown_once_for_all(sockets, unique_name):
    with gateway(sockets.pattern, "--lan") as auto:
        sockets.plug("ttyACM0", robot_called(unique_name, "red"))
        assert auto.next("up")["locked"]
        code = auto.next("code")["code"]
        sockets.plug("ttyACM1", robot_called(unique_name, "blue"))
        auto.next("up")
    assert [told["code"] for told in auto.told if told["event"] == "code"] == [code]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_ends_with_a_goodbye_for_each(sockets, unique_name, number, code):
    with gateway(sockets.pattern) as auto:
        for specifier in ("red", "blue"):
            sockets.plug(specifier, robot_called(unique_name, specifier))
        names = {auto.next("up")["name"] for _ in range(2)}
        assert all(discovery.wait_for(name, SOON) for name in names)
        assert auto.end(number) == (code, "")
        deadline = time.monotonic() + SOON
        while names & {found.name for found in discovery.known()}:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_wrong_use_serves_nothing():
    with running("serve", "--auto", "--port", "8000") as process:
        assert process.wait(PATIENCE) == 2


# Each process killed


def test_a_gateway_that_is_killed_and_started_anew(sockets, unique_name):
    there = robot_called(unique_name)
    sockets.plug("ttyACM0", there)
    with gateway(sockets.pattern) as auto:
        up = auto.next("up")
        robot = iotkit.find(up["name"])
        robot.forward(1)
        waiting = link_of(robot).call("wait", ())
        while "wait" not in there.calls:
            time.sleep(0.01)
        auto.end(signal.SIGKILL)
        with pytest.raises(iotkit.DeviceDisconnected, match="may have run"):
            waiting.result(SOON)
        becomes(robot, "reconnecting")
        with pytest.raises(DeviceLost):
            robot.forward(2)
    there.go_on.set()
    with gateway(sockets.pattern) as auto:
        assert auto.next("up")["url"] == up["url"]
        becomes(robot, "ready")
        robot.forward(3)
        assert there.calls == ["forward 1", "wait", "forward 3"]
        robot.close()


def test_a_device_that_is_killed_and_started_anew(sockets, unique_name):
    simulated = ["simulate", "sumobot", "--specifier", unique_name]
    port = sockets.folder / "ttyACM0"
    with gateway(sockets.pattern) as auto:
        with running(*simulated, "--json") as device:
            port.symlink_to(json.loads(device.stdout.readline())["target"])
            robot = iotkit.find(auto.next("up")["name"])
            robot.speed = 7
            device.kill()
            becomes(robot, "lost")
            with pytest.raises(DeviceLost):
                robot.speed = 8
        assert auto.next("down")["id"] == f"sumobot:{unique_name}"
        port.unlink()
        with running(*simulated, "--json") as device:
            port.symlink_to(json.loads(device.stdout.readline())["target"])
            becomes(robot, "ready")
            assert robot.speed == 50  # as it starts: nothing was set again
            robot.close()


def test_a_client_that_is_killed_holds_up_nobody(sockets, unique_name):
    there = robot_called(unique_name)
    sockets.plug("ttyACM0", there)
    with gateway(sockets.pattern) as auto:
        up = auto.next("up")
        program = f"import iotkit; iotkit.connect({up['url']!r}).wait()"
        with subprocess.Popen([sys.executable, "-c", program], env=environment()) as client:
            while "wait" not in there.calls:
                time.sleep(0.01)
            client.kill()
        with iotkit.connect(up["url"]) as robot:
            assert robot.state == "ready"
            assert robot.speed == 80
            there.go_on.set()
            robot.forward(1)
        assert there.calls == ["wait", "forward 1"]


# One bad board never stops the others


def test_a_busy_port_says_by_whom_and_is_served_when_it_is_free(sockets, unique_name):
    port = sockets.plug("ttyACM0", robot_called(unique_name, "busy"))
    with gateway(sockets.pattern) as auto:
        with serial.Serial(port, exclusive=True):
            said = auto.next("busy")
            sockets.plug("ttyACM1", robot_called(unique_name, "free"))
            assert auto.next("up")["id"] == f"{unique_name}:free"
        assert said["port"] == port
        assert f"{port} is in use already" in said["text"]
        assert auto.next("up")["id"] == f"{unique_name}:busy"


@pytest.fixture
def told(monkeypatch):
    """Give what a board tells; what takes its time is quick."""
    monkeypatch.setattr(greeting, "RATE_TIMEOUT", 0.02)
    monkeypatch.setattr(boards, "SECOND_TRY", 0.0)
    return []


def board_at(port, told):
    terms = Terms("127.0.0.1", False, None, None, None, told.append, lambda: None, lambda _: False)
    return Board(plugged_in([port])[os.path.realpath(port)], terms)


def test_a_port_on_which_nobody_speaks_is_asked_twice_and_then_left_alone(sockets, told):
    board = board_at(sockets.plug("ttyACM0"), told)
    for _ in range(2):
        assert board.is_due()
        board.step()
    assert not board.is_due()
    first, last = (one.words for one in told)
    assert "does not answer as a device" in first
    assert last.endswith("it is left alone until it is plugged in anew")


def test_a_board_that_is_pulled_while_it_is_asked_is_not_spoken_of(sockets, told, monkeypatch):
    monkeypatch.setattr(greeting, "RATE_TIMEOUT", SOON)
    board = board_at(sockets.plug("ttyACM0"), told)
    with ThreadPoolExecutor(1) as pool:
        step = pool.submit(board.step)
        assert sockets.terminal("ttyACM0").read()
        board.leave()
        step.result(SOON / 2)
    assert board.has_left
    assert told == []


def test_a_board_that_gets_a_name_is_served_under_it(sockets, told, unique_name):
    board = board_at(sockets.plug("ttyACM0", robot_called(unique_name, "")), told)
    board.step()
    assert not board.is_due()
    board._link.rename("red").result(SOON)
    assert board.is_due()
    board.step()
    assert [one.facts["id"] for one in told] == [unique_name, unique_name, f"{unique_name}:red"]
    assert told[1].words.endswith(f"is called {unique_name}:red now")
    board.leave()
    board.step()
    assert board.has_left


# Which ports are asked


def test_only_boards_of_known_makers_are_asked_by_themselves(monkeypatch, sockets):
    def on_usb(name, vid, product=None):
        return SimpleNamespace(device=sockets.plug(name), vid=vid, product=product)

    there = [
        on_usb("ttyACM0", 0x2341, "Arduino Uno"),
        on_usb("ttyUSB0", 0x1A86, "USB Serial"),
        on_usb("ttyACM1", 0x1234, "Espresso machine"),
        on_usb("ttyS0", None),
    ]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: there)
    found = {os.path.basename(one.name): one for one in plugged_in([USB]).values()}
    assert {name: one.may_be_asked for name, one in found.items()} == {
        "ttyACM0": True,
        "ttyUSB0": False,
        "ttyACM1": False,
    }
    told = []
    terms = Terms("127.0.0.1", False, None, None, None, told.append, lambda: None, lambda _: False)
    left_alone = [Board(found[name], terms) for name in ("ttyUSB0", "ttyACM1")]
    assert not any(board.is_due() for board in left_alone)
    assert [one.kind for one in told] == ["unknown"] * 2
    assert told[0].words.startswith(f"a CH340 adapter at {there[1].device} is left alone")
    assert told[0].words.endswith(f"iotkit serve --auto usb {there[1].device}")
    assert "Espresso machine" in told[1].words
    allowed = plugged_in([USB, there[1].device])
    assert allowed[os.path.realpath(there[1].device)].may_be_asked


def test_a_port_of_two_names_is_one_and_what_is_no_port_is_none(sockets):
    port = sockets.plug("ttyACM0")
    (sockets.folder / "by-id").symlink_to(port)
    (sockets.folder / "notes.txt").write_text("not a port")
    (sockets.folder / "dangling").symlink_to("nowhere")
    assert len(plugged_in([sockets.pattern])) == 1


def test_a_port_may_go_while_it_is_looked_at(sockets):
    port, ended = sockets.folder / "ttyACM0", threading.Event()

    def come_and_go():
        while not ended.is_set():
            port.symlink_to(os.devnull)
            port.unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(20_000):
            assert len(plugged_in([sockets.pattern])) <= 1
    finally:
        ended.set()
        thread.join()


def test_what_was_away_in_between_is_plugged_in_anew(sockets):
    port = sockets.plug("ttyACM0")

    def mark():
        (one,) = plugged_in([port]).values()
        return one.mark

    first = mark()
    assert mark() == first
    sockets.pull("ttyACM0")
    sockets.plug("ttyACM0")
    assert mark() != first
