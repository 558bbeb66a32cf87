"""Several computers on one network, with real multicast between them, and strangers among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hosts import Host, json_line, network
from program import COMMAND

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(120)]

NAMES = "sorted(one.instance for one in iotkit.discover())"


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    with network(tmp_path, 3) as hosts:
        yield hosts


def test_a_host_that_is_cut_off_is_lost_and_comes_back_to_the_same_object(
    hosts: list[Host],
) -> None:
    server, user, _ = hosts
    with server.serving("sim:sumobot"), user.python() as python:
        python("robot = iotkit.find('sumobot', timeout=10)")
        python("states = {one: threading.Event() for one in ('lost', 'ready')}")
        python("watch = robot.on_state(lambda state: state in states and states[state].set())")
        assert python("robot.stop()") is None
        server.unplug()
        assert python("states['lost'].wait(30)") is True
        assert python("robot.stop()").startswith("DeviceLost: ")
        assert python(NAMES) == []
        python("states['ready'].clear()")
        server.plug()
        assert python("states['ready'].wait(30)") is True
        assert python("robot.stop()") is None
        assert python("iotkit.find('sumobot') is robot") is True
        assert python(NAMES) == ["sumobot"]


def serving_everywhere() -> tuple[str, ...]:
    """Return how to serve a robot on whatever addresses a computer has just then."""
    served = ("serve", "sim:sumobot", "--lan", "--open", "--json")
    return ("env", "IOTKIT_INTERFACES=", *COMMAND, *served)


def test_a_host_that_gets_another_address_is_found_there_by_the_same_object(
    hosts: list[Host],
) -> None:
    server, user, _ = hosts
    with server.running(*serving_everywhere()) as process, user.python() as python:
        assert json_line(process)[0]["name"] == "sumobot"
        python("robot = iotkit.find('sumobot', timeout=10)")
        python("lost, ready = threading.Event(), threading.Event()")
        python("told = lambda state: {'lost': lost, 'ready': ready}.get(state, lost).set()")
        python("watch = robot.on_state(told)")
        server.do(f"ip addr del {server.address}/24 dev eth0")
        server.do("ip addr add 10.77.0.101/24 dev eth0")
        assert python("lost.wait(30)") is True
        assert python("ready.wait(30)") is True
        assert python("robot.stop()") is None
        assert "//10.77.0.101:" in python("iotkit.link_of(robot).target")


def test_what_is_served_before_there_is_a_network_is_found_when_there_is_one(
    hosts: list[Host],
) -> None:
    server, user, _ = hosts
    server.do(f"ip addr del {server.address}/24 dev eth0")
    with server.running(*serving_everywhere()) as process, user.python() as python:
        assert json_line(process)[0]["name"] == "sumobot"
        python("there = threading.Event()")
        python("watch = discovery.watch(lambda found: found and there.set())")
        server.do(f"ip addr add {server.address}/24 dev eth0")
        assert python("there.wait(30)") is True
        assert python("iotkit.find('sumobot').stop()") is None


def test_hosts_that_announce_one_class_at_once_get_names_of_their_own(hosts: list[Host]) -> None:
    serve = (*COMMAND, "serve", "sim:sumobot", "sim:sumobot", "--lan", "--open", "--json")
    with ExitStack() as stack:
        processes = [stack.enter_context(host.running(*serve)) for host in hosts]
        served = [device["name"] for one in processes for device in json_line(one)]
        assert len(set(served)) == 6
        python = stack.enter_context(hosts[0].python())
        assert python(NAMES) == sorted(served)


def test_where_two_networks_become_one_two_of_one_name_get_names_of_their_own(
    hosts: list[Host],
) -> None:
    away, here, user = hosts
    with away.serving("sim:sumobot") as ours:
        away.unplug()
        with here.serving("sim:sumobot") as theirs, user.python() as python:
            assert ours[0]["name"] == theirs[0]["name"] == "sumobot"
            away.plug()
            python("both = threading.Event()")
            python("two = lambda found: len({one.url for one in found}) == 2 and both.set()")
            python("watch = iotkit.discovery.watch(two)")
            assert python("both.wait(30)") is True
            assert python(NAMES) == ["sumobot", "sumobot-2"]


def test_another_device_of_a_name_that_was_used_is_an_error_until_it_is_forgotten(
    hosts: list[Host],
) -> None:
    first, other, user = hosts
    find = "iotkit.find('sumobot', timeout=10).close()"
    with user.python() as python:
        with first.serving("sim:sumobot"):
            assert python(find) is None
        with other.serving("sim:sumobot"):
            assert "another device than the sumobot that you used before" in python(find)
            assert python("iotkit.local.sumobot").startswith("NotAllowed: ")
            with first.serving("sim:sumobot") as served:
                assert served[0]["name"] == "sumobot-2"
                assert "it is sumobot_2 now" in python(find)
            user.do(" ".join([*COMMAND, "forget", "sumobot"]))
            assert python(find) is None


def test_a_stranger_who_takes_the_name_of_a_device_is_sent_nothing_by_who_used_it(
    hosts: list[Host],
) -> None:
    ours, stranger, user = hosts
    with user.python() as python, stranger.python() as pretender:
        with ours.serving("sim:sumobot"):
            python("robot = iotkit.find('sumobot', timeout=10)")
            python("identity = iotkit.link_of(robot).identity; robot.close()")
        python("from iotkit.links import tokens; tokens.keep(identity, 'secret' * 5)")
        identity = python("identity")
        pretender("from hostile_packets import Pretender")
        # It knows the identity, and asks for its token, but does not dare to announce it.
        pretender(f"here = Pretender({stranger.address!r}, {identity!r})")
        pretender("from iotkit.description import Description")
        pretender(
            "announced = discovery.announce(Description('sumobot'), here.port, identity='another',"
            f" host={stranger.address!r}, locked=True)"
        )
        assert pretender("announced.name") == "sumobot"
        assert "another device" in python("iotkit.find('sumobot', timeout=10)")
        assert pretender("here.heard()") == ""
        assert "nothing was sent" in python("iotkit.connect(iotkit.discover()[0])")
        heard = pretender("here.heard()")
        assert "GET /-/channel" in heard
        assert "secret" not in heard
        pretender("announced.close(); here.close()")


def test_strangers_names_and_texts_break_nothing_and_a_good_device_is_found(
    hosts: list[Host],
) -> None:
    server, user, _ = hosts
    with user.python() as python:
        python("import hostile_packets as hostile; iotkit.discover()")
        everything = "[hostile.service(n, t) for n in hostile.NAMES for t in hostile.TEXTS]"
        assert python(f"hostile.send({user.address!r}, {everything})") is None
        with server.serving("sim:sumobot"):
            assert python("iotkit.find('sumobot').stop()") is None
        names = python("[one.name for one in iotkit.discovery.known()]")
        assert len(names) > 5
        assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_among_a_flood_of_names_the_good_device_is_found_and_the_list_is_bounded(
    hosts: list[Host], whole: bool, first: bool
) -> None:
    server, user, _ = hosts
    flood = f"hostile.flood({user.address!r}, 1500, whole={whole})"
    with ExitStack() as stack:
        python = stack.enter_context(user.python())
        python("import hostile_packets as hostile; iotkit.discover()")
        if first:
            known = python(flood)
        stack.enter_context(server.serving("sim:sumobot"))
        if not first:
            known = python(flood)
        assert known == 500 if whole else known <= 1
        assert python("iotkit.find('sumobot').stop()") is None  # which waits 3 s at most
        assert python("len(iotkit.discovery.known())") <= 501
