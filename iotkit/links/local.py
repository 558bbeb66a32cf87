"""Reach a device that is a Python object in this very process."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from functools import partial
from typing import Any, Protocol

from ..description import Description
from ..errors import DeviceStopped, IotkitError
from ..types import Value
from . import HALT, Hold, Link, Newsroom, Wheel
from .news import gone
from .polling import Poller

SAMPLING = 0.01  # seconds at least between two readings of what doesn't tell of its changes
MAX_CALLS = 8  # functions at work at once; the next one waits


class Hosted(Protocol):
    """A device written in Python, as the side that serves it sees it (see iotkit.host)."""

    @property
    def description(self) -> Description:
        """What it says of itself."""

    def get(self, name: str) -> Value:
        """Return an attribute's value."""

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def call(self, name: str, args: Sequence[Value]) -> Value | None:
        """Call a function; returns when that has ended."""

    def rename(self, specifier: str) -> None:
        """Have this specifier from now on."""

    def pushes(self, name: str) -> bool:
        """Whether it tells of each change of the attribute by itself."""

    def push(self, name: str, *, soon: bool = False) -> None:
        """Tell of such an attribute now; see Following.tell for `soon`."""

    def listen(self, link: LocalLink) -> None:
        """Tell the link's newsroom of events and changes from now on."""

    def silence(self) -> None:
        """Do what is to be done when nobody drives it any more."""

    def close(self) -> None:
        """End what is still going on."""


class LocalLink(Link):
    """A device in this process.

    Values are read and set one at a time; functions run beside, so that one that takes long
    holds up nothing, and `stop` can end it. One that never ends holds up neither `close` nor
    Python's exit.
    """

    never_waits = True

    def __init__(self, hosted: Hosted, target: str, identity: str = "") -> None:
        self.target = target
        self.identity = identity
        self.description = hosted.description
        self._hosted = hosted
        self._lock = threading.Lock()
        self._closed = False
        self._pending: set[Future[Any]] = set()
        self._acts: weakref.WeakSet[Future[Any]] = weakref.WeakSet()  # those that change something
        self._values = ThreadPoolExecutor(1, f"iotkit {self.description.id}")
        self._calls: deque[Callable[[], None]] = deque()
        self._workers = 0
        self.newsroom, self.hold, self.wheel = Newsroom(self), Hold(), Wheel(self)
        name = f"iotkit watch {self.description.id}"
        self._sampler = Poller(name, self._sample, self.newsroom, period=SAMPLING)
        hosted.listen(self)

    def get(self, name: str, *, background: bool = False) -> Future[Value]:  # noqa: ARG002
        """Read an attribute; see Link.get."""
        return self._value(name, self._hosted.get, name)

    def set(self, name: str, value: Value) -> Future[None]:
        """Set an attribute; see Link.set."""
        return self._value(name, self._hosted.set, name, value, acts=True)

    def call(
        self,
        name: str,
        args: Sequence[Value],
        timeout: float | None = None,  # noqa: ARG002 - it can't get lost on the way
    ) -> Future[Value | None]:
        """Call a function; see Link.call."""
        return self._begin(self._beside, self._hosted.call, name, args, acts=True)

    def _halt(self, instead: DeviceStopped) -> Future[Any]:
        with self._lock:
            dropped = [f for f in self._acts & self._pending if not f.running()]
            self._pending -= set(dropped)
        for future in dropped:
            if future.set_running_or_notify_cancel():
                future.set_exception(copy(instead))
        return self._begin(self._thread, self._hosted.call, HALT, ())

    def rename(self, specifier: str) -> Future[None]:
        """Give the device a specifier; see Link.rename."""

        def work() -> None:
            self._hosted.rename(specifier)
            self.description = self._hosted.description

        return self._begin(self._values.submit, work)

    def _value(
        self, name: str, work: Callable[..., Any], *args: object, acts: bool = False
    ) -> Future[Any]:
        """Do it at once if that takes no code of the device's and nothing waits before it."""
        if self._pending or self._closed or not self._hosted.pushes(name):
            return self._begin(self._values.submit, work, *args, acts=acts)
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def silence(self) -> None:
        """Let the device stop what moves; see Driven.silence."""
        self._hosted.silence()

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._closed

    def close(self) -> None:
        """End the device's work; see Link.close."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._calls.clear()
            pending, self._pending = self._pending, set()
            lost = [f for f in pending if f.running() or f.set_running_or_notify_cancel()]
        self.wheel.close()
        self._hosted.close()
        self._values.shutdown(wait=False)
        for future in lost:
            future.set_exception(gone(self.target))
        self.newsroom.close(gone(self.target))
        self._sampler.close()

    # The source of the newsroom: the device tells of most changes itself; the rest is sampled.

    def begin(self, name: str, period: float) -> None:
        """Begin to tell of an attribute; see Source.begin."""
        if self._hosted.pushes(name):
            self._hosted.push(name, soon=True)
        else:
            self._sampler.begin(name, period)

    def end(self, name: str) -> None:
        """End it; see Source.end."""
        self._sampler.end(name)

    def refresh(self, name: str) -> None:
        """Tell of an attribute now; see Source.refresh."""
        if self._hosted.pushes(name):
            self._hosted.push(name)
        else:
            self._sampler.hurry(name)

    def _sample(self, name: str) -> Future[Value]:
        """Read an attribute in the sampler's own thread, for it is asked for very often."""
        sampled: Future[Any] = Future()
        try:
            sampled.set_result(self._hosted.get(name))
        except IotkitError as error:
            sampled.set_exception(error)
        return sampled

    def _begin(
        self,
        start: Callable[[Callable[[], None]], object],
        work: Callable[..., Any],
        *args: object,
        acts: bool = False,
    ) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if acts:
                self._acts.add(future)
            if not self._closed:
                self._pending.add(future)
                start(partial(self._run, future, partial(work, *args)))
                return future
        future.set_exception(gone(self.target))
        return future

    def _beside(self, work: Callable[[], None]) -> None:
        self._calls.append(work)
        if self._workers < MAX_CALLS:
            self._workers += 1
            self._thread(self._work)

    def _thread(self, work: Callable[[], None]) -> None:
        # A daemon, for there are functions that never end.
        name = f"iotkit {self.description.id}"
        threading.Thread(target=work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._workers -= 1
                    return
                work = self._calls.popleft()
            work()

    def _run(self, future: Future[Any], work: Callable[[], Any]) -> None:
        with self._lock:
            if future not in self._pending:
                return  # closed or stopped meanwhile
            if not future.set_running_or_notify_cancel():
                self._pending.remove(future)
                return
        try:
            result, error = work(), None
        except BaseException as raised:  # whoever waits is told, whatever it is
            result, error = None, raised
        with self._lock:
            if future not in self._pending:
                return
            self._pending.remove(future)
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
