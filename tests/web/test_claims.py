"""Who has claimed a device drives it, and nobody else, until the claim ends, however that is."""

from __future__ import annotations

import json
import linecache
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from program import environment
from web_tools import SOON, Reply, Stalling, ask, ask_json, assert_is_error, channel

import iotkit
from iotkit import host
from iotkit.device import Device, link_of
from iotkit.errors import DeviceClaimed, NotAllowed
from iotkit.links.claims import LEASE
from iotkit.server import Service


class Robot(host.Device):
    """One without a deadman, which can stop."""

    speed: int = 0

    def __init__(self) -> None:
        self.stopped = threading.Event()

    @host.function
    def forward(self) -> None:
        """Drive"""

    @host.function
    def stop(self) -> None:
        """Stop"""
        self.stopped.set()


@pytest.fixture
def robot() -> Robot:
    return Robot()


@pytest.fixture
def service(robot: Robot) -> Iterator[Service]:
    with iotkit.serve(robot, announce=False) as service:
        yield service


@pytest.fixture
def ada(service: Service) -> Iterator[Device]:
    with channel(service.url) as device:
        yield device


@pytest.fixture
def bob(service: Service) -> Iterator[Device]:
    with channel(service.url) as device:
        yield device


def is_told(device: Device, who: str) -> None:
    """Return when the device's object knows who has claimed it."""
    told = threading.Event()

    def look() -> None:
        if device.claimed_by == who:
            told.set()

    end = link_of(device).wheel.watch(look)
    look()
    try:
        assert told.wait(SOON), device.claimed_by
    finally:
        end()


def drives(device: Device) -> bool:
    try:
        device.speed = 7
    except DeviceClaimed:
        return False
    return True


def test_while_one_has_claimed_it_others_watch_and_stop_it_but_do_not_drive(
    ada: Device, bob: Device, robot: Robot, service: Service
) -> None:
    assert ada.claimed_by == bob.claimed_by == ""
    with ada.claim(who="ada"):
        is_told(bob, "ada")
        assert ada.claimed_by == "ada"
        ada.speed = 5
        ada.forward()
        with pytest.raises(
            DeviceClaimed, match="ada has claimed robot: you can watch it"
        ) as caught:
            bob.speed = 6
        assert caught.value.who == "ada"
        with pytest.raises(DeviceClaimed, match="drive it when ada is done"):
            bob.forward()
        with pytest.raises(DeviceClaimed, match="ada has claimed"):
            bob.claim()
        with pytest.raises(DeviceClaimed):
            link_of(bob).rename("red").result(SOON)
        assert_is_error(ask(service.port, "PUT", "/speed", "6"), 423, "DeviceClaimed", "ada has")
        assert bob.speed == 5
        with bob.watch("speed") as watch:
            assert next(watch).value == 5
        bob.stop()
        assert robot.stopped.wait(SOON)
        assert ask(service.port, "POST", "/stop").status == 200
    is_told(bob, "")
    bob.speed = 6
    assert robot.speed == 6


def test_who_comes_later_is_told_at_once(ada: Device, service: Service) -> None:
    with ada.claim(who="ada"), channel(service.url) as late:
        is_told(late, "ada")
        assert not drives(late)


def test_two_claims_of_one_program_end_with_the_second(ada: Device, bob: Device) -> None:
    with ada.claim(who="ada"):
        with ada.claim(who="ada"):
            assert not drives(bob)
        assert not drives(bob)
    assert drives(bob)


def test_a_claim_for_a_time_ends_by_itself(ada: Device, bob: Device) -> None:
    claim = ada.claim(seconds=0.2, who="ada")
    is_told(bob, "ada")
    is_told(bob, "")
    assert drives(bob)
    assert claim.ended
    claim.release()


def test_who_counts_on_a_claim_whose_time_is_over_is_warned_and_goes_on(
    ada: Device, bob: Device
) -> None:
    with warnings.catch_warnings(record=True, action="always") as warned:
        with ada.claim(seconds=0.2, who="ada"):
            is_told(bob, "ada")
            is_told(bob, "")
            ada.speed = 5
            bob.speed = 6
            while not warned:
                pass
        with ada.claim(seconds=60), ada.claim():  # nothing to say of these
            pass
    (told,) = warned
    assert str(told.message) == "the 0.2 s of this claim are over: others may drive robot too now"
    assert told.filename == __file__
    assert "with ada.claim" in linecache.getline(told.filename, told.lineno)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_claim_for_no_time_is_refused(ada: Device, seconds: object) -> None:
    with pytest.raises(iotkit.BadValue, match="write seconds"):
        ada.claim(seconds)  # type: ignore[arg-type]


