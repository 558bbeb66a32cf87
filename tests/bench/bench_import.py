"""`import iotkit` beside a bare python."""

from __future__ import annotations

import subprocess
import sys
import time

from compare import Row, in_turn


def _seconds(program: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - begin


def rows() -> list[Row]:
    """Measure whole processes."""
    ours, plain = in_turn(lambda: _seconds("import iotkit"), lambda: _seconds("pass"))
    difference = (ours - plain) * 1e3
    what = f"import iotkit: {difference:.0f} ms more than bare python"
    return [Row(what, ours, plain, "≤ 100 ms more")]
