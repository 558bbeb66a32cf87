"""Stop what was driven from a shell, when its program is interrupted or somebody says so."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

from .. import opened
from ..device import Device, link_of
from ..links.halting import Halting

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# Seconds for which an interrupt waits for `stop` to be sent. It may have come while this very
# thread was sending something, which holds that up until the interrupt is through.
SEND_LIMIT = 0.2
ANSWER_LIMIT = 5.0  # seconds for a device to say that it stopped
LULL = 2.0  # seconds of rest after which a cell can't have been waiting for its turn


class Stopping:
    """While it is on, an interrupt stops what was driven; a new cell may drive again.

    A cell that was waiting for its turn when somebody pressed Stop may not.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._before: Any = None  # the handler of interrupts that was there
        self._idle_since = time.monotonic()

    def start(self) -> None:
        """Begin."""
        self._shell.events.register("pre_run_cell", self._cell_begins)
        self._shell.events.register("post_run_cell", self._cell_ended)

    def stop(self) -> None:
        """End; what was stopped may be driven again."""
        self._shell.events.unregister("pre_run_cell", self._cell_begins)
        self._shell.events.unregister("post_run_cell", self._cell_ended)
        self._restore()
        _release(opened.devices())

    def _cell_begins(self, _: object = None) -> None:
        rested = time.monotonic() - self._idle_since > LULL
        asked_at = self._asked_at()
        _release(
            device for device in opened.devices() if rested or link_of(device).hold.since < asked_at
        )
        # For each cell anew: a kernel sets its own each time.
        before = signal.getsignal(signal.SIGINT)
        if _in_main_thread() and callable(before) and before != self._interrupted:
            self._before = before
            signal.signal(signal.SIGINT, self._interrupted)

    def _cell_ended(self, _: object = None) -> None:
        self._idle_since = time.monotonic()
        self._restore()

    def _restore(self) -> None:
        if _in_main_thread() and signal.getsignal(signal.SIGINT) == self._interrupted:
            signal.signal(signal.SIGINT, self._before)

    def _asked_at(self) -> float:
        """Return when the user asked for the cell, by their computer's clock, as far as known."""
        try:
            asked = self._shell.get_parent()["header"]["date"]  # type: ignore[attr-defined]
        except (AttributeError, KeyError, TypeError):
            asked = None  # no notebook: nothing waits for its turn
        return asked.timestamp() if isinstance(asked, datetime) else time.time()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        """Stop what was driven, then do what an interrupt did before.

        This runs in the midst of anything, in a thread that may hold any lock: another one has
        to do the work, and may have to wait until this one is through.
        """
        sent: SimpleQueue[None] = SimpleQueue()
        _thread.start_new_thread(_stop_driven, (sent,))
        try:
            sent.get(timeout=SEND_LIMIT)
        except Empty:
            pass  # it goes on without us
        self._before(number, frame)


def halt(devices: Iterable[Device]) -> list[str]:
    """Stop the devices, which can be stopped; return what went wrong."""
    return Halting(map(link_of, devices)).failures(ANSWER_LIMIT)


def _stop_driven(sent: SimpleQueue[None]) -> None:
    """Stop what was driven since it was last stopped; then put something into `sent`."""
    links = [link_of(device) for device in opened.devices()]
    driven = [link for link in links if link.hold.driven and link.can_halt and not link.closed]
    Halting(driven).wait_sent(SEND_LIMIT)
    sent.put(None)


def _release(devices: Iterable[Device]) -> None:
    for device in devices:
        link_of(device).hold.end()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
