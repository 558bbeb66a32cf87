"""Which devices this process has open: each from `connect` until its `close`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .device import Device

_lock = threading.Lock()
_devices: list[Device] = []
_watchers: list[Callable[[], None]] = []


class Subscription:
    """What `watch` returns; `close()` ends it."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def close(self) -> None:
        """Have the callback called no more; a second time does nothing."""
        with _lock:
            if self._callback in _watchers:
                _watchers.remove(self._callback)


def devices() -> list[Device]:
    """Return the open devices, in the order of their opening."""
    with _lock:
        return list(_devices)


def watch(callback: Callable[[], None]) -> Subscription:
    """Call `callback` after each change of `devices()`, in the thread that made it."""
    with _lock:
        _watchers.append(callback)
    return Subscription(callback)


def add(device: Device) -> None:
    """Note that `device` is open."""
    with _lock:
        _devices.append(device)
    _tell()


def remove(device: Device) -> None:
    """Note that `device` is closed; one that was not open does no harm."""
    with _lock:
        known = [other for other in _devices if other is device]
        for other in known:
            _devices.remove(other)
    if known:
        _tell()


def _tell() -> None:
    with _lock:
        watchers = list(_watchers)
    for watcher in watchers:
        watcher()
