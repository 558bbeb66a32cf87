"""Devices on the web that are lost and come back: a server that is started anew, or elsewhere."""

from __future__ import annotations

import time

import pytest
from heard import Heard
from lasting import AT_ONCE, Robot, becomes
from web_servers import V1Server

import iotkit
from iotkit import discovery, opened
from iotkit.device import link_of
from iotkit.errors import DeviceLost


def test_a_channel_whose_server_is_started_anew_at_the_same_address():
    heard = Heard()
    with iotkit.serve(Robot(), announce=False) as service:
        robot = iotkit.connect(service.url)
        link_of(robot).follow("speed", heard)
        robot.speed = 7
        heard.wait(lambda changes: changes[-1:] == [7])
    began = time.monotonic()
    becomes(robot, "reconnecting")
    assert time.monotonic() - began < AT_ONCE
    with pytest.raises(DeviceLost, match="out of reach"):
        robot.forward(1)
    assert iotkit.connect(service.url) is robot
    anew = Robot()
    with iotkit.serve(anew, service.port, announce=False):
        becomes(robot, "ready")
        heard.wait(lambda changes: changes[-1:] == [80])
        assert anew.calls == []
        robot.forward(2)
        assert anew.calls == ["forward 2"]
        robot.close()
    assert robot not in opened.devices()


def test_a_service_of_version_1_that_is_started_anew():
    heard = Heard()
    with V1Server() as server:
        robot = iotkit.connect(server.url)
        link_of(robot).follow("speed", heard)
        heard.wait(lambda changes: changes == [80])
    becomes(robot, "reconnecting")
    heard.wait(lambda changes: isinstance(changes[-1], DeviceLost))
    with pytest.raises(DeviceLost):
        robot.stop()
    port = int(server.url.rpartition(":")[2])
    with V1Server(port) as anew:
        becomes(robot, "ready")
        heard.wait(lambda changes: changes[-1] == 80)
        assert [path for _, path, _ in anew.requests if path == "/stop"] == []
        robot.close()


def named(name, specifier):
    """Return a device announced under `name`, whose identity is its specifier's."""
    kind = type("Robot_", (Robot,), {"specifier": specifier}, id=name)
    return kind()


def test_a_device_on_the_network_is_found_at_another_address_by_its_identity(unique_name):
    with iotkit.serve(named(unique_name, "red")) as service:
        name, before = service.name, service.url
        robot = iotkit.find(discovery.python_name(name))
        assert link_of(robot).identity == f"{unique_name}:red"
    becomes(robot, "lost")
    assert iotkit.find(discovery.python_name(name)) is robot
    anew = named(unique_name, "red")
    with iotkit.serve(anew) as service:
        assert service.url != before
        becomes(robot, "ready")
        assert link_of(robot).target == service.url
        robot.forward(1)
        assert anew.calls == ["forward 1"]
        robot.close()


def test_a_device_of_the_same_name_and_another_identity_is_not_taken(unique_name):
    class Anonymous(Robot, id=unique_name):
        """One without a specifier."""

    heard = Heard()
    with iotkit.serve(Anonymous()) as service:
        name, port = discovery.python_name(service.name), service.port
        robot = iotkit.find(name)
        link_of(robot).follow("speed", heard)
    becomes(robot, "lost")
    another, beside = Anonymous(), iotkit.connect(Anonymous())
    link_of(beside).identify()  # the next one is the second of its class
    with beside, iotkit.serve(another, port) as service:
        assert discovery.python_name(service.name) == name
        heard.wait(lambda changes: "is another device" in str(changes[-1:]))
        with pytest.raises(DeviceLost, match="another device: connect anew"):
            robot.forward(1)
        with iotkit.find(name) as other:
            assert other is not robot
        assert another.calls == []
        robot.close()
