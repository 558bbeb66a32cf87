"""News on the web: Server-Sent Events and long polls, for many clients, slow and gone ones."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from fake_devices import Probe, boarded
from web_tools import SOON, Reply, ask, assert_is_error

import iotkit
from iotkit import host
from iotkit.device import device_over, link_of
from iotkit.links import Following, Heard
from iotkit.links.local import LocalLink
from iotkit.server import handler, news
from iotkit.server.service import Service

STREAM = {"Accept": "text/event-stream"}


class Rover(host.Device):
    """A device that has news."""

    speed: int = 80
    name: str = "rover"

    def __init__(self) -> None:
        self.wire = "whole"

    @property
    def distance(self) -> float:
        """To the wall, as long as the wire is whole"""
        if self.wire != "whole":
            raise OSError(f"the wire is {self.wire}")
        return 12.5

    @host.event
    def bump(self, side: str) -> None:
        """Hit something"""

    @host.event
    def woke(self) -> None:
        """Moved after a rest"""


class Counted(LocalLink):
    """A link that knows who follows."""

    def __init__(self, device: host.Device) -> None:
        super().__init__(host.Hosted(device), "counted")
        self.begun = 0  # how often a client has begun to follow
        self.now: list[Following] = []
        self.changed = threading.Condition()

    def follow(self, name: str, heard: Heard, period: float = 0.0) -> Following:
        following = super().follow(name, heard, period)
        close = following.close

        def closed() -> None:
            close()
            with self.changed:
                if following in self.now:
                    self.now.remove(following)
                self.changed.notify_all()

        following.close = closed
        with self.changed:
            self.begun += 1
            self.now.append(following)
            self.changed.notify_all()
        return following

    def wait_until(self, ready: Callable[[Counted], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: ready(self), SOON), (self.begun, self.now)


@contextmanager
def served(device: host.Device) -> Iterator[tuple[Service, Counted]]:
    """Serve `device`; at the end nobody may be following it any more."""
    link = Counted(device)
    with device_over(link) as robot, iotkit.serve(robot, announce=False) as service:
        yield service, link
        link.wait_until(lambda link: not link.now)
        assert not service._served.listeners


class Events:
    """A client of a stream: what has come, event by event."""

    def __init__(self, service: Service, path: str) -> None:
        self.response = requests.get(
            f"{service.url}{path}", headers=STREAM, stream=True, timeout=SOON
        )
        self._lines = self.response.iter_lines(chunk_size=1)

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()

    def next(self) -> dict[str, str]:
        """Return the fields of the next event; a comment has the empty name."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                return fields
            name, _, value = line.decode().partition(":")
            fields[name] = value.removeprefix(" ")
        return fields

    def values(self) -> Iterator[Any]:
        while event := self.next():
            if "data" in event and "event" not in event:
                yield json.loads(event["data"])


def test_an_attribute_is_told_at_once_and_then_when_it_changes() -> None:
    device = Rover()
    before = time.time()
    with served(device) as (service, _), Events(service, "/-/properties/speed") as events:
        headers = events.response.headers
        assert events.response.status_code == 200
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-store"
        assert events.next() == {"retry": "2000"}
        first = events.next()
        assert (first["data"], set(first)) == ("80", {"id", "data"})
        assert before - 1 < float(first["id"]) < time.time() + 1
        device.speed = 81
        assert events.next()["data"] == "81"
        ask(service.port, "PUT", "/speed", "82")
        assert events.next()["data"] == "82"


@pytest.mark.parametrize("text", ["two\\nlines: ä", '"', "data: 1", ""])
def test_a_text_is_one_json_value_whatever_it_holds(text: str) -> None:
    device = Rover()
    with served(device) as (service, _), Events(service, "/-/properties/name") as events:
        values = events.values()
        assert next(values) == "rover"
        device.name = text
        assert next(values) == text


def test_each_event_is_told_with_its_value() -> None:
    device = Rover()
    with (
        served(device) as (service, link),
        Events(service, "/-/events/bump") as bumps,
        Events(service, "/-/events/woke") as wakes,
    ):
        link.wait_until(lambda link: link.begun == 2)
        device.bump("left")
        device.bump("left")
        device.woke()
        values = bumps.values()
        assert [next(values), next(values)] == ["left", "left"]
        assert next(wakes.values()) is None


def test_a_burst_of_events_is_told_whole() -> None:
    device = Rover()
    with served(device) as (service, link), Events(service, "/-/events/bump") as events:
        link.wait_until(lambda link: link.begun == 1)
        for n in range(60):
            device.bump(str(n))
        values = events.values()
        assert [next(values) for _ in range(60)] == [str(n) for n in range(60)]


