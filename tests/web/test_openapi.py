"""The service describes itself, and does what it says, whatever is sent to it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from requests import Session
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from web_tools import SOON

import iotkit
from iotkit import host
from iotkit.description import Attribute, Description, Event, Function
from iotkit.host import Hosted
from iotkit.server import Service
from iotkit.server.gate import UNLOCKED
from iotkit.server.openapi import document
from iotkit.server.routes import ROUTES
from iotkit.types import Type

TOKEN = "a-token-which-nobody-guesses-so-soon"
EXAMPLES = 20  # of requests, for each thing that can be asked, once as it should be and once not


class Anything(host.Device):
    """One of everything"""

    count: int = 3
    level: Annotated[int, "How high [0..100 %]"] = 50
    ratio: Annotated[float, "How much [0.5..2.5 V]"] = 1.5
    on_air: bool = False
    word: str = "hello"
    mode: Annotated[str, "How [slow|fast]"] = "slow"

    @property
    def distance(self) -> float:
        """To the wall [cm]"""
        return 1.5

    @property
    def broken(self) -> int:
        """Never there"""
        raise RuntimeError("the wire is loose")

    @host.function
    def stop(self) -> None:
        """Stop at once"""

    @host.function
    def double(self, n: int) -> int:
        """Twice as much [n 0..1000]"""
        return 2 * n

    @host.function
    def tell(self, times: int, loud: bool, text: str) -> str:
        """Say it again [times 0..3]"""
        return text * times

    @host.function
    def fail(self, how: float) -> None:
        """Go wrong"""
        raise RuntimeError("no way")

    @host.event
    def bump(self, side: str) -> None:
        """Hit something"""


KNOWN = Hosted(Anything()).description
SAID = document(KNOWN, ROUTES, locked=False)
REFUSED = ["400", "404", "405", "413", "416"]  # of what is wrong in itself
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            "negative_data_rejection": {"expected-statuses": REFUSED},
            "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "423", "502"]},
            "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "502"]},  # it has a fault
        }
    }
)
SCHEMA = schemathesis.openapi.from_dict(SAID, config=CONFIG)
WAITING = ("/-/events/bump", "/-/channel")  # where the answer comes later, or is no HTTP
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations())
    if operation.path not in WAITING
}


@pytest.fixture
def service() -> Iterator[Service]:
    with iotkit.serve(Anything(), announce=False) as service:
        yield service


@pytest.fixture
def session() -> Iterator[Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(
    service: Service, session: Session, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    operation = OPERATIONS[name]
    as_it_should_be, otherwise = (
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )
    takes_something = operation.body or operation.query or operation.path_parameters
    cases = st.one_of(as_it_should_be, otherwise) if takes_something else as_it_should_be

    @seed(1)
    @settings(
        max_examples=2 * EXAMPLES if takes_something else 3,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def answers(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=service.url, session=session, timeout=SOON)

    with caplog.at_level(logging.WARNING):
        answers()
    assert [record for record in caplog.records if record.name != "iotkit.host"] == []


def test_it_is_served_and_says_whether_a_token_is_needed() -> None:
    with iotkit.serve(Anything(), announce=False, token=TOKEN) as service:
        url = f"{service.url}/-/openapi.json"
        assert requests.get(url, timeout=SOON).status_code == 401
        said = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=SOON).json()
    assert said == document(KNOWN, ROUTES, locked=True)
    assert said["security"] == [{"token": []}]
    assert said["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    open_to_all = [
        (method.upper(), path)
        for path, methods in said["paths"].items()
        for method, operation in methods.items()
        if operation.get("security") == []
    ]
    assert set(open_to_all) == UNLOCKED
    assert "security" not in json.dumps(SAID)


def test_every_route_is_described() -> None:
    members = {"{attribute}": "level", "{function}": "double", "{event}": "bump"}
    for route in ROUTES:
        path = route.path
        for kind, name in members.items():
            path = path.replace(kind, name)
        assert all(SAID["paths"][path][method.lower()]["summary"] for method in route.actions)


def test_what_the_device_says_is_nowhere_where_tools_read_markdown() -> None:
    evil = "<img src=x onerror=alert(1)> [x](javascript:alert(1))"
    known = Description.of(
        "evil",
        [Attribute("level", Type.INT, f"{evil} [0..9 <b>]")],
        [Function.parse("f", f"f a:int -> - {evil}")],
        [Event.parse("e", f"e - {evil}")],
        evil,
    )
    for key, text in texts(document(known, ROUTES, locked=False)):
        assert evil not in text or key == "summary"
        assert "<b>" not in text or key in ("unit", "summary")


def texts(said: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text in a JSON value, with the name that it stands under."""
    if isinstance(said, str):
        yield key, said
    elif isinstance(said, dict):
        for name, inner in said.items():
            yield from texts(inner, name)
    elif isinstance(said, list):
        for inner in said:
            yield from texts(inner, key)


def test_limits_choices_units_and_access_are_described() -> None:
    def taken(path: str, method: str = "put") -> dict[str, object]:
        body = SAID["paths"][path][method]["requestBody"]
        schema: dict[str, object] = body["content"]["application/json"]["schema"]
        return schema

    level = {"type": "integer", "minimum": 0, "maximum": 100, "unit": "%"}
    assert taken("/-/properties/level") == level
    assert taken("/-/properties/mode") == {"type": "string", "enum": ["slow", "fast"]}
    assert taken("/-/properties/on_air") == {"type": "boolean"}
    assert "put" not in SAID["paths"]["/-/properties/distance"]
    assert {"type": "integer", "minimum": 0, "maximum": 1000} in taken("/-/actions/double", "post")[
        "anyOf"
    ]
    assert not SAID["paths"]["/-/actions/stop"]["post"]["requestBody"]["required"]
