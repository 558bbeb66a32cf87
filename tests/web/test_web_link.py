"""A device reached by its web service: iotkit's, version 1's, and ones that misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from fake_devices import Probe, boarded
from hypothesis import given, settings
from hypothesis import strategies as st
from web_servers import Answer, Scripted, V1Server, hold, http_reply
from web_tools import SOON, Patient, Several

import iotkit
from iotkit.device import Device, device_over
from iotkit.errors import (
    BadTarget,
    BadType,
    DeviceDisconnected,
    DeviceError,
    DeviceTimeout,
    IotkitError,
    OutOfRange,
    ProtocolError,
    ReadOnly,
    UnknownName,
)
from iotkit.host import Hosted
from iotkit.links.local import LocalLink
from iotkit.links.tokens import Meant
from iotkit.links.web import WebLink
from iotkit.sim.testhosttiny import TestHostTiny
from iotkit.types import INT_MAX, INT_MIN


@contextmanager
def served(device: Any) -> Iterator[Device]:
    """Give the object for `device` as version 1 of the web API shows it."""
    with iotkit.serve(device, announce=False) as service, by_version_1(service.url) as robot:
        yield robot


def by_version_1(url: str) -> Device:
    """Return the object for what is at `url`, without the channel that iotkit's servers have."""
    return device_over(WebLink(url))


@contextmanager
def scripted(
    answers: dict[str, Answer] | None = None, timeout: float = SOON
) -> Iterator[tuple[WebLink, Scripted]]:
    with Scripted(answers) as server:
        link = WebLink(server.url, timeout=timeout)
        try:
            yield link, server
        finally:
            link.close()


def test_a_served_device_is_the_same_device() -> None:
    direct = device_over(LocalLink(Hosted(Probe()), "direct"))
    with direct, served(direct) as robot:
        assert robot.devinfo == direct.devinfo
        robot.speed = 200
        assert (robot.speed, direct.speed) == (200, 200)
        assert (robot.led, robot.name, robot.distance) == (False, "probe", 12.5)
        assert robot.add(2, 3) == 5
        assert robot.echo("to be or not") == "to be or not"
        assert robot.stop() is None


def test_every_value_survives_the_web() -> None:
    with served(TestHostTiny()) as robot:

        @settings(max_examples=60, deadline=None)
        @given(
            st.integers(INT_MIN, INT_MAX),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=200),
        )
        def check(i: int, f: float, b: bool, s: str) -> None:
            robot.turn_time_ms, robot.ratio, robot.some_flag, robot.str_id = i, f, b, s
            got = (robot.turn_time_ms, robot.ratio, robot.some_flag, robot.str_id)
            assert [repr(v) for v in got] == [repr(v) for v in (i, f, b, s)]
            assert robot.one_arg_int_result_int(i) == i

        check()


def test_several_arguments_arrive_whatever_they_hold() -> None:
    with served(Several()) as robot:
        assert robot.mix(3, 0.5, True, "to be") == "3 0.5 True 'to be'"
        assert robot.mix(3, 2, False, "") == "3 2.0 False ''"


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        (lambda link: link.set("speed", 256), OutOfRange, "speed: it takes 0..255, not 256"),
        (lambda link: link.set("distance", 1.0), ReadOnly, "distance can be read but not set"),
        (lambda link: link.set("speed", "x"), iotkit.BadValue, "speed: 'x' is not a whole number"),
        (lambda link: link.get("broken"), DeviceError, "broken failed: the wire is loose"),
        (lambda link: link.call("fail", []), DeviceError, "fail() failed: the motor is stuck"),
        (lambda link: link.call("turn", [9000]), OutOfRange, "0..5000 ms"),
    ],
)
def test_an_error_of_the_server_is_the_same_error_here(
    wrong: Any, kind: type[IotkitError], words: str
) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        link = WebLink(service.url)
        try:
            with pytest.raises(kind) as caught:
                wrong(link).result(SOON)
        finally:
            link.close()
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_what_the_device_at_the_other_end_suffers_arrives_here() -> None:
    answers: Any = {"get x": None, "get f": b"200:Found:?\r\n"}
    with boarded(answers, timeout=0.2) as (board, far), served(board) as robot:
        with pytest.raises(DeviceTimeout, match="did not answer"):
            _ = robot.x
        with pytest.raises(ProtocolError, match="nonsense"):
            _ = robot.f
        assert robot.y == 2
        far._transport.close()
        with pytest.raises(DeviceDisconnected):
            _ = robot.y


