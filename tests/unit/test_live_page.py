"""The page on live devices names what there is; tests/install runs its programs."""

from __future__ import annotations

import re
from pathlib import Path

import iotkit

PAGE = (Path(__file__).parents[2] / "docs" / "live.md").read_text(encoding="utf-8")


def test_the_page_names_what_there_is() -> None:
    names = set(re.findall(r"robot\.(\w+)", PAGE))
    assert {"on", "watch", "aio", "stop"} <= names
    with iotkit.connect("sim:sumobot") as robot:
        assert names <= set(dir(robot))
