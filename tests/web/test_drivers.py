"""A robot on the web whose driver goes away: its deadman acts, whoever else is there."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from program import environment
from web_tools import SOON, Stalling, ask, channel

import iotkit
from iotkit import host
from iotkit.device import link_of
from iotkit.server import Service

DEADMAN = 0.5  # seconds


class Robot(host.Device, deadman_ms=round(1000 * DEADMAN)):
    """One that stops when nobody drives it."""

    speed: int = 0

    def __init__(self) -> None:
        self.silent, self.driving, self.go_on = (threading.Event() for _ in range(3))

    @host.function
    def forward(self) -> None:
        """Drive until the test says so"""
        self.driving.set()
        self.go_on.wait(SOON)

    @host.function
    def stop(self) -> None:
        """Stop"""

    def on_silence(self) -> None:
        self.silent.set()

    def on_close(self) -> None:
        self.go_on.set()


@pytest.fixture
def robot() -> Robot:
    return Robot()


@pytest.fixture
def service(robot: Robot) -> Iterator[Service]:
    with iotkit.serve(robot, announce=False) as service:
        yield service


@contextmanager
def connection(service: Service) -> Iterator[http.client.HTTPConnection]:
    """Give a connection of a plain client, which stays open."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=SOON)) as opened:
        yield opened


def drive(opened: http.client.HTTPConnection, speed: int) -> None:
    opened.request("PUT", "/speed", str(speed))
    answer = opened.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()


def is_held(robot: Robot) -> bool:
    """Whether the deadman is kept quiet for much longer than its time."""
    return not robot.silent.wait(3 * DEADMAN)


@contextmanager
def looked_at(service: Service) -> Iterator[None]:
    """Have another client read the robot all the time, as a panel does."""
    over = threading.Event()

    def look() -> None:
        with channel(service.url) as watcher:
            while not over.wait(DEADMAN / 10):
                assert watcher.speed >= 0

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join(SOON)


def test_who_drives_over_a_channel_holds_the_robot_until_it_goes(
    robot: Robot, service: Service
) -> None:
    with looked_at(service):
        with channel(service.url) as driver:
            driver.speed = 5
            assert is_held(robot)
        assert robot.silent.wait(SOON)


def test_a_program_that_is_killed_drives_no_more(robot: Robot, service: Service) -> None:
    program = f"import iotkit; iotkit.connect({service.url!r}).forward()"
    with subprocess.Popen([sys.executable, "-c", program], env=environment()) as driver:
        assert robot.driving.wait(SOON)
        assert is_held(robot)
        with looked_at(service):
            driver.send_signal(signal.SIGKILL)
            assert robot.silent.wait(SOON)


def test_a_program_that_the_network_has_lost_drives_no_more(robot: Robot, service: Service) -> None:
    with closing(Stalling(service.port)) as proxy:
        program = f"import iotkit; iotkit.connect({proxy.url!r}).forward()"
        with subprocess.Popen([sys.executable, "-c", program], env=environment()) as driver:
            assert robot.driving.wait(SOON)
            assert is_held(robot)
            with looked_at(service):
                proxy.stalled.set()
                assert robot.silent.wait(SOON)
            driver.kill()


def test_who_only_looks_on_is_no_driver(robot: Robot, service: Service) -> None:
    with channel(service.url) as driver:
        driver.speed = 5
        with channel(service.url) as watcher:
            assert watcher.speed == 5
        assert is_held(robot)


def test_who_drove_before_another_one_may_go(robot: Robot, service: Service) -> None:
    with channel(service.url) as second:
        with channel(service.url) as first:
            first.speed = 5
            second.speed = 6
        assert is_held(robot)


def test_a_plain_client_drives_as_long_as_its_connection_stands(
    robot: Robot, service: Service
) -> None:
    with connection(service) as opened:
        drive(opened, 5)
        assert is_held(robot)
    assert robot.silent.wait(SOON)


def test_a_single_request_drives_for_the_time_of_the_deadman(
    robot: Robot, service: Service
) -> None:
    began = time.monotonic()
    assert ask(service.port, "PUT", "/speed", "5").status == 200
    assert robot.silent.wait(SOON)
    assert time.monotonic() - began >= DEADMAN


def test_each_single_request_begins_the_time_anew(robot: Robot, service: Service) -> None:
    for speed in range(6):
        assert ask(service.port, "PUT", "/speed", str(speed)).status == 200
        assert not robot.silent.wait(DEADMAN / 2)
    assert robot.silent.wait(SOON)


def test_a_plain_client_whose_claim_is_over_drives_no_more_though_its_connection_stands(
    robot: Robot, service: Service
) -> None:
    claim = ask(service.port, "POST", "/-/claim", '{"seconds": 1}').json["claim"]
    with connection(service) as opened:
        opened.request("PUT", "/speed", "5", {"Iotkit-Claim": claim})
        assert opened.getresponse().status == 200
        assert robot.silent.wait(SOON)


def test_a_plain_client_that_goes_in_the_midst_of_a_call(robot: Robot, service: Service) -> None:
    with connection(service) as opened:
        opened.request("POST", "/forward")
        assert is_held(robot)
        assert robot.driving.is_set()
    assert robot.silent.wait(SOON)


def test_the_program_that_serves_it_drives_as_long_as_it_lives(robot: Robot) -> None:
    with iotkit.connect(robot) as own, iotkit.serve(own, announce=False) as service:
        with channel(service.url) as far:
            far.speed = 5
            own.speed = 6
        assert is_held(robot)
        with channel(service.url) as far:
            far.speed = 7
        assert robot.silent.wait(SOON)


def test_stop_makes_nobody_a_driver(robot: Robot, service: Service) -> None:
    with channel(service.url) as driver:
        driver.speed = 5
        with channel(service.url) as other:
            other.stop()
        assert ask(service.port, "POST", "/stop").status == 200
        assert is_held(robot)


def test_a_robot_behind_two_servers_is_held_by_who_drives_at_the_end(robot: Robot) -> None:
    with (
        iotkit.serve(robot, announce=False) as near,
        iotkit.connect(near.url) as between,
        iotkit.serve(between, announce=False) as far,
        looked_at(near),
    ):
        with channel(far.url) as driver:
            driver.speed = 5
            assert is_held(robot)
        assert robot.silent.wait(SOON)
        robot.silent.clear()
        with connection(far) as opened:
            drive(opened, 6)
            assert is_held(robot)
        assert robot.silent.wait(SOON)


def test_the_line_to_a_device_is_quiet_when_its_driver_has_gone_but_for_who_drives(
    robot: Robot, service: Service
) -> None:
    with channel(service.url) as driver:
        link = link_of(driver)
        driver.speed = 5
        link.hush()
        reading = link.get("speed")
        assert not reading.done()
        began = time.monotonic()
        assert reading.result(SOON) == 5
        assert time.monotonic() - began > DEADMAN / 2
        link.hush()
        reading = link.get("speed")
        link.set("speed", 6).result(SOON)
        assert reading.result(SOON) in (5, 6)
