"""The library on this computer, with a fake stream and the sanitizers: no input breaks it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import build

HERE = Path(__file__).parent

#: Bounded, so that it costs seconds; found faults become tests of their own.
LINES = 20_000


def test_two_ports_do_not_disturb_each_other() -> None:
    program = build.host_program(HERE / "host" / "ports.cpp")
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_comes_each_line_gets_one_answer_and_memory_stays_sound(seed: int) -> None:
    program = build.host_program(HERE / "host" / "fuzz.cpp")
    done = subprocess.run(
        [program, str(seed), str(LINES)], capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
