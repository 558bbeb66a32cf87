"""What becomes of one port, from when it is plugged in until it is gone."""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..discovery import python_name
from ..errors import IotkitError, PortBusy
from ..links import LosableLink
from ..server import Service, serve_link
from ..ways import SerialWay
from .ports import USB, Plugged

TRIES = 2  # of a port on which nobody speaks
SECOND_TRY = 15.0  # seconds until the second one: what starts slowly has started
# Seconds until a port that is busy, or that lost its device, is opened again: twice as long each
# time, unless the device was there for LONG.
FIRST_WAIT, LONGEST_WAIT, LONG = 1.0, 10.0, 60.0
# A device has a port of its own on the web, as long as that is free: its address outlives a
# restart of the gateway.
FIRST_PORT, PORTS = 20000, 10000
SOON = 0.05  # seconds
NEVER = float("inf")

Kind = Literal["up", "down", "busy", "silent", "unknown", "doubled"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """Something that has happened: in words for a person, and as facts for a program."""

    kind: Kind
    words: str
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """How devices are served, see `iotkit.serve`; `baud` is the rate of their ports if not found.

    `tell` is called with what happens, `wake` where a board may have become due, from any thread;
    `is_left` says whether a device of that id is lost and still to be taken down.
    """

    host: str
    announce: bool
    token: bool | None
    tls: bool | None
    baud: int | None
    tell: Callable[[Told], None]
    wake: Callable[[], None]
    is_left: Callable[[str], bool]
    teacher: bool = False


class Board:
    """The port `port`, and the device behind it while there is one that speaks.

    One thread at a time may call `step`.
    """

    def __init__(self, port: Plugged, terms: Terms) -> None:
        self.port, self._terms = port, terms
        self.has_left = False  # and is of no use any more
        self._link: LosableLink | None = None
        self._service: Service | None = None
        self._id = ""  # under which it is served
        self._due_at = 0.0 if port.may_be_asked else NEVER
        self._wait, self._up_at = FIRST_WAIT, 0.0
        self._left = TRIES  # of what never spoke; what did is looked for until it is unplugged
        self._said = ""  # last, of what keeps it from being served
        self._way: SerialWay | None = None
        self._leaving = threading.Event()
        if not port.may_be_asked:
            self._tell(
                "unknown",
                f"{port.what} at {port.name} is left alone: it may be anything, and being opened"
                f" may disturb it. If it is a device: iotkit serve --auto {USB} {port.name}",
            )

    def is_left(self, id_: str) -> bool:
        """Whether the device of that id was served here, and still is although it is lost."""
        link = self._link
        return link is not None and link.closed and self._id == id_

    def is_due(self) -> bool:
        """Whether there is something to do."""
        if self._leaving.is_set():
            return True
        if self._link is None:
            return time.monotonic() >= self._due_at
        return self._link.closed or self._link.description.id != self._id

    def step(self) -> None:
        """Do what is due; that takes its time."""
        try:
            if self._link is not None:
                self._take_down()
            elif not self._leaving.is_set():
                self._ask()
        except Exception as error:  # a fault of ours must not end the others
            _log.exception("the gateway failed at %s", self.port.name)
            self._give_up(f"{self.port.name} can't be served, by a fault in iotkit: {error}")
        self.has_left = self._leaving.is_set() and self._link is None

    def leave(self) -> None:
        """End what is under way, from any thread; the next step is the last."""
        self._leaving.set()
        if (way := self._way) is not None:
            way.cancel()

    def _ask(self) -> None:
        """Open the port, and serve what is behind it."""
        self._way = way = SerialWay(self.port.name, self._terms.baud)
        if self._leaving.is_set():
            way.cancel()
        try:
            self._serve(way.open())
        except PortBusy as error:
            self._wait_longer()
            self._tell("busy", str(error))
        except IotkitError as error:
            self._give_up(str(error))
        finally:
            self._way = None

    def _serve(self, link: LosableLink) -> None:
        terms = self._terms
        try:
            # It may be the same one on another port, which could not have its name yet.
            deadline = time.monotonic() + LONGEST_WAIT
            while terms.is_left(link.description.id) and time.monotonic() < deadline:
                time.sleep(SOON)
            service = _service(link, terms)
        except BaseException:
            link.close()
            raise
        self._id, self._link, self._service = link.description.id, link, service
        self._said, self._up_at = "", time.monotonic()
        name = service.name
        how = f"from iotkit.local import {python_name(name)}" if terms.announce else ""
        self._tell(
            "up",
            f"{self._id} is plugged in at {self.port.name}: {service.url}  {how}".rstrip(),
            id=self._id,
            url=service.url,
            name=name,
            locked=service.locked,
        )
        if service.doubled:
            self._tell("doubled", service.doubled, id=self._id, name=name)
        link.newsroom.states.watch(lambda _: terms.wake())
        terms.wake()  # it may be gone already

    def _take_down(self) -> None:
        """Say goodbye for the device, and let go of it; one that was renamed is served anew."""
        link, service, id_ = self._link, self._service, self._id
        assert link is not None
        assert service is not None
        service.close()
        self._link = self._service = None
        if not (link.closed or self._leaving.is_set()):
            new = link.description.id
            self._tell("down", f"{id_} at {self.port.name} is called {new} now", id=id_)
            self._serve(link)
            return
        link.close()
        if time.monotonic() > self._up_at + LONG:
            self._wait = FIRST_WAIT
        self._wait_longer()
        self._tell("down", f"{id_} at {self.port.name} is gone", id=id_)

    def _wait_longer(self) -> None:
        self._due_at = time.monotonic() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _give_up(self, why: str) -> None:
        """Ask once more, later; or never while it is plugged in."""
        if self._up_at:
            self._wait_longer()
            self._tell("silent", f"{self._id} is not back: {why}")
            return
        self._left -= 1
        self._due_at = time.monotonic() + SECOND_TRY if self._left else NEVER
        then = "" if self._left else "; it is left alone until it is plugged in anew"
        self._tell("silent", f"{why}{then}")

    def _tell(self, kind: Kind, words: str, **facts: object) -> None:
        if kind in ("busy", "silent"):
            if words == self._said or self._leaving.is_set():  # it is just being pulled
                return
            self._said = words
        self._terms.tell(Told(kind, words, {"port": self.port.name, **facts}))


def _service(link: LosableLink, terms: Terms) -> Service:
    def start(port: int) -> Service:
        return serve_link(
            link, port, terms.host, terms.announce, terms.token, terms.tls, terms.teacher
        )

    try:
        return start(FIRST_PORT + zlib.crc32(link.identify().encode()) % PORTS)
    except PortBusy:
        return start(0)
