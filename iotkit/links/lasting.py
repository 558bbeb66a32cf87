"""A link that lasts: when the device is lost, it is looked for until it is back.

| while the device is | get, set, call, stop | who follows hears             |
| ------------------- | -------------------- | ----------------------------- |
| ready               | go to the device     | its news                      |
| just being lost     | DeviceDisconnected   | DeviceLost                    |
| lost, reconnecting  | DeviceLost           | nothing; who begins, DeviceLost |
| ready again         | go to the device     | what is now, and then the news |
| closed              | DeviceDisconnected   | DeviceDisconnected, the last  |

The errors come at once. Of a function that was sent, the error says that it may have run.
What was asked of the device is never asked again, but for one thing: if it was stopped by hand
(see Hold), it is told to stop when it is back.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import replace
from typing import Any, Protocol

from ..description import Attribute, Description, Event, Function
from ..errors import (
    DeviceDisconnected,
    DeviceLost,
    DeviceNotFound,
    DeviceStopped,
    DeviceTimeout,
    IotkitError,
)
from ..futures import failed
from ..types import Value
from . import Hold, LosableLink, Newsroom, Wheel
from .news import gone
from .states import States

FIRST_WAIT, LONGEST_WAIT = 0.1, 1.5  # seconds between two tries, each time twice as long
PATIENCE = 1.0  # seconds that closing waits for a try that is under way
MAX_ODD = 2  # other descriptions, one after the other: a bad line may lose part of the right one

# What a device that is away looks like; any other error is worth to be told.
_USUAL = (DeviceDisconnected, DeviceNotFound, DeviceTimeout)

_log = logging.getLogger(__name__)


class Way(Protocol):
    """How a device is reached, and found again where it is lost.

    `target` is what a person would type to get there now; `remedy` says what to do when it is
    lost, as the rest of a sentence that begins with the device's name.
    """

    target: str
    remedy: str

    def there(self) -> bool:
        """Whether it looks as if the device could be reached; takes little time."""

    def open(self) -> LosableLink:
        """Return a new link; raises IotkitError."""

    def cancel(self) -> None:
        """End an `open` that is under way, if that can be, and all to come."""


class LastingLink(LosableLink):
    """The device at the end of `way`, reached by one link after the other.

    A device that comes back with another description, or another one in its place, ends it.
    """

    def __init__(self, way: Way) -> None:
        """Open the first link; raises what that raises."""
        self._way = way
        self._lock = threading.Lock()
        self._turn = threading.RLock()  # who may change the state and tell of it
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.newsroom, self.hold = Newsroom(self, States("connecting")), Hold()
        link = way.open()
        self.description, self.identity = link.description, link.identity
        self.board = link.board
        self.never_waits = link.never_waits
        self._link: LosableLink = link
        self.wheel = Wheel(self, taken=True)
        self._take(link)

    def get(self, name: str, *, background: bool = False) -> Future[Value]:
        """Read an attribute; see Link.get."""
        return self._link.get(name, background=background)

    def get_now(self, name: str) -> Value | Future[Value]:
        """Read an attribute; see Link.get_now."""
        return self._link.get_now(name)

    def set(self, name: str, value: Value) -> Future[None]:
        """Set an attribute; see Link.set."""
        return self._link.set(name, value)

    def call(
        self, name: str, args: Sequence[Value], timeout: float | None = None
    ) -> Future[Value | None]:
        """Call a function; see Link.call."""
        return self._link.call(name, args, timeout)

    def _halt(self, instead: DeviceStopped) -> Future[Any]:
        return self._link._halt(instead)

    def rename(self, specifier: str) -> Future[None]:
        """Give the device a specifier; see Link.rename."""
        link, renamed = self._link, Future[None]()

        def done(asked: Future[None]) -> None:
            if (error := asked.exception()) is not None:
                renamed.set_exception(error)
                return
            self.description = replace(self.description, id=link.description.id)
            renamed.set_result(None)

        link.rename(specifier).add_done_callback(done)
        return renamed

    @property
    def claimed_beyond(self) -> str:
        """Who has claimed the device; see Link.claimed_beyond."""
        return self._link.claimed_beyond

    def _claim_beyond(self, who: str, seconds: float, *, take: bool) -> Future[None]:
        return self._link._claim_beyond(who, seconds, take=take)

    def feed(self) -> None:
        """Let the device know that who drives it is there; see Driven.feed."""
        self._link.feed()

    def hush(self) -> None:
        """Let the device hear nothing for a while; see Driven.hush."""
        self._link.hush()

    def silence(self) -> None:
        """Do what is to be done when nobody drives any more; see Driven.silence."""
        self._link.silence()

    @property
    def closed(self) -> bool:
        """Whether it is over: closed by its user, or ended by what came back."""
        return self.state == "closed"

    def close(self) -> None:
        """End it, whatever its state; see Link.close."""
        self._end(gone(self.target))
        with self._turn:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    # The source of the newsroom.

    def report_to(self, newsroom: Newsroom) -> None:
        """Tell the news there; see LosableLink.report_to."""
        self.newsroom = newsroom

    def begin(self, name: str, period: float) -> None:
        """Begin to tell of an attribute; see Source.begin."""
        self._link.begin(name, period)

    def end(self, name: str) -> None:
        """End it; see Source.end."""
        self._link.end(name)

    def refresh(self, name: str) -> None:
        """Ask for an attribute now; see Source.refresh."""
        self._link.refresh(name)

    # Being lost, and coming back: in the lost link's thread, and then in one of its own.

    def _lose(self, link: LosableLink) -> None:
        name = self.description.name
        lost = DeviceLost(f"{name} {self._way.remedy}")
        with self._lock:
            if self._link is not link or self._closing.is_set():
                return
            self._link = _Away(self.description, lost)
        with self._turn:
            if not self.newsroom.states.become("lost", str(lost)):
                return
            self.wheel.changed()
            self.newsroom.lose(lost)
            thread = f"iotkit reconnect {name}"
            self._thread = threading.Thread(
                target=self._come_back, args=(link,), name=thread, daemon=True
            )
            self._thread.start()

    def _come_back(self, lost: LosableLink) -> None:
        """Look for the device until it is there, or this is closed."""
        wait, odd = FIRST_WAIT, 0
        lost.close()
        while not self._closing.wait(wait * random.uniform(0.5, 1.0)):  # noqa: S311 - no secret
            wait = min(2 * wait, LONGEST_WAIT)
            try:
                link = self._found()
            except _USUAL as error:
                _log.debug("%s is not back: %s", self.target, error)
                continue
            except IotkitError as error:
                self._explain(error)
                continue
            except Exception:  # a fault of ours must not end the search
                _log.exception("%s can't be looked for", self.target)
                continue
            if link is None:
                continue
            if (wrong := _difference(self.description, link.description)) is None:
                self._take(link)
                return
            link.close()
            odd += 1
            if odd == MAX_ODD:
                self._end(DeviceDisconnected(f"{wrong} at {link.target}: connect to it anew"))
                return

    def _found(self) -> LosableLink | None:
        """Return a new link; None where there is nothing to connect to."""
        states = self.newsroom.states
        there = self._way.there()
        self.target = self._way.target
        states.become("reconnecting" if there else "lost", states.why)
        return self._way.open() if there else None

    def _explain(self, error: IotkitError) -> None:
        """Let people know what keeps the device from coming back."""
        lost = DeviceLost(f"{self.description.name} is not back yet: {error}")
        with self._turn, self._lock:
            if self._closing.is_set() or str(lost) == self.newsroom.states.why:
                return
            self._link = _Away(self.description, lost)
            self.newsroom.states.why = str(lost)
        self.newsroom.lose(lost)

    def _take(self, link: LosableLink) -> None:
        """Go on with `link`."""
        link.report_to(self.newsroom)
        link.wheel = self.wheel
        self.wheel.changed()  # it may be claimed by others now, or no more
        link.on_gone = lambda _: self._lose(link)
        with self._lock:
            over = self._closing.is_set()
            if not over:
                self._link = link
        if over:
            link.close()
            return
        self.target = link.target
        if self.hold.why and self.can_halt:
            link._halt(DeviceStopped(self.hold.why))
        with self._turn:
            if self.newsroom.states.become("ready"):
                self.newsroom.resume()
        if link.closed:  # it was quicker than `on_gone`
            self._lose(link)

    def _end(self, reason: IotkitError) -> None:
        self._closing.set()
        self._way.cancel()
        self.wheel.close()
        with self._lock:
            link, self._link = self._link, _Away(self.description, reason)
        link.close()
        self.newsroom.close(reason)


class _Away(LosableLink):
    """Stands for a link where there is none: all ends at once with `why`."""

    def __init__(self, description: Description, why: IotkitError) -> None:
        self.description, self._why = description, why

    def _refuse(self) -> Future[Any]:
        return failed(copy(self._why))

    def get(self, name: str, *, background: bool = False) -> Future[Value]:  # noqa: ARG002
        return self._refuse()

    def set(self, name: str, value: Value) -> Future[None]:  # noqa: ARG002
        return self._refuse()

    def call(
        self,
        name: str,  # noqa: ARG002
        args: Sequence[Value],  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
    ) -> Future[Value | None]:
        return self._refuse()

    def _halt(self, instead: DeviceStopped) -> Future[Any]:  # noqa: ARG002
        return self._refuse()

    def rename(self, specifier: str) -> Future[None]:  # noqa: ARG002
        return self._refuse()

    def _claim_beyond(self, who: str, seconds: float, *, take: bool) -> Future[None]:  # noqa: ARG002
        return self._refuse()

    @property
    def closed(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def report_to(self, newsroom: Newsroom) -> None:
        pass

    def begin(self, name: str, period: float) -> None:
        pass

    def end(self, name: str) -> None:
        pass

    def refresh(self, name: str) -> None:
        pass


def _difference(known: Description, found: Description) -> str | None:
    """Return what is wrong with `found` in place of `known`, in words; more names are not."""
    if found.id != known.id:
        return f"{known.id} is gone: there is {found.id}"
    members = (
        (known.attributes, found.attributes),
        (known.functions, found.functions),
        (known.events, found.events),
    )
    for before, now in members:
        for name, member in before.items():
            if name not in now or _shape(now[name]) != _shape(member):
                return f"{known.id} has come back with another {name}, or without it,"
    return None


def _shape(member: Attribute | Function | Event) -> object:
    """Return all of it but what is for people, which may be mended while a program runs."""
    match member:
        case Attribute():
            return member.type, member.limits, member.read_only
        case Function():
            return member.signature, [argument.limits for argument in member.args]
        case Event():
            return member.signature
