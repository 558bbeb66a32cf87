"""A link that lasts, through whatever happens to it: any order of calls, cuts, restarts, silences.

What is real: the link, its threads, the protocol, and a device in Python at the other end.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from fake_devices import SOON
from heard import Heard
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from iotkit import host
from iotkit.errors import (
    DeviceDisconnected,
    DeviceLost,
    DeviceNotFound,
    DeviceReset,
    DeviceStopped,
    DeviceTimeout,
)
from iotkit.links import Following, lasting
from iotkit.links.lasting import LastingLink
from iotkit.links.news import is_last, same
from iotkit.links.serial import SerialLink
from iotkit.links.states import NEXT
from iotkit.transports import TICK, Transport
from iotkit.transports.memory import pair

TIMEOUT = 0.5  # seconds
NEVER = 1 << 30  # bytes after which a line breaks


class Robot(host.Device):
    """A robot."""

    speed: int = 0

    def __init__(self, ran: list[int], stops: list[int], stopped: threading.Condition) -> None:
        self._ran, self._stops, self._stopped = ran, stops, stopped

    @host.function
    def double(self, n: int) -> int:
        """Twice as much"""
        self._ran.append(n)
        return 2 * n

    @host.function
    def stop(self) -> None:
        """Stop"""
        with self._stopped:
            self._stops.append(len(self._stops))
            self._stopped.notify_all()


class Faster(Robot, id="robot"):
    """The same robot, with a function that takes more."""

    @host.function
    def double(self, n: float) -> int:
        """Twice as much"""
        return int(2 * n)


class Lamp(Robot):
    """Another device."""


class Near(Transport):
    """The host's end of a line that breaks after so many bytes, in whichever direction."""

    def __init__(self, inner: Transport, left: int) -> None:
        self._inner, self.left, self.name = inner, left, inner.name
        self.speaks = threading.Event()  # else what the device says is held up
        self.speaks.set()

    def _pass(self, data: bytes) -> bytes:
        passed, self.left = data[: self.left], max(self.left - len(data), 0)
        return passed

    def read(self) -> bytes:
        if not self.speaks.wait(TICK):
            return b""
        data = self._pass(self._inner.read())
        if not data and not self.left:
            self._inner.close()
            raise DeviceDisconnected("the cable broke")
        return data

    def write(self, data: bytes) -> None:
        self._inner.write(self._pass(data))

    def cut(self) -> None:
        self.left = 0
        self.speaks.set()
        self._inner.close()

    def close(self) -> None:
        self.speaks.set()
        self._inner.close()


class Far(Transport):
    """The device's end of it, which a device that restarts leaves to the next one."""

    def __init__(self, inner: Transport) -> None:
        self._inner, self.name, self.over = inner, inner.name, False

    def read(self) -> bytes:
        if self.over:
            raise DeviceDisconnected("restarted")
        return self._inner.read()

    def write(self, data: bytes) -> None:
        if not self.over:
            self._inner.write(data)

    def close(self) -> None:
        self.over = True


