"""What the page on the web API says is what the server does."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
import requests
from web_tools import SOON, ask

import iotkit
from iotkit.links.channel import PROTOCOL
from iotkit.links.representation import _STATUSES
from iotkit.server import bare, channels, gate, handler, news, pairing, service
from iotkit.server.routes import ROUTES
from iotkit.sim import simulate

PAGE = (Path(__file__).parents[2] / "docs" / "web-api.md").read_text()
PROSE = " ".join(PAGE.split())


@pytest.mark.parametrize(
    "words",
    [
        f"at most {round(1 / news.PERIOD)} times a second",
        f"says every {news.HEARTBEAT:g} seconds",
        f"retry: {news.RETRY}",
        f"the last {bare.MAX_EVENTS} events",
        f"reads nothing for {handler.PATIENCE:g} seconds is dropped",
        f"At most {channels.MAX_CHANNELS} channels",
        f"takes nothing for {channels.PATIENCE:g} seconds is dropped",
        f"`Upgrade: {PROTOCOL}`",
        f"?{bare.LONG_POLL}`",
        f"has sent {gate.FREE_TRIES} wrong tokens",
        f"good for {pairing.LIFETIME / 60:g} minutes, and for {pairing.MAX_WRONG} wrong tries",
        f"may have {service.MAX_HEADERS // 1024} KiB and its body {handler.MAX_BODY // 1024} KiB",
        f"has {service.BODY_TIME:g} seconds for it",
        f"nothing is asked for {service.IDLE_TIME:g} seconds",
        f"more than {handler.MAX_CONNECTIONS} connections at once",
    ],
)
def test_the_numbers_on_the_page_are_those_in_the_code(words: str) -> None:
    assert words in PROSE


def test_every_route_is_on_the_page() -> None:
    for route in ROUTES:
        path = re.sub("{(.*)}", lambda kind: kind[1].upper(), route.path)
        for method in route.actions:
            assert re.search(rf"`{method} {re.escape(path)}[`?]", PAGE), (method, path)


def test_every_status_of_an_error_is_on_the_page() -> None:
    for status in {*dict(_STATUSES).values(), 426}:
        assert re.search(rf"^\| {status} \|", PAGE, re.MULTILINE), status


def conversation() -> tuple[str, str]:
    """Return what both sides say in the example of a channel."""
    block = re.search(r"(?:^    [<>].*\n)+", PAGE, re.MULTILINE)
    assert block
    sides = [re.findall(rf"^    {side} ?(.*)\n", block[0], re.MULTILINE) for side in "><"]
    asked, answered = ("\r\n".join(side) + "\n" for side in sides)
    return asked, answered


def test_the_example_of_a_channel_is_what_is_said() -> None:
    asked, answered = conversation()
    with iotkit.serve(simulate("sumobot"), announce=False) as service:
        sock = socket.create_connection(("127.0.0.1", service.port), SOON)
        with sock:
            sock.sendall(asked.encode())
            received = b""
            while received.count(b"\n") < answered.count("\n"):
                received += sock.recv(4096)
    assert without_fingerprint(received.decode()) == without_fingerprint(answered)


def without_fingerprint(text: str) -> str:
    """Return `text` without what each new description of the robot changes."""
    return re.sub(r"(iotoy/2) [0-9a-f]{8}:", r"\1 …:", text)


def test_the_examples_of_values_are_those_of_the_robot() -> None:
    with iotkit.serve(simulate("sumobot"), announce=False) as service:
        every = ask(service.port, "GET", "/-/properties").body.decode()
        begun, _, _ = re.search(r"`(\{.*?)…\}`", PAGE)[1].partition("…")
        assert begun.removeprefix("{") in every
        assert ask(service.port, "GET", "/-/properties/speed").body == b"50"
        with requests.get(
            f"{service.url}/-/properties/speed",
            headers={"Accept": "text/event-stream"},
            stream=True,
            timeout=SOON,
        ) as response:
            lines = response.iter_lines()
            told = [next(lines).decode() for _ in range(4)]
    example = re.search(r"(retry: .*\n\n    id: .*\n    data: .*)\n", PAGE)[1]
    expected = [line.strip() for line in example.splitlines()]
    assert [re.sub(r"[\d.]+$", "N", line) for line in told] == [
        re.sub(r"[\d.]+$", "N", line) for line in expected
    ]
