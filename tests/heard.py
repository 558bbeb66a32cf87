"""One who hears news, and keeps it for a test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from fake_devices import SOON

from iotkit.links import Change
from iotkit.links.timer import later


class Heard:
    """Give it to `follow`; `changes` is what came, `last` the last of it by name."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.times: list[float] = []
        self.threads: set[threading.Thread] = set()
        self.last: dict[str, Change] = {}
        self._changed = threading.Condition()

    def __call__(self, name: str, change: Change, at: float) -> None:
        with self._changed:
            self.changes.append(change)
            self.times.append(at)
            self.threads.add(threading.current_thread())
            self.last[name] = change
            self._changed.notify_all()

    def wait(self, ready: Callable[[list[Any]], bool]) -> list[Any]:
        """Return what has come when it is what is waited for."""
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self.changes), SOON), self.changes
            return list(self.changes)

    def wait_last(self, **values: Change) -> None:
        """Return when these are the last ones."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: all(n in self.last and self.last[n] == v for n, v in values.items()), SOON
            ), self.last


def settled() -> None:
    """Return when all that was to be done at once by the timer has been done."""
    done = threading.Event()
    later(0.0, done.set)
    assert done.wait(SOON)