def test_a_link_of_a_link_of_a_link() -> None:
    with served(Probe()) as one, served(one) as two:
        two.speed = 5
        assert one.speed == 5
        with pytest.raises(DeviceError, match="the motor is stuck"):
            two.fail()


# A version 1 server


def test_the_originals_server_works() -> None:
    with V1Server() as server, iotkit.connect(server.url) as robot:
        assert robot.devinfo["devicename"] == "oldhost"
        assert (robot.speed, robot.ratio, robot.led, robot.str_id) == (80, 0.5, True, "default")
        robot.speed, robot.ratio, robot.led, robot.str_id = 90, 2, False, "random string"
        assert server.values == {
            "speed": 90,
            "ratio": 2.0,
            "led": False,
            "str_id": "random string",
        }
        robot.led = True
        assert server.values["led"] is True
        assert robot.stop() is None
        assert robot.double(21) == 42
        assert robot.say("to be or not") == "to be or not"
        assert robot.flip(True) is True
        assert robot.anything(5) == "5"


def test_the_originals_server_gets_the_text_that_pythons_str_gives() -> None:
    with V1Server() as server, iotkit.connect(server.url) as robot:
        server.requests.clear()
        robot.led, robot.ratio, robot.str_id = False, 3.145, "grün"
        robot.double(-7)
        robot.stop()
        assert server.requests == [
            ("PUT", "/led", b"False"),
            ("PUT", "/ratio", b"3.145"),
            ("PUT", "/str_id", "grün".encode()),
            ("POST", "/double", b"-7"),
            ("POST", "/stop", b""),
        ]


def test_an_error_of_the_originals_server_is_the_devices_error() -> None:
    with V1Server() as server, iotkit.connect(server.url) as robot:
        with pytest.raises(DeviceError, match=r"the value of broken: I \*DIED\* !KeyError"):
            _ = robot.broken
        with pytest.raises(DeviceError, match="the wheel fell off"):
            robot.fail()
        with pytest.raises(DeviceError, match="to set speed"):
            del server.values["speed"]
            server.attributes = {**server.attributes, "speed": ("nosuch", "")}
            server.attribute = None  # type: ignore[assignment]
            robot.speed = 1
        assert server.requests.count(("POST", "/fail", b"")) == 1


# Servers that misbehave


def result(future: Future[Any]) -> Any:
    return future.result(SOON)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (http_reply({"value": "abc"}), ProtocolError, "nonsense for the value of x"),
        (http_reply({"value": 1.5}), ProtocolError, "nonsense for the value of x"),
        (http_reply({"value": True}), ProtocolError, "nonsense for the value of x"),
        (http_reply({"value": None}), ProtocolError, "nonsense for the value of x"),
        (http_reply({"value": 2**31}), ProtocolError, "nonsense for the value of x"),
        (http_reply(b'{"value": NaN}'), DeviceError, "refused the value of x"),
        (http_reply({}), DeviceError, "scripted refused the value of x: {}"),
        (http_reply(b""), DeviceError, "refused"),
        (http_reply(b"\xff\xfe"), DeviceError, "refused"),
        (http_reply(b"[" * 100_000), DeviceError, "refused"),
        (http_reply(b"a\x1b[31m\nb"), DeviceError, "refused the value of x: a [31m b"),
        (http_reply(b"", "302 Found", more="Location: /f\r\n"), DeviceError, "302"),
        (http_reply(b"<h1>", "404 Not Found", "text/html"), UnknownName, "404"),
        (http_reply(b"<h1>", "500 Oh", "text/html"), DeviceError, "500"),
        (http_reply(b"<h1>", "503 Busy", "text/html"), DeviceDisconnected, "503"),
        (http_reply(b"<h1>", "504 Late", "text/html"), DeviceTimeout, "504"),
        (http_reply(b"x" * (1024 * 1024 + 1)), ProtocolError, "more than a device"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ProtocolError, "no proper web server"),
    ],
)
def test_a_wrong_answer_is_an_error_in_words(
    answer: bytes, kind: type[IotkitError], words: str
) -> None:
    with scripted({"GET /x": answer}) as (link, server):
        with pytest.raises(kind) as caught:
            result(link.get("x"))
        assert type(caught.value) is kind
        assert words in str(caught.value)
        assert server.heard.count("GET /x") == 1
        assert "GET /f" not in server.heard


