"""A device is known as the same one at each start, and no two as one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import platformdirs
import pytest
from program import PATIENCE, environment

import iotkit
from iotkit import host
from iotkit.description import Description
from iotkit.device import link_of
from iotkit.links import identities
from iotkit.transports.serial import UsbBoard

HOLDER = """
import sys, iotkit
devices = [iotkit.connect("sim:sumobot") for _ in range(int(sys.argv[1]))]
print(*(iotkit.link_of(one).identify() for one in devices), flush=True)
sys.stdin.read()
"""


class Robot(host.Device):
    """A robot."""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a computer on which nothing was kept yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@contextmanager
def held(*numbers: int) -> Iterator[list[tuple[list[str], subprocess.Popen[str]]]]:
    """Have processes with so many devices, begun at once; give their identities, and themselves."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", HOLDER, str(number)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment(),
                )
            )
            for number in numbers
        ]
        answers = [process.stdout.readline().split() for process in processes if process.stdout]
        yield list(zip(answers, processes, strict=True))
        for process in processes:
            process.communicate(timeout=PATIENCE)


@contextmanager
def holding(number: int) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """Have one such process."""
    with held(number) as (one,):
        yield one


def identity(plain_id: str, *board: str, kind: int = 0x43) -> str:
    """Return the identity of a board with this number in this socket, which others may have too."""
    known, let_go = identities.claim(Description(plain_id), UsbBoard(0x2341, kind, *board))
    let_go()
    return known


def test_as_many_devices_as_last_time_have_the_same_identities() -> None:
    with holding(2) as (first, _), holding(1) as (second, _):
        assert len({*first, *second}) == 3
    with holding(1) as (one, _), holding(2) as (two, _):
        assert {*one, *two} == {*first, *second}


def test_what_a_killed_process_had_is_free_at_once_and_the_rest_is_not() -> None:
    with holding(1) as (killed, process), holding(1) as (other, _):
        process.kill()
        process.wait(PATIENCE)
        with holding(1) as (after, _):
            assert after == killed != other


def test_processes_that_start_at_once_share_none() -> None:
    with held(4, 4, 4) as processes:
        assert len({one for identities, _ in processes for one in identities}) == 12


def test_a_closed_device_leaves_its_identity_to_the_next_one() -> None:
    with iotkit.connect(Robot()) as one, iotkit.connect(Robot()) as other:
        ours = link_of(one).identify()
        assert link_of(one).identify() == ours != link_of(other).identify()
    with iotkit.connect(Robot()) as next_one:
        assert link_of(next_one).identify() == ours


def test_a_specifier_is_the_identity_and_a_device_renamed_keeps_its_own_until_it_is_closed() -> (
    None
):
    with iotkit.connect(Robot()) as robot:
        before = link_of(robot).identify()
        link_of(robot).rename("red").result(PATIENCE)
        assert link_of(robot).identify() == before
    red = Robot()
    red.specifier = "red"
    with iotkit.connect(red) as robot:
        assert link_of(robot).identify() == "robot:red"


def test_of_two_that_call_themselves_the_same_the_second_is_another_device() -> None:
    first, second = Robot(), Robot()
    first.specifier = second.specifier = "red"
    with iotkit.connect(first) as one, iotkit.connect(second) as two:
        assert link_of(one).identify() == "robot:red"
        assert link_of(two).identify().startswith("robot-")
    with iotkit.connect(second) as two:
        assert link_of(two).identify() == "robot:red"


def test_a_board_with_a_number_is_known_in_each_socket_and_on_each_computer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = identity("Robot", "85736", "1-2")
    assert here == identity("Robot", "85736", "1-3")
    assert "85736" not in here
    assert here != identity("Robot", "85737", "1-2")
    assert here != identity("Robot", "85736", "1-2", kind=0x44)
    assert here != identity("Lamp", "85736", "1-2")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert here == identity("Robot", "85736", "1-2")


@pytest.mark.parametrize("number", ["", "0001", "00000000"])
def test_a_board_without_a_number_of_its_own_is_known_by_its_socket(
    number: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = identity("Robot", number, "1-2")
    assert here == identity("Robot", number, "1-2")
    assert here != identity("Robot", number, "1-3")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert here != identity("Robot", number, "1-2")


def test_two_boards_of_one_number_are_two_devices() -> None:
    boards = [UsbBoard(0x2341, 0x43, "85736", socket) for socket in ("1-2", "1-3", "")]
    claimed = [identities.claim(Description("Robot"), board) for board in boards]
    assert len({known for known, _ in claimed}) == 3
    for _, let_go in claimed:
        let_go()


def test_what_is_kept_is_the_users_alone(state: Path) -> None:
    identity("Robot", "", "1-2")
    folder = platformdirs.user_state_path("iotkit") / "identities"
    assert folder.is_relative_to(state)
    if os.name == "posix":
        assert folder.stat().st_mode & 0o77 == 0


def test_where_nothing_can_be_kept_devices_are_told_apart_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with iotkit.connect(Robot()) as one, iotkit.connect(Robot()) as other:
        assert link_of(one).identify() != link_of(other).identify()


def test_connecting_looks_nothing_up() -> None:
    with iotkit.connect(Robot()) as robot:
        assert link_of(robot).identity == ""
        assert not (platformdirs.user_state_path("iotkit")).exists()
