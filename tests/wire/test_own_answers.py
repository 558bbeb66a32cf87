"""A caller that waits reads its own answer; what else comes meanwhile goes where it belongs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from fake_devices import SOON

from iotkit.device import Device, device_over, link_of
from iotkit.errors import DeviceDisconnected, DeviceReset, DeviceTimeout
from iotkit.host import Device as HostDevice
from iotkit.host import Hosted
from iotkit.links.serial import SerialLink
from iotkit.protocol import Call, DeviceEnd, Get
from iotkit.protocol.frames import NEWS_TAG, frame
from iotkit.transports.memory import Memory, pair

ROUNDS = 100  # so that callers meet the reading thread in all its states


class Meter(HostDevice):
    """Two values."""

    level: int = 0
    speed: int = 7


class Answerer(threading.Thread):
    """A device that answers each get with what `answer` makes of the good answer, or nothing."""

    def __init__(self, line: Memory) -> None:
        super().__init__()
        self.gets = 0
        self.answer: Callable[[bytes], bytes] = lambda good: good
        self._line = line
        self._end = DeviceEnd(Hosted(Meter()).description)

    def run(self) -> None:
        try:
            while True:
                self._end.receive(self._line.read())
                said = b""
                while request := self._end.next_request():
                    assert not isinstance(request, Call)
                    if isinstance(request, Get):
                        self.gets += 1
                    self._end.answer(request, 7 if isinstance(request, Get) else None)
                    good = self._end.data_to_send()
                    said += self.answer(good) if isinstance(request, Get) else good
                self._line.write(said + self._end.data_to_send())
        except DeviceDisconnected:
            pass


@contextmanager
def answered(timeout: float = SOON) -> Iterator[tuple[Device, Answerer]]:
    here, there = pair()
    device = Answerer(there)
    device.start()
    try:
        with device_over(SerialLink(here, timeout=timeout)) as meter:
            yield meter, device
    finally:
        here.close()
        device.join(SOON)


def test_news_in_one_piece_with_an_answer_is_told() -> None:
    told: list[object] = []
    all_told = threading.Event()

    def heard(name: str, change: object, at: float) -> None:
        told.append(change)
        if change == ROUNDS:
            all_told.set()

    with answered() as (meter, device):
        following = link_of(meter).follow("level", heard)
        assert meter.speed == 7
        count = iter(range(1, ROUNDS + 1))
        device.answer = lambda good: frame(NEWS_TAG, f"103:level:{next(count)}") + good
        for _ in range(ROUNDS):
            assert meter.speed == 7
        assert all_told.wait(SOON)
        following.close()
    assert told[-ROUNDS:] == list(range(1, ROUNDS + 1))


def test_an_answer_in_pieces_is_read_whole() -> None:
    with answered() as (meter, device):

        def in_pieces(good: bytes) -> bytes:
            device._line.write(good[:5])
            return good[5:]

        device.answer = in_pieces
        for _ in range(ROUNDS):
            assert meter.speed == 7


def test_an_answer_that_does_not_come_is_asked_for_again_and_then_given_up() -> None:
    with answered(timeout=0.2) as (meter, device):
        lost = iter([True, False] * 5)
        device.answer = lambda good: b"" if next(lost) else good
        for _ in range(5):
            assert meter.speed == 7
        device.gets = 0
        device.answer = lambda good: b""
        with pytest.raises(DeviceTimeout, match="did not answer 'get speed'"):
            _ = meter.speed
        assert device.gets == 3


def test_a_restart_in_place_of_an_answer_is_an_error_and_the_next_get_works() -> None:
    with answered() as (meter, device):
        for _ in range(20):
            device.answer = lambda good: b"200:DEV READY iotoy/2 1234:meter\r\n"
            with pytest.raises(DeviceReset):
                _ = meter.speed
            device.answer = lambda good: good
            assert meter.speed == 7


def test_a_device_that_goes_away_in_place_of_an_answer_is_gone() -> None:
    with answered() as (meter, device):
        for _ in range(5):
            assert meter.speed == 7

        def go_away(good: bytes) -> bytes:
            device._line.close()
            return b""

        device.answer = go_away
        with pytest.raises(DeviceDisconnected):
            _ = meter.speed
        with pytest.raises(DeviceDisconnected):
            _ = meter.speed


def test_many_callers_and_futures_at_once_each_get_their_own_answer() -> None:
    with answered() as (meter, _), ThreadPoolExecutor(8) as pool:
        link = link_of(meter)

        def work(_: int) -> None:
            for _ in range(ROUNDS):
                future = link.get("level")
                assert meter.speed == 7
                assert future.result(SOON) == 7

        list(pool.map(work, range(8)))
