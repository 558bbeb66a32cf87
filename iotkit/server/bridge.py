"""Ask a device from the event loop, which must never wait for one."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from ..futures import failed
from ..links import Link

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

PATIENCE = 1.0  # seconds that closing waits for the thread; a port that takes no data may hold it


class Bridge:
    """Asks the device that `link` reaches, on behalf of coroutines.

    A link that may wait is asked from a thread of its own here, so it holds up only itself.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._ended: Exception | None = None
        name = f"iotkit server of {link.description.id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        if not link.never_waits:
            self._thread.start()

    async def ask(self, begin: Callable[[], Future[Result]]) -> Result:
        """Call `begin`, which asks the link, and return or raise what its future ends with."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def told(future: Future[Result]) -> None:
            try:
                loop.call_soon_threadsafe(_settle, answer, future)
            except RuntimeError:
                pass  # the loop has ended, and so has whoever asked

        def work() -> None:
            try:
                future = begin()
            except Exception as error:
                future = failed(error)
            future.add_done_callback(told)

        if self._ended is None:
            self.post(work)
        return await self.wait(answer)

    def post(self, work: Callable[[], None]) -> None:
        """Do `work`, which asks the link for something, after what has been posted before."""
        if self._link.never_waits:
            work()
        else:
            self._queue.put(work)

    async def wait(self, answer: asyncio.Future[Result]) -> Result:
        """Return or raise what `answer` ends with; raises what `end` was given if that is first."""
        if self._ended is not None:
            raise self._ended
        self._waiting.add(answer)
        try:
            return await answer
        finally:
            self._waiting.discard(answer)

    async def end(self, error: Exception) -> None:
        """End all that waits, or ever will, with `error`; return when those who wait know."""
        self._ended = error
        for answer in list(self._waiting):
            if not answer.done():
                answer.set_exception(error)
        while self._waiting:
            await asyncio.sleep(0)

    def close(self) -> None:
        """End the thread, if there is one."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        while work := self._queue.get():
            try:
                work()
            except Exception:
                _log.exception("asking %s failed", self._link.target)


def _settle(answer: asyncio.Future[Result], future: Future[Result]) -> None:
    if answer.done():
        return
    if future.cancelled():
        answer.cancel()
    elif error := future.exception():
        answer.set_exception(error)
    else:
        answer.set_result(future.result())
