"""Nobody is let in who doesn't belong: not by name, by a web page, by patience, or by guessing."""

from __future__ import annotations

import logging
import re
import select
import socket
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
from fake_devices import Probe
from web_servers import Scripted, V1Server, http_reply
from web_tools import SOON, any_certificate, ask, ask_json, ask_raw, assert_is_error

import iotkit
from iotkit import NotAllowed, host, stored
from iotkit.discovery import Found
from iotkit.errors import BadType, BadValue
from iotkit.links import tokens
from iotkit.links.web import WebLink
from iotkit.server import gate, handler, service
from iotkit.server.gate import UNLOCKED, Gate, Tries
from iotkit.server.messages import Refused, Request
from iotkit.server.routes import ROUTES
from iotkit.server.service import Service, serve

TOKEN = "a-token-of-32-characters-for-you"
MEMBERS = {"{attribute}": "speed", "{function}": "beep", "{event}": "bump"}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "BREW")
PATHS = [re.sub("{.*}", lambda kind: MEMBERS[kind[0]], route.path) for route in ROUTES]
EVERYTHING = [(method, path) for path in [*PATHS, "/nothing", "//", "/-/x"] for method in METHODS]
NEWS = ("/-/properties/speed", "/-/events/bump")
UPGRADE = {"Connection": "Upgrade", "Upgrade": "iotoy/2"}