def test_why_there_is_no_value_has_a_name_that_clients_for_values_do_not_see() -> None:
    device = Rover()
    with served(device) as (service, _), Events(service, "/-/properties/distance") as events:
        assert next(events.values()) == 12.5
        device.wire = "loose"
        told = events.next()
        assert told["event"] == "exception"
        assert json.loads(told["data"]) == {
            "name": "DeviceError",
            "message": "distance failed: the wire is loose",
        }
        device.wire = "whole"
        assert next(events.values()) == 12.5


def test_a_device_that_is_polled_has_news_as_well() -> None:
    with (
        boarded() as (robot, board),
        iotkit.serve(robot, announce=False) as service,
        Events(service, "/-/properties/x") as events,
    ):
        values = events.values()
        assert next(values) == 1
        board.values["x"] = "5"
        assert next(values) == 5


def test_a_stream_ends_when_the_device_is_gone_for_good() -> None:
    with boarded() as (robot, _), iotkit.serve(robot, announce=False) as service:
        with Events(service, "/-/properties/x") as events:
            assert next(events.values()) == 1
            robot.close()
            assert events.next()["event"] == "exception"
            assert events.next() == {}
        with Events(service, "/-/properties/x") as events:
            assert events.next() == {"retry": "2000"}
            assert "DeviceDisconnected" in events.next()["data"]
            assert events.next() == {}


def test_a_silent_stream_carries_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "HEARTBEAT", 0.05)
    with served(Rover()) as (service, _), Events(service, "/-/events/bump") as events:
        assert events.next() == {"retry": "2000"}
        assert [events.next(), events.next()] == [{"": ""}, {"": ""}]


def test_fifty_clients_at_once_are_told_the_same() -> None:
    device = Rover()
    with served(device) as (service, link), ThreadPoolExecutor(50) as pool:
        told = threading.Barrier(51)

        def listen(_: int) -> list[int]:
            with Events(service, "/-/properties/speed") as events:
                values = events.values()
                first = next(values)
                told.wait(SOON)
                return [first, *iter(lambda: next(values), 90)]

        listening = [pool.submit(listen, n) for n in range(50)]
        told.wait(SOON)
        assert len(link.now) == 50
        assert ask(service.port, "GET", "/speed").status == 200
        for speed in range(81, 91):
            device.speed = speed
        for one in listening:
            seen = one.result(SOON)
            assert seen[0] == 80
            assert seen == sorted(seen)


def test_the_device_itself_is_asked_once_however_many_listen() -> None:
    with boarded() as (robot, board), iotkit.serve(robot, announce=False) as service:
        streams = [Events(service, "/-/properties/x") for _ in range(20)]
        for events in streams:
            assert next(events.values()) == 1
        asked = link_of(robot).newsroom._asked
        assert set(asked) == {"x"}
        for events in streams:
            events.response.close()
        deadline = time.monotonic() + SOON
        while asked:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert "x" in "".join(board.heard)


def test_clients_that_go_away_are_forgotten() -> None:
    with served(Rover()) as (service, link):
        for path in ("/-/properties/speed", "/-/events/bump"):
            for accept in ("text/event-stream", "*/*"):
                query = "?longpoll" if accept == "*/*" else ""
                with socket.create_connection(("127.0.0.1", service.port), SOON) as sock:
                    asked = link.begun
                    head = (
                        f"GET {path}{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n\r\n"
                    )
                    sock.sendall(head.encode())
                    link.wait_until(lambda link, asked=asked: link.begun > asked)
        link.wait_until(lambda link: not link.now)


