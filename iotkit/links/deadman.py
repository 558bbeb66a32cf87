"""Notice that whoever drives a device has fallen silent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from .timer import cancel, later

_log = logging.getLogger(__name__)


class Deadman:
    """Calls `silent` when nobody has fed it for `seconds` after somebody did; then not until again.

    In a thread of its own, for what it does may take a while.
    """

    def __init__(self, name: str, seconds: float, silent: Callable[[], None]) -> None:
        self.seconds = seconds
        self._name, self._silent = name, silent
        self._lock = threading.Lock()
        self._fed_at = 0.0
        self._alive = False  # the time runs
        self._closed = False

    def feed(self) -> None:
        """Note that somebody is there."""
        self._fed_at = time.monotonic()
        self.begin()

    def begin(self) -> None:
        """Let the time run from now on, unless it does."""
        with self._lock:
            begins, self._alive = not (self._alive or self._closed), True
            if begins:
                self._fed_at = time.monotonic()
        if begins:
            later(self.seconds, self._check)

    def rest(self) -> None:
        """Let the time run no more, until somebody feeds it again."""
        with self._lock:
            self._alive = False
        cancel(self._check)

    def close(self) -> None:
        """Call no more."""
        with self._lock:
            self._closed = True
        cancel(self._check)

    def _check(self) -> None:
        with self._lock:
            if self._closed or not self._alive:
                return
            left = self._fed_at + self.seconds - time.monotonic()
            self._alive = left > 0
        if left > 0:
            later(left, self._check)
        else:
            name = f"iotkit deadman {self._name}"
            threading.Thread(target=self._call, name=name, daemon=True).start()

    def _call(self) -> None:
        try:
            self._silent()
        except Exception:
            _log.exception("what %s does in silence failed", self._name)