class Toy(host.Device):
    """A device that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self._speed = 1

    @property
    def speed(self) -> int:
        """How fast"""
        self.done.append("read")
        return self._speed

    @speed.setter
    def speed(self, value: int) -> None:
        self.done.append(value)
        self._speed = value

    @host.function
    def beep(self) -> None:
        """Make a noise"""
        self.done.append("beep")

    @host.event
    def bump(self) -> None:
        """Hit something"""


both_ways = pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])


def locked(device: host.Device, name: str = "", *, tls: bool = False) -> Service:
    """Serve `device` to who has the TOKEN."""
    device.specifier = name
    return serve(device, announce=False, token=TOKEN, tls=tls)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# The token


@both_ways
@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("", {"Authorization": ""}),
        ("", {"Authorization": "Bearer"}),
        ("", {"Authorization": "Bearer "}),
        ("", bearer(TOKEN[:-1])),
        ("", bearer(TOKEN + "x")),
        ("", bearer(TOKEN.upper())),
        ("", bearer(f"{TOKEN} {TOKEN}")),
        ("", bearer(f"{TOKEN}, {TOKEN}")),
        ("", {"Authorization": f"Basic {TOKEN}"}),
        ("", {"Authorization": TOKEN}),
        ("", {"Cookie": f"token={TOKEN}"}),
        (f"?token={TOKEN}&access_token={TOKEN}", {}),
    ],
)
def test_every_route_refuses_who_has_no_token(
    query: str, headers: dict[str, str], tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PAUSE", 0.0)  # this client is not to be slowed down
    toy = Toy()
    with locked(toy, tls=tls) as service:
        for method, path in EVERYTHING:
            reply = ask(service.port, method, path + query, "", tls=tls, **headers)
            if (method, path) in UNLOCKED:
                assert reply.status in (400, 403), (method, path)
                continue
            assert reply.status == 401, (method, path)
            assert reply.headers["WWW-Authenticate"].startswith("Bearer realm=")
            if method != "HEAD":
                assert_is_error(reply, 401, "NotAllowed", "iotkit pair")
        for more in (UPGRADE, {"Accept": "text/event-stream"}):
            for path in ("/-/channel", *NEWS):
                asked = ask(service.port, "GET", path, tls=tls, **headers, **more)
                assert asked.status == 401
        polled = ask(service.port, "GET", f"{NEWS[0]}?longpoll", tls=tls, **headers)
        assert polled.status == 401
    assert toy.done == []


def test_only_pairing_needs_no_token() -> None:
    assert {("POST", "/-/pair")} == UNLOCKED


@both_ways
def test_who_has_the_token_is_let_in(tls: bool) -> None:
    with locked(Toy(), tls=tls) as service:
        assert ask(service.port, "GET", "/speed", tls=tls, **bearer()).json["value"] == 1
        assert ask(service.port, "PUT", "/speed", "5", tls=tls, **bearer()).json["value"] == 5


def test_bearer_may_be_written_small() -> None:
    with locked(Toy()) as service:
        assert ask(service.port, "GET", "/speed", Authorization=f"bearer  {TOKEN}").status == 200


@pytest.mark.parametrize(
    "token", ["", "short", "with a space in it, somewhere", "x" * 201, "ä" * 20]
)
def test_what_can_be_no_token_stops_the_server(token: str) -> None:
    with pytest.raises(BadValue, match="a token has 16 to 200"):
        serve(Toy(), announce=False, token=token)


@pytest.mark.parametrize("token", [0, 1, b"x" * 20])
def test_what_is_no_text_stops_the_server(token: object) -> None:
    with pytest.raises(BadType):
        serve(Toy(), announce=False, token=token)  # type: ignore[arg-type]


def test_an_option_that_is_not_there_stops_the_server() -> None:
    with pytest.raises(TypeError):
        serve(Toy(), announce=False, tokn=TOKEN)  # type: ignore[call-arg]


@pytest.mark.parametrize("at", ["0.0.0.0", ""])
def test_on_the_network_a_token_is_needed_unless_it_is_opened(at: str) -> None:
    with serve(Toy(), host=at, announce=False) as service:
        assert service.locked
        assert ask(service.port, "GET", "/speed", tls=True).status == 401
    with serve(Toy(), host=at, announce=False, token=False) as service:
        assert not service.locked
        assert ask(service.port, "GET", "/speed").status == 200


def test_on_this_computer_none_is_needed_unless_it_is_asked_for() -> None:
    with serve(Toy(), announce=False) as service:
        assert ask(service.port, "GET", "/speed").status == 200
    with serve(Toy(), announce=False, token=True) as service:
        assert ask(service.port, "GET", "/speed").status == 401


def test_a_token_is_never_in_a_log_or_a_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), locked(Toy()) as service:
        ask(service.port, "GET", f"/speed?token={TOKEN}", **bearer(TOKEN + "x"))
        ask(service.port, "GET", "/speed", **bearer())
        ask_raw(
            service.port,
            b"GET /speed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Authorization: Bearer %b\x01\r\n\r\n" % TOKEN.encode(),
        )
        with iotkit.connect(service.url) as device:
            assert TOKEN not in repr(device)
        assert TOKEN not in repr(service)
    assert caplog.records
    assert TOKEN not in caplog.text


def test_guessing_is_slowed_down_and_holds_up_nobody_else() -> None:
    asked = [
        Request("GET", "/speed", {"host": "localhost"} | {"authorization": f"Bearer {n}"})
        for n in range(99)
    ]
    closed = Gate(set(), "toy", TOKEN)

    def status(request: Request, address: str) -> int:
        try:
            closed.check(Request(request.method, request.path, request.headers, address=address))
        except Refused as error:
            return error.status
        return 200

    bad = [status(request, "192.0.2.7") for request in asked]
    assert bad[: gate.FREE_TRIES] == [401] * gate.FREE_TRIES
    assert bad.count(429) >= 99 - gate.FREE_TRIES - 2
    good = Request("GET", "/speed", {"host": "localhost", "authorization": f"Bearer {TOKEN}"})
    assert status(good, "192.0.2.7") == 429
    assert status(good, "192.0.2.8") == 200


def test_who_has_guessed_may_try_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = Tries(1)
    tries.check("192.0.2.7")
    tries.count("192.0.2.7")
    with pytest.raises(Refused) as refused:
        tries.check("192.0.2.7")
    assert refused.value.headers["Retry-After"] == "1"
    later = time.monotonic() + gate.PAUSE
    monkeypatch.setattr(time, "monotonic", lambda: later)
    tries.check("192.0.2.7")


def test_a_network_of_ipv6_counts_as_one_and_memory_is_bounded() -> None:
    tries = Tries(1)
    tries.count("2001:db8::1")
    with pytest.raises(Refused):
        tries.check("2001:db8::2%eth0")
    tries.check("2001:db8:0:1::1")
    for n in range(3 * gate.MAX_ADDRESSES):
        tries.count(f"10.0.{n // 256}.{n % 256}")
    assert len(tries._until) == gate.MAX_ADDRESSES


# The token's file, and the clients


def token_files() -> list[Path]:
    return list(tokens._tokens.path("x").parent.glob("*"))


def test_a_token_is_in_a_file_that_only_its_owner_can_read(unique_name: str) -> None:
    with locked(Toy(), unique_name):
        path = tokens._tokens.path(f"toy:{unique_name}")
        assert TOKEN in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert all(file.suffix == ".json" for file in token_files())


def test_a_token_is_the_same_the_next_time(unique_name: str) -> None:
    assert tokens.made(unique_name) == tokens.made(unique_name) == tokens.kept(unique_name)
    assert tokens.made(unique_name + "x") != tokens.kept(unique_name)


def test_of_servers_that_start_at_once_one_makes_the_token(
    unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, random = Barrier(2, timeout=0.5), tokens.secrets.token_urlsafe

    def made_slowly(length: int) -> str:
        with suppress(BrokenBarrierError):  # nobody makes one beside it
            both.wait()
        return random(length)

    monkeypatch.setattr(tokens.secrets, "token_urlsafe", made_slowly)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(tokens.made, [unique_name] * 2)
    assert one == other == tokens.kept(unique_name)


def test_tokens_kept_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(stored, "MAX_KEPT", 3)
    for n in range(6):
        tokens.keep(str(n), TOKEN)
    assert len(token_files()) == 3
    assert tokens.kept("5") == TOKEN


@pytest.mark.parametrize("text", ["", "[]", "{", '{"id": "x"}', '{"id": "x", "token": "a\\r\\nb"}'])
def test_a_broken_file_holds_no_token(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    tokens.keep("x", TOKEN)
    tokens._tokens.path("x").write_text(text)
    assert tokens.kept("x") == ""


def test_the_owners_own_programs_are_let_in_without_typing(unique_name: str) -> None:
    toy = Toy()
    with locked(toy, unique_name) as service:
        with iotkit.connect(service.url) as device:
            device.speed = 7
        link = WebLink(service.url)
        try:
            assert link.get("speed").result(SOON) == 7
        finally:
            link.close()


def test_who_has_not_paired_is_told_what_to_do(
    unique_name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with locked(Toy(), unique_name) as service:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        for way in (iotkit.connect, WebLink):
            with pytest.raises(NotAllowed, match=f"type iotkit pair {service.url} in a terminal"):
                way(service.url)


def test_a_token_that_is_no_longer_right_is_one_sentence(unique_name: str) -> None:
    with locked(Toy(), unique_name) as service:
        tokens.keep(f"toy:{unique_name}", "another-token-of-the-device")
        for way in (iotkit.connect, WebLink):
            with pytest.raises(NotAllowed, match="no longer takes the token"):
                way(service.url)


def asks_for_a_token(identity: str) -> Scripted:
    """A server that wants the token of a device, and notes the requests that it gets."""
    more = f'WWW-Authenticate: Bearer realm="{identity}"\r\n'
    answer = http_reply({}, "401 Unauthorized", more=more)
    return Scripted(dict.fromkeys(("GET /-/channel", "GET /devinfo"), answer))


def test_another_device_of_the_same_name_gets_no_token(unique_name: str) -> None:
    tokens.keep(unique_name, TOKEN)
    with asks_for_a_token(unique_name) as server, pytest.raises(NotAllowed, match="another device"):
        iotkit.connect(Found("toy", "toy", server.url, "another"))
    assert server.heard == ["GET /-/channel"]
    with asks_for_a_token("another") as server:
        with pytest.raises(NotAllowed, match="iotkit pair toy"):
            iotkit.connect(Found("toy", "toy", server.url, "another"))
        assert server.heard == ["GET /-/channel"]


def test_who_asks_for_no_token_gets_none() -> None:
    with V1Server() as server, iotkit.connect(server.url) as device:
        assert device.speed == 80


@pytest.mark.parametrize(
    "challenge", ["", "Basic realm=x", 'Bearer realm="', 'Bearer realm="\x01"']
)
def test_a_challenge_that_makes_no_sense_gets_no_token(challenge: str) -> None:
    with pytest.raises(NotAllowed, match="of a kind that iotkit doesn't know"):
        tokens.Meant("toy").token(challenge)


# Names, and what a browser sends for somebody else


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "127.0.0.1:8000",
        "192.168.4.20:8000",
        "[::1]:8000",
        "localhost",
        "LOCALHOST.:80",
    ],
)
def test_addresses_and_localhost_are_let_in(name: str) -> None:
    with serve(Probe(), announce=False) as service:
        assert ask(service.port, "GET", "/speed", Host=name).status == 200


OWN_NAMES = [
    "probe.local",
    "Probe.local:8000",
    socket.gethostname(),
    f"{socket.gethostname().split('.')[0]}.local",
]


@pytest.mark.parametrize("name", OWN_NAMES)
def test_its_own_names_are_let_in_where_it_is_on_the_network(name: str) -> None:
    with serve(Probe(), host="0.0.0.0", announce=False, token=False) as service:
        assert ask(service.port, "GET", "/speed", Host=name).status == 200
    with serve(Probe(), announce=False) as service:  # a page could have taken such a name
        assert ask(service.port, "GET", "/speed", Host=name).status == 421


def test_the_name_that_its_address_is_told_under_is_let_in(unique_name: str) -> None:
    device = type("Named", (Probe,), {}, id=unique_name)()  # type: ignore[call-arg]
    with serve(device, host="0.0.0.0", token=False) as service:
        assert service.name == unique_name
        name = service._announcement.server
        assert ask(service.port, "GET", "/speed", Host=name).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "",
        ":8000",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "probe.local.evil.example",
        "local",
        "0x7f000001",
        "127.1",
        "[::1",
        "[::1x",
    ],
)
@both_ways
def test_421_for_another_name_and_nothing_reaches_the_device(name: str, tls: bool) -> None:
    toy = Toy()
    with serve(toy, announce=False, tls=tls) as service:
        for method, path in EVERYTHING:
            asked = ask(service.port, method, path, "", tls=tls, Host=name)
            assert asked.status == 421, (method, path)
        asked = ask(service.port, "GET", "/-/channel", tls=tls, Host=name, **UPGRADE)
        assert asked.status == 421
    assert toy.done == []


def test_a_name_that_can_be_none_is_refused() -> None:
    with serve(Probe(), announce=False) as service:
        assert ask(service.port, "GET", "/speed", Host="127.0.0.1@evil.example").status == 400


def test_a_request_without_a_name_is_refused() -> None:
    with serve(Probe(), announce=False) as service:
        assert ask_raw(service.port, b"GET /speed HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")
        assert ask_raw(
            service.port, b"GET /speed HTTP/1.1\r\nConnection: close\r\n\r\n"
        ).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 "))


FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},  # another program on this computer, such as JupyterLab
    {"Origin": "http://localhost.evil.example"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "Cross-Site", "Sec-Fetch-Mode": "no-cors"},
]


@both_ways
@pytest.mark.parametrize("headers", FOREIGN)
def test_403_for_a_page_of_another_website(headers: dict[str, str], tls: bool) -> None:
    toy = Toy()
    with serve(toy, announce=False, tls=tls) as service:
        for method, path in EVERYTHING:
            reply = ask(service.port, method, path, "", tls=tls, **headers)
            assert reply.status == 403, (method, path)
            assert not [name for name in reply.headers if name.lower().startswith("access-control")]
        assert ask(service.port, "GET", "/-/channel", tls=tls, **headers, **UPGRADE).status == 403
    assert toy.done == []


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/plain", {"Referer": "http://evil.example/"}),
        (FORM, {"User-Agent": "Mozilla/5.0 (old)"}),
        ("text/plain", {"User-Agent": "Mozilla/5.0 (old)"}),
        ("text/plain", {"Origin": "own", "Sec-Fetch-Mode": "navigate"}),
        (FORM, {"Origin": "own"}),
        ("multipart/form-data; boundary=x", {"Origin": "own"}),
        ("text/plain", {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_browsers_plain_form_drives_nothing(content_type: str, headers: dict[str, str]) -> None:
    toy = Toy()
    with serve(toy, announce=False) as service:
        sent = {k: v.replace("own", service.url) for k, v in headers.items()}
        reply = ask(service.port, "POST", "/beep", "", content_type, **sent)
        assert_is_error(reply, 403, "NotAllowed")
    assert toy.done == []


@both_ways
def test_a_page_of_the_servers_own_may_drive(tls: bool) -> None:
    toy = Toy()
    with serve(toy, announce=False, tls=tls) as service:
        own = {"Origin": service.url, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        asked = ask(service.port, "POST", "/beep", "", "text/plain", tls=tls, **own)
        assert asked.status == 200
    assert toy.done == ["beep"]


@both_ways
def test_get_never_acts(tls: bool) -> None:
    toy, override = Toy(), {"X-HTTP-Method-Override": "POST"}
    with serve(toy, announce=False, tls=tls) as service:
        for method in ("GET", "HEAD", "OPTIONS"):
            for path in ("/beep", "/beep?", "/-/actions/beep", "/speed?value=9", "/speed?9"):
                ask(service.port, method, path, "9", tls=tls, **override)
    assert set(toy.done) <= {"read"}


@pytest.mark.parametrize("token", [None, False])
def test_clients_of_version_1_go_on_working(token: bool | None) -> None:
    toy = Toy()
    at = "127.0.0.1" if token is None else "0.0.0.0"
    with serve(toy, host=at, announce=False, token=token) as service:
        agent = {"User-Agent": "python-requests/2.32.3", "Accept": "*/*"}
        assert ask(service.port, "PUT", "/speed", "3", **agent).status == 200
        assert ask(service.port, "POST", "/beep", "", **agent).status == 200
        curl = {"User-Agent": "curl/8.5.0", "Accept": "*/*"}
        assert ask(service.port, "PUT", "/speed", "4", FORM, **curl).status == 200
    assert [d for d in toy.done if d != "read"] == [3, "beep", 4]


# Patience


HEAD = b"PUT /speed HTTP/1.1\r\nHost: localhost\r\n"
HALF_REQUESTS = (HEAD, HEAD + b"Content-Length: 9\r\n\r\n12")
HALF_HANDSHAKES = (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03")


def half_sent(
    stack: ExitStack, port: int, parts: Sequence[bytes], times: int, *, tls: bool
) -> list[socket.socket]:
    """Send so many of each of these to the server, and no more; return the connections."""
    half = []
    for begun in parts:
        for _ in range(times):
            sock = socket.create_connection(("127.0.0.1", port), SOON)
            sock = any_certificate().wrap_socket(sock) if tls else sock
            half.append(stack.enter_context(sock))
            sock.sendall(begun)
    return half


@both_ways
def test_half_sent_requests_hold_up_nobody(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BODY_TIME", service.IDLE_TIME)
    with ExitStack() as stack, serve(Probe(), announce=False, tls=tls) as served:
        half = half_sent(stack, served.port, HALF_REQUESTS, 50, tls=tls)
        assert ask(served.port, "GET", "/speed", tls=tls).status == 200
        assert select.select(half, [], [], 0)[0] == []  # it was answered beside all of them


@both_ways
def test_half_sent_requests_are_ended(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "IDLE_TIME", 3.0)
    monkeypatch.setattr(service, "BODY_TIME", 3.0)
    with ExitStack() as stack, serve(Probe(), announce=False, tls=tls) as served:
        for sock in half_sent(stack, served.port, HALF_REQUESTS, 3, tls=tls):
            assert sock.recv(1000) == b""


@pytest.mark.parametrize("begun", HALF_HANDSHAKES)
def test_half_a_handshake_holds_up_nobody(begun: bytes) -> None:
    with ExitStack() as stack, serve(Probe(), announce=False, tls=True) as served:
        half = half_sent(stack, served.port, [begun], 50, tls=False)
        assert ask(served.port, "GET", "/speed", tls=True).status == 200
        with iotkit.connect(served.url) as probe:
            assert probe.speed == 80
        assert select.select(half, [], [], 0)[0] == []  # it was answered beside all of them


def test_half_a_handshake_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "IDLE_TIME", 3.0)
    with ExitStack() as stack, serve(Probe(), announce=False, tls=True) as served:
        for sock in half_sent(stack, served.port, HALF_HANDSHAKES, 3, tls=False):
            assert sock.recv(1000) == b""


def test_who_opens_connections_without_end_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "MAX_CONNECTIONS", 5)

    def connected() -> socket.socket:
        return stack.enter_context(socket.create_connection(("127.0.0.1", served.port), SOON))

    def answered(sock: socket.socket) -> bytes:
        sock.sendall(b"GET /speed HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return sock.recv(1000)

    with ExitStack() as stack, serve(Probe(), announce=False) as served:
        first, *others = [connected() for _ in range(5)]
        assert all(answered(sock).startswith(b"HTTP/1.1 200") for sock in (first, *others))
        assert connected().recv(1000) == b""
        assert answered(first).startswith(b"HTTP/1.1 200")  # who is in goes on
        others[0].close()
        end = time.monotonic() + SOON
        while True:  # until the server has seen that
            try:
                if answered(connected()):
                    break
            except OSError:  # hung up on while it was sent
                pass
            assert time.monotonic() < end


def test_headers_that_never_end_are_cut_off() -> None:
    with serve(Probe(), announce=False) as served:
        request = b"GET /speed HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * service.MAX_HEADERS
        with socket.create_connection(("127.0.0.1", served.port), SOON) as sock:
            try:
                sock.sendall(request + b"\r\n\r\n")
                assert sock.recv(1000) == b""
            except ConnectionResetError:
                pass
        assert ask(served.port, "GET", "/speed").status == 200


# Pairing: see test_pairing.py for the code itself


def test_pairing_is_refused_to_web_pages_too() -> None:
    with locked(Toy()) as served:
        reply = ask(served.port, "POST", "/-/pair", "{}", Origin="http://evil.example")
        assert reply.status == 403
        assert ask_json(served.port, "POST", "/-/pair", {"code": ""}).status == 403