def unread(service: Service) -> socket.socket:
    """Return a client of a stream that takes next to nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.connect(("127.0.0.1", service.port))
    sock.settimeout(SOON)
    sock.sendall(
        b"GET /-/properties/name HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
    )
    return sock


def test_a_client_that_never_reads_is_dropped_and_costs_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handler, "PATIENCE", 0.5)
    device = Rover()
    with served(device) as (service, link), unread(service):
        link.wait_until(lambda link: link.begun == 1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        n = 0
        while link.now:
            n += 1
            device.name = f"{n}" * 20_000
            time.sleep(0.001)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def test_a_client_that_reads_slowly_skips_values_and_ends_with_the_newest() -> None:
    device = Rover()
    with served(device) as (service, link), unread(service) as sock:
        link.wait_until(lambda link: link.begun == 1)
        for n in range(1000):
            device.name = f"{n} " + "x" * 2000
            time.sleep(0.0005)
        device.name = "the end"
        received = b""
        while b'"the end"' not in received:
            received += sock.recv(4096)
        assert received.count(b"data: ") < 500


def test_there_are_only_so_many_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "MAX_LISTENERS", 1)
    with served(Rover()) as (service, link):
        with Events(service, "/-/properties/speed") as events:
            assert next(events.values()) == 80
            reply = ask(service.port, "GET", "/-/events/bump")
            assert_is_error(reply, 503, "TooManyClients")
            assert int(reply.headers["Retry-After"]) > 0
        link.wait_until(lambda link: not link.now)
        with Events(service, "/-/properties/speed") as events:
            assert next(events.values()) == 80


# Long polls


def poll(service: Service, path: str, **headers: str) -> Reply:
    return ask(service.port, "GET", path, **headers)


def test_a_long_poll_is_answered_with_the_next_change() -> None:
    device = Rover()
    with served(device) as (service, link), ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll, service, "/-/properties/speed?longpoll")
        link.wait_until(lambda link: link.begun == 1)
        while not polling.done():  # the value at the beginning is no change
            device.speed += 1
            time.sleep(0.01)
        reply = polling.result()
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
        assert 80 < reply.json <= device.speed


def test_between_two_long_polls_no_change_is_lost() -> None:
    device = Rover()
    path = "/-/properties/speed?longpoll"
    with served(device) as (service, link), ThreadPoolExecutor(1) as pool:
        reply = poll(service, path, **{"If-None-Match": '"none yet"'})
        assert reply.json == 80
        device.speed = 81
        reply = poll(service, path, **{"If-None-Match": reply.headers["ETag"]})
        assert reply.json == 81
        again = pool.submit(poll, service, path, **{"If-None-Match": reply.headers["ETag"]})
        link.wait_until(lambda link: link.begun == 3)
        assert not again.done()
        device.speed = 82
        assert again.result(SOON).json == 82


def test_a_long_poll_of_an_event_is_answered_by_the_next_one() -> None:
    device = Rover()
    with served(device) as (service, link), ThreadPoolExecutor(2) as pool:
        bump = pool.submit(poll, service, "/-/events/bump")
        woke = pool.submit(poll, service, "/-/events/woke?longpoll")
        link.wait_until(lambda link: link.begun == 2)
        device.bump("left")
        device.woke()
        assert (bump.result(SOON).body, woke.result(SOON).body) == (b'"left"', b"null")


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
@pytest.mark.parametrize("path", ["/-/properties/speed?longpoll", "/-/events/bump"])
def test_head_is_answered_at_once_and_follows_nothing(path: str, accept: str) -> None:
    with served(Rover()) as (service, link):
        reply = ask(service.port, "HEAD", path, Accept=accept)
        assert (reply.status, reply.body) == (200, b"")
        kind = accept if accept != "*/*" else "application/json"
        assert reply.headers.get_all("Content-Type") == [kind]
        assert link.begun == 0


def test_a_long_poll_says_why_there_is_no_value() -> None:
    device = Rover()
    with served(device) as (service, _):
        device.wire = "cut"
        reply = poll(service, "/-/properties/distance?longpoll")
        assert_is_error(reply, 502, "DeviceError", "the wire is cut")
    assert_is_error_of_a_closed_device("/-/properties/speed?longpoll")
    assert_is_error_of_a_closed_device("/-/events/bump")


def assert_is_error_of_a_closed_device(path: str) -> None:
    with device_over(Counted(Rover())) as robot, iotkit.serve(robot, announce=False) as service:
        robot.close()
        assert_is_error(poll(service, path), 503, "DeviceDisconnected")


@pytest.mark.parametrize("polled", [False, True])
def test_closing_the_service_ends_all_that_wait_for_news(polled: bool) -> None:
    with device_over(Counted(Rover())) as robot:
        link = link_of(robot)
        service = iotkit.serve(robot, announce=False)
        with ThreadPoolExecutor(3) as pool:
            polls = [pool.submit(poll, service, "/-/events/bump") for _ in range(3)]
            with Events(service, "/-/properties/speed") as events:
                assert next(events.values()) == 80
                link.wait_until(lambda link: link.begun == 4)
                service.close()
                told = events.next()
                assert "DeviceDisconnected" in told["data"]
                assert events.next() == {}
            for one in polls:
                assert_is_error(one.result(SOON), 503, "DeviceDisconnected")
        assert not link.now
        assert robot.speed == 80


def test_405_and_404_where_there_is_no_news() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        assert_is_error(poll(service, "/-/events/bump"), 404, "UnknownName", "has no")
        reply = ask(service.port, "PUT", "/-/properties/distance", "1", **STREAM)
        assert_is_error(reply, 405, "ReadOnly")
    with served(Rover()) as (service, _):
        reply = ask(service.port, "POST", "/-/events/bump")
        assert_is_error(reply, 405, "MethodNotAllowed")
        assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"
