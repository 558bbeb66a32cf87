"""Fixtures of the firmware tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "arduino" / "extras" / "simulator")]

import build
from board import Board, LiveBoard

#: Where a whole test may hang: a build on a slow machine takes most of it.
TEST_TIMEOUT = 120

SKETCHES = Path(__file__).parent / "sketches"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.firmware)
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT))


def find(sketch: str) -> Path:
    """The sketch of this name, an example or one of the tests' own."""
    own = SKETCHES / sketch / f"{sketch}.ino"
    return own if own.exists() else build.EXAMPLES / sketch / f"{sketch}.ino"


@pytest.fixture(scope="session")
def simulator() -> Path:
    """The simulated board's program."""
    return build.simulator()


@pytest.fixture
def boot(simulator: Path) -> Iterator[Callable[..., Board]]:
    """Switch on a simulated Uno with a sketch."""
    boards: list[Board] = []

    def boot(sketch: str, *, eeprom: Path | None = None) -> Board:
        boards.append(Board(simulator, build.sketch(find(sketch)), eeprom=eeprom))
        return boards[-1]

    yield boot
    for board in boards:
        board.close()


@pytest.fixture
def testhost(boot: Callable[..., Board]) -> Board:
    """The example TestHost on a simulated Uno that has just started."""
    return boot("TestHost")


@pytest.fixture
def robot(boot: Callable[..., Board]) -> Board:
    """The tests' own robot, which has everything that TestHost hasn't."""
    return boot("Robot")


@pytest.fixture
def live(simulator: Path) -> Iterator[Callable[[str], LiveBoard]]:
    """Switch on a simulated Uno on a pty, in real time."""
    boards: list[LiveBoard] = []

    def live(sketch: str) -> LiveBoard:
        boards.append(LiveBoard(simulator, build.sketch(find(sketch))))
        return boards[-1]

    yield live
    for board in boards:
        board.close()
