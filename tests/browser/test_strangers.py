"""A web page of somebody else's, in a real browser, tries to drive a device on this computer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lab import browser_page
from playwright.sync_api import Page, Playwright

from iotkit import host
from iotkit.server import Service, serve

EVIL = "evil.example"  # which this browser believes to be this computer
SOON = 20.0  # seconds

# Each way in which a page can have something sent to another website without asking anybody.
_ATTACK = """async (target) => {
    const acts = [["/beep", "POST"], ["/-/actions/beep", "POST"], ["/speed", "PUT"],
        ["/-/properties/speed", "PUT"], ["/speed", "POST"], ["/speed", "GET"],
        ["/-/pair", "POST"]];
    const got = [];
    for (const [path, method] of acts) {
        for (const mode of ["no-cors", "cors"]) {
            for (const type of ["text/plain", "application/json"]) {
                const body = method === "GET" ? undefined : "9";
                const headers = body && { "Content-Type": type };
                try {
                    const answer = await fetch(target + path, { method, mode, body, headers });
                    if (answer.ok) got.push([path, method, await answer.text()]);
                } catch {}
            }
        }
    }
    navigator.sendBeacon(`${target}/beep`, "");
    for (const enctype of ["text/plain", "multipart/form-data",
            "application/x-www-form-urlencoded"]) {
        const frame = document.createElement("iframe");
        frame.name = `frame ${enctype}`;
        const form = document.createElement("form");
        Object.assign(form, { method: "POST", action: `${target}/beep`, enctype });
        form.target = frame.name;
        document.body.append(frame, form);
        const loaded = new Promise((done) => { frame.onload = done; });
        form.submit();
        await loaded;
    }
    for (const path of ["/beep", "/speed", "/-/properties/speed"]) {
        const image = new Image();
        const tried = new Promise((done) => { image.onload = image.onerror = done; });
        image.src = target + path;
        await tried;
    }
    await new Promise((done) => {
        const news = new EventSource(`${target}/-/properties/speed`);
        news.onmessage = ({ data }) => { got.push(["news", data]); done(); };
        news.onerror = () => { news.close(); done(); };
    });
    await new Promise((done) => {
        const socket = new WebSocket(`${target.replace("http", "ws")}/-/channel`);
        socket.onopen = () => { got.push(["socket"]); done(); };
        socket.onerror = done;
    });
    return got;
}"""


class Toy(host.Device):
    """A device that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    @property
    def speed(self) -> int:
        """How fast"""
        self.done.append("read")
        return 1

    @speed.setter
    def speed(self, value: int) -> None:
        self.done.append(value)

    @host.function
    def beep(self) -> None:
        """Make a noise"""
        self.done.append("beep")


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def service(toy: Toy) -> Iterator[Service]:
    with serve(toy, announce=False) as service:
        yield service


@pytest.fixture
def evil_port() -> Iterator[int]:
    """The port of a website with nothing on it but what its owner's script does."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Free coins</title><body>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page(playwright: Playwright) -> Iterator[Page]:
    with browser_page(playwright, f"--host-resolver-rules=MAP {EVIL} 127.0.0.1") as page:
        page.set_default_timeout(SOON * 1000)
        yield page


def answers(caplog: pytest.LogCaptureFixture, port: int) -> list[tuple[str, int]]:
    """Return what was asked of the service, and the status of each answer."""
    said = [r.getMessage() for r in caplog.records if r.name == "iotkit.server.handler"]
    return [(asked, int(status)) for asked, _, status in (one.rpartition(": ") for one in said)]


@pytest.mark.parametrize("origin", [EVIL, "localhost"])
def test_a_page_of_another_website_drives_nothing(
    origin: str,
    page: Page,
    toy: Toy,
    service: Service,
    evil_port: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "iotkit.server.handler")
    page.goto(f"http://{origin}:{evil_port}/")
    assert page.evaluate(_ATTACK, service.url) == []
    deadline = time.monotonic() + SOON
    while [asked for asked, _ in answers(caplog, service.port)].count("POST /beep") < 6:
        assert time.monotonic() < deadline  # two fetches, the beacon, and three forms
        page.wait_for_timeout(20)
    assert {status for _, status in answers(caplog, service.port)} == {403}
    assert toy.done == []


def test_a_page_that_gives_its_name_this_computers_address_drives_nothing(
    page: Page, toy: Toy, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "iotkit.server.handler")
    rebound = f"http://{EVIL}:{service.port}"
    answer = page.goto(f"{rebound}/speed")
    assert answer is not None
    assert answer.status == 421
    assert page.evaluate("location.origin") == rebound
    assert page.evaluate(_ATTACK, rebound) == []
    assert {status for _, status in answers(caplog, service.port)} == {421}
    assert len(answers(caplog, service.port)) > 20
    assert toy.done == []


def test_a_page_of_the_services_own_could(page: Page, toy: Toy, service: Service) -> None:
    page.goto(f"{service.url}/devinfo")
    got = page.evaluate(_ATTACK, service.url)
    assert ["news", "1"] in got
    assert 9 in toy.done
    assert "beep" in toy.done
