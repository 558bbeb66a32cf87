"""Following a device's values: who is told what, and what it costs the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import pytest

from iotkit import host, polling
from iotkit.device import Device, device_over, link_of
from iotkit.errors import DeviceDisconnected, DeviceError, DeviceTimeout
from iotkit.links.local import LocalLink
from iotkit.links.serial import SerialLink
from iotkit.transports import TICK
from iotkit.transports.memory import Memory, pair

QUICK = 0.01  # seconds: a period that tests don't wait for


class Lamp(host.Device):
    """A lamp."""

    bright: Annotated[int, "How bright [0..255]"] = 80
    on: bool = False
    label: str = "desk"

    def __init__(self) -> None:
        self.reads = 0
        self.broken = False

    @property
    def warmth(self) -> float:
        """At the lamp"""
        self.reads += 1
        if self.broken:
            raise RuntimeError("the sensor fell off")
        return 21.5


class News:
    """What a watcher was told: every call, and all of it together."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.threads: set[str] = set()
        self.now: dict[str, Any] = {}
        self._changed = threading.Condition()

    def __call__(self, changes: Mapping[str, polling.Change]) -> None:
        with self._changed:
            self.threads.add(threading.current_thread().name)
            self.calls.append(dict(changes))
            self.now.update(changes)
            self._changed.notify_all()

    def wait(self, ready: Callable[[dict[str, Any]], bool], timeout: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self.now), timeout), self.now


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


@pytest.fixture
def device(lamp: Lamp) -> Iterator[Device]:
    with device_over(LocalLink(host.Hosted(lamp), "sim:lamp")) as device:
        yield device


def pollers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("iotkit poll")]


