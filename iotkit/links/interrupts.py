"""Ctrl-C: that it always ends a wait, and is put off while something has to be done whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

try:  # the bare ones: signal's own wrap numbers and handlers into enums, which takes far longer
    from _signal import getsignal  # type: ignore[import-not-found]
    from _signal import signal as handle_signal
except ImportError:
    from signal import getsignal
    from signal import signal as handle_signal

# Seconds: no wait of the main thread is longer at a time. A signal that comes just before it would
# not end it; on Windows, none would.
BLINK = 0.2

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
            before = getsignal(_SIGINT)
            if callable(before):
                self._before = before
                handle_signal(_SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            handle_signal(_SIGINT, self._before)
            if self.noted:
                self._before(*self.noted)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = number, frame
