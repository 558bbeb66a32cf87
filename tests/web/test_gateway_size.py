"""A gateway is as large after many boards as after a few: it runs for weeks."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from fake_devices import SOON
from lasting import Robot
from plugging import COUNTED, gateway

import iotkit

AT_ONCE, TIMES = 10, 6  # boards, and how often they come

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


def robot_called(name, number):
    kind = type("Robot_", (Robot,), {"specifier": f"n{number}"}, id=name)
    return kind()


def come_and_go(auto, sockets, name, *, plain):
    """Plug AT_ONCE boards in, use them, and pull them while they are used."""
    robots = {f"tty{n}": robot_called(name, n) for n in range(AT_ONCE)}
    ports = {sockets.plug(port, robot) for port, robot in robots.items()}
    urls = [auto.next("up")["url"] for _ in ports]
    with ThreadPoolExecutor(AT_ONCE) as together:
        left = [
            one for used in together.map(lambda url: use(url, plain=plain), urls) for one in used
        ]
    for port in robots:
        sockets.pull(port)
    assert {auto.next("down")["port"] for _ in ports} == ports
    for one in left:
        one.close()


def use(url, *, plain):
    """Use the device in all ways, and return what still does."""
    robot = iotkit.connect(url)
    with robot.claim(), robot.watch("speed") as news:
        assert next(iter(news)).value == 80
        robot.forward(1)
        robot.speed = 80
    watched = robot.watch("speed")
    assert next(iter(watched)).value == 80
    if not plain:
        return [watched, robot]
    at = urlsplit(url)
    streamed, asked = (HTTPConnection(at.hostname, at.port, timeout=SOON) for _ in range(2))
    streamed.request("GET", "/-/properties/speed", headers={"Accept": "text/event-stream"})
    assert streamed.getresponse().read(5)
    for method, path, body in (
        ("GET", "/speed", ""),
        ("POST", "/forward", "ms=1"),
        ("GET", "/x", ""),
    ):
        asked.request(method, path, body)
        asked.getresponse().read()
    return [watched, robot, streamed, asked]


@pytest.mark.parametrize(
    ("options", "plain"), [([], True), (["--token", "--tls", "--no-announce"], False)]
)
def test_what_was_plugged_in_leaves_nothing_behind(sockets, tmp_path, unique_name, options, plain):
    with gateway(sockets.pattern, *options, sizes=tmp_path / "sizes") as auto:
        sockets.plug("stays", robot_called(unique_name, "stays"))
        auto.next("up")
        come_and_go(auto, sockets, unique_name, plain=plain)
        once = auto.size_at_rest()
        for _ in range(TIMES - 1):
            come_and_go(auto, sockets, unique_name, plain=plain)
        often = auto.size_at_rest()
    more = {what: often[what] - once[what] for what in COUNTED}
    # One of anything for each board would be more; a program that looks in has a few.
    assert max(more.values()) < AT_ONCE * (TIMES - 1) / 2, more
