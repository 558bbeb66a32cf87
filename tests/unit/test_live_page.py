"""The page on live devices shows programs: they run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import iotkit
from iotkit import sim
from iotkit.sim.sumobot import Sumobot

PAGE = (Path(__file__).parents[2] / "docs" / "live.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def robot() -> Iterator[iotkit.Device]:
    """A simulated robot near a wall, which drives on the table ten times as fast as others."""
    with iotkit.connect(Sumobot(clock=lambda: 10 * time.monotonic())) as robot:
        robot.drive(50, 50)
        yield robot


@pytest.mark.parametrize("program", PROGRAMS, ids=[p.strip().partition("\n")[0] for p in PROGRAMS])
def test_what_the_page_shows_runs(program: str, robot: iotkit.Device) -> None:
    exec(program, {"robot": robot, "iotkit": iotkit})


def test_the_page_names_what_there_is(robot: iotkit.Device) -> None:
    assert len(PROGRAMS) == 4
    assert "sumobot" in sim.DEVICES
    for name in re.findall(r"robot\.(\w+)", PAGE):
        assert name in dir(robot), name
