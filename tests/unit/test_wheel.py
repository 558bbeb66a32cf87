"""Who drives a device, and who has claimed it: the arbiter alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar

import pytest

from iotkit.description import Description, Function
from iotkit.errors import DeviceClaimed, NotAllowed
from iotkit.links.claims import claimed
from iotkit.links.wheel import Driver, Wheel

SOON = 10.0
DEADMAN = 0.05  # seconds


class Robot:
    """What a wheel drives: it notes what becomes of it."""

    made: ClassVar[list[Robot]] = []
    claimed_beyond = ""

    def __init__(self, deadman: float = 0.0, *, can_halt: bool = True) -> None:
        self.description = Description.of(
            "robot", [], [Function("stop")], deadman_ms=round(1000 * deadman)
        )
        self.can_halt = can_halt
        self.hushed = 0
        self.fed = 0
        self.halted, self.silent = threading.Event(), threading.Event()
        self.wheel = Wheel(self)
        self.made.append(self)

    def call(self, name: str, args: Sequence[Any]) -> Future[Any]:
        assert (name, args) == ("stop", ())
        self.halted.set()
        return done()

    def feed(self) -> None:
        self.fed += 1

    def hush(self) -> None:
        self.hushed += 1

    def silence(self) -> None:
        self.silent.set()


def done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


@pytest.fixture(autouse=True)
def _wheels_are_closed() -> Iterator[None]:
    yield
    for robot in Robot.made:
        robot.wheel.close()
    Robot.made.clear()


def drives(robot: Robot, driver: Driver) -> bool:
    try:
        return robot.wheel.drive(done, driver).done()
    except DeviceClaimed:
        return False


@pytest.fixture
def ada() -> Driver:
    return Driver()


@pytest.fixture
def bob() -> Driver:
    return Driver()


def test_anybody_drives_what_nobody_has_claimed(ada: Driver, bob: Driver) -> None:
    robot = Robot()
    assert drives(robot, ada)
    assert drives(robot, bob)
    assert robot.wheel.claimed_by == ""


def test_a_claim_is_for_its_holder_until_it_is_released(ada: Driver, bob: Driver) -> None:
    wheel = (robot := Robot()).wheel
    wheel.claim(ada, "ada", 60)
    assert wheel.claimed_by == "ada"
    assert wheel.is_held_by(ada)
    assert drives(robot, ada)
    assert not drives(robot, bob)
    with pytest.raises(DeviceClaimed):
        wheel.claim(bob, "bob", 60)
    wheel.release(bob)
    assert not drives(robot, bob)
    wheel.release(ada)
    assert drives(robot, bob)
    assert not robot.halted.is_set()


@pytest.mark.parametrize(
    ("functions", "meanwhile"),
    [
        ([Function("stop")], "watch it and stop it, and drive it when ada is done"),
        ([Function("read")], "watch it, and use it again when ada is done"),
    ],
)
def test_who_may_not_drive_is_told_what_can_be_done(
    functions: list[Function], meanwhile: str
) -> None:
    error = claimed(Description.of("robot", [], functions), "ada")
    assert str(error) == f"ada has claimed robot: you can {meanwhile}"


def test_another_one_drives_with_the_right_of_the_holder(ada: Driver, bob: Driver) -> None:
    wheel = Robot().wheel
    wheel.claim(ada, "ada", 60)
    assert wheel.drive(done, bob, ada).done()


def test_a_claim_that_is_not_renewed_ends_and_what_its_holder_drove_stops(ada: Driver) -> None:
    wheel = (robot := Robot()).wheel
    ended = threading.Event()
    wheel.claim(ada, "ada", 0.05)
    assert drives(robot, ada)
    wheel.watch(lambda: ended.set() if not wheel.claimed_by else None)
    assert ended.wait(SOON)
    assert robot.halted.wait(SOON)


def test_what_the_holder_did_not_drive_goes_on(ada: Driver, bob: Driver) -> None:
    wheel = (robot := Robot()).wheel
    assert drives(robot, bob)
    wheel.claim(ada, "ada", 60)
    wheel.leave(ada)
    assert wheel.claimed_by == ""
    assert not robot.halted.is_set()


def test_a_renewed_claim_lasts(ada: Driver) -> None:
    wheel = Robot().wheel
    wheel.claim(ada, "ada", 0.2)
    wheel.claim(ada, "ada", 60)
    assert not threading.Event().wait(0.4)
    assert wheel.claimed_by == "ada"


def test_a_shorter_claim_after_a_longer_one_ends_in_its_own_time(ada: Driver, bob: Driver) -> None:
    wheel = (robot := Robot()).wheel
    teacher, ended = Driver(may_take=True), threading.Event()
    wheel.claim(ada, "ada", 60)
    wheel.claim(teacher, "the teacher", 0.05, take=True)
    wheel.watch(lambda: ended.set() if not wheel.claimed_by else None)
    assert ended.wait(SOON)
    assert drives(robot, bob)


def test_a_holder_that_goes_has_what_it_drove_stopped(ada: Driver) -> None:
    wheel = (robot := Robot()).wheel
    wheel.claim(ada, "ada", 60)
    assert drives(robot, ada)
    wheel.leave(ada)
    assert robot.halted.is_set()
    assert wheel.claimed_by == ""


def test_with_a_deadman_it_is_that_which_acts(ada: Driver, bob: Driver) -> None:
    robot = Robot(DEADMAN)
    robot.wheel.claim(ada, "ada", 60)
    steady = Driver(steady=True)
    assert robot.wheel.drive(done, steady, ada).done()
    assert robot.wheel.steady
    robot.wheel.claim(ada, "ada", 0.05)
    assert robot.silent.wait(SOON)
    assert robot.hushed
    assert not robot.wheel.steady
    assert not robot.halted.is_set()


def test_only_who_may_take_takes(ada: Driver, bob: Driver) -> None:
    wheel = Robot().wheel
    teacher = Driver(may_take=True)
    wheel.claim(ada, "ada", 60)
    with pytest.raises(NotAllowed, match="only a teacher may take robot"):
        wheel.claim(bob, "bob", 60, take=True)
    with pytest.raises(DeviceClaimed):
        wheel.claim(teacher, "the teacher", 60)
    wheel.claim(teacher, "the teacher", 60, take=True)
    with pytest.raises(DeviceClaimed, match="the teacher has claimed robot"):
        wheel.claim(ada, "ada", 60)


def test_who_watches_is_told_of_changes_alone(ada: Driver) -> None:
    wheel = Robot().wheel
    told: list[str] = []
    changed = threading.Semaphore(0)

    def look() -> None:
        told.append(wheel.claimed_by)
        changed.release()

    end = wheel.watch(look)
    for who in ("ada", "ada of 7b"):
        wheel.claim(ada, who, 60)
        assert changed.acquire(timeout=SOON)
        wheel.claim(ada, who, 60)
    wheel.release(ada)
    assert changed.acquire(timeout=SOON)
    end()
    wheel.claim(ada, "ada", 60)
    assert told == ["ada", "ada of 7b", ""]


@pytest.mark.parametrize("steady", [True, False])
def test_only_the_last_driver_feeds(ada: Driver, steady: bool) -> None:
    robot = Robot(60)
    wheel, watcher = robot.wheel, Driver()
    wheel.feed(watcher)  # nobody has driven yet
    assert robot.fed == 1
    ada.steady = steady
    assert drives(robot, ada)
    wheel.feed(watcher)
    assert robot.fed == 1
    wheel.feed(ada)
    assert robot.fed == 2
    assert wheel.steady == steady
