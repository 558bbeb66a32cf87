"""Stop several devices at once."""

from __future__ import annotations

import _thread
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from queue import Empty, SimpleQueue
from typing import Any

from . import Link


class Halting:
    """Devices that are being stopped, by Link.halt; `since` is as there.

    Each in a thread of its own, so that a port which takes no data holds up only itself. Neither
    beginning this nor waiting for it takes a lock: that may be done where any is held.
    """

    def __init__(self, links: Iterable[Link], since: float = 0.0) -> None:
        self._sent: SimpleQueue[None] = SimpleQueue()
        self._answers: list[tuple[Link, Future[Any]]] = [(link, Future()) for link in links]
        for link, answer in self._answers:
            _thread.start_new_thread(self._halt, (link, since, answer))

    def wait_sent(self, limit: float) -> bool:
        """Wait until all have been sent their `stop`, but at most so many seconds; whether so."""
        end = time.monotonic() + limit
        try:
            for _ in self._answers:
                self._sent.get(timeout=max(end - time.monotonic(), 0))
        except Empty:
            return False
        return True

    def failures(self, limit: float) -> list[str]:
        """Wait for the answers, at most so many seconds; return what went wrong, in words."""
        wait([answer for _, answer in self._answers], limit)
        found = []
        for link, answer in self._answers:
            if not answer.done():
                found.append(f"{link.description.name} did not answer within {limit:g} s")
            elif error := answer.exception():
                found.append(str(error))
        return found

    def _halt(self, link: Link, since: float, answer: Future[Any]) -> None:
        try:
            halted = link.halt(since)
        except BaseException as error:  # who waits is told, whatever it is
            answer.set_exception(error)
        else:
            halted.add_done_callback(lambda halted: _pass_on(halted, answer))
        self._sent.put(None)


def _pass_on(halted: Future[Any], answer: Future[Any]) -> None:
    if error := halted.exception():
        answer.set_exception(error)
    else:
        answer.set_result(halted.result())
