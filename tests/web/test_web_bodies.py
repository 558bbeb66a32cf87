"""What a request may hold: bare text or JSON, every value there is, and any bytes at all."""

from __future__ import annotations

import gc
import json
import socket
import time
from typing import Any

import pytest
from fake_devices import Probe
from hypothesis import given, settings
from hypothesis import strategies as st
from web_tools import SOON, Reply, Several, ask, ask_json, assert_is_error
from web_values import NAMED

import iotkit
from iotkit.server.handler import Handler
from iotkit.sim.testhosttiny import TestHostTiny

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def value_of(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    assert reply.headers.get_all("Content-Type") == ["application/json"]
    return reply.json["value"]


def test_every_value_comes_back_as_it_was_put() -> None:
    with iotkit.serve(TestHostTiny(), announce=False) as service:

        @settings(max_examples=60, deadline=None)
        @given(NAMED)
        def check(case: tuple[str, Any]) -> None:
            name, value = case
            for reply in (
                ask(service.port, "PUT", f"/{name}", str(value)),
                ask_json(service.port, "PUT", f"/{name}", value),
                ask_json(service.port, "PUT", f"/{name}", {"value": value, "type": "any"}),
            ):
                assert repr(value_of(reply)) == repr(value)

        check()


def test_any_body_gets_a_proper_answer() -> None:
    known = TestHostTiny._description
    names = st.sampled_from([*known.attributes, *known.functions])
    types = st.sampled_from([None, "application/json", "application/json; charset=utf-8", "a/b"])
    bodies = st.binary(max_size=50) | JSONS.map(lambda value: json.dumps(value).encode())
    with iotkit.serve(TestHostTiny(), announce=False) as service:

        @settings(max_examples=200, deadline=None)
        @given(st.sampled_from(["PUT", "POST"]), names, bodies, types)
        def check(method: str, name: str, body: bytes, content_type: str | None) -> None:
            reply = ask(service.port, method, f"/{name}", body, content_type)
            assert reply.status in (200, 400, 405), reply.body
            assert reply.headers.get_all("Content-Type") == ["application/json"]
            if reply.status != 200:
                assert_is_error(reply, reply.status, reply.json["value"]["name"])

        check()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("3", "application/json"),
        (" 3 \n", "application/json"),
        ("3", "Application/JSON; charset=utf-8"),
        ('{"value": 3}', "application/json"),
        ('{"type": "iotoy.org/types/float", "href": "/ratio", "value": 3}', "application/json"),
    ],
)
def test_a_json_integer_is_a_good_float(body: str, content_type: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        value = value_of(ask(service.port, "PUT", "/ratio", body, content_type))
    assert (value, type(value)) == (3.0, float)


def test_json_for_a_function_of_several_arguments() -> None:
    wanted = "3 0.5 True 'to be'"
    with iotkit.serve(Several(), announce=False) as service:
        for given_ in (
            [3, 0.5, True, "to be"],
            {"text": "to be", "flag": True, "factor": 0.5, "count": 3},
            {"value": [3, 0.5, True, "to be"]},
            {"value": {"count": 3, "factor": 0.5, "flag": True, "text": "to be"}},
        ):
            assert value_of(ask_json(service.port, "POST", "/mix", given_)) == wanted
        assert value_of(ask(service.port, "POST", "/mix", "3 0.5 True to be")) == wanted


def test_arguments_called_value_and_type_are_arguments() -> None:
    with iotkit.serve(Several(), announce=False) as service:
        assert value_of(ask_json(service.port, "POST", "/odd", {"value": 3, "type": 4})) == 304


@pytest.mark.parametrize("given_", [5, [5], {"n": 5}, {"value": 5}, {"value": [5]}])
def test_json_for_a_function_of_one_argument(given_: Any) -> None:
    class Echo(iotkit.host.Device):
        @iotkit.host.function
        def echo(self, n: int) -> int:
            """Give it back"""
            return n

    with iotkit.serve(Echo(), announce=False) as service:
        assert value_of(ask_json(service.port, "POST", "/echo", given_)) == 5


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '{"value": null}', '{"value": []}'])
def test_json_for_a_function_without_arguments(body: str) -> None:
    device = Probe()
    with iotkit.serve(device, announce=False) as service:
        assert value_of(ask(service.port, "POST", "/stop", body, "application/json")) is None
    assert device.calls == [("stop",)]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("mix", "[3, 0.5, true]"),
        ("mix", "[3, 0.5, true, 4]"),
        ("mix", "[10, 0.5, true, []]"),
        ("mix", '{"count": 3}'),
        ("mix", '{"count": 3, "factor": 1, "flag": true, "text": "", "more": 1}'),
        ("mix", "3"),
        ("mix", "null"),
        ("mix", ""),
        ("mix", "[" * 50_000),
        ("mix", "[NaN, 0.5, true, 1]"),
    ],
)
def test_wrong_json_arguments_are_refused(name: str, body: str) -> None:
    with iotkit.serve(Several(), announce=False) as service:
        reply = ask(service.port, "POST", f"/{name}", body, "application/json")
    assert reply.json["value"]["name"] in ("BadType", "BadValue")
    assert_is_error(reply, 400, reply.json["value"]["name"])


@pytest.mark.parametrize(
    "body",
    ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, '"1"', "true", "null", "[1]", "{}", "x"],
)
def test_json_that_is_no_float_is_refused(body: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "PUT", "/ratio", body, "application/json")
        assert_is_error(reply, 400, reply.json["value"]["name"])
        assert value_of(ask(service.port, "GET", "/ratio")) == 0.5


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("speed", "1.5", "speed: '1.5' is not a whole number"),
        ("speed", "1_0", "speed: '1_0' is not a whole number"),
        ("speed", "", "speed: '' is not a whole number"),
        ("ratio", "nan", "ratio: 'nan' is not a number"),
        ("led", "yes", "led: 'yes' is neither True nor False"),
        ("name", "two\nlines", "name: "),
        ("name", "nul\0", "name: "),
    ],
)
def test_text_that_is_no_such_value_is_refused_by_name(name: str, body: str, words: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        assert_is_error(ask(service.port, "PUT", f"/{name}", body), 400, "BadValue", words)


@pytest.mark.parametrize("content_type", [None, "application/json"])
def test_a_body_that_is_not_utf8_is_refused(content_type: str | None) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "PUT", "/name", b"\xff\xfe\xfa", content_type)
        assert_is_error(reply, 400, "BadValue", "the body is not")


def test_who_leaves_in_the_middle_of_a_body_leaves_nothing_behind() -> None:
    def requests_begun() -> int:
        return sum(isinstance(one, Handler) for one in gc.get_objects())

    with iotkit.serve(TestHostTiny(), announce=False) as service:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", service.port), SOON) as client:
                head = "PUT /ratio HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\n"
                client.sendall(f"{head}1.".encode())
        deadline = time.monotonic() + SOON
        assert value_of(ask(service.port, "GET", "/ratio")) == 0.0
        while gc.collect() + 1 and requests_begun() > 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
