"""Tell all who follow a device's attributes and events, each at their own pace.

A link has one Newsroom. What it hears goes in by `tell`; who wants to know asks by `follow`. The
device itself is asked once for each name, however many follow it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..errors import DeviceDisconnected, DeviceLost, IotkitError
from ..types import Value
from .states import States
from .timer import cancel, later

Change = Value | None | IotkitError  # a value; None for an event without one; or why there is none
Heard = Callable[[str, Change, float], None]  # name, change, and when it came (seconds, epoch)

EARLY = 0.1  # part of a period by which news may be early, so that two alike clocks don't collide
MAX_WAITING = 10_000  # news that wait for one who is slow to hear; beyond, the oldest go

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where a newsroom has its news from: a link.

    It must not wait for the device; what it tells while it is called, it tells `soon`.
    """

    def begin(self, name: str, period: float) -> None:
        """Tell of the attribute at once and then at each change, at most once in `period` seconds.

        Called again when the period changes.
        """

    def end(self, name: str) -> None:
        """Tell of the attribute no more."""

    def refresh(self, name: str) -> None:
        """Tell of the attribute now."""


class Following:
    """One who follows; `close()` ends it.

    News comes from several threads. One of them at a time calls `heard`, with no lock held, and
    takes along what the others have brought meanwhile: so `heard` may follow and close, and what
    it does may bring news.
    """

    def __init__(self, room: Newsroom, name: str, heard: Heard, period: float) -> None:
        self.name, self.period = name, period
        self._room: Newsroom | None = room
        self._heard = heard
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Change, float]] = deque(maxlen=MAX_WAITING)
        self._calling = False  # somebody calls `heard` just now
        self._told: list[Change] = []  # the last one, if any
        self._told_at = -math.inf
        self._last = 0  # the number of the last news that came
        self._newest: tuple[Change, float] | None = None  # what waits for its time
        self._over = False

    def close(self) -> None:
        """Hear no more, from any thread; a second time does nothing. A call may still end."""
        room, self._room = self._room, None
        if room is not None:
            room.leave(self)
        cancel(self._due)

    def refresh(self) -> None:
        """Have the attribute told of again, whether it changes or not."""
        if self._room is not None:
            self._room.refresh(self.name)

    def tell(self, number: int, change: Change, at: float, *, soon: bool = False) -> None:
        """Pass on what an attribute is, now or in time; older news than the last is dropped.

        If only `soon`, `heard` is called by the timer: it may need what the caller has locked.
        """
        with self._lock:
            if number <= self._last or self._over:
                return
            self._last = number
            now = time.monotonic()
            left = self._told_at + self.period - now
            if self._newest is None and left <= self.period * EARLY:
                self._take((change, at), now)
                left = 0.0
            else:
                left = 0.0 if self._newest else left  # it is in the timer already
                self._newest = change, at
        if left:
            later(left, self._due)
        self._pass_on(soon=soon)

    def tell_event(self, change: Change, at: float, *, soon: bool = False) -> None:
        """Pass on what an event brought, at once; see `tell` for `soon`."""
        with self._lock:
            if not self._over:
                self._waiting.append((change, at))
        self._pass_on(soon=soon)

    def end(self, reason: IotkitError, *, soon: bool = False) -> None:
        """Pass on what still waits, and why there will be nothing more."""
        with self._lock:
            if self._newest is not None:
                self._take(self._newest, 0.0)
            self._over = True
            self._waiting.append((reason, time.time()))
        cancel(self._due)
        self._pass_on(soon=soon)

    def forget(self) -> None:
        """Take the next news for new even if it is the same, and pass it on at once."""
        with self._lock:
            self._told, self._told_at = [], -math.inf

    def _due(self) -> None:
        with self._lock:
            if self._newest is not None:
                self._take(self._newest, time.monotonic())
        self._pass_on()

    def _take(self, news: tuple[Change, float], now: float) -> None:
        """Let this be passed on; called with the lock."""
        self._newest = None
        if self._told and same(self._told[0], news[0]):
            return
        self._told, self._told_at = [news[0]], now
        if self.period:
            self._waiting.clear()  # whoever has a pace wants the newest
        self._waiting.append(news)

    def _pass_on(self, *, soon: bool = False) -> None:
        if soon:
            later(0.0, self._pass_on)
            return
        with self._lock:
            if self._calling:
                return
            self._calling = True
        try:
            while (news := self._next()) is not None:
                try:
                    self._heard(self.name, *news)
                except Exception:
                    _log.exception("who follows %s failed", self.name)
        except BaseException:  # an interrupt, in whatever thread this is
            self._calling = False
            raise

    def _next(self) -> tuple[Change, float] | None:
        with self._lock:
            if self._room is not None and self._waiting:
                return self._waiting.popleft()
            self._calling = False
            return None


