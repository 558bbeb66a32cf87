"""Who drives a device: the last one who did, and nobody but who has claimed it.

A device's deadman is kept quiet for its driver, as long as that is there, and for nobody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ..description import HALT, Description
from ..errors import NotAllowed
from ..types import Value
from .claims import claimed
from .deadman import Deadman
from .listeners import Listeners
from .timer import cancel, later

Result = TypeVar("Result")


class Driver:
    """One who gives a device commands: this process, a host on a channel, a client's connection.

    One that is `steady` is there until it leaves; another one as long as it sends good commands.
    Who `may_take` can claim a device that somebody else has claimed.
    """

    def __init__(self, *, steady: bool = False, may_take: bool = False) -> None:
        self.steady, self.may_take = steady, may_take
        self.drove_at = 0.0  # by time.monotonic()


class Driven(Protocol):
    """What is driven: a link."""

    @property
    def claimed_beyond(self) -> str:
        """Who has claimed the device where the link leads to; empty where nobody has."""

    @property
    def description(self) -> Description:
        """What the device says of itself."""

    @property
    def can_halt(self) -> bool:
        """Whether the device can be stopped."""

    def call(self, name: str, args: Sequence[Value]) -> Future[Any]:
        """Call a function."""

    def feed(self) -> None:
        """Let the device know that who drives it is there."""

    def hush(self) -> None:
        """Let the device hear nothing for the time of its deadman, but for commands that act."""

    def silence(self) -> None:
        """Do what is to be done when nobody drives any more: the time of the deadman is over."""


@dataclass
class _Claim:
    holder: Driver
    who: str = ""
    until: float = 0.0  # by time.monotonic()
    driver: Driver | None = None  # who drove last with the right of the holder


class Wheel:
    """Who holds the wheel of the device behind `link`: the last one who drove.

    What another one says, who looks on, is no sign that the driver is alive. That matters for a
    device with a deadman. `own` is this process, which drives a device from the beginning if it
    is `taken`; else anybody's good command is good until somebody drives.

    While one has claimed it, nobody else drives. When the holder of a claim goes, or does not
    renew it, the claim ends, and the device stops if it can.
    """

    def __init__(self, link: Driven, *, taken: bool = False) -> None:
        self.own = Driver(steady=True, may_take=True)
        self._link = link
        self._lock = threading.Lock()
        self._last = self.own if taken else None
        self._claim: _Claim | None = None
        self._listeners: Listeners[[]] = Listeners("a claim")
        self._deadman: Deadman | None = None
        if seconds := link.description.deadman_ms / 1000:
            self._deadman = Deadman(link.description.id, seconds, link.silence)

    def drive(
        self,
        begin: Callable[[], Future[Result]],
        driver: Driver | None = None,
        holder: Driver | None = None,
    ) -> Future[Result]:
        """Return what `begin` does, which gives the device a command of `driver`, or our own.

        It is given with the right of `holder`, or else the driver's own. Raises DeviceClaimed
        where somebody else has claimed the device.
        """
        driver = driver or self.own
        if (claim := self._claim) is not None:
            self.check(holder or driver)
            claim.driver = driver
        driver.drove_at = time.monotonic()
        if driver is not self._last:
            with self._lock:
                self._last = driver
                if self._deadman is not None:
                    (self._deadman.rest if driver.steady else self._deadman.feed)()
        return begin()

    def feed(self, driver: Driver) -> None:
        """Note that `driver` has sent a good command."""
        if self._last in (driver, None) and self._deadman is not None:
            self._deadman.feed()
            self._link.feed()

    def leave(self, driver: Driver) -> None:
        """Note that `driver` has gone, and any claim of its own with it.

        One that drives in a single request has gone at once; it has the time of the deadman.
        """
        was_steady, driver.steady = driver.steady, False
        claim = self._end(lambda claim: claim.holder is driver)
        if self._deadman is None:
            if claim is not None:
                self._vanished(claim)
            return
        left = driver.drove_at + self._deadman.seconds - time.monotonic()
        self._abandon(driver, hush=left < 0 or not was_steady)

    @property
    def steady(self) -> bool:
        """Whether the device is driven by somebody who needs not say so again and again."""
        return self._last is not None and self._last.steady

    def close(self) -> None:
        """Watch over nobody any more."""
        cancel(self._look)
        if self._deadman is not None:
            self._deadman.close()

    # Claims.

    @property
    def claimed_by(self) -> str:
        """Who has claimed the device, here or beyond; empty where nobody has."""
        claim = self._claim
        return claim.who if claim is not None else self._link.claimed_beyond

    def is_held_by(self, holder: Driver) -> bool:
        """Whether it is `holder` who has claimed the device."""
        claim = self._claim
        return claim is not None and claim.holder is holder

    def check(self, holder: Driver) -> None:
        """Raise DeviceClaimed where somebody else has claimed the device."""
        claim = self._claim
        if claim is not None and claim.holder is not holder:
            raise claimed(self._link.description, claim.who)

    def check_claim(self, holder: Driver, *, take: bool) -> None:
        """Raise what `claim` would."""
        if not take:
            self.check(holder)
        elif not holder.may_take:
            name = self._link.description.name
            raise NotAllowed(
                f"only a teacher may take {name} from others: pair by the code for teachers,"
                " which iotkit serve --lan --teacher shows"
            )

    def claim(self, holder: Driver, who: str, seconds: float, *, take: bool = False) -> None:
        """Let nobody but `holder` drive for so many seconds, or until `release`; or renew that.

        Raises DeviceClaimed where somebody else has claimed it, unless this is to `take` it;
        NotAllowed for a holder who may not.
        """
        until = time.monotonic() + seconds
        with self._lock:
            self.check_claim(holder, take=take)
            claim = self._claim
            if claim is None or claim.holder is not holder:
                claim = self._claim = _Claim(holder)
            is_new, claim.who, claim.until = claim.who != who, who, until
            cancel(self._look)
            later(seconds, self._look)
        if is_new:
            self.changed()

    def release(self, holder: Driver) -> None:
        """Let others drive again; a holder that has no claim does no harm."""
        self._end(lambda claim: claim.holder is holder)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed`, which must be quick, after each change; return what ends that."""
        return self._listeners.add(changed)

    def changed(self) -> None:
        """Tell all who watch, in the timer's thread: who calls this may hold a lock of theirs."""
        later(0.0, self._listeners.tell)

    def _look(self) -> None:
        """End a claim that was not renewed."""
        now = time.monotonic()
        if (claim := self._end(lambda claim: claim.until <= now)) is not None:
            # In a thread of its own, for a port may hold it up.
            name = f"iotkit claim {self._link.description.id}"
            threading.Thread(target=self._vanished, args=(claim,), name=name, daemon=True).start()

    def _end(self, which: Callable[[_Claim], bool]) -> _Claim | None:
        """End the claim if it is that one, and return it."""
        with self._lock:
            claim = self._claim
            if claim is None or not which(claim):
                return None
            self._claim = None
            cancel(self._look)
        self.changed()
        return claim

    def _vanished(self, claim: _Claim) -> None:
        """Have the device stop if the holder of this claim, who has gone, drove it."""
        if claim.driver is None:
            return
        if self._deadman is not None:
            self._abandon(claim.driver, hush=True)
        elif self._link.can_halt:
            self._link.call(HALT, ())

    def _abandon(self, driver: Driver, *, hush: bool) -> None:
        """Let the deadman act if `driver` was the last to drive."""
        assert self._deadman is not None
        with self._lock:
            if self._last is not driver:
                return
            self._last = Driver()  # nobody
            self._deadman.begin()
        if hush:
            self._link.hush()
