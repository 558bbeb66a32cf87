"""Notice that whoever drives a device has fallen silent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from .links.timer import cancel, later

_log = logging.getLogger(__name__)


class Deadman:
    """Calls `silent` when nobody has fed it for `seconds` after somebody did; then not until again.

    In a thread of its own, for what it does may take a while.
    """

    def __init__(self, name: str, seconds: float, silent: Callable[[], None]) -> None:
        self._name, self._seconds, self._silent = name, seconds, silent
        self._lock = threading.Lock()
        self._fed_at = 0.0
        self._alive = False  # the time runs
        self._closed = False

    def feed(self) -> None:
        """Note that somebody is there."""
        self._fed_at = time.monotonic()
        with self._lock:
            begins, self._alive = not (self._alive or self._closed), True
        if begins:
            later(self._seconds, self._check)

    def close(self) -> None:
        """Call no more."""
        with self._lock:
            self._closed = True
        cancel(self._check)

    def _check(self) -> None:
        with self._lock:
            if self._closed:
                return
            left = self._fed_at + self._seconds - time.monotonic()
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
            _log.exception("on_silence() of %s failed", self._name)