class Newsroom:
    """The news of one device: who follows what, what was told last, and how it stands with it."""

    def __init__(self, source: Source, states: States | None = None) -> None:
        self.states = states or States()
        self._source = source
        self._lock = threading.Lock()
        self._turn = threading.RLock()  # who may speak with the source
        self._following: dict[str, tuple[Following, ...]] = {}
        self._asked: dict[str, float] = {}  # the period that the source knows
        self._latest: dict[str, tuple[int, Change, float]] = {}
        self._numbers: dict[str, int] = {}  # of each attribute's last news
        self._events: set[str] = set()
        self._number = 0
        self._away: IotkitError | None = None  # why nothing can be known just now
        self._gone: IotkitError | None = None

    def follow(self, name: str, heard: Heard, period: float, *, event: bool) -> Following:
        """Begin to tell `heard` of `name`; see Link.follow."""
        following = Following(self, name, heard, period)
        with self._lock:
            gone, away, latest = self._gone, self._away, self._latest.get(name)
            if gone is None:
                self._following[name] = (*self._following.get(name, ()), following)
                if event:
                    self._events.add(name)
        if gone is not None:
            following.end(gone, soon=True)
            return following
        if away is not None:
            following.tell_event(away, time.time(), soon=True)
        elif latest is not None:
            following.tell(*latest, soon=True)
        self._ask(name)
        return following

    def leave(self, following: Following) -> None:
        """Tell it no more."""
        name = following.name
        with self._lock:
            followed = self._following.get(name, ())
            others = tuple(one for one in followed if one is not following)
            if others:
                self._following[name] = others
            else:
                self._following.pop(name, None)
                self._latest.pop(name, None)
                self._numbers.pop(name, None)
        self._ask(name)

    def follows(self, name: str) -> bool:
        """Whether anybody follows `name`."""
        return name in self._following

    def mark(self) -> int:
        """Return a number for what is about to be read: all that is told later has a higher one."""
        with self._lock:
            self._number += 1
            return self._number

    def tell(
        self,
        name: str,
        change: Change,
        at: float | None = None,
        mark: int = 0,
        *,
        soon: bool = False,
    ) -> bool:
        """Tell all who follow `name`, from any thread; of an attribute only what has changed.

        What was read has the `mark` from before its reading: if something newer has been told
        meanwhile, it is dropped. Return whether it was told. See Following.tell for `soon`.
        """
        if name not in self._following:
            return False
        at = time.time() if at is None else at
        with self._lock:
            following = self._following.get(name, ())
            event = name in self._events
            if not event and not (mark := self._is_new(name, change, at, mark)):
                return False
        for one in following:
            if event:
                one.tell_event(change, at)
            else:
                one.tell(mark, change, at, soon=soon)
        return True

    def _is_new(self, name: str, change: Change, at: float, mark: int) -> int:
        """Return the number of news of an attribute, or 0 where it is none."""
        if not mark:
            mark = self._number = self._number + 1
        latest, last = self._latest.get(name), self._numbers.get(name, 0)
        if mark <= last or name not in self._following:
            return 0
        self._numbers[name] = mark
        if latest is not None and same(latest[1], change):
            self._latest[name] = (mark, *latest[1:])
            return 0
        self._latest[name] = mark, change, at
        return mark

    def attributes(self) -> list[str]:
        """Return the attributes that anybody follows."""
        with self._lock:
            return [name for name in self._following if name not in self._events]

    def refresh(self, name: str) -> None:
        """Have the attribute told of again, whether it changes or not."""
        with self._lock:
            self._latest.pop(name, None)
            following = self._following.get(name, ())
        for one in following:
            one.forget()
        self._source.refresh(name)

    def renew(self) -> None:
        """Ask the source for everything again: the device has forgotten what it was asked."""
        with self._turn:
            for name, period in list(self._asked.items()):
                self._source.begin(name, period)

    def lose(self, reason: IotkitError) -> None:
        """Tell all, now and later, that nothing can be known of the device, until `resume`."""
        with self._lock:
            self._away = reason
            names = list(self._following)
        for name in names:
            self.tell(name, reason)

    def resume(self) -> None:
        """Tell of everything anew: the device is back."""
        with self._lock:
            self._away = None
            self._latest.clear()
        self.renew()

    def close(self, reason: IotkitError) -> None:
        """Tell all that the device is gone, and nothing after that; a second time does nothing."""
        with self._lock:
            if self._gone is not None:
                return
            self._gone = reason
        self.states.become("closed", str(reason))
        with self._lock:
            followed, self._following = self._following, {}
        for following in followed.values():
            for one in following:
                one.end(reason)

    def _ask(self, name: str) -> None:
        """Have the source tell of `name` as often as those who follow it now wish."""
        with self._turn:
            with self._lock:
                if name in self._events or self._gone is not None:
                    return
                wished = [one.period for one in self._following.get(name, ())]
            if not wished:
                if self._asked.pop(name, None) is not None:
                    self._source.end(name)
            elif self._asked.get(name) != min(wished):
                self._asked[name] = min(wished)
                self._source.begin(name, min(wished))


def gone(target: str) -> DeviceDisconnected:
    """Return what those who follow a device hear last."""
    return DeviceDisconnected(f"{target} is closed: connect to it again")


def is_last(change: Change) -> bool:
    """Whether nothing more will come after `change`: the device is gone for good."""
    return isinstance(change, DeviceDisconnected) and not isinstance(change, DeviceLost)


def same(one: Change, other: Change) -> bool:
    """Whether two changes say the same."""
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is type(other) and str(one) == str(other)
    return one == other and type(one) is type(other)
