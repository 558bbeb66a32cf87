"""Serial v2 over a line that misbehaves: nothing wrong is read, nothing is done twice."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager

import pytest
from fake_devices import SOON, Probe

import iotkit
from iotkit.device import device_over, link_of
from iotkit.host import Device, Hosted, function, run
from iotkit.links import greeting, known
from iotkit.links.serial import SerialLink
from iotkit.protocol import fingerprint
from iotkit.transports.memory import Memory, pair

SHORT = 0.15


class Noisy(Memory):
    """A line on which bytes are changed, lost or doubled, seldom, and the same way each time."""

    seed = 0
    quiet = True

    def write(self, data: bytes) -> None:
        if not self.quiet:
            data = bytes(b for byte in data for b in self._fate(byte))
        super().write(data)

    def _fate(self, byte: int) -> bytes:
        self.random = getattr(self, "random", random.Random(self.seed))
        dice = self.random.random()
        if dice < 0.004:
            return b""
        if dice < 0.008:
            return bytes([self.random.randrange(256)])
        return bytes([byte] * 2) if dice < 0.010 else bytes([byte])


class Counter(Device):
    """Counts what it is told."""

    value: int = 0

    def __init__(self) -> None:
        self.done: list[int] = []

    @function
    def act(self, number: int) -> int:
        """Do something once"""
        self.done.append(number)
        return number


@contextmanager
def board(device, **options):
    """Run `device` on a line; give the host's end."""
    here, there = pair("board")
    here.__class__ = there.__class__ = Noisy
    thread = threading.Thread(target=run, args=(device, there), kwargs=options)
    thread.start()
    try:
        yield here, there
    finally:
        here.close()
        thread.join(SOON)


@pytest.mark.parametrize("seed", range(2))
def test_on_a_noisy_line_no_value_is_wrong_and_no_action_is_done_twice(seed):
    counter = Counter()
    with board(counter) as ends, device_over(SerialLink(ends[0], timeout=SHORT)) as robot:
        link_of(robot)._call_timeout = SHORT
        for number, end in enumerate(ends):
            end.seed, end.quiet = 100 * seed + number, False
        failed = set()
        for number in range(15):
            try:
                robot.value = number
                assert robot.value == number
            except (iotkit.DeviceTimeout, iotkit.ProtocolError):
                robot_may_have = {number - 1, number}
                assert counter.value in robot_may_have
            try:
                assert robot.act(number) == number
            except (iotkit.DeviceTimeout, iotkit.ProtocolError):
                failed.add(number)
        for end in ends:
            end.quiet = True
    assert len(counter.done) == len(set(counter.done))
    assert set(range(15)) - set(counter.done) <= failed
    assert len(failed) < 9


def test_a_function_that_takes_long_holds_up_nothing_and_can_be_stopped():
    class Mover(Device):
        position: int = 7

        def __init__(self) -> None:
            self.halt = threading.Event()
            self.moving = threading.Event()

        @function
        def move(self) -> bool:
            """Move until stopped"""
            self.moving.set()
            return self.halt.wait(SOON)

        @function
        def stop(self) -> None:
            """Stop at once"""
            self.halt.set()

    mover = Mover()
    with board(mover) as (here, _), device_over(SerialLink(here)) as robot:
        moving = link_of(robot).call("move", ())
        assert mover.moving.wait(SOON)
        assert robot.position == 7
        assert not moving.done()
        robot.stop()
        assert moving.result(SOON) is True


def test_a_version_1_device_is_never_sent_a_version_2_command():
    sent = []

    class Watched(Noisy):
        def write(self, data: bytes) -> None:
            sent.append(data)
            super().write(data)

    with board(Probe(), version=1) as (here, _):
        here.__class__ = Watched
        with device_over(SerialLink(here)) as robot:
            robot.speed = 5
            robot.stop()
            with pytest.raises(iotkit.DeviceError, match="can't keep another name"):
                link_of(robot).rename("red").result(SOON)
    said = b"".join(sent)
    assert b"$" not in said
    assert b"\x18" not in said
    assert b"describe" not in said


def test_a_device_that_is_known_is_ready_without_describing_itself_again():
    class Fresh(Device, id="fresh"):
        """One that no other test has."""

        value: int = 1

    sent = []

    class Watched(Noisy):
        def write(self, data: bytes) -> None:
            sent.append(data)
            super().write(data)

    for times in (1, 1):
        with board(Fresh()) as (here, _):
            here.__class__ = Watched
            with device_over(SerialLink(here)) as robot:
                assert robot.value == 1
        assert sum(b"describe" in data for data in sent) == times


class Told(Device, id="told"):
    """The real one, of which others may have told."""

    value: int = 1


