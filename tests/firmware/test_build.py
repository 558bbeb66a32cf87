"""Every example builds for every AVR board without a warning, and leaves room for the maker's own code."""

from __future__ import annotations

import pytest
from conftest import SKETCHES, find

import build

EXAMPLES = sorted(p.stem for p in build.EXAMPLES.glob("*/*.ino"))


@pytest.mark.parametrize("board", build.BOARDS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_builds_without_a_warning_and_fits(example: str, board: str) -> None:
    flash, ram = build.size(build.sketch(build.EXAMPLES / example / f"{example}.ino", board))
    assert flash < 0.6 * build.BOARDS[board].flash
    assert ram < 0.5 * build.BOARDS[board].ram


@pytest.mark.parametrize("board", build.BOARDS)
@pytest.mark.parametrize("sketch", sorted(p.stem for p in SKETCHES.glob("*/*.ino")))
def test_every_kind_of_entry_and_an_old_sketch_build_without_a_warning(
    sketch: str, board: str
) -> None:
    assert build.sketch(find(sketch), board).exists()
