"""A claim of a device, for a person's program: nobody else drives it meanwhile."""

from __future__ import annotations

import math
import sys
import threading
import warnings
from typing import Self
from weakref import WeakKeyDictionary

from .closing import Closing
from .commands import wait
from .errors import BadType, BadValue, DeviceClaimed, IotkitError, NotAllowed
from .links import Link
from .links.claims import LEASE, called, own_name
from .types import shown

_counting = threading.Lock()
_claims: WeakKeyDictionary[Link, int] = WeakKeyDictionary()  # how many each link has open


class Claim(Closing):
    """What `robot.claim()` returns: it lasts until `release()`, or the end of its `with`.

    It is renewed by itself. If others may drive all the same, because the program was cut off
    for too long and somebody else has claimed the device since, or a teacher has taken it, it
    has `ended`.
    """

    def __init__(self, link: Link, seconds: float | None, who: str, *, take: bool) -> None:
        """Claim the device; raises what Device.claim does."""
        if seconds is not None and not (_is_number(seconds) and 0 < seconds < math.inf):
            raise BadValue(f"seconds={seconds!r} is no time: write seconds, such as seconds=60")
        if not isinstance(who, str):
            raise BadType(f"who is a text, not {shown(who)}: write who='Ada'")
        self._link, self._who = link, called(who) if who else own_name()
        self._over = threading.Event()
        self._entered: tuple[str, int] | None = None  # file and line of the `with`
        wait(link.claim(self._who, LEASE, take=take))
        with _counting:
            _claims[link] = _claims.get(link, 0) + 1
        name = f"iotkit claim {link.description.id}"
        keeping = threading.Thread(target=self._keep, args=(seconds,), name=name, daemon=True)
        keeping.start()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._over.is_set()

    def release(self) -> None:
        """Let others drive again; a second time does nothing."""
        if self._end():
            self._release()

    def close(self) -> None:
        """Do the same as `release`."""
        self.release()

    def __enter__(self) -> Self:
        frame = sys._getframe(1)
        self._entered = frame.f_code.co_filename, frame.f_lineno
        return self

    def __repr__(self) -> str:
        state = "ended" if self.ended else f"by {self._who}"
        return f"<claim of {self._link.description.id}, {state}>"

    def _keep(self, seconds: float | None) -> None:
        """Renew it, for so many seconds if that is not None."""
        left = math.inf if seconds is None else seconds
        while not self._over.wait(min(left, LEASE / 3)):
            left -= LEASE / 3
            if left <= 0 or self._link.closed:
                if self._end():
                    self._release()
                    self._warn(seconds)
                return
            try:
                self._link.claim(self._who, LEASE).result()
                if self._over.is_set():  # it has ended meanwhile
                    self._release()
            except (DeviceClaimed, NotAllowed):
                self._end()
            except IotkitError:
                pass  # the device is away, and may come back

    def _warn(self, seconds: float | None) -> None:
        """Say that the time is over, to who is still inside the `with` and counts on it."""
        if seconds is not None and self._entered is not None and not self._link.closed:
            name = self._link.description.name
            words = f"the {seconds:g} s of this claim are over: others may drive {name} too now"
            warnings.warn_explicit(words, UserWarning, *self._entered)

    def _end(self) -> bool:
        """Note that it is over; return whether it was not before."""
        with _counting:
            if self._over.is_set():
                return False
            self._over.set()
            _claims[self._link] -= 1
            return True

    def _release(self) -> None:
        """Let others drive, unless another claim of this program is open."""
        if _claims[self._link]:
            return
        try:
            wait(self._link.release())
        except IotkitError:
            pass  # the device is away; who offers it notices that


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)
