"""Version 1 of the web API to the letter, as the original's clients check it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fake_devices import Probe
from web_tools import Reply, Rounding, ask

import iotkit
from iotkit.sim.testhosttiny import TestHostTiny

FUNCTIONS = {
    "barecommand": ([], []),
    "one_arg_int": ([["myarg", "int"]], []),
    "one_arg_bool": ([["myarg", "bool"]], []),
    "one_arg_str": ([["myarg", "str"]], []),
    "one_arg_float": ([["myarg", "float"]], []),
    "one_arg_T": ([["attr", "T"]], []),
    "no_arg_result_int": ([], [["result", "int"]]),
    "no_arg_result_bool": ([], [["result", "bool"]]),
    "no_arg_result_str": ([], [["result", "str"]]),
    "no_arg_result_float": ([], [["result", "float"]]),
    "no_arg_result_T": ([], [["result", "T"]]),
    "one_arg_int_result_int": ([["myarg", "int"]], [["result", "int"]]),
}
ATTRIBUTES = {
    "drive_forward_time_ms": ("int", "How long to move forward", 1500),
    "turn_time_ms": ("int", "How long to turn", 2000),
    "str_id": ("str", "Sample str attribute", "default"),
    "ratio": ("float", "Sample float attribute", 0.0),
    "some_flag": ("bool", "Sample bool attribute", True),
}


@pytest.fixture
def port() -> Iterator[int]:
    with iotkit.serve(TestHostTiny(), announce=False) as service:
        yield service.port


def good(reply: Reply) -> Any:
    """Return the JSON of a reply that a version 1 client takes."""
    assert reply.status == 200
    assert reply.headers.get_all("Content-Type") == ["application/json"]
    return reply.json


def exact(value: Any) -> str:
    """Return `value` so that 1, 1.0 and True are not the same."""
    return json.dumps(value, sort_keys=True)


def test_the_root_lists_all_functions_and_attributes_and_devinfo(port: int) -> None:
    assert good(ask(port, "GET", "/")) == {
        "type": "iotoy.org/type/dir",
        "href": "/",
        "help": "testhosttiny",
        "value": [*FUNCTIONS, *ATTRIBUTES, "devinfo"],
    }


def test_devinfo_describes_the_device(port: int) -> None:
    devinfo = good(ask(port, "GET", "/devinfo"))
    assert set(devinfo) == {"type", "href", "help", "value"}
    assert devinfo["type"] == "iotoy.org/type/json"
    assert devinfo["href"] == "/devinfo"
    assert devinfo["help"] == "Device description"
    assert set(devinfo["value"]) == {"devicename", "attrs", "funcs"}
    assert devinfo["value"]["devicename"] == "testhosttiny"
    assert devinfo["value"]["attrs"] == {
        name: {"type": type_, "href": f"/{name}", "help": help_}
        for name, (type_, help_, _) in ATTRIBUTES.items()
    }
    assert list(devinfo["value"]["funcs"]) == list(FUNCTIONS)
    assert devinfo["value"]["funcs"]["one_arg_int_result_int"] == {
        "type": "iotoy.org/types/function",
        "href": "/one_arg_int_result_int",
        "help": "test, one arg, one result, both ints",
        "value": {
            "name": "one_arg_int_result_int",
            "spec": {"args": [["myarg", "int"]], "result": [["result", "int"]]},
        },
    }


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_get_of_an_attribute_gives_its_value(port: int, name: str) -> None:
    type_, help_, value = ATTRIBUTES[name]
    assert exact(good(ask(port, "GET", f"/{name}"))) == exact(
        {"type": f"iotoy.org/types/{type_}", "href": f"/{name}", "help": help_, "value": value}
    )


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [
        ("drive_forward_time_ms", "2000", 2000),
        ("drive_forward_time_ms", "-5", -5),
        ("ratio", "3.145", 3.145),
        ("ratio", "3", 3.0),
        ("ratio", "1e+22", 1e22),
        ("some_flag", "True", True),
        ("some_flag", "False", False),
        ("str_id", "random string", "random string"),
        ("str_id", "", ""),
        ("str_id", "grün: 100 %", "grün: 100 %"),
        ("str_id", '{"value": 1}', '{"value": 1}'),
    ],
)
def test_put_of_bare_text_sets_an_attribute(port: int, name: str, body: str, value: Any) -> None:
    type_, help_, _ = ATTRIBUTES[name]
    wanted = {
        "type": f"iotoy.org/types/{type_}",
        "href": f"/{name}",
        "help": help_,
        "value": value,
    }
    assert exact(good(ask(port, "PUT", f"/{name}", body))) == exact(wanted)
    assert exact(good(ask(port, "GET", f"/{name}"))) == exact(wanted)


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/xml", "?"]
)
def test_bare_text_is_taken_under_any_content_type_but_json(
    port: int, content_type: str | None
) -> None:
    assert good(ask(port, "PUT", "/str_id", "a=1&b=%20", content_type))["value"] == "a=1&b=%20"


def test_put_answers_with_the_value_read_back() -> None:
    with iotkit.serve(Rounding(), announce=False) as service:
        assert good(ask(service.port, "PUT", "/position", "2.7"))["value"] == 3.0


def test_an_attribute_of_type_t_is_text() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = good(ask(service.port, "PUT", "/anything", "4j2"))
    assert (reply["type"], reply["value"]) == ("iotoy.org/types/T", "4j2")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_get_of_a_function_gives_its_signature(port: int, name: str) -> None:
    args, result = FUNCTIONS[name]
    shown = good(ask(port, "GET", f"/{name}"))
    assert shown.pop("help").startswith("test, ")
    assert shown == {
        "type": "iotoy.org/types/function",
        "href": f"/{name}",
        "value": {"name": name, "spec": {"args": args, "result": result}},
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_only_post_calls_a_function(method: str) -> None:
    device = Probe()
    with iotkit.serve(device, announce=False) as service:
        ask(service.port, method, "/stop")
        assert device.calls == []
        ask(service.port, "POST", "/stop")
    assert device.calls == [("stop",)]


@pytest.mark.parametrize(
    ("name", "body", "result"),
    [
        ("no_arg_result_int", "", {"type": "int", "name": "result", "value": 100}),
        ("no_arg_result_bool", "", {"type": "bool", "name": "result", "value": True}),
        ("no_arg_result_str", "", {"type": "str", "name": "result", "value": "hello"}),
        ("no_arg_result_float", "", {"type": "float", "name": "result", "value": 1.1}),
        ("no_arg_result_T", "", {"type": "T", "name": "result", "value": "4j2"}),
        ("one_arg_int_result_int", "42", {"type": "int", "name": "result", "value": 42}),
        ("barecommand", "", {"type": "iotoy.org/types/null", "value": None}),
        ("one_arg_int", "1", {"type": "iotoy.org/types/null", "value": None}),
        ("one_arg_bool", "True", {"type": "iotoy.org/types/null", "value": None}),
        ("one_arg_float", "1.5", {"type": "iotoy.org/types/null", "value": None}),
        ("one_arg_str", "to be or not", {"type": "iotoy.org/types/null", "value": None}),
        ("one_arg_T", "True", {"type": "iotoy.org/types/null", "value": None}),
    ],
)
def test_post_calls_a_function(port: int, name: str, body: str, result: Any) -> None:
    assert exact(good(ask(port, "POST", f"/{name}", body))) == exact(result)


def test_percent_encoded_names_are_names(port: int) -> None:
    assert good(ask(port, "GET", "/%72atio"))["href"] == "/ratio"
    assert good(ask(port, "GET", "/%64evinfo"))["value"]["devicename"] == "testhosttiny"


def test_a_query_is_no_part_of_the_name(port: int) -> None:
    assert good(ask(port, "GET", "/ratio?now=1"))["href"] == "/ratio"


class OriginalClient:
    """What the original's client does, step for step; it asserts just as that does."""

    def __init__(self, service: str) -> None:
        self.service = service
        result = requests.get(service + "/")
        self.check(result)
        directory = json.loads(result.content)
        assert directory["type"] == "iotoy.org/type/dir"
        assert "devinfo" in directory["value"]
        result = requests.get(service + "/devinfo")
        self.check(result)
        raw = json.loads(result.content)
        assert raw["type"] == "iotoy.org/type/json"
        assert raw["href"]
        assert raw["help"]
        self.devinfo = raw["value"]
        for function in self.devinfo["funcs"].values():
            assert function["value"]["name"]
            assert function["help"] is not None
            assert len(function["value"]["spec"]["args"]) <= 1

    @staticmethod
    def check(result: requests.Response) -> None:
        assert result.status_code == 200
        assert result.headers.get("content-type", None) == "application/json"

    def get(self, name: str) -> Any:
        result = requests.get(self.service + "/" + name)
        self.check(result)
        return json.loads(result.content)["value"]

    def put(self, name: str, value: Any) -> Any:
        result = requests.put(self.service + "/" + name, data=str(value))
        self.check(result)
        return json.loads(result.content)["value"]

    def post(self, name: str, *args: Any) -> Any:
        result = requests.post(self.service + "/" + name, data=str(args[0]) if args else "")
        self.check(result)
        return json.loads(result.content)["value"]


def test_the_originals_client_works_unchanged(port: int) -> None:
    client = OriginalClient(f"http://127.0.0.1:{port}")
    assert client.devinfo["devicename"] == "testhosttiny"
    assert client.get("drive_forward_time_ms") == 1500
    assert client.put("drive_forward_time_ms", 2000) == 2000
    assert client.get("drive_forward_time_ms") == 2000
    assert client.put("ratio", 3.145) == 3.145
    assert client.put("some_flag", False) is False
    assert client.put("str_id", "random string") == "random string"
    assert client.post("barecommand") is None
    assert client.post("one_arg_float", 1.1) is None
    assert client.post("one_arg_T", "4j2") is None
    assert client.post("no_arg_result_str") == "hello"
    assert client.post("one_arg_int_result_int", 42) == 42
