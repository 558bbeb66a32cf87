"""Connect to devices on behalf of the shelf, beside its own work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor

from iotkit import opened
from iotkit.device import Device, link_of
from iotkit.plain import plain

WORKERS = 4  # devices connected to at once; one that doesn't answer takes seconds


class Connector:
    """Knows, for each target, whether it is being connected to, and why it could not be.

    `changed` is called, from a thread, when an attempt has ended.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._pool = ThreadPoolExecutor(WORKERS, "iotkit shelf")
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._errors: dict[str, str] = {}
        self._own: dict[str, Device] = {}
        self._closed = False

    def start(self, target: str, connect: Callable[[], Device]) -> None:
        """Connect to `target` by calling `connect` in a thread, unless that is going on."""
        with self._lock:
            if self._closed or target in self._busy:
                return
            self._busy.add(target)
            self._errors.pop(target, None)
            self._pool.submit(self._run, target, connect)

    def busy(self, target: str) -> bool:
        """Return whether `target` is being connected to."""
        with self._lock:
            return target in self._busy

    def error(self, target: str) -> str:
        """Return why `target` could not be connected to; empty where it wasn't tried or could."""
        with self._lock:
            return self._errors.get(target, "")

    def keep(self, targets: Container[str]) -> None:
        """Forget what was of other targets than these, and what has been closed."""
        with self._lock:
            self._errors = {t: error for t, error in self._errors.items() if t in targets}
            gone = {t: d for t, d in self._own.items() if t not in targets or link_of(d).closed}
            self._own = {t: d for t, d in self._own.items() if t not in gone}
        for device in gone.values():
            device.close()

    def close(self) -> None:
        """Let go of all devices that this has connected to."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.keep(())

    def _run(self, target: str, connect: Callable[[], Device]) -> None:
        before = opened.devices()
        error, device = "", None
        try:
            device = connect()
        except Exception as problem:  # whatever it is, a person is told
            error = plain(str(problem))
        if any(device is other for other in before):
            device = None  # somebody else's to close
        with self._lock:
            self._busy.discard(target)
            if error:
                self._errors[target] = error
            if device and not self._closed:
                self._own[target], device = device, None
        if device:
            device.close()
        self._changed()