@pytest.mark.parametrize("name", ["SystemExit", "IotkitError", "Exception", "ValueError", None, 5])
def test_only_errors_of_devices_are_taken_by_name(name: Any) -> None:
    body = {"type": "iotoy.org/types/exception", "value": {"name": name, "message": "m"}}
    with (
        scripted({"GET /x": http_reply(body, "418 Teapot")}) as (link, _),
        pytest.raises(DeviceError, match=r"^m$") as caught,
    ):
        result(link.get("x"))
    assert type(caught.value) is DeviceError
    assert caught.value.status == 418


def test_a_large_chunked_answer_is_not_swallowed() -> None:
    def flood(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    with (
        scripted({"GET /x": flood}) as (link, _),
        pytest.raises(ProtocolError, match="more than a device"),
    ):
        result(link.get("x"))


def test_a_packed_answer_is_not_unpacked() -> None:
    packed = http_reply(b"\x1f\x8b\x08" + b"\0" * 50, more="Content-Encoding: gzip\r\n")
    with scripted({"GET /x": packed}) as (link, _), pytest.raises(DeviceError):
        result(link.get("x"))


def test_an_int_is_a_good_float_here_too() -> None:
    with scripted({"GET /f": http_reply({"value": 3})}) as (link, _):
        assert repr(result(link.get("f"))) == "3.0"


def test_a_read_is_sent_three_times_where_the_connection_breaks() -> None:
    with scripted() as (link, server):
        with pytest.raises(DeviceDisconnected, match="ended the connection"):
            result(link.get("x"))
        assert server.heard.count("GET /x") == 3


def test_a_read_that_is_answered_on_the_second_try_succeeds() -> None:
    def first(connection: Any) -> None:
        server.answers["GET /x"] = http_reply({"value": 5})
        raise OSError

    with scripted({"GET /x": first}) as (link, server):
        assert result(link.get("x")) == 5
        assert server.heard.count("GET /x") == 2


@pytest.mark.parametrize("end", [None, hold, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"])
def test_a_call_is_sent_once_and_never_again(end: Answer | None) -> None:
    answers = {} if end is None else {"POST /go": end}
    with scripted(answers) as (link, server):
        link._call_timeout = 0.3
        with pytest.raises((DeviceDisconnected, DeviceTimeout), match=r"go\(\) may have run"):
            result(link.call("go", []))
        assert server.heard.count("POST /go") == 1


def test_several_arguments_go_as_json() -> None:
    with scripted({"POST /add": http_reply({"value": 5})}) as (link, server):
        assert result(link.call("add", [2, 3])) == 5
        assert json.loads(server.bodies[-1]) == [2, 3]


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with scripted({"GET /x": hold, "GET /f": http_reply({"value": 1.5})}, timeout=0.3) as (link, _):
        with pytest.raises(DeviceTimeout, match=r"did not answer within 0\.3 s"):
            result(link.get("x"))
        assert result(link.get("f")) == 1.5


def test_a_server_that_has_ended_is_said_to_have_ended() -> None:
    service = iotkit.serve(Probe(), announce=False)
    with by_version_1(service.url) as robot:
        assert robot.speed == 80
        service.close()
        with pytest.raises(DeviceDisconnected, match=r"nobody answers at .*: is its server"):
            _ = robot.speed
        with pytest.raises(DeviceDisconnected, match="nobody answers"):
            robot.stop()


def test_a_server_that_comes_back_is_used_again() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        robot = by_version_1(service.url)
        port = service.port
        assert robot.speed == 80
    with robot, iotkit.serve(Probe(), port, announce=False):
        assert robot.speed == 80
        assert robot.add(2, 3) == 5


def test_a_server_closed_in_mid_call_is_an_error_that_says_so() -> None:
    device = Patient()
    service = iotkit.serve(device, announce=False)
    link = WebLink(service.url)
    called = link.call("wait", [])
    assert device.begun.wait(SOON)
    service.close()
    with pytest.raises(DeviceDisconnected, match="may have run"):
        result(called)
    link.close()
    assert device.calls == 1


@pytest.mark.parametrize(
    ("devinfo", "words"),
    [
        (http_reply(b"<h1>router</h1>"), "is no device"),
        (http_reply(b"", "404 Not Found"), "is no device"),
        (http_reply({"value": {"devicename": "x"}}), "can't be read"),
        (http_reply({"value": {"devicename": "<b>", "attrs": {}, "funcs": {}}}), "device id"),
        (b"\0\1\2\r\n\r\n", "no proper web server"),
    ],
)
def test_what_is_no_device_is_said_to_be_none(devinfo: bytes, words: str) -> None:
    with Scripted({"GET /devinfo": devinfo}) as server, pytest.raises(ProtocolError, match=words):
        iotkit.connect(server.url)


@pytest.mark.parametrize("url", ["http://[x:80", "ftp://127.0.0.1:1", "http://:0", "nonsense", ""])
def test_what_is_no_address_is_a_bad_target(url: str) -> None:
    with pytest.raises(BadTarget):
        WebLink(url)


def test_surroundings_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with served(Probe()) as robot:
        assert robot.speed == 80


# Several at once, and the end


def test_eight_threads_with_a_hundred_calls_each_get_their_own_answers() -> None:
    wrong: list[object] = []

    def work(robot: Device, mine: int) -> None:
        for n in range(100):
            if (got := robot.add(mine, n)) != mine + n:
                wrong.append((mine, n, got))
            if n % 10 == 0 and robot.distance != 12.5:
                wrong.append(robot.distance)

    with served(Probe()) as robot:
        threads = [threading.Thread(target=work, args=(robot, 1000 * i)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON * 3)
    assert wrong == []
    assert not any(thread.is_alive() for thread in threads)


def test_reads_go_on_while_a_function_runs() -> None:
    device = Patient()
    with iotkit.serve(device, announce=False) as service:
        link = WebLink(service.url)
        called = link.call("wait", [])
        assert device.begun.wait(SOON)
        assert result(link.get("level")) == 7
        assert not called.done()
        device.go_on.set()
        assert result(called) == "done"
        link.close()


def test_sets_arrive_in_order() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        link = WebLink(service.url)
        futures = [link.set("speed", n) for n in range(100)]
        assert result(link.get("speed")) == 99
        assert [result(future) for future in futures] == [None] * 100
        link.close()


def test_a_poll_does_not_hold_up_a_read() -> None:
    with scripted({"GET /x": hold, "GET /f": http_reply({"value": 1.5})}) as (link, server):
        poll = link.get("x", background=True)
        assert server.begun.wait(SOON)
        assert result(link.get("f")) == 1.5
        assert not poll.done()


def test_close_ends_what_is_unanswered_and_every_thread_at_once() -> None:
    with Scripted({"GET /x": hold, "POST /go": hold}) as server:
        link = WebLink(server.url)
        before = threading.active_count()
        futures: list[Future[Any]] = [link.get("x"), link.get("x"), link.get("f")]
        futures += [link.get("x", background=True), *(link.call("go", []) for _ in range(20))]
        assert server.begun.wait(SOON)
        assert threading.active_count() > before
        link.close()
        link.close()
        for future in futures:
            assert isinstance(future.exception(0), DeviceDisconnected)
        assert not [t for t in threading.enumerate() if server.url in t.name]
        assert link.closed
        with pytest.raises(DeviceDisconnected, match="is closed"):
            result(link.get("x"))


def test_a_futures_callback_may_close_the_link() -> None:
    with Scripted({"GET /x": http_reply({"value": 1})}) as server:
        link = WebLink(server.url)
        closed = threading.Event()

        def close(_: object) -> None:
            link.close()
            closed.set()

        link.get("x").add_done_callback(close)
        assert closed.wait(SOON)
        assert link.closed


def test_the_wrong_python_value_is_not_sent() -> None:
    with V1Server() as server, iotkit.connect(server.url) as robot:
        server.requests.clear()
        with pytest.raises(BadType):
            robot.speed = "fast"
        with pytest.raises(BadType):
            robot.double(True)
        assert server.requests == []


def test_looking_at_it_sends_nothing() -> None:
    with V1Server() as server, iotkit.connect(server.url) as robot:
        server.requests.clear()
        repr(robot), dir(robot), robot.devinfo, type(robot).speed.__doc__
        assert server.requests == []


def test_identity_is_the_address_unless_it_is_known() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        for identity, wanted in (("", service.url), ("probe-1", "probe-1")):
            meant = Meant("probe", identity) if identity else None
            link = WebLink(service.url + "/", meant=meant)
            assert (link.identity, link.target) == (wanted, service.url)
            link.close()


def test_requests_sees_what_the_object_sets() -> None:
    with iotkit.serve(Probe(), announce=False) as service, iotkit.connect(service.url) as robot:
        robot.speed = 33
        assert requests.get(f"{service.url}/speed").json()["value"] == 33
