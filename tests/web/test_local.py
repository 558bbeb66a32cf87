"""Two processes: one serves a device, the other finds it by its name and imports it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import hostile_packets
import platformdirs
import pytest
import requests
from lasting import becomes
from program import PATIENCE, environment, running, started

import iotkit
from iotkit import discovery, host, opened
from iotkit.inventory import on_network

SERVER = """
import sys
from typing import Annotated
import iotkit
from iotkit.host import Device, function

class Lamp(Device, id=sys.argv[1]):
    level: Annotated[int, "How bright [0..255]"] = 80

    @function
    def brighter(self, by: int) -> int:
        "Make it brighter"
        self.level += by
        return self.level

services = [iotkit.serve(Lamp()) for _ in range(int(sys.argv[2]))]
print(*(service.name for service in services), services[0].url, flush=True)
sys.stdin.read()
for service in services:
    service.close()
"""


@contextmanager
def serving(name, times=1):
    """Serve a lamp of that name in a process of its own; give the process, names and URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, name, str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        *names, url = process.stdout.readline().split()
        yield process, names, url
        process.stdin.close()
        process.wait(PATIENCE)


@pytest.fixture(autouse=True)
def _close_what_is_imported():
    yield
    for device in opened.devices():
        device.close()


def local():
    return importlib.import_module("iotkit.local")


def in_another_process(program):
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_served_device_is_imported_in_another_process_and_all_see_the_same(unique_name):
    with serving(unique_name) as (_, _, url):
        assert getattr(local(), unique_name).brighter(20) == 100
        told = in_another_process(f"from iotkit.local import {unique_name} as x; print(x.level)")
        assert told == "100"
        assert requests.get(f"{url}/level", timeout=PATIENCE).json()["value"] == 100
        in_another_process(f"from iotkit.local import {unique_name} as x; x.level = 7")
        assert getattr(local(), unique_name).level == 7


def test_what_is_imported_twice_is_one_object(unique_name):
    with serving(unique_name):
        assert getattr(local(), unique_name) is getattr(local(), unique_name)
        assert iotkit.find(unique_name) is iotkit.connect(unique_name)


def test_what_is_there_is_listed(unique_name):
    with serving(unique_name) as (_, _, url):
        assert unique_name in dir(local())
        (found,) = [one for one in iotkit.discover() if one.name == unique_name]
        assert found.url == url
        assert found.plain_id == unique_name
        assert found.id.startswith(f"{unique_name}-")


def test_several_of_one_class_are_told_apart(unique_name):
    with serving(unique_name, 3) as (_, names, _):
        pythons = [name.replace("-", "_") for name in names]
        assert sorted(pythons) == [unique_name, f"{unique_name}_2", f"{unique_name}_3"]
        getattr(local(), pythons[1]).level = 11
        assert [getattr(local(), name).level for name in pythons] == [80, 11, 80]
        ids = {one.id for one in iotkit.discover() if one.plain_id == unique_name}
        assert len(ids) == 3


def test_two_on_two_computers_that_call_themselves_the_same_are_never_taken_for_each_other(
    unique_name, tmp_path, monkeypatch
):
    name, twins = f"sumobot_{unique_name}", []
    with ExitStack() as stack:
        for computer in ("one", "two"):
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / computer))
            board = started("simulate", "sumobot", "--tcp", "0", "--specifier", unique_name)
            target = stack.enter_context(board)["target"]
            twins.append(stack.enter_context(running("serve", target, "--json")))
            assert json.loads(twins[-1].stdout.readline())[0]["id"] == f"sumobot:{unique_name}"
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "three"))
        assert f"so this one is {name}_2 on the network" in twins[1].stderr.readline()
        ours = {one.target: one for one in on_network() if one.target.startswith(name)}
        assert "two call themselves" in ours[name].what
        red, twin = iotkit.find(name), iotkit.find(f"{name}_2")
        red.speed, twin.speed = 11, 22
        assert (red.speed, twin.speed) == (11, 22)
        twins[0].send_signal(signal.SIGINT)
        assert twins[0].wait(PATIENCE) == 130
        becomes(red, "lost")
        assert iotkit.find(name) is red
        with pytest.raises(iotkit.DeviceLost):
            red.speed = 12
        red.close()
        away = rf"^{name} was on the network today at \d\d:\d\d and is not now\. Is it switched on"
        with pytest.raises(iotkit.DeviceNotFound, match=away):
            iotkit.find(name, timeout=0.1)
        twin.close()


def test_all_of_one_class_are_a_group(unique_name):
    with serving(unique_name, 2) as (_, names, _), serving(f"{unique_name}x"):
        with iotkit.local.all(unique_name) as lamps:
            assert lamps.names == sorted(name.replace("-", "_") for name in names)
            assert lamps[unique_name] is iotkit.find(unique_name)
            lamps.level = 10
            assert lamps.brighter(5) == dict.fromkeys(lamps.names, 15)
        with pytest.raises(iotkit.DeviceNotFound, match=f"did you mean '{unique_name}'"):
            iotkit.local.all(f"{unique_name}y")


