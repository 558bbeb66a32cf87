"""Do something a little later: one thread for all, which ends when nothing is left to do."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

LONGEST_WAIT = 3600.0  # seconds at a time; there is a longest time that Python can wait

_changed = threading.Condition()
_waiting: list[tuple[float, int, Callable[[], None]]] = []
_numbers = itertools.count()  # of two for the same moment, the first goes first
_thread: threading.Thread | None = None

_log = logging.getLogger(__name__)


def later(seconds: float, work: Callable[[], None]) -> None:
    """Call `work`, which must be quick, in so many seconds, in the timer's thread."""
    global _thread
    with _changed:
        heapq.heappush(_waiting, (time.monotonic() + seconds, next(_numbers), work))
        if _thread is None:
            _thread = threading.Thread(target=_run, name="iotkit timer", daemon=True)
            _thread.start()
        elif _waiting[0][2] is work:
            _changed.notify()


def cancel(work: Callable[[], None]) -> None:
    """Don't call `work` any more; one that is not waiting does no harm."""
    with _changed:
        left = [entry for entry in _waiting if entry[2] != work]
        if len(left) < len(_waiting):
            _waiting[:] = left
            heapq.heapify(_waiting)
            _changed.notify()


def _run() -> None:
    global _thread
    while True:
        with _changed:
            while _waiting and (left := _waiting[0][0] - time.monotonic()) > 0:
                _changed.wait(min(left, LONGEST_WAIT))
            if not _waiting:
                _thread = None
                return
            work = heapq.heappop(_waiting)[2]
        try:
            work()
        except Exception:
            _log.exception("what was to be done later failed")
