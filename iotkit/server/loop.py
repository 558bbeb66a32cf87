"""The thread with the event loop in which all services of this process run.

It begins with the first service and ends with the last.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_users = 0
_running: _LoopThread | None = None


class _LoopThread(threading.Thread):
    """Runs an event loop until `end`."""

    def __init__(self) -> None:
        # Daemon: a service that nobody closed doesn't keep the interpreter from ending.
        super().__init__(name="iotkit server", daemon=True)
        # On every system the loop that can watch plain sockets, as tornado needs.
        self.loop = asyncio.SelectorEventLoop()

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(_end_tasks())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join()


def acquire() -> asyncio.AbstractEventLoop:
    """Return the running loop, for one more user."""
    global _users, _running
    with _lock:
        if _running is None:
            _running = _LoopThread()
            _running.start()
        _users += 1
        return _running.loop


def release() -> None:
    """Undo one `acquire`; with the last, return when the thread has ended."""
    global _users, _running
    with _lock:
        _users -= 1
        if _users == 0 and _running is not None:
            _running.end()
            _running = None


def run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what `work` returns in the loop's thread; the caller is another thread."""
    return asyncio.run_coroutine_threadsafe(work, loop).result()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