def test_one_that_lets_nobody_in_is_in_the_group_as_the_error_why(unique_name):
    class Lamp(host.Device, id=unique_name):
        level: int = 80

    with iotkit.serve(Lamp(), token=True) as closed, iotkit.serve(Lamp()) as service:
        _forget_all_tokens()
        assert {closed.name, service.name} == {unique_name, f"{unique_name}-2"}
        with iotkit.local.all(unique_name) as lamps:
            levels = lamps.level
        refused = levels.pop(discovery.python_name(closed.name))
        assert isinstance(refused, iotkit.NotAllowed)
        assert list(levels.values()) == [80]


def _forget_all_tokens():
    for file in (platformdirs.user_state_path("iotkit") / "tokens").glob("*.json"):
        file.unlink()


def test_a_name_that_is_not_there_is_an_import_error_that_says_which_are(unique_name):
    with serving(unique_name):
        assert unique_name in dir(local())  # the network has been listened to
        began = time.monotonic()
        with pytest.raises(iotkit.NotOnNetwork, match=f"did you mean '{unique_name}'"):
            getattr(local(), f"{unique_name}x")
        assert time.monotonic() - began < 3.5
        with pytest.raises(iotkit.DeviceNotFound, match=unique_name):
            iotkit.find("nobody_has_this_name", timeout=0.1)


def test_a_name_with_a_leading_underscore_causes_no_look_up(monkeypatch):
    def look_up(*_):
        raise AssertionError("somebody looked")

    monkeypatch.setattr(discovery, "wait_for", look_up)
    for name in ("_x", "__path__", "__wrapped__", "_repr_html_"):
        with pytest.raises(AttributeError):
            getattr(local(), name)


def test_a_device_that_is_gone_is_no_longer_found(unique_name):
    with serving(unique_name) as (process, _, _):
        with iotkit.find(unique_name) as robot:
            assert robot.level == 80
        process.stdin.close()
        process.wait(PATIENCE)
    with pytest.raises(iotkit.DeviceNotFound):
        iotkit.find(unique_name, timeout=0.5)


@pytest.mark.skipif(os.name != "posix", reason="needs a signal that can't be caught")
def test_a_server_that_was_killed_says_no_goodbye_and_is_not_found_all_the_same(unique_name):
    with serving(unique_name) as (process, _, _):
        robot = iotkit.find(unique_name)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        with pytest.raises(iotkit.DeviceDisconnected):
            _ = robot.level
        robot.close()
        with pytest.raises(iotkit.DeviceNotFound):
            iotkit.find(unique_name, timeout=0.5)
        assert unique_name not in [one.name for one in iotkit.discover()]


def test_a_device_that_appears_and_goes_is_told_to_those_who_watch(unique_name):
    there, gone = threading.Event(), threading.Event()

    def told(found):
        is_there = unique_name in [one.name for one in found]
        if is_there:
            there.set()
        elif there.is_set():
            gone.set()

    subscription = discovery.watch(told)
    with serving(unique_name):
        assert there.wait(PATIENCE)
    assert gone.wait(PATIENCE)
    subscription.close()


def test_a_device_that_was_found_by_its_name_alone_is_forgotten_at_its_goodbye(unique_name):
    # Who has told others a moment before who is there doesn't say so again.
    changed = threading.Condition()

    def told(_):
        with changed:
            changed.notify()

    def is_known():
        return unique_name in [one.name for one in discovery.known()]

    with socket.create_server(("127.0.0.1", 0)) as server:
        here = unique_name.encode(), b"\x04id=x", server.getsockname()[1]
        _, *there = hostile_packets.service(*here)
        discovery.the_browser().want([unique_name])
        subscription = discovery.watch(told)
        while not is_known():
            hostile_packets.send("127.0.0.1", [there])
            with changed:
                changed.wait_for(is_known, 0.1)
        hostile_packets.send("127.0.0.1", [hostile_packets.service(*here, ttl=0)])
        with changed:
            assert changed.wait_for(lambda: not is_known(), PATIENCE)
        subscription.close()


@pytest.mark.parametrize(
    ("announced", "name"),
    [
        ("sumobot", "sumobot"),
        ("sumobot-2", "sumobot_2"),
        ("My robot!", "My_robot_"),
        ("3d", "device_3d"),
        ("class", "class_"),
        ("__x", "x"),
        ("\x00\x1b[31m", "device_31m"),
        ("", "device"),
    ],
)
def test_every_announced_name_has_one_in_python(announced, name):
    assert discovery.python_name(announced) == name