def test_a_claim_outlasts_its_lease_since_the_link_renews_it(ada: Device, bob: Device) -> None:
    changes: list[str] = []
    with ada.claim(who="ada"):
        is_told(bob, "ada")
        link_of(bob).wheel.watch(lambda: changes.append(bob.claimed_by))
        assert not threading.Event().wait(1.5 * LEASE)
        assert not drives(bob)
        assert set(changes) <= {"ada"}


def test_the_program_that_holds_the_device_is_one_of_those_who_claim(robot: Robot) -> None:
    with (
        iotkit.connect(robot) as own,
        iotkit.serve(own, announce=False) as service,
        channel(service.url) as far,
    ):
        with own.claim(who="the owner"):
            own.speed = 3
            assert not drives(far)
        with far.claim(who="far"):
            with pytest.raises(DeviceClaimed, match="far has claimed robot"):
                own.speed = 4
            with pytest.raises(DeviceClaimed, match="far has claimed robot"):
                own.claim()
            own.stop()
        own.speed = 4


def test_a_claim_counts_all_the_way_through_two_servers(ada: Device, bob: Device) -> None:
    with iotkit.serve(bob, announce=False) as between, channel(between.url) as far:
        with far.claim(who="far"):
            is_told(ada, "far")
            assert far.claimed_by == bob.claimed_by == "far"
            assert not drives(ada)
            assert not drives(bob)
            far.speed = 9
        with ada.claim(who="ada"):
            is_told(far, "ada")
            with pytest.raises(DeviceClaimed, match="ada has claimed"):
                far.claim()
            with pytest.raises(DeviceClaimed, match="ada has claimed"):
                far.speed = 9
        assert drives(far)


