"""Tell all who follow a device's attributes and events, each at their own pace.

A link has one Newsroom. What it hears goes in by `tell`; who wants to know asks by `follow`. The
device itself is asked once for each name, however many follow it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ..errors import DeviceDisconnected, IotkitError
from ..types import Value
from .timer import cancel, later

Change = Value | None | IotkitError  # a value; None for an event without one; or why there is none
Heard = Callable[[str, Change, float], None]  # name, change, and when it came (seconds, epoch)

EARLY = 0.1  # part of a period by which news may be early, so that two alike clocks don't collide

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where a newsroom has its news from: a link. It must not wait for the device."""

    def begin(self, name: str, period: float) -> None:
        """Tell of the attribute at once and then at each change, at most once in `period` seconds.

        Called again when the period changes.
        """

    def end(self, name: str) -> None:
        """Tell of the attribute no more."""

    def refresh(self, name: str) -> None:
        """Tell of the attribute now."""


class Following:
    """One who follows; `close()` ends it."""

    def __init__(self, room: Newsroom, name: str, heard: Heard, period: float) -> None:
        self.name, self.period = name, period
        self._room: Newsroom | None = room
        self._heard = heard
        self._lock = threading.RLock()  # news come from several threads, and are told in order
        self._told: list[Change] = []  # the last one, if any
        self._told_at = -1e9
        self._last = 0  # the number of the last news that came
        self._newest: tuple[Change, float] | None = None  # what waits for its time

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

    def tell(self, number: int, change: Change, at: float, *, paced: bool) -> None:
        """Pass news on, now or when their time has come; older news than the last is dropped."""
        with self._lock:
            if number <= self._last:
                return
            self._last = number
            if paced and self._newest is not None:
                self._newest = change, at
                return
            left = self._told_at + self.period * (1 - EARLY) - time.monotonic() if paced else 0
            if left <= 0:
                self._pass_on(change, at)
                return
            self._newest = change, at
        later(left, self._due)

    def forget(self) -> None:
        """Take the next news for new even if it is the same."""
        self._told = []

    def _due(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
            if newest is not None and not (self._told and same(self._told[0], newest[0])):
                self._pass_on(*newest)

    def _pass_on(self, change: Change, at: float) -> None:
        if self._room is None:
            return
        self._told_at = time.monotonic()
        self._told = [change]
        try:
            self._heard(self.name, change, at)
        except Exception:
            _log.exception("who follows %s failed", self.name)


class Newsroom:
    """The news of one device: who follows what, and what was told last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._turn = threading.RLock()  # who may speak with the source
        self._following: dict[str, list[Following]] = {}
        self._asked: dict[str, float] = {}  # the period that the source knows
        self._latest: dict[str, tuple[int, Change, float]] = {}
        self._events: set[str] = set()
        self._number = 0
        self._gone: IotkitError | None = None

    def follow(self, name: str, heard: Heard, period: float, *, event: bool) -> Following:
        """Begin to tell `heard` of `name`; see Link.follow."""
        following = Following(self, name, heard, period)
        with self._lock:
            gone, latest = self._gone, self._latest.get(name)
            if gone is None:
                self._following.setdefault(name, []).append(following)
                if event:
                    self._events.add(name)
        if gone is not None:
            following.tell(1, gone, time.time(), paced=False)
            return following
        if latest is not None:
            following.tell(*latest, paced=False)
        self._ask(name)
        return following

    def leave(self, following: Following) -> None:
        """Tell it no more."""
        name = following.name
        with self._lock:
            others = [one for one in self._following.get(name, []) if one is not following]
            if others:
                self._following[name] = others
            else:
                self._following.pop(name, None)
                self._latest.pop(name, None)
        self._ask(name)

    def follows(self, name: str) -> bool:
        """Whether anybody follows `name`."""
        return name in self._following

    def tell(self, name: str, change: Change, at: float | None = None) -> None:
        """Tell all who follow `name`, from any thread; of an attribute only what has changed."""
        if name not in self._following:
            return
        with self._lock:
            latest = self._latest.get(name)
            event = name in self._events
            if latest is not None and not event and same(latest[1], change):
                return
            self._number += 1
            news = (self._number, change, time.time() if at is None else at)
            if not event and name in self._following:
                self._latest[name] = news
            following = self._following.get(name, ())
        for one in following:
            one.tell(*news, paced=one.period > 0 and not event)

    def tell_all(self, error: IotkitError) -> None:
        """Tell all who follow an attribute why it isn't known."""
        for name in self.attributes():
            self.tell(name, error)

    def attributes(self) -> list[str]:
        """Return the attributes that anybody follows."""
        with self._lock:
            return [name for name in self._following if name not in self._events]

    def refresh(self, name: str) -> None:
        """Have the attribute told of again, whether it changes or not."""
        with self._lock:
            self._latest.pop(name, None)
            for one in self._following.get(name, ()):
                one.forget()
        self._source.refresh(name)

    def renew(self) -> None:
        """Ask the source for everything again: the device has forgotten what it was asked."""
        with self._turn:
            for name, period in self._asked.items():
                self._source.begin(name, period)

    def close(self, reason: IotkitError) -> None:
        """Tell all that the device is gone, and nothing after that; a second time does nothing."""
        with self._lock:
            if self._gone is not None:
                return
            self._gone = reason
            followed, self._following = self._following, {}
            self._number += 1
        for following in followed.values():
            for one in following:
                one.tell(self._number, reason, time.time(), paced=False)

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
    return DeviceDisconnected(f"{target} is closed")


def same(one: Change, other: Change) -> bool:
    """Whether two changes say the same."""
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is type(other) and str(one) == str(other)
    return one == other and type(one) is type(other)
