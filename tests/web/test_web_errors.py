"""Every error of the web API has its status, and says in one sentence what is wrong."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import Any

import pytest
from fake_devices import Probe, boarded
from web_tools import Patient, ask, ask_raw, assert_is_error

import iotkit
from iotkit.device import device_over
from iotkit.host import Hosted
from iotkit.links.local import LocalLink

TOO_LONG = 64 * 1024 + 1


@pytest.mark.parametrize("path", ["/sped", "/Speed", "/speed/", "//speed", "/-/x", "/%ff", "/%00"])
def test_404_for_a_name_that_is_not_there(path: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        for method in ("GET", "PUT", "POST", "DELETE", "OPTIONS"):
            assert_is_error(ask(service.port, method, path), 404, "UnknownName")


def test_404_names_the_near_miss() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "GET", "/sped")
    assert_is_error(reply, 404, "UnknownName", "probe has no 'sped', did you mean 'speed'?")
    assert reply.json["href"] == "/sped"


def test_404_for_a_very_long_path_is_short() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "GET", "/" + "s" * 7_000)
    assert_is_error(reply, 404, "UnknownName")
    assert len(reply.body) < 1000


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/", "GET, HEAD, OPTIONS"),
        ("PUT", "/devinfo", "GET, HEAD, OPTIONS"),
        ("POST", "/speed", "GET, HEAD, OPTIONS, PUT"),
        ("DELETE", "/speed", "GET, HEAD, OPTIONS, PUT"),
        ("PATCH", "/distance", "GET, HEAD, OPTIONS"),
        ("PUT", "/stop", "GET, HEAD, OPTIONS, POST"),
        ("BREW", "/speed", "GET, HEAD, OPTIONS"),
    ],
)
def test_405_says_what_is_allowed(method: str, path: str, allow: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, method, path, "1")
    assert_is_error(reply, 405, "MethodNotAllowed")
    assert reply.headers.get_all("Allow") == [allow]


def test_405_for_a_read_only_attribute() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "PUT", "/distance", "1")
    assert_is_error(reply, 405, "ReadOnly", "distance can be read but not set")
    assert reply.headers.get_all("Allow") == ["GET, HEAD, OPTIONS"]


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/speed", "GET, HEAD, OPTIONS, PUT"),
        ("/distance", "GET, HEAD, OPTIONS"),
        ("/stop", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_options_says_what_is_allowed(path: str, allow: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "OPTIONS", path)
    assert (reply.status, reply.headers.get_all("Allow"), reply.body) == (204, [allow], b"")


@pytest.mark.parametrize("path", ["/", "/devinfo", "/speed", "/stop"])
def test_head_is_get_without_the_body(path: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        got, head = (ask(service.port, method, path) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    assert head.headers.get_all("Content-Type") == ["application/json"]


def test_a_value_is_never_taken_from_a_cache_that_the_server_invites() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "GET", "/speed", **{"If-None-Match": "*"})
    assert reply.status == 200
    assert "ETag" not in reply.headers


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [TOO_LONG, 500_000, 3_000_000])
def test_413_for_a_body_that_is_too_large(size: int, chunked: bool) -> None:
    pieces = [b"x" * 5000] * (size // 5000 + 1)
    with iotkit.serve(Probe(), announce=False) as service:
        body = iter(pieces) if chunked else b"x" * size
        assert_is_error(ask(service.port, "PUT", "/name", body), 413, "BodyTooLarge")
        assert ask(service.port, "GET", "/name").json["value"] == "probe"


def test_a_body_that_just_fits_is_taken() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "PUT", "/name", b"x" * (TOO_LONG - 1))
        assert len(reply.json["value"]) == TOO_LONG - 1
        reply = ask(service.port, "PUT", "/name", iter([b"y" * 1000] * 65))
        assert reply.json["value"] == "y" * 65_000


@pytest.mark.parametrize("length", ["9" * 30, "-1", "1e3", "x", "5, 6"])
def test_a_strange_content_length_does_no_harm(
    length: str, caplog: pytest.LogCaptureFixture
) -> None:
    request = f"PUT /name HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask_raw(service.port, request)
        assert ask(service.port, "GET", "/name").json["value"] == "probe"
    assert reply.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("PUT", "/speed", "256", "speed: it takes 0..255, not 256"),
        ("PUT", "/gear", "fast as light", "gear: it takes slow or fast"),
        ("POST", "/turn", "5001", "ms: it takes 0..5000 ms, not 5001"),
    ],
)
@pytest.mark.parametrize("json_body", [False, True])
def test_416_outside_the_declared_range(
    method: str, path: str, body: str, words: str, json_body: bool
) -> None:
    device = Probe()
    with iotkit.serve(device, announce=False) as service:
        text = body if body.isdigit() or not json_body else f'"{body}"'
        content_type = "application/json" if json_body else None
        reply = ask(service.port, method, path, text, content_type)
    assert_is_error(reply, 416, "OutOfRange", words)
    assert (device.speed, device.gear, device.calls) == (80, "slow", [])


def test_502_where_the_device_answers_with_an_error() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "GET", "/broken")
        assert_is_error(reply, 502, "DeviceError", "broken failed: the wire is loose")
        reply = ask(service.port, "POST", "/fail")
        assert_is_error(reply, 502, "DeviceError", "fail() failed: the motor is stuck")
        assert ask(service.port, "GET", "/speed").json["value"] == 80


def test_502_where_the_device_says_nonsense() -> None:
    answers = {"get f": b"200:Found:?\r\n", "go": b"500:Stuck:-\r\n"}
    with boarded(answers) as (robot, _), iotkit.serve(robot, announce=False) as service:
        reply = ask(service.port, "GET", "/f")
        assert_is_error(reply, 502, "ProtocolError", "board gave nonsense for")
        reply = ask(service.port, "POST", "/go")
        assert_is_error(reply, 502, "DeviceError", "board refused go(): Stuck (500)")
        assert ask(service.port, "GET", "/x").json["value"] == 1


def test_503_when_the_device_is_unplugged() -> None:
    with boarded() as (robot, board), iotkit.serve(robot, announce=False) as service:
        assert ask(service.port, "GET", "/x").json["value"] == 1
        board._transport.close()
        for method, path in (("GET", "/x"), ("PUT", "/x"), ("POST", "/go")):
            reply = ask(service.port, method, path, "1" if method == "PUT" else "")
            assert_is_error(reply, 503, "DeviceDisconnected")
            assert int(reply.headers["Retry-After"]) > 0
        assert ask(service.port, "GET", "/devinfo").status == 200


def test_504_when_the_device_does_not_answer() -> None:
    silent = {"get x": None, "go": None}
    with (
        boarded(silent, timeout=0.3, call_timeout=0.3) as (robot, board),
        iotkit.serve(robot, announce=False) as service,
    ):
        assert_is_error(ask(service.port, "POST", "/go"), 504, "DeviceTimeout", "'go'")
        assert_is_error(ask(service.port, "GET", "/x"), 504, "DeviceTimeout", "'get x'")
        assert ask(service.port, "GET", "/y").json["value"] == 2
        assert board.heard.count("go") == 1


class Faulty(LocalLink):
    """A link with a mistake in it."""

    def get(self, name: str, *, background: bool = False) -> Future[Any]:
        if name == "speed":
            raise KeyError("secret of the link")
        broken: Future[Any] = Future()
        broken.set_result(float("nan"))
        return broken


@pytest.mark.parametrize("path", ["/speed", "/ratio"])
def test_500_for_a_mistake_in_the_server_tells_the_log_and_not_the_client(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        device_over(Faulty(Hosted(Probe()), "faulty")) as device,
        iotkit.serve(device, announce=False) as service,
    ):
        reply = ask(service.port, "GET", path)
    assert_is_error(reply, 500, "ServerError")
    assert b"secret" not in reply.body
    assert b"NaN" not in reply.body
    assert f"GET '{path}' failed" in caplog.text
    assert "Traceback" in caplog.text


def test_503_for_what_is_unanswered_when_the_service_ends() -> None:
    from concurrent.futures import ThreadPoolExecutor

    device = Patient()
    service = iotkit.serve(device, announce=False)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, service.port, "POST", "/wait")
        assert device.begun.wait(10)
        service.close()
        assert_is_error(asked.result(), 503, "DeviceDisconnected", "may have run")
    assert device.calls == 1
