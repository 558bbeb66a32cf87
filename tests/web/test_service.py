"""A service beside its caller: where it listens, how it is found, and that it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fake_devices import Probe, boarded
from web_tools import SOON, Patient, ask

import iotkit
from iotkit import discovery, host
from iotkit.device import Device, device_over, link_of
from iotkit.errors import BadTarget, BadType, DeviceDisconnected, PortBusy
from iotkit.host import Hosted
from iotkit.links.local import LocalLink
from iotkit.types import Value


def local(device: host.Device) -> Device:
    return device_over(LocalLink(Hosted(device), "local"))


def server_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("iotkit server")]


def test_a_service_says_where_it_is() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        assert service.url == f"http://127.0.0.1:{service.port}"
        assert service.name == "probe"
        assert repr(service) == f"<probe at {service.url}>"
    assert repr(service) == f"<probe at {service.url}, closed>"


def test_by_default_only_this_computer_is_let_in() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        with socket.create_connection(("127.0.0.1", service.port), SOON):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", service.port), SOON)


def test_everybody_is_let_in_where_that_is_asked_for() -> None:
    with iotkit.serve(Probe(), host="0.0.0.0", announce=False) as service:
        assert service.url == f"https://127.0.0.1:{service.port}"  # as IOTKIT_INTERFACES says
        with socket.create_connection(("127.0.0.2", service.port), SOON):
            pass


def test_a_port_that_is_taken_is_said_to_be_taken() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        with pytest.raises(PortBusy, match=f"port {service.port} is taken"):
            iotkit.serve(Probe(), service.port, announce=False)
        assert ask(service.port, "GET", "/speed").status == 200


@pytest.mark.parametrize(("port", "at"), [(70_000, "127.0.0.1"), (0, "192.0.2.1"), (0, "no host")])
def test_a_place_that_can_not_be_is_a_bad_target(port: int, at: str) -> None:
    with pytest.raises(BadTarget):
        iotkit.serve(Probe(), port, host=at, announce=False)
    assert server_threads() == []


def test_what_is_no_device_is_not_served() -> None:
    with pytest.raises(BadType, match="serve\\(\\) takes a device, not 'sim:sumobot'"):
        iotkit.serve("sim:sumobot", announce=False)  # type: ignore[arg-type]


def test_close_ends_listening_connections_and_threads_at_once() -> None:
    service = iotkit.serve(Probe(), announce=False)
    assert server_threads()
    with socket.create_connection(("127.0.0.1", service.port), SOON) as idle:
        assert ask(service.port, "GET", "/speed").status == 200
        service.close()
        service.close()
        assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", service.port), SOON)
    assert server_threads() == []


def test_a_device_of_the_callers_stays_open() -> None:
    with local(Probe()) as robot:
        with iotkit.serve(robot, announce=False):
            pass
        assert robot.speed == 80


def test_a_device_in_python_is_let_go_of_with_its_service() -> None:
    device = Patient()
    with iotkit.serve(device, announce=False):
        assert not device.go_on.is_set()
    assert device.go_on.is_set()


def test_services_share_one_thread_and_the_last_one_ends_it() -> None:
    with iotkit.serve(Probe(), announce=False) as one:
        with iotkit.serve(Probe(), announce=False) as two:
            assert one.port != two.port
            assert len(server_threads()) == 1
        assert ask(one.port, "GET", "/speed").status == 200
        with iotkit.serve(Probe(), announce=False) as three:
            assert ask(three.port, "GET", "/speed").status == 200
    assert server_threads() == []


def test_services_begin_and_end_in_any_thread() -> None:
    def come_and_go(_: int) -> int:
        with iotkit.serve(Probe(), announce=False) as service:
            return ask(service.port, "GET", "/speed").status

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(come_and_go, range(40))) == [200] * 40
    assert server_threads() == []


def test_one_device_in_two_services() -> None:
    with (
        local(Probe()) as robot,
        iotkit.serve(robot, announce=False) as one,
        iotkit.serve(robot, announce=False) as two,
    ):
        ask(one.port, "PUT", "/speed", "7")
        assert ask(two.port, "GET", "/speed").json["value"] == 7


def test_a_device_that_does_not_answer_holds_up_no_other() -> None:
    with (
        boarded({"get x": None}) as (silent, board),
        iotkit.serve(silent, announce=False) as slow,
        iotkit.serve(Probe(), announce=False) as fast,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(ask, slow.port, "GET", "/x")
        board.wait_for("get x")
        for _ in range(20):
            assert ask(fast.port, "GET", "/speed").status == 200
        assert ask(slow.port, "GET", "/devinfo").status == 200
        assert not waiting.done()
        silent.close()
        assert waiting.result().status == 503


class Clogged(LocalLink):
    """A link like a serial port that takes no more data: it holds up whoever asks."""

    never_waits = False

    def __init__(self) -> None:
        super().__init__(Hosted(Probe()), "clogged")
        self.asked, self.free = threading.Event(), threading.Event()

    def get(self, name: str, *, background: bool = False) -> Any:
        self.asked.set()
        self.free.wait(SOON)
        return super().get(name, background=background)


def test_a_port_that_takes_no_data_holds_up_no_other() -> None:
    link = Clogged()
    with (
        device_over(link) as device,
        iotkit.serve(device, announce=False) as slow,
        iotkit.serve(Probe(), announce=False) as fast,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(ask, slow.port, "GET", "/speed")
        assert link.asked.wait(SOON)
        for _ in range(20):
            assert ask(fast.port, "GET", "/speed").status == 200
        link.free.set()
        assert waiting.result().json["value"] == 80


def test_a_client_that_goes_away_does_no_harm() -> None:
    device = Patient()
    with iotkit.serve(device, announce=False) as service:
        with socket.create_connection(("127.0.0.1", service.port), SOON) as client:
            client.sendall(b"POST /wait HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
            assert device.begun.wait(SOON)
        with socket.create_connection(("127.0.0.1", service.port), SOON) as client:
            client.sendall(
                b"PUT /level HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n12"
            )
        device.go_on.set()
        assert ask(service.port, "GET", "/level").json["value"] == 7


def test_serving_in_a_running_event_loop_as_a_notebook_does() -> None:
    import asyncio

    async def notebook() -> Any:
        with iotkit.serve(Probe(), announce=False) as service:
            return await asyncio.to_thread(ask, service.port, "GET", "/speed")

    assert asyncio.run(notebook()).status == 200


class Presence:
    """Notes which devices the network has."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._found: list[discovery.Found] = []

    def __call__(self, found: list[discovery.Found]) -> None:
        with self._changed:
            self._found = found
            self._changed.notify_all()

    def wait(self, ready: Callable[[dict[str, discovery.Found]], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: ready({one.name: one for one in self._found}), SOON
            )


def test_a_service_is_found_under_its_own_name_and_says_goodbye(unique_name: str) -> None:
    device = type("Found", (Probe,), {}, id=unique_name)()  # type: ignore[call-arg]
    presence = Presence()
    watching = discovery.watch(presence)
    try:
        with iotkit.serve(device) as service:
            assert service.name == unique_name
            presence.wait(lambda found: unique_name in found)
            with iotkit.find(unique_name) as robot:
                assert robot.speed == 80
                assert link_of(robot).target == service.url
        presence.wait(lambda found: unique_name not in found)
    finally:
        watching.close()
        discovery.stop()


FORGETFUL = """
import sys, iotkit
from iotkit.sim.testhosttiny import TestHostTiny
device = type("Found", (TestHostTiny,), {}, id=sys.argv[1])()
print(iotkit.serve(device).name, flush=True)
sys.stdin.read()
"""


def test_a_program_that_ends_without_a_close_says_goodbye_too(unique_name: str) -> None:
    presence = Presence()
    watching = discovery.watch(presence)
    try:
        with subprocess.Popen(
            [sys.executable, "-c", FORGETFUL, unique_name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.stdout.readline().strip() == unique_name
            presence.wait(lambda found: unique_name in found)
            program.stdin.close()
            presence.wait(lambda found: unique_name not in found)
        assert program.returncode == 0
    finally:
        watching.close()
        discovery.stop()


def test_a_closed_device_is_unplugged_to_the_web() -> None:
    robot = local(Probe())
    with iotkit.serve(robot, announce=False) as service:
        robot.close()
        assert ask(service.port, "GET", "/speed").status == 503
    with pytest.raises(DeviceDisconnected):
        _: Value = robot.speed
