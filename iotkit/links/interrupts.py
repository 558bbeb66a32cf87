"""Put off Ctrl-C while something has to be done whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

# The bare ones: signal's own wrap each number and handler into an enum, which takes longer than
# all the rest.
_get: Callable[..., Any] = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
_set: Callable[..., Any] = getattr(signal.signal, "__wrapped__", signal.signal)
_SIGINT = int(signal.SIGINT)


class Deferred:
    """While it lasts, Ctrl-C is noted, and does what it does only at the end.

    It reaches the main thread alone; in any other, this does nothing.
    """

    def __init__(self) -> None:
        self.noted: tuple[int, FrameType | None] | None = None
        self._before: Any = None

    def __enter__(self) -> Deferred:
        if threading.current_thread() is threading.main_thread():
            before = _get(_SIGINT)
            if callable(before):
                self._before = before
                _set(_SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            _set(_SIGINT, self._before)
            if self.noted:
                self._before(*self.noted)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = number, frame
