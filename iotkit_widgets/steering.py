"""Have a device do what a hand on a pad points at: the newest at once, and rest without a hand."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple

from iotkit.description import Argument, Attribute, Function
from iotkit.errors import BadType, ReadOnly, UnknownName, did_you_mean
from iotkit.links import Link
from iotkit.links.timer import cancel, later
from iotkit.types import Type

SILENCE = 0.4  # seconds after which a hand that says nothing is gone; it speaks every 0.1
LATE = 0.5  # seconds by which a message may be later than others were: what it says is over
FULL = 100  # either way, for a number without limits


class Wish(NamedTuple):
    """Where a hand points: to the right and up, each -1 to 1; and who is told when it is there."""

    x: float
    y: float
    done: Future[list[float]]


class Course(ABC):
    """What of a device follows the hand; `labels` name its two numbers, `units` are theirs."""

    labels: tuple[str, str]
    units: tuple[str, str]

    def __init__(self, link: Link) -> None:
        self.link = link

    @abstractmethod
    def values(self, x: float, y: float) -> list[float]:
        """Return the two numbers for a hand at x and y."""

    @abstractmethod
    def begin(self, values: Sequence[float]) -> list[Future[Any]]:
        """Give them to the device."""


class AttributeCourse(Course):
    """Two attributes: one follows the hand to the right, the other one upwards."""

    def __init__(self, link: Link, members: Sequence[Attribute]) -> None:
        super().__init__(link)
        self._members = members
        self.labels, self.units = _texts(members)
        self._told: dict[str, float] = {}

    def values(self, x: float, y: float) -> list[float]:
        """Return the two numbers for a hand at x and y."""
        return [scaled(one, part) for one, part in zip(self._members, (x, y), strict=True)]

    def begin(self, values: Sequence[float]) -> list[Future[Any]]:
        """Set those that are new; both of them to let it rest."""
        rest = list(values) == self.values(0, 0)
        futures: list[Future[Any]] = []
        for member, value in zip(self._members, values, strict=True):
            if rest or self._told.get(member.name) != value:
                self._told[member.name] = value
                set_ = partial(self.link.set, member.name, value)
                futures.append(self.link.wheel.drive(set_))
        return futures


class FunctionCourse(Course):
    """A function of two numbers: to the right and up, or the wheels where they are called so."""

    def __init__(self, link: Link, function: Function) -> None:
        super().__init__(link)
        self._function = function
        self.labels, self.units = _texts(function.args)

    def values(self, x: float, y: float) -> list[float]:
        """Return the two numbers for a hand at x and y."""
        wheels = {"left": y + x, "right": y - x}
        parts = [wheels.get(label, 0.0) for label in self.labels]
        if set(self.labels) != set(wheels):
            parts = [x, y]
        return [scaled(a, part) for a, part in zip(self._function.args, parts, strict=True)]

    def begin(self, values: Sequence[float]) -> list[Future[Any]]:
        """Call it."""
        call = partial(self.link.call, self._function.name, tuple(values))
        return [self.link.wheel.drive(call)]


class Steering:
    """Steers one device: one wish at a time is under way, and of those that wait the newest wins.

    After the device was stopped by hand, it rests until the pad was let go of. `failed` is
    called with an error that nobody waits for. `close()` lets the device rest and ends it.
    """

    def __init__(self, course: Course, failed: Callable[[BaseException], None]) -> None:
        self._course, self._failed = course, failed
        self._lock = threading.Lock()
        self._gate = threading.Lock()  # who gives the device something, and who stops that
        self._barred = False  # stopped by hand
        self._unwatch = course.link.hold.watch(self._stopped)
        self._next: Wish | None = None
        self._busy = False
        self._hand = ""  # the view that has steered last
        self._number = 0  # of what it said last
        self._clock = ("", 0.0)  # a view, and how far its clock is behind this one at most
        self._heard = 0.0  # when the hand that steers spoke last, or 0 where none does

    def steer(self, view: str, number: int, x: float, y: float, at: float) -> Future[list[float]]:
        """Steer as a view says that was sent `at` that time of its clock, in seconds.

        The future gives the two numbers when the device has them, or the error; nothing where
        something newer came in between.
        """
        wish = Wish(_part(x), _part(y), Future())
        with self._lock:
            late = self._is_late(view, at)
            if (view == self._hand and number <= self._number) or (late and (wish.x or wish.y)):
                wish.done.set_result([])
                return wish.done
            self._hand, self._number = view, number
            self._hold(wish)
            replaced = self._put(wish)
        self._go_on(replaced)
        return wish.done

    def alive(self, view: str) -> None:
        """Note that the hand on a view is still there."""
        with self._lock:
            if self._heard and view == self._hand:
                self._heard = time.monotonic()

    def close(self) -> None:
        """Let the device rest and watch over it no more; a second time does nothing."""
        self.rest()
        self._unwatch()

    def rest(self) -> None:
        """Let the device rest if it is being steered."""
        with self._lock:
            if not self._heard:
                return
            wish = Wish(0.0, 0.0, Future())
            wish.done.add_done_callback(self._report)
            self._hold(wish)
            replaced = self._put(wish)
        self._go_on(replaced)

    def _is_late(self, view: str, at: float) -> bool:
        behind = time.monotonic() - at
        known, quickest = self._clock
        self._clock = (view, min(quickest, behind) if view == known else behind)
        return behind > self._clock[1] + LATE

    def _hold(self, wish: Wish) -> None:
        """Watch over the hand while it steers."""
        held, self._heard = self._heard, time.monotonic() if wish.x or wish.y else 0.0
        if self._heard and not held:
            later(SILENCE, self._look)
        elif held and not self._heard:
            cancel(self._look)

    def _look(self) -> None:
        left = self._heard + SILENCE - time.monotonic()
        if not self._heard:
            return
        if left > 0:
            later(left, self._look)
        else:
            self.rest()

    def _put(self, wish: Wish) -> Wish | None:
        replaced, self._next = self._next, wish
        return replaced

    def _go_on(self, replaced: Wish | None = None) -> None:
        if replaced is not None:
            replaced.done.set_result([])
        with self._lock:
            if self._busy or self._next is None:
                return
            self._busy = True
            wish, self._next = self._next, None
        values, left = self._course.values(wish.x, wish.y), list[Future[Any]]()
        try:
            with self._gate:
                moves = bool(wish.x or wish.y)
                self._barred = self._barred and moves
                if self._barred:
                    values = []
                else:
                    self._course.link.hold.driven = moves or self._course.link.hold.driven
                    left = self._course.begin(values)
        except Exception as error:  # whatever it is, the next wish must have its turn
            self._end(wish, error)
        else:
            self._wait(wish, values, left)

    def _stopped(self) -> None:
        """Take part in a stop by hand: whatever has come through goes ahead of that."""
        with self._gate:
            self._barred = self._barred or bool(self._course.link.hold.why and self._heard)

    def _wait(self, wish: Wish, values: list[float], left: list[Future[Any]]) -> None:
        """End the wish when all of `left` are done, with the first error there is."""
        count = threading.Lock()
        open_ = len(left)
        errors: list[BaseException] = []

        def done(future: Future[Any]) -> None:
            nonlocal open_
            with count:
                open_ -= 1
                if error := future.exception():
                    errors.append(error)
                last = open_ == 0
            if last:
                self._end(wish, errors[0] if errors else values)

        for future in left:
            future.add_done_callback(done)
        if not left:
            self._end(wish, values)

    def _end(self, wish: Wish, outcome: list[float] | BaseException) -> None:
        with self._lock:
            self._busy = False
        if isinstance(outcome, BaseException):
            wish.done.set_exception(outcome)
        else:
            wish.done.set_result(outcome)
        self._go_on()

    def _report(self, done: Future[list[float]]) -> None:
        if error := done.exception():
            self._failed(error)


def course(link: Link, *names: str) -> Course:
    """Return what of a device two attributes, or one function of two numbers, stand for.

    Raises UnknownName, ReadOnly and BadType for what can't be steered.
    """
    known = link.description
    for name in names:
        if name not in known.attributes and name not in known.functions:
            near = did_you_mean(name, [*known.attributes, *known.functions])
            raise UnknownName(f"{known.id} has no {name!r}{near}")
    if len(names) == 1 and (function := known.functions.get(names[0])):
        if len(function.args) != 2 or not all(a.type.is_number for a in function.args):
            raise BadType(f"a pad needs a function of two numbers, not {function.signature}")
        return FunctionCourse(link, function)
    members = [known.attributes[name] for name in names if name in known.attributes]
    if len(names) != 2 or len(members) != 2:
        raise BadType("a pad needs two attributes, or one function of two numbers")
    for member in members:
        if member.read_only:
            raise ReadOnly(f"{member.name} can be read but not set, so no pad can steer it")
        if not member.type.is_number:
            raise BadType(f"a pad steers numbers, and {member.name} is a {member.type}")
    return AttributeCourse(link, members)


def scaled(member: Attribute | Argument, part: float) -> float:
    """Return the number of the member's for a part of -1 to 1: 0, or what is nearest, for 0."""
    limits = member.limits
    low = -FULL if limits.minimum is None else limits.minimum
    high = FULL if limits.maximum is None else limits.maximum
    rest = min(max(0, low), high)
    part = min(max(part, -1.0), 1.0)
    value: float = rest + part * (high - rest if part > 0 else rest - low)
    if part and limits.step:
        value = min(max(low + round((value - low) / limits.step) * limits.step, low), high)
    return round(value) if member.type is Type.INT else round(float(value), 6)


def _part(part: float) -> float:
    return min(max(float(part), -1.0), 1.0) if part == part else 0.0


def _texts(
    members: Sequence[Attribute | Argument],
) -> tuple[tuple[str, str], tuple[str, str]]:
    first, second = members
    return (first.name, second.name), (first.limits.unit, second.limits.unit)
