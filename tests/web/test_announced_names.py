"""Devices of one name, announced on one network, get names of their own, and keep them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from program import PATIENCE, running, started
from zeroconf import DNSIncoming, DNSOutgoing, DNSService
from zeroconf.const import (
    _CLASS_IN_UNIQUE,
    _FLAGS_AA,
    _FLAGS_QR_RESPONSE,
    _MDNS_ADDR,
    _MDNS_PORT,
    _TYPE_SRV,
)

import iotkit
from iotkit.description import Description
from iotkit.discovery import Announcement, announce
from iotkit.discovery.naming import SERVICE_TYPE, _asking, _listening


def test_devices_announced_in_the_same_moment_get_names_of_their_own(unique_name: str) -> None:
    with ExitStack() as stack:
        announced = [announce(Description(unique_name), 1, identity=str(n)) for n in range(3)]
        for one in announced:
            stack.callback(one.close)
        names = {one.name for one in announced}
        assert len(names) == 3
        assert unique_name in names


def test_a_name_that_another_process_has_is_not_taken_again() -> None:
    with ExitStack() as stack:
        served = [stack.enter_context(started("serve", "sim:sumobot")) for _ in range(3)]
        assert len({device["name"] for (device,) in served}) == 3


@pytest.mark.parametrize("again", range(3))
def test_processes_that_announce_one_class_at_once_get_names_of_their_own(again: int) -> None:
    with ExitStack() as stack:
        robots = ["sim:sumobot"] * 4
        processes = [stack.enter_context(running("serve", *robots, "--json")) for _ in range(3)]
        served = [json.loads(one.stdout.readline()) for one in processes if one.stdout]
        names = [device["name"] for devices in served for device in devices]
        assert len(set(names)) == 12, names


def test_the_devices_of_two_gateways_are_all_found_and_each_call_reaches_its_own() -> None:
    with ExitStack() as stack:
        gateways = [("serve", "sim:sumobot", "sim:sumobot", "--json") for _ in range(2)]
        processes = [stack.enter_context(running(*gateway)) for gateway in gateways]
        served = [json.loads(one.stdout.readline()) for one in processes if one.stdout]
        urls = {device["name"]: device["url"] for devices in served for device in devices}
        found = {one.instance: one for one in iotkit.discover(timeout=3)}
        assert {name: found[name].url for name in urls} == urls
        robots = {name: stack.enter_context(iotkit.connect(found[name])) for name in urls}
        for speed, robot in enumerate(robots.values(), 50):
            robot.speed = speed
        assert [robot.speed for robot in robots.values()] == [50, 51, 52, 53]
        for name, robot in robots.items():
            with iotkit.connect(urls[name]) as itself:
                assert itself.speed == robot.speed


def announced(name: str, identity: str) -> Announcement:
    return announce(Description(name), 1, identity=identity)


def test_a_device_has_its_last_name_again_and_leaves_it_to_who_has_it_now(
    unique_name: str,
) -> None:
    first, second = announced(unique_name, "1"), announced(unique_name, "2")
    assert (first.name, second.name) == (unique_name, f"{unique_name}-2")
    first.close()
    second.close()
    second = announced(unique_name, "2")
    assert second.name == f"{unique_name}-2"
    first = announced(unique_name, "1")
    assert first.name == unique_name
    second.close()
    third = announced(unique_name, "3")
    assert third.name == f"{unique_name}-2"
    second = announced(unique_name, "2")
    assert second.name == f"{unique_name}-3"
    for one in (first, second, third):
        one.close()


@pytest.mark.parametrize(("port", "keeps"), [(1, True), (65535, False)])
def test_of_two_that_have_one_name_already_the_greater_one_keeps_it(
    unique_name: str, port: int, keeps: bool
) -> None:
    """As where two networks become one: nobody could ask the other before."""
    ours = announce(Description(unique_name), 1000, identity="ours")
    assert ours.name == unique_name
    with _listening("127.0.0.1") as network, _asking("127.0.0.1") as sender:
        network.settimeout(PATIENCE)
        stranger = announcement(f"{unique_name}.{SERVICE_TYPE}", "stranger.local.", port)
        sender.sendto(stranger, (_MDNS_ADDR, _MDNS_PORT))
        names = (heard for heard in announced_by(f"{ours.server}.", network))
        wanted = unique_name if keeps else f"{unique_name}-2"
        assert wanted in names  # the first announcement may still be repeated meanwhile
    assert ours.name == wanted
    ours.close()


def announcement(name: str, server: str, port: int) -> bytes:
    out = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    out.add_answer_at_time(
        DNSService(name, _TYPE_SRV, _CLASS_IN_UNIQUE, 120, 0, 0, port, server), 0
    )
    (packet,) = out.packets()
    return packet


def announced_by(server: str, network: socket.socket) -> Iterator[str]:
    """Give the names that this one announces, as they are heard."""
    while True:
        message = DNSIncoming(network.recv(9000))
        for record in message.answers() if message.is_response() else []:
            if isinstance(record, DNSService) and record.ttl and record.server == server:
                yield record.name.removesuffix(f".{SERVICE_TYPE}")
