"""Offer a device on a transport, whatever link leads to it: be its end of the serial protocol."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from .errors import (
    BadType,
    BadValue,
    DeviceClaimed,
    DeviceDisconnected,
    DeviceError,
    DeviceTimeout,
    IotkitError,
    NotAllowed,
    OutOfRange,
    ReadOnly,
)
from .futures import failed
from .links import HALT, Change, Driver, Following, Link
from .links.claims import called
from .protocol import Call, Claim, DeviceEnd, Get, Rename, Request, Set, Watch
from .transports import TICK, Transport

MAX_PENDING = 100  # requests without an answer; a host has 36 tags, and may have given some up
GRACE = 0.5  # seconds for answers that are under way when the host ends

# What a host is told of an error of the link's: status and message.
_REFUSALS: tuple[tuple[type[Exception], int, str], ...] = (
    (OutOfRange, 416, "Out of range"),
    (BadValue, 400, "Bad Value"),
    (BadType, 400, "Fail"),
    (ReadOnly, 405, "Read only"),
    (NotAllowed, 403, "Not allowed"),
    (DeviceTimeout, 504, "No answer"),
    (DeviceDisconnected, 503, "Device gone"),
)


def offer(link: Link, transport: Transport, *, version: int = 2, may_take: bool = False) -> None:
    """Be the device that `link` reaches, to the host at the other end of `transport`.

    Returns when that is closed; neither is closed by this. A device may be offered on several
    transports at once, each in a thread of its own. `version` 1 is what original boards speak. A
    host that `may_take` can claim the device although another one has, and rename it.
    """
    _Offer(link, transport, version, Driver(may_take=may_take)).run()


class _Offer:
    """A conversation with one host: its requests become the link's, and futures the answers."""

    def __init__(self, link: Link, transport: Transport, version: int, driver: Driver) -> None:
        self._link, self._transport = link, transport
        self._end = DeviceEnd(link.description, version)
        self._lock = threading.RLock()  # a future that is done already answers at once
        self._pending: set[Future[Any]] = set()
        self._answered = threading.Condition(self._lock)
        self._deaf = False  # the host takes no answers any more
        self._watches: deque[Watch] = deque()  # those that wait to be carried out
        self._watching = threading.Lock()
        self._following: dict[str, Following] = {}
        self._wanted: dict[str, Watch] = {}  # by attribute; what an earlier one tells is late
        self._over = False
        self._driver = driver
        self._fed = 0  # good commands that the link was told of

    def run(self) -> None:
        """Answer until the transport is closed."""
        known = self._link.description
        events = [self._link.follow(name, self._raised) for name in known.events]
        unwatch = self._link.wheel.watch(self._claimed)
        try:
            with self._lock:
                self._end.start()
                self._end.claimed(self._link.wheel.claimed_by)
                self._send()
            while not self._deaf:
                data = self._transport.read()
                with self._lock:
                    self._end.receive(data)
                    self._begin()
                    # A host that asks faster than it can be answered is read more slowly.
                    self._answered.wait_for(lambda: len(self._pending) < MAX_PENDING, TICK)
                self._watch()
        except DeviceDisconnected:
            wait(self._pending, GRACE)  # a pipe may still take the answers
        finally:
            unwatch()
            self._link.wheel.leave(self._driver)
            with self._watching:
                self._over = True
            for following in (*events, *self._following.values()):
                following.close()

    def _begin(self) -> None:
        """Begin what has been asked for, and send what is answered."""
        while request := self._end.next_request():
            if isinstance(request, Watch):
                self._watches.append(request)
                continue
            future = self._ask(request)
            if future.done():
                self._answer(request, future)
            else:
                self._pending.add(future)
                future.add_done_callback(self._answers(request))
        self._send()

    def _ask(self, request: Request) -> Future[Any]:
        try:
            return self._asked(request)
        except (DeviceClaimed, NotAllowed) as error:
            return failed(error)

    def _asked(self, request: Request) -> Future[Any]:
        drive = self._link.wheel.drive
        match request:
            case Get(attribute=attribute):
                return self._link.get(attribute.name)
            case Set(attribute=attribute, value=value):
                return drive(lambda: self._link.set(attribute.name, value), self._driver)
            case Call(function=function, args=()) if function.name == HALT:
                return self._link.call(HALT, ())
            case Call(function=function, args=args):
                return drive(lambda: self._link.call(function.name, args), self._driver)
            case Rename(specifier=specifier):
                self._link.wheel.check(self._driver)
                if not self._driver.may_take:
                    name = self._link.description.name
                    raise NotAllowed(f"only who serves {name} may name it, or a teacher")
                return self._link.rename(specifier)
            case Claim(milliseconds=0):
                return self._link.release(self._driver)
            case Claim(milliseconds=time, who=who, take=take):
                name, seconds = called(who), time / 1000
                return self._link.claim(name, seconds, take=take, holder=self._driver)
        raise AssertionError(request)

    def _answers(self, request: Request) -> Callable[[Future[Any]], None]:
        def answer(future: Future[Any]) -> None:
            with self._lock:
                self._pending.discard(future)
                self._answered.notify()
                self._answer(request, future)
                self._begin_if_heard()  # a plain line may have waited for this answer
            self._watch()

        return answer

    def _answer(self, request: Request, future: Future[Any]) -> None:
        error = future.exception()
        if error is None:
            self._end.description = self._link.description  # it may be renamed
            self._end.answer(request, future.result())
        else:
            self._end.refuse(request, *_refusal(error))

    def _begin_if_heard(self) -> None:
        try:
            self._begin()
        except DeviceDisconnected:
            self._deaf = True

    # News. Nobody who holds the lock may follow, or end that: who tells news holds a lock of the
    # link's, and then wants this one.

    def _watch(self) -> None:
        """Carry out what has been asked for, one after the other."""
        while self._watches:
            with self._watching:
                if not self._watches or self._over:
                    return
                watch = self._watches.popleft()
                name = watch.attribute.name
                with self._lock:
                    self._wanted[name] = watch
                before = self._following.pop(name, None)
                if watch.milliseconds:
                    self._following[name] = self._link.follow(
                        name, partial(self._heard, watch), watch.milliseconds / 1000
                    )
                if before:
                    before.close()

    def _heard(self, watch: Watch, name: str, change: Change, at: float) -> None:  # noqa: ARG002 - see Heard
        with self._lock:
            if self._wanted.get(name) is not watch:
                return
            if isinstance(change, IotkitError):
                self._end.no_news(watch.attribute, *_refusal(change)[::2])
            elif change is not None:
                self._end.news(watch.attribute, change)
            self._begin_if_heard()

    def _raised(self, name: str, change: Change, at: float) -> None:  # noqa: ARG002 - see Heard
        if isinstance(change, IotkitError):
            return
        with self._lock:
            self._end.raised(self._link.description.events[name], change)
            self._begin_if_heard()

    def _claimed(self) -> None:
        with self._lock:
            self._end.claimed(self._link.wheel.claimed_by)
            self._begin_if_heard()

    def _send(self) -> None:
        if self._end.good_commands != self._fed:
            self._fed = self._end.good_commands
            self._link.wheel.feed(self._driver)
        if data := self._end.data_to_send():
            self._transport.write(data)


def _refusal(error: BaseException) -> tuple[int, str, str]:
    if isinstance(error, DeviceClaimed):
        return 423, "Claimed", error.who
    for kind, status, message in _REFUSALS:
        if isinstance(error, kind):
            return status, message, str(error)
    return error.status if isinstance(error, DeviceError) else 500, "Fail", str(error)
