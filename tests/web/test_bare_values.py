"""What is under `/-/`: values as bare JSON, and one table of all routes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_devices import Probe, boarded
from hypothesis import given, settings
from hypothesis import strategies as st
from web_tools import Several, ask, assert_is_error
from web_values import NAMED

import iotkit
from iotkit.server.routes import ROUTES, find
from iotkit.sim.testhosttiny import TestHostTiny


def test_all_attributes_at_once() -> None:
    with boarded() as (robot, _), iotkit.serve(robot, announce=False) as service:
        reply = ask(service.port, "GET", "/-/properties")
    assert reply.json == {"x": 1, "y": 2, "f": 0.5, "b": True, "s": "text"}
    assert reply.headers.get_all("Content-Type") == ["application/json"]


def test_of_all_attributes_the_one_that_fails_is_named() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "GET", "/-/properties")
    assert_is_error(reply, 502, "DeviceError", "broken failed: the wire is loose")


def test_every_value_comes_back_as_it_was_put() -> None:
    with iotkit.serve(TestHostTiny(), announce=False) as service:

        @settings(max_examples=60, deadline=None)
        @given(NAMED)
        def check(case: tuple[str, Any]) -> None:
            name, value = case
            put = ask(service.port, "PUT", f"/-/properties/{name}", json.dumps(value))
            got = ask(service.port, "GET", f"/-/properties/{name}")
            for reply in (put, got):
                assert (reply.status, repr(reply.json)) == (200, repr(value))

        check()


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_a_body_is_json_whatever_it_is_called(content_type: str | None) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "PUT", "/-/properties/gear", '"fast"', content_type)
        assert reply.body == b'"fast"'
        reply = ask(service.port, "PUT", "/-/properties/gear", "fast", content_type)
        assert_is_error(reply, 400, "BadValue", "the body is not JSON")


@pytest.mark.parametrize(
    ("path", "body", "result"),
    [
        ("/-/actions/stop", "", b"null"),
        ("/-/actions/stop", "null", b"null"),
        ("/-/actions/stop", "{}", b"null"),
        ("/-/actions/turn", "500", b"null"),
        ("/-/actions/turn", '{"ms":500}', b"null"),
        ("/-/actions/echo", '"a \\u00e4"', b'"a \\u00e4"'),
        ("/-/actions/add", '{"b":3,"a":2}', b"5"),
        ("/-/actions/add", "[2,3]", b"5"),
    ],
)
def test_a_call_takes_a_value_or_arguments_by_name(path: str, body: str, result: bytes) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "POST", path, body)
        assert (reply.status, reply.body) == (200, result)


def test_arguments_may_be_called_as_the_parts_of_a_representation() -> None:
    with iotkit.serve(Several(), announce=False) as service:
        reply = ask(service.port, "POST", "/-/actions/odd", '{"type":7,"value":3}')
        assert reply.body == b"307"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name"),
    [
        ("GET", "/-/properties/sped", "", 404, "UnknownName"),
        ("GET", "/-/properties/stop", "", 404, "UnknownName"),
        ("GET", "/-/properties/", "", 404, "UnknownName"),
        ("GET", "/-/properties/%7Battribute%7D", "", 404, "UnknownName"),
        ("GET", "/%7Battribute%7D", "", 404, "UnknownName"),
        ("GET", "/-%2Fproperties", "", 404, "UnknownName"),
        ("GET", "/-/events/speed", "", 404, "UnknownName"),
        ("POST", "/-/actions/speed", "", 404, "UnknownName"),
        ("GET", "/-/", "", 404, "UnknownName"),
        ("GET", "/-", "", 404, "UnknownName"),
        ("PUT", "/-/properties/distance", "1", 405, "ReadOnly"),
        ("POST", "/-/properties/speed", "1", 405, "MethodNotAllowed"),
        ("PUT", "/-/properties", "{}", 405, "MethodNotAllowed"),
        ("GET", "/-/actions/stop", "", 405, "MethodNotAllowed"),
        ("HEAD", "/-/actions/stop", "", 405, "MethodNotAllowed"),
        ("PUT", "/-/properties/speed", "", 400, "BadValue"),
        ("PUT", "/-/properties/speed", "[1]", 400, "BadType"),
        ("PUT", "/-/properties/speed", '{"value":1}', 400, "BadType"),
        ("PUT", "/-/properties/speed", '"1"', 400, "BadType"),
        ("PUT", "/-/properties/ratio", "NaN", 400, "BadValue"),
        ("POST", "/-/actions/add", "2", 400, "BadType"),
        ("POST", "/-/actions/add", '{"a":2}', 400, "BadType"),
        ("POST", "/-/actions/stop", "1", 400, "BadType"),
        ("PUT", "/-/properties/speed", "256", 416, "OutOfRange"),
        ("POST", "/-/actions/turn", "5001", 416, "OutOfRange"),
        ("PUT", "/-/properties/name", '"' + "x" * 70_000 + '"', 413, "BodyTooLarge"),
    ],
)
def test_each_error_has_its_status(
    method: str, path: str, body: str, status: int, name: str
) -> None:
    device = Probe()
    with iotkit.serve(device, announce=False) as service:
        reply = ask(service.port, method, path, body)
    if method == "HEAD":
        assert (reply.status, reply.body) == (status, b"")
    else:
        assert_is_error(reply, status, name)
    assert ("Allow" in reply.headers) == (status == 405)
    assert (device.speed, device.name, device.calls) == (80, "probe", [])


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/-/properties", "GET, HEAD, OPTIONS"),
        ("/-/properties/speed", "GET, HEAD, OPTIONS, PUT"),
        ("/-/properties/distance", "GET, HEAD, OPTIONS"),
        ("/-/actions/stop", "OPTIONS, POST"),
        ("/-/channel", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_says_what_is_allowed(path: str, allow: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "OPTIONS", path)
    assert (reply.status, reply.headers.get_all("Allow"), reply.body) == (204, [allow], b"")


def test_any_body_gets_a_proper_answer() -> None:
    known = TestHostTiny._description
    paths = [("PUT", f"/-/properties/{name}") for name in known.attributes]
    paths += [("POST", f"/-/actions/{name}") for name in known.functions]
    with iotkit.serve(TestHostTiny(), announce=False) as service:

        @settings(max_examples=200, deadline=None)
        @given(st.sampled_from(paths), st.binary(max_size=50) | st.from_regex(rb"[\[{]?[0-9\"]+"))
        def check(where: tuple[str, str], body: bytes) -> None:
            reply = ask(service.port, *where, body)
            assert reply.status in (200, 400, 405, 416), reply.body
            assert reply.headers.get_all("Content-Type") == ["application/json"]

        check()


def test_every_route_of_the_table_is_found_by_its_path() -> None:
    known = Probe._description
    names = {"{attribute}": "speed", "{function}": "stop", "{event}": "bump"}
    for route in ROUTES:
        folder, _, last = route.path.rpartition("/")
        if last == "{event}":
            continue  # this device has none
        assert find(f"{folder}/{names.get(last, last)}", known)[0] is route