def gone_soon(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(5)
    return not any(thread.is_alive() for thread in threads)


def test_all_values_come_once_and_then_changes_alone(lamp: Lamp, device: Device) -> None:
    news = News()
    watched = polling.watch(device, news, QUICK)
    news.wait(lambda now: len(now) == 4)
    assert news.now == {"bright": 80, "on": False, "label": "desk", "warmth": 21.5}
    reads, calls = lamp.reads, len(news.calls)
    while lamp.reads < reads + 3:  # three rounds in which nothing changes
        time.sleep(QUICK)
    assert len(news.calls) == calls
    device.bright = 90
    news.wait(lambda now: now["bright"] == 90)
    assert news.calls[calls:] == [{"bright": 90}]
    watched.close()


def test_one_thread_serves_many_watchers_and_ends_with_the_last(device: Device) -> None:
    many = [News() for _ in range(10)]
    watched = [polling.watch(device, news, QUICK) for news in many]
    for news in many:
        news.wait(lambda now: len(now) == 4)
    threads = pollers()
    assert len(threads) == 1
    for subscription in watched[1:]:
        subscription.close()
        subscription.close()
    device.label = "shelf"
    many[0].wait(lambda now: now["label"] == "shelf")
    assert all(news.now["label"] == "desk" for news in many[1:])
    watched[0].close()
    assert gone_soon(threads)


def test_a_watcher_that_comes_later_is_told_all(device: Device) -> None:
    first, second = News(), News()
    one = polling.watch(device, first, 60)
    first.wait(lambda now: len(now) == 4)
    two = polling.watch(device, second, 60)
    second.wait(lambda now: len(now) == 4)
    one.close()
    two.close()


def test_a_watcher_that_fails_disturbs_nobody(device: Device, caplog: Any) -> None:
    def fail(changes: Mapping[str, polling.Change]) -> None:
        raise RuntimeError("this watcher is broken")

    news = News()
    watched = [polling.watch(device, fail, QUICK), polling.watch(device, news, QUICK)]
    news.wait(lambda now: len(now) == 4)
    device.bright = 1
    news.wait(lambda now: now["bright"] == 1)
    for subscription in watched:
        subscription.close()
    assert "this watcher is broken" in caplog.text


def test_an_attribute_that_fails_is_told_as_its_error_and_the_others_go_on(
    lamp: Lamp, device: Device, caplog: Any
) -> None:
    lamp.broken = True
    news = News()
    watched = polling.watch(device, news, QUICK)
    news.wait(lambda now: len(now) == 4)
    assert isinstance(news.now["warmth"], DeviceError)
    assert "fell off" in str(news.now["warmth"])
    assert news.now["bright"] == 80
    lamp.broken = False
    news.wait(lambda now: now["warmth"] == 21.5)
    watched.close()


def test_a_closed_device_is_told_everywhere_and_ends_the_thread(device: Device) -> None:
    news = News()
    watched = polling.watch(device, news, QUICK)
    news.wait(lambda now: len(now) == 4)
    threads = pollers()
    device.close()
    assert gone_soon(threads)
    assert all(isinstance(change, DeviceDisconnected) for change in news.now.values())
    watched.close()


def test_watching_a_closed_device_tells_that_it_is_gone(device: Device) -> None:
    device.close()
    news = News()
    watched = polling.watch(device, news)
    news.wait(lambda now: len(now) == 4)
    assert all(isinstance(change, DeviceDisconnected) for change in news.now.values())
    watched.close()


def test_a_refreshed_attribute_is_told_even_if_it_is_the_same(device: Device) -> None:
    news = News()
    watched = polling.watch(device, news, 60)  # so that no round comes by itself
    news.wait(lambda now: len(now) == 4)
    news.now.clear()
    watched.refresh("label")
    news.wait(lambda now: now == {"label": "desk"}, timeout=5)
    watched.close()
    watched.refresh("label")  # does nothing, and no harm


def test_a_watcher_may_close_its_own_subscription(device: Device) -> None:
    told = threading.Event()
    holder: list[polling.Subscription] = []
    ready = threading.Event()

    def once(changes: Mapping[str, polling.Change]) -> None:
        ready.wait(5)
        holder[0].close()
        told.set()

    holder.append(polling.watch(device, once, QUICK))
    threads = pollers()
    ready.set()
    assert told.wait(5)
    assert gone_soon(threads)


class Board:
    """A v1 device on a wire, as its firmware might be: `answers` can be taken away."""

    def __init__(self, transport: Memory) -> None:
        self.values = {"a": "1", "b": "2", "c": "3"}
        self.mute: set[str] = set()
        self.delay = 0.0
        self.asked: list[str] = []
        self._transport = transport
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._transport.close()
        self._thread.join()

    def _run(self) -> None:
        buffer = b""
        try:
            while True:
                buffer += self._transport.read()
                while b"\n" in buffer:
                    line, _, buffer = buffer.partition(b"\n")
                    self._answer(line.decode())
        except DeviceDisconnected:
            pass

    def _answer(self, line: str) -> None:
        self.asked.append(line)
        command, _, name = line.partition(" ")
        if command in self.mute or name in self.mute or "all" in self.mute:
            return
        time.sleep(self.delay)
        match command:
            case "devinfo":
                reply = "200:DEV READY:board"
            case "funcs":
                reply = "200:FUNCS OK:ping"
            case "attrs":
                reply = "200:ATTRS OK:" + ",".join(f"{n}:int" for n in self.values)
            case "get":
                reply = f"200:Found:{self.values[name]}"
            case _:
                reply = f"404:No help found:{name}"
        self._transport.write(f"{reply}\r\n".encode())


@pytest.fixture
def board() -> Iterator[tuple[Board, Device]]:
    here, there = pair("board")
    board = Board(there)
    with device_over(SerialLink(here, timeout=0.1)) as device:
        yield board, device
    board.close()


def test_a_device_that_falls_silent_and_speaks_again_is_followed(
    board: tuple[Board, Device],
) -> None:
    wire, device = board
    news = News()
    watched = polling.watch(device, news, QUICK)
    news.wait(lambda now: now == {"a": 1, "b": 2, "c": 3})
    wire.mute = {"all"}
    news.wait(lambda now: all(isinstance(c, DeviceTimeout) for c in now.values()))
    wire.values["c"] = "4"
    wire.mute = set()
    news.wait(lambda now: now == {"a": 1, "b": 2, "c": 4})
    watched.close()


def test_an_attribute_without_an_answer_does_not_hold_up_the_others(
    board: tuple[Board, Device],
) -> None:
    wire, device = board
    wire.mute = {"b"}
    news = News()
    watched = polling.watch(device, news, QUICK)
    news.wait(lambda now: len(now) == 3)
    assert isinstance(news.now["b"], DeviceTimeout)
    wire.asked.clear()
    wire.values["c"] = "5"
    news.wait(lambda now: now["c"] == 5)
    wire.values["a"] = "6"
    news.wait(lambda now: now["a"] == 6)
    assert "get b" not in wire.asked
    assert news.now["c"] == 5
    watched.close()


def test_a_users_question_waits_for_one_answer_at_most(board: tuple[Board, Device]) -> None:
    wire, device = board
    news = News()
    watched = polling.watch(device, news, QUICK)
    news.wait(lambda now: len(now) == 3)
    wire.delay = 0.03
    for _ in range(10):
        wire.asked.clear()
        assert device.a == 1
        assert len([line for line in wire.asked if line.startswith("get")]) <= 3
        # the one that was out, the user's, and at most the one after it
        began = time.monotonic()
        link_of(device).get("a").result()
        assert time.monotonic() - began < 2 * wire.delay + 3 * TICK
    watched.close()