HOLDER = """
import sys, iotkit
robot = iotkit.connect(sys.argv[1])
robot.claim(who="ada")
robot.speed = 5
print("driving", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Have a program of its own claim the device and drive it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline() == b"driving\n"
            yield program
        finally:
            program.kill()


def test_a_holder_that_is_killed_has_the_device_stopped_and_free(
    bob: Device, robot: Robot, service: Service
) -> None:
    with holding(service.url) as program:
        is_told(bob, "ada")
        assert not drives(bob)
        assert not robot.stopped.is_set()
        program.send_signal(signal.SIGKILL)
        is_told(bob, "")
        assert robot.stopped.wait(SOON)
        assert drives(bob)


def test_a_holder_that_lets_go_stops_nothing(ada: Device, bob: Device, robot: Robot) -> None:
    with ada.claim():
        ada.speed = 5
    assert ada.claimed_by == ""
    is_told(bob, "")
    ada.close()
    assert bob.speed == 5
    assert not robot.stopped.is_set()


def test_a_holder_that_the_network_has_lost_has_the_device_stopped_and_free_when_its_lease_is_over(
    bob: Device, robot: Robot, service: Service
) -> None:
    with closing(Stalling(service.port)) as proxy, holding(proxy.url):
        is_told(bob, "ada")
        proxy.stalled.set()
        assert not drives(bob)
        is_told(bob, "")
        assert robot.stopped.wait(SOON)
        assert drives(bob)


def test_a_claim_is_renewed_at_a_server_that_is_back() -> None:
    with iotkit.serve(Robot(), announce=False) as service:
        ada = iotkit.connect(service.url)
        claim = ada.claim(who="ada")
    with iotkit.serve(Robot(), service.port, announce=False), channel(service.url) as bob:
        is_told(bob, "ada")
        assert not drives(bob)
        assert not claim.ended
        claim.release()
        is_told(bob, "")
    ada.close()


# Taking it back


def test_on_the_very_computer_that_serves_without_a_token_a_claim_can_be_taken(
    ada: Device, bob: Device
) -> None:
    claim = ada.claim(who="ada")
    with bob.claim(who="the teacher", take=True):
        is_told(ada, "the teacher")
        assert not drives(ada)
        assert drives(bob)
        ended = threading.Event()
        assert not ended.wait(LEASE / 2)  # the link of the other one has tried to renew
        assert claim.ended
        assert bob.claimed_by == "the teacher"
    assert drives(ada)


def test_what_cannot_be_taken_says_what_to_do(robot: Robot) -> None:
    with (
        iotkit.connect(robot) as own,
        iotkit.serve(own, announce=False, token="x" * 20) as service,
    ):
        bearer = f"Bearer {'x' * 20}"
        with own.claim(who="the owner"):
            taken = ask(service.port, "POST", "/-/claim", '{"take": true}', Authorization=bearer)
            assert_is_error(taken, 403, "NotAllowed", "only a teacher")
            assert own.claimed_by == "the owner"
            own.claim(who="me", take=True).release()


# By plain HTTP


def claimed(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    secret: str = reply.json["claim"]
    return secret


def test_a_plain_client_claims_with_a_secret_that_it_sends_along(
    ada: Device, robot: Robot, service: Service
) -> None:
    port = service.port
    assert ask(port, "GET", "/-/claim").json == {"claimed_by": None}
    reply = ask_json(port, "POST", "/-/claim", {"who": "eve", "seconds": 60})
    secret = claimed(reply)
    assert reply.json == {"claim": secret, "claimed_by": "eve", "seconds": 60}
    assert reply.headers["Cache-Control"] == "no-store"
    assert ask(port, "GET", "/-/claim").json == {"claimed_by": "eve"}
    is_told(ada, "eve")
    assert not drives(ada)
    assert_is_error(ask(port, "PUT", "/speed", "6"), 423, "DeviceClaimed", "eve has claimed robot")
    wrong = {"Iotkit-Claim": secret[:-1]}
    assert_is_error(ask(port, "PUT", "/speed", "6", **wrong), 423, "DeviceClaimed")
    assert_is_error(ask(port, "POST", "/-/claim", "{}", **wrong), 423, "DeviceClaimed")
    assert_is_error(ask(port, "DELETE", "/-/claim", **wrong), 423, "DeviceClaimed")
    right = {"Iotkit-Claim": secret}
    assert ask(port, "PUT", "/speed", "6", **right).status == 200
    assert ask(port, "POST", "/-/actions/forward", **right).status == 200
    assert claimed(ask(port, "POST", "/-/claim", '{"seconds": 30}', **right)) == secret
    assert ask(port, "GET", "/-/claim").json == {"claimed_by": "eve"}
    assert ask(port, "DELETE", "/-/claim", **right).json is None
    is_told(ada, "")
    assert drives(ada)
    assert not robot.stopped.is_set()
    assert ask(port, "DELETE", "/-/claim", **right).status == 200  # a second time does nothing
    assert drives(ada)


def test_a_plain_client_that_renews_no_claim_loses_it_and_the_device_stops(
    ada: Device, robot: Robot, service: Service
) -> None:
    secret = claimed(ask_json(service.port, "POST", "/-/claim", {"seconds": 1}))
    is_told(ada, "somebody at 127.0.0.1")
    assert ask(service.port, "PUT", "/speed", "6", **{"Iotkit-Claim": secret}).status == 200
    is_told(ada, "")
    assert robot.stopped.wait(SOON)


@pytest.mark.parametrize(
    "body", ['{"seconds": 0}', '{"seconds": 1e9}', '{"seconds": "x"}', '{"who": 3}', "[]", "{"]
)
def test_a_claim_that_makes_no_sense_is_refused(service: Service, body: str) -> None:
    reply = ask(service.port, "POST", "/-/claim", body)
    assert reply.status in (400, 416)
    assert ask(service.port, "GET", "/-/claim").json == {"claimed_by": None}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<b>eve</b>", "<b>eve</b>"),
        ("eve\x1b[31m\n  of\u202e 7b", "eve [31m   of\\u202e 7b"),
        ("e" * 500, "e" * 39 + "…"),
        ("   ", "somebody"),
    ],
)
def test_what_a_holder_says_to_be_is_made_fit_to_be_shown(
    ada: Device, service: Service, said: str, shown: str
) -> None:
    claimed(ask(service.port, "POST", "/-/claim", json.dumps({"who": said})))
    is_told(ada, shown)
    with pytest.raises(DeviceClaimed) as caught:
        ada.speed = 1
    assert str(caught.value).startswith(f"{shown} has claimed robot: ")


def test_only_who_may_take_can_take(ada: Device) -> None:
    wheel = link_of(ada).wheel
    stranger = iotkit.links.Driver()
    with ada.claim(who="ada"), pytest.raises(NotAllowed, match="only a teacher"):
        wheel.claim(stranger, "stranger", 5, take=True)
