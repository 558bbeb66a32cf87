"""News of a device that a person's program waits for."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterator
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from .closing import Closing
from .description import Attribute
from .errors import BadValue, IotkitError
from .links import Change, Link, State, is_last
from .links.interrupts import BLINK
from .values import reading

if TYPE_CHECKING:
    import asyncio  # else only where it is used: it takes a while to load

EVENTS_KEPT = STATES_KEPT = 100  # of those that a program hasn't taken yet


class News(NamedTuple):
    """What an attribute has become, or what an event brought: `value, time`.

    `value` is None for an event without one. `time` is when it came to this computer, in seconds
    since the epoch.
    """

    value: Any
    time: float


class Watch(Closing, Iterator[News], AsyncIterator[News]):
    """The news of one attribute or event, until `close()`, the end of a `with`, or its own.

        for distance, time in robot.watch("distance"):
            …

    `for` and `async for` wait for the next one. `keep` is how many wait for a slow program at
    most: without it, the newest value of an attribute, and 100 events. Older ones give way, and
    `dropped` counts them. Iteration raises what has become of a value that isn't
    known (DeviceTimeout, DeviceError, or DeviceLost for a device that is away and comes back by
    itself; it goes on after that), and DeviceDisconnected when the device is gone.
    """

    def __init__(self, link: Link, name: str, every: float = 0.0, keep: int | None = None) -> None:
        """Begin; raises BadValue for an `every` below 0 or a `keep` below 1."""
        if not isinstance(every, int | float) or not 0 <= every < math.inf:
            raise BadValue(f"every={every!r} is no time: write seconds, such as every=0.5")
        if keep is None:
            keep = 1 if name in link.description.attributes else EVENTS_KEPT
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise BadValue(f"keep={keep!r} is no number of values: 1 or more can be kept")
        self._begin(link, name, keep)
        self._following: _Ending = link.follow(name, self._inbox.put, every)
        self._end_if_forgotten()

    def _begin(self, link: Link, name: str, keep: int) -> None:
        self.name = name
        self._target = link.description.id
        self._attribute = link.description.attributes.get(name)
        self._inbox = _Inbox(keep)

    def _end_if_forgotten(self) -> None:
        # Whoever forgets to close it: what is followed knows the inbox alone.
        self._forgotten = weakref.finalize(self, _end, self._following)
        self._forgotten.atexit = False

    @property
    def dropped(self) -> int:
        """How many news were replaced by newer ones before anybody took them."""
        return self._inbox.dropped

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._inbox.closed

    def close(self) -> None:
        """End it, from any thread; whoever waits for the next one comes to the end."""
        self._forgotten.detach()
        self._following.close()
        self._inbox.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> News:
        taken = self._inbox.take()
        if taken is None:
            raise StopIteration
        return self._news(*taken)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> News:
        taken = await self._inbox.wait()
        if taken is None:
            raise StopAsyncIteration
        return self._news(*taken)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<news of {self.name} of {self._target}, {state}, {self.dropped} dropped>"

    def _news(self, change: Change, at: float) -> News:
        if isinstance(change, IotkitError):
            raise copy(change)  # many may raise it, and each adds a traceback to it
        return News(_known(change, self._attribute, at), at)


class StateWatch(Watch):
    """What becomes of a link: its states, until it is closed."""

    def __init__(self, link: Link) -> None:
        """Begin."""
        self._begin(link, "state", STATES_KEPT)
        self._attribute = None  # a device may have one of that name
        self._following = _States(link, self._inbox)
        self._end_if_forgotten()


class _Ending(Protocol):
    """Something that can be ended."""

    def close(self) -> None:
        """End it."""


class _States:
    """Puts the states of a link into an inbox until `close`."""

    def __init__(self, link: Link, inbox: _Inbox) -> None:
        self._inbox = inbox
        self.close = link.newsroom.states.watch(self._changed)
        if link.closed:
            inbox.finish()

    def _changed(self, state: State) -> None:
        self._inbox.put("state", state, time.time())
        if state == "closed":
            self._inbox.finish()


def _end(following: _Ending) -> None:
    """End it in a thread of its own.

    Python finds what was forgotten wherever a thread happens to be: perhaps with a lock in its
    hands that `close` needs.
    """
    threading.Thread(target=following.close, name="iotkit end of watch", daemon=True).start()


class _Inbox:
    """The news that nobody has taken yet, for one consumer, in a thread or a coroutine."""

    def __init__(self, keep: int) -> None:
        self.dropped = 0
        self.closed = False
        self._waiting: deque[tuple[Change, float]] = deque(maxlen=keep)
        self._changed = threading.Condition()
        self._waker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._gone: tuple[Change, float] | None = None  # nothing can replace it
        self._finished = False

    def put(self, name: str, change: Change, at: float) -> None:  # noqa: ARG002 - see Heard
        with self._changed:
            if is_last(change):
                self._gone = change, at
            else:
                self.dropped += len(self._waiting) == self._waiting.maxlen
                self._waiting.append((change, at))
            self._wake()

    def finish(self) -> None:
        """Close it as soon as everything has been taken."""
        with self._changed:
            self._finished = True
            self._wake()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._wake()

    def take(self) -> tuple[Change, float] | None:
        """Wait for the next one and return it; None at the end."""
        with self._changed:
            while not self._ready():
                self._changed.wait(BLINK)
            return self._next()

    async def wait(self) -> tuple[Change, float] | None:
        """Do the same in a coroutine."""
        import asyncio

        loop = asyncio.get_running_loop()
        with self._changed:
            if self._waker is None or self._waker[0] is not loop:
                self._waker = loop, asyncio.Event()
            woken = self._waker[1]
        while True:
            woken.clear()
            with self._changed:
                if self._ready():
                    return self._next()
            await woken.wait()

    def _ready(self) -> bool:
        return bool(self._waiting or self._gone or self._finished or self.closed)

    def _next(self) -> tuple[Change, float] | None:
        if self.closed:
            return None
        if self._waiting:
            return self._waiting.popleft()
        self.closed = True  # it is said once
        return self._gone

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._waker is not None:
            loop, woken = self._waker
            try:
                loop.call_soon_threadsafe(woken.set)
            except RuntimeError:
                pass  # the loop has ended, and so has whoever waited


def _known(change: Any, attribute: Attribute | None, at: float) -> Any:
    if attribute is None or change is None:
        return change
    return reading(change, attribute, at)
