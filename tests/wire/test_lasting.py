"""Links that last: a device that is lost is told of as lost, and comes back by itself."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from typing import Annotated

import pytest
from fake_devices import SOON, Counting
from heard import Heard
from hypothesis import given, settings
from hypothesis import strategies as st
from lasting import AT_ONCE, Robot, becomes

import iotkit
from iotkit import host
from iotkit.device import device_over, link_of
from iotkit.errors import DeviceDisconnected, DeviceLost, DeviceNotFound, DeviceStopped
from iotkit.links.lasting import LastingLink
from iotkit.links.serial import SerialLink
from iotkit.links.states import NEXT
from iotkit.transports import Transport
from iotkit.transports.memory import pair

posix = pytest.mark.skipif(os.name != "posix", reason="there are no pseudo terminals")


class Faster(Robot, id="robot"):
    """The same robot, with another sketch."""

    speed: Annotated[int, "How fast [0..5]"] = 1


class More(Robot, id="robot"):
    """The same robot, which has learned more."""

    speed: Annotated[int, "How fast it drives"] = 80
    height: int = 3


class Cable:
    """A way to a device in memory, which can be pulled and plugged in again."""

    remedy = "is unplugged: plug it in again, it comes back by itself"
    target = "cable"

    def __init__(self, device=None):
        self.device = device or Robot()
        self.lines = []  # what was sent, on one after the other
        self.plugged = True
        self.refusal = None
        self._there = None
        self._threads = []

    def there(self):
        return self.plugged

    def open(self):
        if self.refusal:
            raise self.refusal
        if not self.plugged:
            raise DeviceNotFound("there is no cable")
        here, self._there = pair("cable")
        thread = threading.Thread(target=host.run, args=(self.device, self._there))
        thread.start()
        self._threads.append(thread)
        self.lines.append(Counting(here))
        return SerialLink(self.lines[-1], timeout=SOON)

    def cancel(self):
        pass

    def pull(self):
        self.plugged = False
        self._there.close()

    def plug(self, device=None):
        self.device = device or self.device
        self.plugged = True

    def sent(self, command):
        """How often it went over any of the lines."""
        return sum(line.sent.count(command) for line in self.lines)

    def close(self):
        if self._there:
            self._there.close()
        for thread in self._threads:
            thread.join(SOON)


@contextmanager
def cabled(device=None):
    cable = Cable(device)
    link = LastingLink(cable)
    try:
        with device_over(link) as robot:
            yield robot, cable
    finally:
        cable.device.go_on.set()
        cable.close()


def replug(robot, cable, device=None):
    cable.pull()
    becomes(robot, "lost")
    cable.plug(device)
    becomes(robot, "ready")


# What a person sees


def test_a_device_that_is_pulled_is_lost_and_back_when_it_is_plugged_in():
    with cabled() as (robot, cable):
        assert robot.state == "ready"
        assert "connected" in repr(robot)
        cable.pull()
        becomes(robot, "lost")
        assert "lost" in repr(robot)
        began = time.monotonic()
        cable.plug()
        becomes(robot, "ready")
        assert time.monotonic() - began < 2.0 + AT_ONCE
        assert robot.speed == 80
    assert robot.state == "closed"


def test_the_states_are_told_in_order_until_it_is_closed():
    states, told, over = [], [], threading.Event()
    with cabled() as (robot, cable):
        watch = robot.on_state(lambda state: (told.append(state), state == "closed" and over.set()))
        link_of(robot).newsroom.states.watch(states.append)
        replug(robot, cable)
    assert over.wait(SOON)
    assert told == states == ["lost", "reconnecting", "ready", "closed"]
    assert watch._inbox.take() is None  # it has ended


def test_a_device_with_a_state_of_its_own_keeps_it():
    class Lamp(host.Device):
        state: str = "on"

        @host.function
        def on_state(self) -> str:
            """What it says"""
            return "lit"

    with iotkit.connect(Lamp()) as lamp:
        lamp.state = "off"
        assert (lamp.state, lamp.on_state()) == ("off", "lit")
        assert iotkit.Device.state.fget(lamp) == "ready"
    assert iotkit.Device.state.fget(lamp) == "closed"


# What was asked


@pytest.mark.parametrize("ask", ["call", "get", "set"])
def test_what_is_on_the_way_when_it_is_lost_ends_within_a_second(ask):
    with cabled() as (robot, cable):
        link = link_of(robot)
        waiting = link.call("wait", ())
        asked = {
            "call": lambda: link.call("forward", (1,)),
            "get": lambda: link.get("speed"),
            "set": lambda: link.set("speed", 3),
        }[ask]
        began = time.monotonic()
        cable.pull()
        late = asked()
        error = waiting.exception(SOON)
        assert time.monotonic() - began < AT_ONCE
        assert isinstance(error, DeviceDisconnected)
        assert "may have run" in str(error)
        assert isinstance(late.exception(SOON), DeviceDisconnected)


def test_what_is_asked_while_it_is_lost_fails_at_once_in_one_sentence():
    with cabled() as (robot, cable):
        cable.pull()
        becomes(robot, "lost")
        link = link_of(robot)
        for refused in (
            link.get("speed"),
            link.get("speed", background=True),
            link.get_now("speed"),
            link.set("speed", 1),
            link.call("forward", (1,)),
            link.rename("red"),
        ):
            assert refused.done()
            assert isinstance(refused.exception(), DeviceLost)
        with pytest.raises(
            ConnectionError,
            match=r"^robot is unplugged: plug it in again, it comes back by itself$",
        ):
            robot.forward(1)


def test_nothing_that_moves_is_sent_again():
    with cabled() as (robot, cable):
        called = link_of(robot).call("wait", ())
        while not cable.device.calls:
            time.sleep(0.001)
        cable.pull()
        with pytest.raises(DeviceDisconnected, match="may have run"):
            called.result(SOON)
        becomes(robot, "lost")
        with pytest.raises(DeviceLost):
            robot.forward(7)
        with pytest.raises(DeviceLost):
            robot.speed = 3
        cable.device.go_on.set()
        cable.plug()
        becomes(robot, "ready")
        assert robot.speed == 80
        robot.forward(8)
        assert cable.device.calls == ["wait", "forward 8"]
        sent = [cable.sent(command) for command in (b"wait", b"forward 7", b"set speed")]
        assert sent == [1, 0, 0]


# News


def test_followers_hear_that_it_is_lost_and_then_the_values_of_now():
    with cabled() as (robot, cable):
        heard, bumps = Heard(), Heard()
        link_of(robot).follow("speed", heard)
        link_of(robot).follow("bump", bumps)
        heard.wait(lambda changes: changes == [80])
        cable.pull()
        heard.wait(lambda changes: [*map(type, changes)][-1:] == [DeviceLost])
        bumps.wait(lambda changes: [*map(type, changes)][-1:] == [DeviceLost])
        late = Heard()
        link_of(robot).follow("speed", late)
        late.wait(lambda changes: [*map(type, changes)][-1:] == [DeviceLost])
        cable.plug()
        heard.wait(lambda changes: changes[2:] == [80])
        late.wait(lambda changes: changes[1:] == [80])
        cable.device.speed = 81
        heard.wait(lambda changes: changes[3:] == [81])
        becomes(robot, "ready")
        cable.device.bump("left")
        bumps.wait(lambda changes: changes[1:] == ["left"])
    heard.wait(lambda changes: type(changes[-1]) is DeviceDisconnected)
    assert len(heard.changes) == 5


def test_a_loop_over_news_is_told_and_may_go_on():
    with cabled() as (robot, cable):
        watch = robot.watch("speed")
        assert next(watch).value == 80
        cable.pull()
        with pytest.raises(DeviceLost):
            next(watch)
        assert not watch.closed
        cable.plug()
        assert next(watch).value == 80
        robot.close()
        with pytest.raises(StopIteration):
            next(watch)


# Held


def test_what_was_stopped_by_hand_stays_held_and_is_stopped_again_when_it_is_back():
    with cabled() as (robot, cable):
        link = link_of(robot)
        robot.forward(1)
        cable.pull()
        becomes(robot, "lost")
        assert isinstance(link.halt().exception(SOON), DeviceLost)
        cable.plug()
        becomes(robot, "ready")
        with pytest.raises(DeviceStopped):
            robot.forward(2)
        assert cable.device.stopped.wait(SOON)
        assert cable.device.calls == ["forward 1", "stop"]
        link.hold.end()
        robot.forward(3)
        assert cable.device.calls[2:] == ["forward 3"]


# What comes back


def test_another_description_ends_it_with_a_clear_error():
    with cabled() as (robot, cable):
        heard = Heard()
        link_of(robot).follow("speed", heard)
        cable.pull()
        becomes(robot, "lost")
        cable.plug(Faster())
        becomes(robot, "closed")
        with pytest.raises(DeviceDisconnected, match="come back with another speed") as caught:
            _ = robot.speed
        assert not isinstance(caught.value, DeviceLost)
        heard.wait(lambda changes: "another speed" in str(changes[-1]))


def test_another_device_in_its_place_ends_it():
    class Lamp(Robot):
        """Another one."""

    with cabled() as (robot, cable):
        cable.pull()
        cable.plug(Lamp())
        becomes(robot, "closed")
        with pytest.raises(DeviceDisconnected, match="robot is gone: there is lamp at cable"):
            robot.forward(1)


def test_more_names_and_better_help_are_taken():
    with cabled() as (robot, cable):
        replug(robot, cable, More())
        assert robot.speed == 80


def test_what_keeps_it_from_coming_back_is_told():
    with cabled() as (robot, cable):
        heard = Heard()
        link_of(robot).follow("speed", heard)
        cable.pull()
        cable.refusal = iotkit.PortBusy("cable is in use by the Arduino IDE")
        cable.plug()
        heard.wait(lambda changes: "not back yet" in str(changes[-1:]))
        with pytest.raises(DeviceLost, match="not back yet: cable is in use by the Arduino IDE"):
            _ = robot.speed
        cable.refusal = None
        becomes(robot, "ready")


def test_a_fault_of_a_way_does_not_end_the_search(caplog):
    with cabled() as (robot, cable):
        cable.refusal = RuntimeError("oops")
        cable.pull()
        cable.plug()
        becomes(robot, "reconnecting")
        while "oops" not in caplog.text:
            time.sleep(0.01)
        cable.refusal = None
        becomes(robot, "ready")


@pytest.mark.parametrize("state", ["ready", "lost", "reconnecting"])
def test_closed_in_any_state_it_stays_closed(state):
    with cabled() as (robot, cable):
        if state != "ready":
            cable.refusal = DeviceNotFound("not yet") if state == "reconnecting" else None
            cable.pull()
            cable.plugged = state == "reconnecting"
            becomes(robot, state)
        robot.close()
        robot.close()
        cable.refusal, opened_before = None, len(cable.lines)
        cable.plug()
        assert robot.state == "closed"
        with pytest.raises(DeviceDisconnected, match="closed"):
            _ = robot.speed
    assert len(cable.lines) == opened_before


def test_it_can_be_closed_when_it_hears_that_it_is_lost():
    with cabled() as (robot, cable):
        robot.on_state(lambda _: robot.close())
        cable.pull()
        becomes(robot, "closed")


def test_many_losses_one_after_the_other_lose_nothing():
    with cabled() as (robot, cable):
        heard = Heard()
        link_of(robot).follow("speed", heard)
        for level in range(5):
            replug(robot, cable)
            robot.speed = level
            heard.wait_last(speed=level)


class Cut(Transport):
    """Another transport, which breaks after so many bytes, in whichever direction."""

    def __init__(self, inner, left):
        self._inner, self._left = inner, left
        self.name = inner.name
        self.sent = bytearray()

    def _pass(self, data):
        passed, self._left = data[: self._left], max(self._left - len(data), 0)
        return passed

    def read(self):
        data = self._pass(self._inner.read())
        if not data and not self._left:
            self._inner.close()
            raise DeviceDisconnected("the cable broke")
        return data

    def write(self, data):
        passed = self._pass(data)
        self.sent += passed
        self._inner.write(passed)

    def close(self):
        self._inner.close()


class Breaking(Cable):
    """A cable of which each piece breaks after so many bytes; those after the last one don't."""

    def __init__(self, breaks):
        super().__init__()
        self._breaks = [1 << 30, *breaks]

    def open(self):
        here, self._there = pair("cable")
        thread = threading.Thread(target=host.run, args=(self.device, self._there))
        thread.start()
        self._threads.append(thread)
        self.lines.append(Cut(here, self._breaks.pop(0) if self._breaks else 1 << 30))
        return SerialLink(self.lines[-1], timeout=SOON)


