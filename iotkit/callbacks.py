"""News of a device that is handed to a function of a person's program."""

from __future__ import annotations

import inspect
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import watching
from .errors import BadValue
from .plain import printable
from .watching import Watch

if TYPE_CHECKING:
    import asyncio  # else only where it is used: it takes a while to load

QUIET = 10.0  # seconds in which the same error of a callback is shown once

_OURS = (__file__, watching.__file__)  # an error from there alone is about the news


def call(watch: Watch, callback: Callable[..., Any]) -> None:
    """Call `callback` with the value and the time of all news of `watch`, or with fewer of them.

    In a thread of its own; a coroutine function in the running event loop. What it raises is
    printed and doesn't end the news. Raises BadValue for a coroutine function where no event
    loop runs.
    """
    wanted = _wanted(callback)
    complain = _Complaints(watch.name)
    if not _is_coroutine_function(callback):
        name = f"iotkit on {watch.name}"
        threading.Thread(
            target=_serve, args=(watch, callback, wanted, complain), name=name, daemon=True
        ).start()
        return
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        watch.close()
        raise BadValue(
            "a coroutine function needs a running event loop: call on() in one, or give on() an"
            " ordinary function"
        ) from None
    task = loop.create_task(_serve_in_loop(watch, callback, wanted, complain))
    _tasks.add(task)  # a loop forgets those that nobody holds
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Task[None]] = set()


def _serve(watch: Watch, callback: Callable[..., Any], wanted: int, complain: _Complaints) -> None:
    with watch:  # whatever ends this
        while not watch.closed:
            try:
                for news in watch:
                    callback(*news[:wanted])
            except Exception as error:
                complain(error)


async def _serve_in_loop(
    watch: Watch, callback: Callable[..., Any], wanted: int, complain: _Complaints
) -> None:
    with watch:
        while not watch.closed:
            try:
                async for news in watch:
                    await callback(*news[:wanted])
            except Exception as error:
                complain(error)


def _is_coroutine_function(callback: Callable[..., Any]) -> bool:
    called = getattr(callback, "__call__", None)  # noqa: B004 - of an object that can be called
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(called)


def _wanted(callback: Callable[..., Any]) -> int:
    """Return how many of value and time `callback` takes."""
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):
        return 2
    for count in (2, 1, 0):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count
    return 2


class _Complaints:
    """Prints what goes wrong with a callback: each error once, and then now and then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = ""
        self._silent_until = 0.0
        self._more = 0

    def __call__(self, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename not in _OURS]
        said = f"{type(error).__name__}: {error}"
        which = f"{type(error).__name__} at {own[-1].filename}:{own[-1].lineno}" if own else said
        now = time.monotonic()
        if which == self._last and now < self._silent_until:
            self._more += 1
            return
        again = f" ({self._more} more times before)" if self._more else ""
        self._last, self._silent_until, self._more = which, now + QUIET, 0
        head = f"on({self._name!r}): "
        if own:  # the callback's, to be mended there
            text = "".join(["the callback failed\n", *traceback.format_list(own), said])
        else:
            text = str(error)
        lines = f"{head}{text}{again}".splitlines()
        print("\n".join(map(printable, lines)), file=sys.stderr)
