"""Follow values by asking for them again and again: for what doesn't push its news.

One thread for each link asks for one attribute at a time, in the background, so that a user's
own question never waits for more than one of these, and rests between two.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Protocol

from ..errors import DeviceDisconnected, DeviceError, DeviceReset, DeviceTimeout, IotkitError
from ..types import Value
from .news import Change

LONGEST_REST = 1.0  # seconds between two questions, however long they take
REST = 30.0  # seconds without asking for an attribute that got no answer: each try takes long

_log = logging.getLogger(__name__)


class Told(Protocol):
    """Who is told: a Newsroom."""

    def mark(self) -> int:
        """Return a mark for what is about to be read."""

    def tell(self, name: str, change: Change, at: float | None = None, mark: int = 0) -> bool:
        """Tell of one attribute, unless newer has been told since `mark`; return whether it was."""

    def attributes(self) -> list[str]:
        """Return those that anybody follows."""


class Poller:
    """Asks by `ask` for the attributes it is given, until it has none left.

    `period` is the least time between two questions for the same attribute, in seconds. Half of
    the time at least belongs to others: a question that took long is followed by a long rest.
    `found`, if given, is called with the name of an attribute whose answer was news. `told` may be
    replaced.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[str], Future[Value]],
        told: Told,
        *,
        period: float = 0.0,
        found: Callable[[str], None] | None = None,
    ) -> None:
        self._name, self._ask, self.told = name, ask, told
        self._found = found
        self._period = period
        self._changed = threading.Condition()
        self._periods: dict[str, float] = {}
        self._due: dict[str, float] = {}  # when to ask next, on the monotonic clock
        self._resting: dict[str, float] = {}  # until when not to ask
        self._urgent: list[str] = []
        self._probes = itertools.count()  # whom to ask when all rest
        self._missed = 0  # attributes without an answer, one after the other
        self._asked = ""  # the one that is out
        self._free_at = 0.0  # when the line has had its rest
        self._silence: DeviceTimeout | None = None  # of a device that answers nothing
        self._running = False
        self._closed = False

    def begin(self, name: str, period: float, first: float = 0.0) -> None:
        """Ask for `name` from now on, each `period` seconds; in `first` seconds at first."""
        with self._changed:
            if self._closed:
                return
            self._periods[name] = max(period, self._period)
            self._due[name] = time.monotonic() + first
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            self._changed.notify_all()

    def hasten(self, name: str) -> None:
        """Ask for `name` as often as may be, if it is among those that are asked for."""
        with self._changed:
            if name in self._periods:
                self.begin(name, 0.0)

    def end(self, name: str) -> None:
        """Ask for `name` no more."""
        with self._changed:
            for known in (self._periods, self._due, self._resting):
                known.pop(name, None)
            self._changed.notify_all()

    def hurry(self, name: str) -> None:
        """Ask for `name` next, if it is among those that are asked for."""
        with self._changed:
            if name in self._periods and name not in self._urgent:
                self._urgent.append(name)
                self._changed.notify_all()

    def close(self) -> None:
        """Ask for nothing any more, whoever begins."""
        with self._changed:
            self._closed = True
            self._periods.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while name := self._next():
            began = time.monotonic()
            try:
                self._poll(name)
            except Exception:  # a fault here must not leave a panel that shows old values as new
                _log.exception("the value of %s can't be followed", name)
            now = time.monotonic()
            with self._changed:
                self._free_at = now + min(now - began, LONGEST_REST)
                if name in self._periods:
                    self._due[name] = max(began + self._periods[name], self._resting.get(name, 0))

    def _next(self) -> str:
        """Wait until something is due and return it; empty where there is nothing left."""
        with self._changed:
            while True:
                if not self._periods:
                    self._running = False
                    self._urgent.clear()
                    return ""
                name, when = self._first()
                left = when - time.monotonic()
                if left <= 0:
                    return name
                self._changed.wait(left)

    def _first(self) -> tuple[str, float]:
        while self._urgent:
            name = self._urgent.pop(0)
            if name in self._periods:
                return name, 0.0
        now, names = time.monotonic(), list(self._periods)
        if all(self._resting.get(name, 0.0) > now for name in names):  # the device is silent
            return names[next(self._probes) % len(names)], self._free_at
        name = min(self._due, key=lambda one: self._due[one])
        return name, max(self._due[name], self._free_at)

    def _poll(self, name: str) -> None:
        """Ask for one value; tell of it in the thread in which the answer comes, so in order."""
        answered, mark = threading.Event(), self.told.mark()

        def answer(future: Future[Value]) -> None:
            try:
                self._answered(name, future, mark)
            finally:
                answered.set()
                with self._changed:
                    self._changed.notify_all()

        try:
            self._ask(name).add_done_callback(answer)
        except IotkitError as error:  # it can't even be asked
            self.told.tell(name, error)
            return
        with self._changed:
            self._changed.wait_for(lambda: answered.is_set() or name not in self._periods)

    def _answered(self, name: str, future: Future[Value], mark: int) -> None:
        if future.cancelled() or name not in self._periods:
            return
        error = future.exception()
        if isinstance(error, DeviceReset | DeviceDisconnected):
            return  # it is back already, or the link tells of its end
        if isinstance(error, DeviceTimeout):
            self._miss(name, error, mark)
            return
        if self._missed > 1:
            self._wake(self._periods)
        self._missed, self._silence = 0, None
        self._wake([name])
        change = future.result() if error is None else _told_as(error)
        if self.told.tell(name, change, mark=mark) and self._found is not None:
            self._found(name)

    def _wake(self, names: Iterable[str]) -> None:
        with self._changed:
            for name in names:
                if self._resting.pop(name, None) is not None:
                    self._due[name] = 0.0

    def _miss(self, name: str, error: DeviceTimeout, mark: int) -> None:
        """Note that no answer came: after the second in a row, the device itself is silent."""
        self._missed += 1
        lost = [name]
        if self._missed > 1 or len(self._periods) == 1:
            lost = self.told.attributes()
            error = self._silence = self._silence or error  # the same, whichever is asked for
        with self._changed:
            rested = time.monotonic() + REST
            self._resting |= {one: rested for one in lost if one in self._periods}
        for one in lost:
            self.told.tell(one, error, mark=mark)


def _told_as(error: BaseException) -> IotkitError:
    return error if isinstance(error, IotkitError) else DeviceError(str(error))