@settings(max_examples=15, deadline=None)
@given(breaks=st.lists(st.integers(0, 1200), max_size=3), calls=st.integers(1, 4))
def test_a_device_that_fails_at_any_byte_comes_back_and_repeats_nothing(breaks, calls):
    cable, states = Breaking(breaks), ["ready"]
    with device_over(LastingLink(cable)) as robot:
        heard = Heard()
        link_of(robot).newsroom.states.watch(states.append)
        link_of(robot).follow("speed", heard)
        cable._there.close()
        number, sure, doubtful = 0, [], []
        while len(sure) < calls or cable._breaks:
            if len(sure) >= calls:
                cable._there.close()  # what is left to break breaks now
            number += 1
            try:
                robot.forward(number)
                sure.append(f"forward {number}")
            except DeviceDisconnected as error:
                doubtful += [f"forward {number}"] if "may have run" in str(error) else []
                becomes(robot, "ready")
        while link_of(robot).set("speed", 99).exception() is not None:
            becomes(robot, "ready")  # the last piece broke just now
        heard.wait_last(speed=99)
        ran = cable.device.calls
        assert len(ran) == len(set(ran))
        assert set(sure) <= set(ran) <= {*sure, *doubtful}
    cable.close()
    assert states[-1] == "closed"
    assert all(after in NEXT[before] for before, after in pairwise(states))