def test_what_another_device_said_elsewhere_is_not_taken_for_what_this_one_has():
    said = fingerprint(Hosted(Told()).description)
    lies = [("ATTR", "value:int - As it says [read-only]")]
    for place in ("/dev/other", "http://192.0.2.9", "socket://192.0.2.9:7"):
        known.remember(place, "told", said, lies)
    with board(Told()) as (here, _), device_over(SerialLink(here)) as robot:
        robot.value = 5
        assert robot.value == 5
    assert known.recall("/dev/other", "told", said) == lies
    assert known.recall("http://192.0.2.9", "told", said) is None  # is always asked
    assert known.recall("socket://192.0.2.9:7", "told", said) is None


def test_a_description_is_kept_only_for_the_fingerprint_that_goes_with_it():
    said = fingerprint(Hosted(Told()).description).encode()

    class Claiming(Noisy):
        def read(self) -> bytes:
            return super().read().replace(b"iotoy/2 " + said, b"iotoy/2 0badcafe")

    with board(Told()) as (here, _):
        here.__class__, here.name = Claiming, "/dev/claiming"
        device_over(SerialLink(here)).close()
    assert known.recall("/dev/claiming", "told", "0badcafe") is None
    with board(Told()) as (here, _):
        here.name = "/dev/claiming"
        device_over(SerialLink(here)).close()
    assert known.recall("/dev/claiming", "told", said.decode()) is not None


class Mixing(Noisy):
    """The host's end, where of three functions one has taken the place of another."""

    places: list[tuple[bytes, bytes]]  # in each description: of whom, and whose

    def read(self) -> bytes:
        data = super().read()
        while b"a ->" in data and b"DESCRIBE OK" not in data:
            data += super().read()
        if b"a ->" not in data:
            return data
        lines = data.splitlines(keepends=True)
        of, whose = (next(line for line in lines if name in line) for name in self.places.pop(0))
        lines[lines.index(of)] = whose
        return b"".join(lines)


class Functions(Device):
    @function
    def a(self) -> None: ...

    @function
    def b(self) -> None: ...

    @function
    def c(self) -> None: ...


def test_answers_that_have_mixed_are_not_taken_for_a_description():
    with board(Functions()) as (here, _):
        here.__class__ = Mixing
        here.places = [(b"a ->", b"b ->"), (b"b ->", b"c ->"), (b"c ->", b"a ->")]
        with pytest.raises(iotkit.ProtocolError, match="loses lines"):
            SerialLink(here)


def test_a_device_that_has_a_name_twice_can_be_used(caplog):
    with board(Functions()) as (here, _):
        here.__class__, here.places = Mixing, [(b"a ->", b"b ->")] * 2
        with device_over(SerialLink(here)) as robot:
            robot.b()
    assert "is there twice" in caplog.text


def test_a_device_is_renamed_and_keeps_its_class():
    with board(Counter()) as (here, _), device_over(SerialLink(here)) as robot:
        link = link_of(robot)
        link.rename("red").result(SOON)
        assert robot.devinfo["devicename"] == "counter:red"
        link.rename("").result(SOON)
        assert robot.devinfo["devicename"] == "counter"


def test_a_late_answer_goes_to_nobody():
    class Slow(Device):
        count: int = 0

        def __init__(self) -> None:
            self.first = True
            self.release = threading.Event()

        @property
        def value(self) -> int:
            """The first reading takes long"""
            first, self.first = self.first, False
            if first:
                self.release.wait(SOON)
                return 1
            return 2

    slow = Slow()
    with board(slow) as (here, _), device_over(SerialLink(here, timeout=SHORT)) as robot:
        with pytest.raises(iotkit.DeviceTimeout):
            _ = robot.value
        slow.release.set()
        assert robot.value == 2
        assert robot.count == 0


class Rated(Noisy):
    """A port at whose wrong rates everything is garbage, both ways."""

    rates = (115200, 19200)
    rate = 115200
    true = 19200

    def set_rate(self, rate: int) -> None:
        self.rate = rate

    def write(self, data: bytes) -> None:
        Memory.write(self, data if self.rate == self.true else b"\xf8" * len(data))

    def read(self) -> bytes:
        data = Memory.read(self)
        return data if self.rate == self.true else b"\x80" * len(data)


@pytest.mark.parametrize("true", Rated.rates)
@pytest.mark.parametrize("resets", [True, False])
@pytest.mark.parametrize("version", [1, 2])
def test_the_rate_of_a_port_is_found_out(monkeypatch, true, resets, version):
    monkeypatch.setattr(greeting, "RATE_TIMEOUT", SHORT)
    with board(Probe(), version=version) as (here, _):
        here.__class__, here.true, here.resets = Rated, true, resets
        with device_over(SerialLink(here)) as robot:
            assert here.rate == true
            assert robot.speed == 80


def test_a_port_without_a_device_is_given_up_within_eight_seconds():
    tries = greeting.RATE_ROUNDS * len(Rated.rates) * greeting.RATE_TRIES
    waits = greeting.BOOT_TIME + greeting.BANNER_TIME
    assert waits + tries * greeting.RATE_TIMEOUT < 8
