"""Whether programs may drive a device: not after it was stopped by hand, until they may again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ..errors import DeviceStopped
from .listeners import Listeners

Result = TypeVar("Result")


class Hold:
    """Keeps programs from driving one device while `why` says why.

    `since` is when the person stopped it, by the clock of that person's computer, in seconds
    since the epoch; 0 if unknown. `driven` tells that a program, or a person here, has driven
    it since it was last stopped.
    """

    def __init__(self) -> None:
        self.why = ""
        self.since = 0.0
        self.driven = False
        self._gate = threading.Lock()
        self._listeners: Listeners[[]] = Listeners("a hold")

    def drive(self, begin: Callable[[], Future[Result]]) -> Future[Result]:
        """Return what `begin` does, which is to give the device a program's command.

        Raises DeviceStopped while programs may not. What has come through here is among what the
        link has to send when the hold begins, and nothing comes after that.
        """
        with self._gate:
            if self.why:
                raise DeviceStopped(self.why)
            self.driven = True
            return begin()

    def begin(self, why: str, since: float = 0.0) -> None:
        """Let no program through any more; a second time does no harm."""
        self.why, self.since = why, since
        with self._gate:  # whoever was on the way through is through now
            self.driven = False
        self._listeners.tell()

    def end(self) -> None:
        """Let programs through again."""
        if self.why:
            self.why = ""
            self._listeners.tell()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed`, which must be quick, after each change; return what ends that."""
        return self._listeners.add(changed)