class Socket:
    """Where the device is plugged in: a way to it."""

    target, remedy = "cable", "is unplugged"

    def __init__(self, device: host.Device, version: int) -> None:
        self.device, self.version = device, version
        self.plugged, self.breaks = True, list[int]()
        self.near: Near | None = None
        self._far: Far | None = None
        self._there: Transport | None = None
        self._threads: list[threading.Thread] = []
        self._opened = threading.Condition()

    def there(self) -> bool:
        return self.plugged

    def open(self) -> SerialLink:
        if not self.plugged:
            raise DeviceNotFound("nothing is plugged in")
        here, self._there = pair("cable")
        self.start()
        with self._opened:
            self.near = Near(here, self.breaks.pop(0) if self.breaks else NEVER)
            self._opened.notify_all()
        return SerialLink(self.near, timeout=TIMEOUT)

    def wait_for_another(self, near: Near) -> None:
        """Return when another line than this one has been opened."""
        with self._opened:
            assert self._opened.wait_for(lambda: self.near is not near, SOON)

    def cancel(self) -> None:
        pass

    def start(self) -> None:
        self._far = Far(self._there)
        run = threading.Thread(
            target=host.run, args=(self.device, self._far), kwargs={"version": self.version}
        )
        run.start()
        self._threads.append(run)

    def restart(self) -> None:
        self._far.close()
        self._threads[-1].join(SOON)
        self.start()

    def cut(self) -> None:
        self.near.cut()

    def settle(self) -> None:
        """Return when all devices but the last one have done what they were told to."""
        for thread in self._threads[:-1]:
            thread.join(SOON)
            assert not thread.is_alive()

    def close(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(SOON)
            assert not thread.is_alive()


@dataclass(eq=False)
class Asked:
    """What was asked: the `number` of what acts, what has happened since all was well before."""

    what: str
    number: int
    future: Future[Any]
    at_once: bool
    happened: set[str]


class Lasting(RuleBasedStateMachine):
    """A user, a robot, and what lies between them."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(lasting, "FIRST_WAIT", 0.01)
        self.patch.setattr(lasting, "LONGEST_WAIT", 0.05)
        self.numbers = itertools.count(1)
        self.ran, self.stops = list[int](), list[int]()
        self.stopped = threading.Condition()
        self.values, self.not_run = {0}, set[int]()

    @initialize(version=st.sampled_from([1, 2]))
    def connect(self, version: int) -> None:
        self.version = version
        self.device = Robot(self.ran, self.stops, self.stopped)
        self.device.speed = next(self.numbers)
        self.values.add(self.device.speed)
        self.socket = Socket(self.device, version)
        self.link = LastingLink(self.socket)
        self.states = ["ready"]
        self.link.newsroom.states.watch(self.states.append)
        self.happened = set[str]()  # since all was well
        self.asked, self.following = list[Asked](), list[tuple[Following, Heard]]()
        self.stops_wanted = 0

    # The user

    def ask(self, what: str, number: int, begin: Callable[[], Future[Any]]) -> None:
        future = begin()
        self.asked.append(Asked(what, number, future, future.done(), self.happened))

    @rule()
    def get(self) -> None:
        self.ask("get", 0, lambda: self.link.get("speed"))

    @rule()
    def set(self) -> None:
        number = next(self.numbers)
        self.values.add(number)
        self.drive("set", number, lambda: self.link.set("speed", number))

    @rule()
    def call(self) -> None:
        number = next(self.numbers)
        self.drive("call", number, lambda: self.link.call("double", (number,)))

    def drive(self, what: str, number: int, begin: Callable[[], Future[Any]]) -> None:
        held = bool(self.link.hold.why)
        try:
            self.ask(what, number, lambda: self.link.hold.drive(begin))
        except DeviceStopped:
            assert held
            self.not_run.add(number)
        else:
            assert not held

    @rule()
    def halt(self) -> None:
        self.happened.add("halt")
        self.stops_wanted = len(self.stops) + 1
        self.ask("stop", 0, self.link.halt)

    @rule()
    def release(self) -> None:
        self.link.hold.end()
        self.stops_wanted = 0

    @rule(period=st.sampled_from([0.0, 0.02]))
    def follow(self, period: float) -> None:
        heard = Heard()
        self.following.append((self.link.follow("speed", heard, period), heard))

    @precondition(lambda self: self.following)
    @rule()
    def unfollow(self) -> None:
        self.following.pop()[0].close()

    # The robot, and the cable

    @rule()
    def change(self) -> None:
        number = next(self.numbers)
        self.values.add(number)
        self.device.speed = number

    @rule(after=st.integers(0, 300), breaks=st.lists(st.integers(0, 900), max_size=2))
    def break_later(self, after: int, breaks: list[int]) -> None:
        """Let the cable break at some byte, and some of those that follow it as well."""
        self.happened.add("lost")
        self.socket.breaks = breaks
        self.socket.near.left = min(self.socket.near.left, after)

    @rule()
    def pull(self) -> None:
        self.happened.add("lost")
        self.socket.plugged = False
        self.socket.cut()
        self.becomes("lost")
        for _, heard in self.following:
            heard.wait(lambda changes: changes and type(changes[-1]) is DeviceLost)
        refused = self.link.get("speed")
        assert refused.done()
        assert type(refused.exception()) is DeviceLost

    @rule()
    def plug(self) -> None:
        self.socket.plugged = True

    @precondition(lambda self: not self.happened)
    @rule()
    def restart(self) -> None:
        self.happened.add("restart")
        self.socket.restart()

    @rule()
    def fall_silent(self) -> None:
        self.happened.add("silence")
        self.socket.near.speaks.clear()

    @rule()
    def speak(self) -> None:
        self.socket.near.speaks.set()

    # What it comes to

    @rule()
    def all_is_well(self) -> None:
        """From now on: it is ready, what was asked has ended, and who follows knows what is."""
        self.socket.breaks, self.socket.plugged = [], True
        self.socket.near.speaks.set()
        while (near := self.socket.near).left < NEVER // 2:
            near.cut()
            self.socket.wait_for_another(near)
        self.becomes("ready")
        self.all_have_ended()
        if "restart" in self.happened:
            self.link.get("speed").exception(SOON)  # its banner may just be coming
        assert self.link.get("speed").result(SOON) == self.device.speed
        self.socket.settle()
        for _, heard in self.following:
            heard.wait_last(speed=self.device.speed)
        with self.stopped:  # a function runs beside what is read
            assert self.stopped.wait_for(lambda: len(self.stops) >= self.stops_wanted, SOON)
        self.happened = set()

    @rule()
    def close(self) -> None:
        self.link.close()
        self.link.close()
        self.ends("lost", self.all_have_ended)

    @rule(other=st.sampled_from([Faster, Lamp]))
    def find_another_in_its_place(self, other: type[Robot]) -> None:
        self.socket.device, self.socket.breaks, self.socket.plugged = (
            other([], [], self.stopped),
            [],
            True,
        )
        self.happened.add("lost")
        self.socket.cut()
        self.becomes("closed")
        self.ends("lost", self.all_have_ended)

    def ends(self, how: str, check: Callable[[], None]) -> None:
        """See that it is over for good, and begin anew with another link."""
        self.happened.add(how)
        assert self.link.state == "closed"
        check()
        refused = self.link.get("speed")
        assert refused.done()
        assert type(refused.exception()) is DeviceDisconnected
        for following, heard in self.following:
            changes = heard.wait(lambda changes: changes and is_last(changes[-1]))
            assert not any(map(is_last, changes[:-1]))
            following.close()
        self.transitions_are_allowed()
        self.socket.close()
        self.connect(self.version)

    def becomes(self, *states: str) -> None:
        reached = threading.Event()
        end = self.link.newsroom.states.watch(lambda now: now in states and reached.set())
        try:
            assert self.link.state in states or reached.wait(SOON), self.link.state
        finally:
            end()

    def all_have_ended(self) -> None:
        for asked in self.asked:
            error = asked.future.exception(SOON)
            if error is None:
                self.has_worked(asked)
            else:
                self.has_failed(asked, error)
        self.asked.clear()

    def has_worked(self, asked: Asked) -> None:
        result = asked.future.result()
        if asked.what == "get":
            assert result in self.values
        if asked.what == "call":
            assert result == 2 * asked.number
            assert asked.number in self.ran

    def has_failed(self, asked: Asked, error: BaseException) -> None:
        allowed = {
            "lost": {DeviceLost, DeviceDisconnected},
            "silence": {DeviceTimeout},
            "restart": {DeviceReset},
            "halt": {DeviceStopped} if asked.what in ("set", "call") else set(),
        }
        assert type(error) in set().union(*(allowed[how] for how in asked.happened)), (asked, error)
        assert asked.at_once or type(error) is not DeviceLost
        if asked.what == "call" and "may have run" not in str(error):
            self.not_run.add(asked.number)

    @invariant()
    def no_action_has_run_twice_or_against_what_was_said(self) -> None:
        ran = list(self.ran)
        assert len(ran) == len(set(ran))
        assert not self.not_run & set(ran)

    @invariant()
    def transitions_are_allowed(self) -> None:
        if hasattr(self, "states"):
            assert all(after in NEXT[before] for before, after in pairwise(list(self.states)))

    @invariant()
    def nobody_is_told_the_same_twice(self) -> None:
        for _, heard in getattr(self, "following", ()):
            assert not any(same(one, next_) for one, next_ in pairwise(list(heard.changes)))

    def teardown(self) -> None:
        try:
            if hasattr(self, "link"):
                self.all_is_well()
                self.close()
        finally:
            if hasattr(self, "link"):
                self.link.close()
                self.socket.close()
            self.patch.undo()
        self.no_action_has_run_twice_or_against_what_was_said()


def test_whatever_happens_to_it_a_link_lasts() -> None:
    # Not made smaller where it fails: each try waits for what doesn't come.
    once = settings(
        max_examples=80,
        stateful_step_count=25,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    run_state_machine_as_test(Lasting, settings=once)
