"""Who drives a device: its deadman is kept quiet for the last one who did, and for nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from ..description import Description
from .deadman import Deadman

Result = TypeVar("Result")


class Driver:
    """One who gives a device commands: this process, a host on a channel, a client's connection.

    One that is `steady` is there until it leaves; another one as long as it sends good commands.
    """

    def __init__(self, *, steady: bool = False) -> None:
        self.steady = steady
        self.drove_at = 0.0  # by time.monotonic()


class Driven(Protocol):
    """What is driven: a link."""

    @property
    def description(self) -> Description:
        """What the device says of itself."""

    def feed(self) -> None:
        """Let the device know that who drives it is there."""

    def hush(self) -> None:
        """Let the device hear nothing for the time of its deadman, but for commands that act."""

    def silence(self) -> None:
        """Do what is to be done when nobody drives any more: the time of the deadman is over."""


class Wheel:
    """Who holds the wheel of the device behind `link`: the last one who drove.

    What another one says, who looks on, is no sign that the driver is alive. Nothing of this
    matters for a device without a deadman. `own` is this process, which drives a device from the
    beginning if it is `taken`; else anybody's good command is good until somebody drives.
    """

    def __init__(self, link: Driven, *, taken: bool = False) -> None:
        self.own = Driver(steady=True)
        self._link = link
        self._lock = threading.Lock()
        self._last = self.own if taken else None
        self._deadman: Deadman | None = None
        if seconds := link.description.deadman_ms / 1000:
            self._deadman = Deadman(link.description.id, seconds, link.silence)

    def drive(
        self, begin: Callable[[], Future[Result]], driver: Driver | None = None
    ) -> Future[Result]:
        """Return what `begin` does, which gives the device a command of `driver`, or our own."""
        driver = driver or self.own
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
        """Note that `driver` has gone.

        One that drives in a single request has gone at once; it has the time of the deadman.
        """
        with self._lock:
            was_steady, driver.steady = driver.steady, False
            if self._last is not driver or self._deadman is None:
                return
            self._deadman.begin()
        left = driver.drove_at + self._deadman.seconds - time.monotonic()
        if left < 0 or not was_steady:
            self._link.hush()

    @property
    def steady(self) -> bool:
        """Whether the device is driven by somebody who needs not say so again and again."""
        return self._last is not None and self._last.steady

    def close(self) -> None:
        """Watch over nobody any more."""
        if self._deadman is not None:
            self._deadman.close()
