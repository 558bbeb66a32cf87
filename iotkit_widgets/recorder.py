"""The record button of a panel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from weakref import WeakKeyDictionary

from iotkit.device import Device
from iotkit.recordings.recorder import Log, record


class Recorder:
    """What the record buttons of one device do, in whatever panel: one recording at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log: Log | None = None

    def condition(self) -> dict[str, Any]:
        """Return how it stands, for JSON: whether it records, to which file, what went wrong."""
        log = self._log
        if log is None:
            return {}
        return {"on": log.running, "file": str(log.path), "error": str(log.error or "")}

    def turn(self, device: Device, on: bool, changed: Callable[[], None]) -> Future[None]:
        """Begin to record, or end it; `changed` is called when `condition` has changed."""
        done: Future[None] = Future()
        # In a thread of its own, which can wait for the disk.
        work = threading.Thread(target=self._turn, args=(device, on, changed, done), daemon=True)
        work.start()
        return done

    def _turn(
        self, device: Device, on: bool, changed: Callable[[], None], done: Future[None]
    ) -> None:
        begun = None
        try:
            with self._lock:
                running = self._log is not None and self._log.running
                if on and not running:
                    begun = self._log = record(device)
                elif not on and self._log is not None:
                    self._log.stop()
        except Exception as error:  # whatever it is, the button waits for a word
            done.set_exception(error)
        else:
            done.set_result(None)
        changed()
        if begun is not None:
            begun.wait()
            changed()


def recorder_of(device: Device) -> Recorder:
    """Return the recorder of a device."""
    with _lock:
        return _recorders.setdefault(device, Recorder())


_lock = threading.Lock()
_recorders: WeakKeyDictionary[Device, Recorder] = WeakKeyDictionary()
