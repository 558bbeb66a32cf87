"""Measure two ways of doing the same thing in turn, and print how they compare."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 9


@dataclass
class Row:
    """One comparison: the medians in seconds, and the goal in words."""

    what: str
    ours: float
    plain: float
    goal: str

    def __str__(self) -> str:
        return (
            f"{self.what:<58} {_time(self.ours):>9} {_time(self.plain):>9}"
            f" {self.ours / self.plain:>7.2f}  {self.goal}"
        )


HEADING = f"{'':<58} {'iotkit':>9} {'plain':>9} {'ratio':>7}  goal"


def per_call(work: Callable[[], object], calls: int) -> float:
    """Return the seconds that a call of `work` takes, on average over `calls`."""
    begin = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - begin) / calls


def in_turn(ours: Callable[[], float], plain: Callable[[], float]) -> tuple[float, float]:
    """Return the medians of what both measure, after a round that doesn't count."""
    ours(), plain()
    pairs = [(ours(), plain()) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds > 1e-2 else f"{seconds * 1e6:.0f} µs"
