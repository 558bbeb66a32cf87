"""The channel: a connection of the web service that carries the serial protocol."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_devices import Probe, boarded
from hypothesis import given, settings
from hypothesis import strategies as st
from web_tools import SOON, Patient, any_certificate, ask, assert_is_error

import iotkit
from iotkit.device import Device, device_over, link_of
from iotkit.errors import DeviceDisconnected
from iotkit.links.channel import open_channel
from iotkit.links.serial import SerialLink
from iotkit.protocol.frames import frame
from iotkit.server import channels

ASK = (
    b"GET /-/channel HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: iotoy/2\r\n\r\n"
)
BANNER = b"200:DEV READY iotoy/2 "


both_ways = pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])


def connected(port: int, tls: bool) -> socket.socket:
    """Return a connection to the service at `port`."""
    sock = socket.create_connection(("127.0.0.1", port), SOON)
    return any_certificate().wrap_socket(sock) if tls else sock


def upgraded(port: int, behind: bytes = b"", *, tls: bool = False) -> socket.socket:
    """Return a connection that is a channel, its banner read; `behind` was sent at once."""
    sock = connected(port, tls)
    sock.sendall(ASK + behind)
    assert read_line(sock) == b"HTTP/1.1 101 Switching Protocols\r\n"
    headers = set(iter(lambda: read_line(sock), b"\r\n"))
    assert {b"Upgrade: iotoy/2\r\n", b"Connection: Upgrade\r\n"} <= headers
    assert read_line(sock).startswith(BANNER)
    return sock


def read_line(sock: socket.socket) -> bytes:
    """Return the next line and not a byte more; what there is of it where the other end ended."""
    line = b""
    while not line.endswith(b"\n") and (byte := sock.recv(1)):
        line += byte
    return line


def ended(sock: socket.socket) -> bool:
    """Whether the other end ends the connection, soon."""
    try:
        while sock.recv(1 << 16):
            pass
    except (ConnectionResetError, ssl.SSLError):
        pass
    return True


def channel_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("iotkit server of")]


def wait_for_channels(number: int) -> None:
    """Return when there are so many."""
    deadline = time.monotonic() + SOON
    while len(channel_threads()) != number:
        assert time.monotonic() < deadline, channel_threads()
        time.sleep(0.01)


def device_on(port: int, *, tls: bool = False) -> Device:
    """Return the object for the device behind a channel."""
    transport = open_channel(f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    assert transport is not None
    return device_over(SerialLink(transport))


@both_ways
def test_a_device_on_a_channel_is_as_on_a_cable(tls: bool) -> None:
    device = Probe()
    service = iotkit.serve(device, announce=False, tls=tls)
    with service, device_on(service.port, tls=tls) as probe:
        assert probe.speed == 80
        probe.speed = 81
        assert device.speed == 81
        assert probe.add(2, 3) == 5
        assert probe.echo("a b  ä") == "a b  ä"
        with pytest.raises(iotkit.errors.OutOfRange, match=r"0\.\.5000"):
            probe._link.call("turn", [6000]).result()
        with pytest.raises(iotkit.errors.DeviceError, match="the motor is stuck"):
            probe.fail()


@both_ways
def test_what_is_sent_right_behind_the_request_is_not_lost(tls: bool) -> None:
    frames = b"".join(frame("0123456789"[n % 10], "get speed") for n in range(9000))
    assert len(frames) > 128 * 1024  # more than is read at once
    service = iotkit.serve(Probe(), announce=False, tls=tls)
    with service, ThreadPoolExecutor(1) as pool:
        sock = connected(service.port, tls)
        sending = pool.submit(sock.sendall, ASK + frames)
        if tls:
            sending.result(SOON)  # Python's own socket is not to be read while it is written
        with sock, sock.makefile("rb") as answers:
            while answers.readline() != b"\r\n":
                pass
            assert answers.readline().startswith(BANNER)
            for _ in range(9000):
                assert b"200:Found:80*" in answers.readline()


def test_it_is_the_way_that_iotkits_own_client_takes() -> None:
    with iotkit.serve(Probe(), announce=False) as service, iotkit.connect(service.url) as probe:
        assert not link_of(probe).never_waits  # as version 1's never does
        assert len(channel_threads()) == 1
        assert link_of(probe).target == service.url


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upgrade": "iotoy/2"},
        {"Connection": "Upgrade"},
        {"Connection": "Upgrade", "Upgrade": "websocket"},
        {"Connection": "keep-alive", "Upgrade": "iotoy/2"},
        {"Connection": "Upgrade", "Upgrade": "iotoy/3"},
    ],
)
def test_426_for_a_request_that_does_not_ask_for_it(headers: dict[str, str]) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "GET", "/-/channel", **headers)
        assert_is_error(reply, 426, "UpgradeRequired", "Upgrade: iotoy/2")
        assert reply.headers["Upgrade"] == "iotoy/2"
        assert "Upgrade" in reply.headers["Connection"]
        assert ask(service.port, "HEAD", "/-/channel", **headers).status == 426


@pytest.mark.parametrize("listed", ["websocket, iotoy/2", "IOTOY/2", "h2c,iotoy/2;q=1"])
def test_a_client_may_offer_several_protocols(listed: str) -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        with socket.create_connection(("127.0.0.1", service.port), SOON) as sock:
            head = f"Connection: keep-alive, Upgrade\r\nUpgrade: {listed}\r\n\r\n".encode()
            sock.sendall(b"GET /-/channel HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head)
            assert read_line(sock) == b"HTTP/1.1 101 Switching Protocols\r\n"
        wait_for_channels(0)


def test_405_for_another_method() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        reply = ask(service.port, "POST", "/-/channel", Connection="Upgrade", Upgrade="iotoy/2")
    assert_is_error(reply, 405, "MethodNotAllowed")
    assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_clients_of_version_1_are_undisturbed() -> None:
    with iotkit.serve(Probe(), announce=False) as service:
        old = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SOON)
        with device_on(service.port) as new:
            for n in range(50):
                old.request("PUT", "/speed", str(n))
                assert b'"value":%d}' % n in old.getresponse().read()
                assert new.speed == n
                new.ratio = n
                old.request("GET", "/ratio")
                assert b'"value":%d.0}' % n in old.getresponse().read()
        old.request("GET", "/ratio")
        assert old.getresponse().status == 200
        old.close()


def test_a_request_before_it_on_the_same_connection_is_answered_first() -> None:
    first = b"GET /speed HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with iotkit.serve(Probe(), announce=False) as service:
        sock = socket.create_connection(("127.0.0.1", service.port), SOON)
        with sock:
            sock.sendall(first + ASK + frame("a", "get ratio"))
            received = b""
            while b"200:Found:" not in received:
                received += sock.recv(4096)
    assert received.index(b'"value":80}HTTP/1.1 101 ') < received.index(BANNER)


def test_a_function_that_takes_long_holds_up_nothing_on_the_channel() -> None:
    device = Patient()
    with iotkit.serve(device, announce=False) as service, device_on(service.port) as patient:
        waiting = patient._link.call("wait", [])
        assert device.begun.wait(SOON)
        assert patient.level == 7
        device.go_on.set()
        assert waiting.result(SOON) == "done"


def test_clients_that_go_away_in_the_midst_leave_nothing() -> None:
    device = Patient()
    with iotkit.serve(device, announce=False) as service:
        for cut in (b"", b"$a", b"get lev", frame("a", "get level")[:-3], frame("a", "wait")):
            upgraded(service.port, cut).close()
        with socket.create_connection(("127.0.0.1", service.port), SOON) as sock:
            sock.sendall(ASK[:-2])
        device.go_on.set()
        wait_for_channels(0)
        assert ask(service.port, "GET", "/level").json["value"] == 7


@both_ways
def test_any_bytes_leave_the_server_whole_and_reach_no_function(tls: bool) -> None:
    device = Probe()
    pieces = st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\n", b"\r\n", b"$", b"*", b"\x18", b"$_", b"stop", b"$astop*0000\n"]),
        st.binary(max_size=20).map(lambda body: b"$" + body + b"*0000\n"),
    )
    with iotkit.serve(device, announce=False, tls=tls) as service:

        @settings(max_examples=100, deadline=None)
        @given(st.lists(pieces, max_size=8))
        def check(sent: list[bytes]) -> None:
            garbage = b"".join(sent).replace(b"stop\n", b"").replace(b"stop\r\n", b"")
            with upgraded(service.port, tls=tls) as sock:
                sock.sendall(garbage + b"\x18\n" + frame("k", "ping"))
                while not (line := read_line(sock)).startswith(b"$k200:OK:pong"):
                    assert line, "the channel ended"

        check()
        assert ask(service.port, "GET", "/speed", tls=tls).json["value"] == 80
    assert device.calls == []


@both_ways
def test_a_client_that_never_reads_is_dropped_and_holds_up_nobody(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "PATIENCE", 1.0)
    service = iotkit.serve(Probe(), announce=False, tls=tls)
    with service, device_on(service.port, tls=tls) as other:
        other.name = "x" * 4000
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(SOON)
        sock.connect(("127.0.0.1", service.port))
        sock = any_certificate().wrap_socket(sock) if tls else sock
        sock.sendall(ASK)
        flood = b"".join(frame(tag, "get name") for tag in "0123456789") * 100

        def ask_and_ask() -> None:
            try:
                while True:
                    sock.sendall(flood)
            except OSError:
                pass

        with sock, ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask_and_ask)
            while not asking.done():
                assert other.ratio == 0.5
                assert ask(service.port, "GET", "/led", tls=tls).status == 200
            assert ended(sock)
        wait_for_channels(1)
        assert other.speed == 80


def test_a_client_that_asks_faster_than_it_is_answered_is_read_more_slowly() -> None:
    device = Patient()
    flood = frame("a", "get stuck") * 1_000_000
    with iotkit.serve(device, announce=False) as service, upgraded(service.port) as sock:
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.sendall(flood)
        device.go_on.set()


@both_ways
def test_a_slow_reader_gets_every_answer(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MAX_UNSENT", 64 * 1024 * 1024)
    questions = 2000  # whose answers, 8 MB, are more than the system holds back
    service = iotkit.serve(Probe(), announce=False, tls=tls)
    with service, device_on(service.port, tls=tls) as other:
        other.name = "x" * 4000
        with upgraded(service.port, tls=tls) as sock:
            sock.sendall(frame("a", "get name") * questions)
            with sock.makefile("rb") as answers:
                for _ in range(questions):
                    assert answers.readline().startswith(b"$a200:Found:xxx")


def test_there_are_only_so_many_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MAX_CHANNELS", 2)
    upgrade = {"Connection": "Upgrade", "Upgrade": "iotoy/2"}
    with iotkit.serve(Probe(), announce=False) as service:
        with upgraded(service.port), upgraded(service.port):
            reply = ask(service.port, "GET", "/-/channel", **upgrade)
            assert_is_error(reply, 503, "TooManyClients")
            assert int(reply.headers["Retry-After"]) > 0
            assert ask(service.port, "GET", "/speed").status == 200
        wait_for_channels(0)
        upgraded(service.port).close()


@both_ways
def test_closing_the_service_ends_every_channel(tls: bool) -> None:
    device = Patient()
    service = iotkit.serve(device, announce=False, tls=tls)
    socks = [upgraded(service.port, tls=tls) for _ in range(5)]
    socks[0].sendall(frame("a", "wait"))
    assert device.begun.wait(SOON)
    client = device_on(service.port, tls=tls)
    service.close()
    assert channel_threads() == []
    for sock in socks:
        with sock:
            assert ended(sock)
    with pytest.raises(DeviceDisconnected):
        _ = client.level
    client.close()


def test_a_channel_to_a_device_that_is_unplugged_says_so() -> None:
    with (
        boarded() as (robot, _),
        iotkit.serve(robot, announce=False) as service,
        device_on(service.port) as board,
    ):
        assert board.x == 1
        robot.close()
        with pytest.raises(iotkit.errors.IotkitError, match="closed"):
            _ = board.x


def test_there_is_no_channel_to_a_device_that_is_gone_for_good() -> None:
    with boarded({}) as (robot, _), iotkit.serve(robot, announce=False) as service:
        robot.close()
        reply = ask(service.port, "GET", "/-/channel", Connection="Upgrade", Upgrade="iotoy/2")
        assert_is_error(reply, 503, "DeviceDisconnected", "is gone")


@both_ways
def test_eight_clients_at_once_each_get_their_own_answers(tls: bool) -> None:
    with iotkit.serve(Probe(), announce=False, tls=tls) as service:

        def work(me: int) -> None:
            with device_on(service.port, tls=tls) as probe:
                for n in range(100):
                    assert probe.add(me * 1000, n) == me * 1000 + n

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
