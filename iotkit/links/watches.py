"""What a device of version 2 is asked to tell of by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..errors import DeviceError, ProtocolError

Ask = Callable[[str, int], Future[str]]  # the name, and milliseconds between two news; 0 ends it


class Watches:
    """One `watch` at a time is out for an attribute, so that the last wish is what counts.

    Whoever follows and ends that many times in a row costs the line no more than it can carry.
    `refused` is called with the name of an attribute that the device has no room to watch.
    """

    def __init__(self, ask: Ask, refused: Callable[[str], None]) -> None:
        self._ask, self._refused = ask, refused
        self._lock = threading.Lock()
        self._wished: dict[str, int] = {}
        self._out: dict[str, int] = {}  # what was asked and is not answered yet

    def begin(self, name: str, milliseconds: int) -> None:
        """Have the attribute told of, at most once in so many milliseconds."""
        self._wish(name, milliseconds)

    def end(self, name: str) -> None:
        """Have it told of no more."""
        self._wish(name, 0)

    def again(self, name: str) -> None:
        """Ask once more for what is wished: it seems that the device has missed or forgotten it."""
        self._wish(name, None)

    def _wish(self, name: str, milliseconds: int | None) -> None:
        with self._lock:
            milliseconds = self._wished.get(name) if milliseconds is None else milliseconds
            if milliseconds is None:
                return
            self._wished[name] = milliseconds
            if name in self._out:
                return  # its answer comes first
            self._out[name] = milliseconds
        self._send(name, milliseconds)

    def _send(self, name: str, milliseconds: int) -> None:
        asked = self._ask(name, milliseconds)
        asked.add_done_callback(lambda done: self._answered(name, done))

    def _answered(self, name: str, done: Future[str]) -> None:
        with self._lock:
            asked, wished = self._out.pop(name), self._wished.get(name, 0)
            if wished != asked:
                self._out[name] = wished
            elif not wished:
                self._wished.pop(name, None)
        if wished != asked:
            self._send(name, wished)
            return
        error = done.exception()
        if isinstance(error, DeviceError) and not isinstance(error, ProtocolError) and wished:
            with self._lock:
                self._wished.pop(name, None)
            self._refused(name)
