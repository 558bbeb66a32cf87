"""What goes over the network is encrypted, and only who was paired with is spoken to."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import secrets
import select
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fake_devices import Probe
from heard import Heard
from lasting import Robot, becomes
from relays import Authority, Relay
from test_pairing import _a_fresh_code as _a_fresh_code
from web_servers import Scripted, V1Server, http_reply
from web_tools import SOON, any_certificate, ask, ask_json, ask_raw, assert_is_error

import iotkit
from iotkit import DeviceLost, NotAllowed, WrongCertificate, discovery
from iotkit.device import link_of
from iotkit.discovery import Found
from iotkit.errors import BadType, DeviceDisconnected, IotkitError
from iotkit.links import certificates, proof, tokens, trust
from iotkit.links.web import WebLink
from iotkit.server import gate
from iotkit.server.pairing import MAX_WRONG, the_pairing
from iotkit.server.service import Service, serve
from iotkit.transports.tls import MAX_RECORD, TlsSocket

TOKEN = "a-token-of-32-characters-for-you"

User = Callable[[str], None]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """Go on as that user, each of whom has tokens and a certificate of their own."""

    def become(name: str) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / name))

    become("server")
    return become


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the loopback for a network, on which there may be others."""
    monkeypatch.setattr(trust, "is_loopback", lambda host: False)


def sealed(device: object = None, port: int = 0, **options: object) -> Service:
    """Serve a device encrypted, to who has the TOKEN."""
    options = {"token": TOKEN, "tls": True, "announce": False} | options
    return serve(device or Probe(), port, **options)  # type: ignore[arg-type]


def named(name: str, kind: type = Probe) -> object:
    """Return a device whose identity is known."""
    device = kind()
    device.specifier = name
    return device


def shown_by(port: int) -> bytes:
    """Return the certificate of a service, in DER."""
    with (
        socket.create_connection(("127.0.0.1", port), SOON) as sock,
        any_certificate().wrap_socket(sock) as client,
    ):
        return client.getpeercert(binary_form=True) or b""


def ask_in_plain_text(port: int) -> bytes:
    """Return what an encrypted service has to say to that."""
    try:
        return ask_raw(port, b"GET /speed HTTP/1.1\r\nHost: localhost\r\n\r\n")
    except ConnectionResetError:
        return b""


def certificate_of(user: User, name: str) -> ssl.SSLContext:
    """Return what shows the certificate of another user."""
    user(name)
    return certificates.serving()


# The certificate


def test_it_is_made_once_and_only_its_owner_can_read_its_key(user: User) -> None:
    assert certificates.own() == ""
    with ThreadPoolExecutor(8) as pool:
        seen = pool.map(lambda _: certificates.serving() and certificates.own(), range(8))
        assert set(seen) == {certificates.own()}
    path = certificates._path()
    made = path.read_text()
    assert "PRIVATE KEY" in made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {file.name for file in path.parent.iterdir()} <= {path.name, f"{path.name}.lock"}
    with sealed() as service:
        assert service.certificate == certificates.own() != ""
    assert path.read_text() == made


@pytest.mark.parametrize("text", ["", "nonsense", "half"])
def test_a_broken_one_stops_the_server_and_is_not_replaced(text: str, user: User) -> None:
    certificates.serving()
    path = certificates._path()
    text = path.read_text()[:300] if text == "half" else text
    path.write_text(text)
    with pytest.raises(IotkitError, match="delete the file to get a new one"):
        sealed()
    assert path.read_text() == text
    assert certificates.own() == ""


def test_who_is_let_in_without_a_code_by_default_needs_no_tls() -> None:
    everywhere = {"host": "0.0.0.0", "announce": False}
    with serve(Probe(), announce=False) as service:
        assert service.url.startswith("http://")
    with serve(Probe(), announce=False, token=True) as service:
        assert service.url.startswith("http://")
    with serve(Probe(), **everywhere) as service:
        assert service.url.startswith("https://")
    with serve(Probe(), **everywhere, token=False) as service:
        assert service.url.startswith("http://")
    with serve(Probe(), **everywhere, tls=False) as service:
        assert (service.url[:7], service.certificate) == ("http://", "")
        assert ask(service.port, "GET", "/speed").status == 401


@pytest.mark.parametrize("tls", ["yes", 0, 1, "no"])
def test_what_is_neither_yes_nor_no_stops_the_server(tls: object) -> None:
    with pytest.raises(BadType, match="tls is True or False"):
        serve(Probe(), announce=False, tls=tls)  # type: ignore[arg-type]


def test_it_is_announced_how_to_speak_to_it(unique_name: str, user: User) -> None:
    device = type("Sealed", (Probe,), {}, id=unique_name)()  # type: ignore[call-arg]
    with serve(device, token=TOKEN, tls=True) as service:
        found = discovery.wait_for(unique_name, SOON)
        assert found is not None
        assert found.url == service.url
        user("client")
        iotkit.pair(unique_name, service.code)
        with iotkit.find(unique_name) as probe:
            assert probe.speed == 80


def test_nothing_can_be_read_on_the_way(user: User) -> None:
    with sealed() as service:
        assert b"HTTP" not in ask_in_plain_text(service.port)
        assert ask(service.port, "GET", "/speed", tls=True).status == 401


def test_who_speaks_no_tls_can_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), sealed() as service:
        ask_in_plain_text(service.port)
        with (
            socket.create_connection(("127.0.0.1", service.port), SOON) as sock,
            pytest.raises(ssl.SSLError),
        ):
            ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1")
        assert ask(service.port, "GET", "/speed", tls=True).status == 401
    assert "SSL" not in caplog.text


# Pairing


def test_pairing_makes_known_whom_to_trust(user: User, unique_name: str) -> None:
    with sealed(named(unique_name)) as service:
        user("client")
        with pytest.raises(NotAllowed, match=f"type iotkit pair {service.url} in a terminal"):
            iotkit.connect(service.url)
        iotkit.pair(service.url, service.code.lower().replace("-", " "))
        assert tokens.certificate(f"probe:{unique_name}") == service.certificate
        for way in (iotkit.connect, WebLink):
            way(service.url).close()
        with iotkit.connect(Found("probe", "probe", service.url, f"probe:{unique_name}")) as probe:
            assert probe.add(2, 3) == 5


def test_a_wrong_code_gets_nothing(user: User, tmp_path: Path) -> None:
    with sealed() as service:
        assert service.code
        user("client")
        for wrong in ("", "0000-0000", "ä" * 8):
            with pytest.raises(NotAllowed, match="not the code"):
                iotkit.pair(service.url, wrong)
    assert not list(tmp_path.glob("client/**/*.json"))


def test_the_code_itself_is_not_wanted(user: User) -> None:
    with sealed() as service:
        for sent in ({"code": service.code}, {"nonce": "00" * 16}, {"nonce": 1, "proof": 2}, []):
            reply = ask_json(service.port, "POST", "/-/pair", sent, tls=True)
            assert_is_error(reply, 400, "BadValue", "the code itself is never sent")


def test_guesses_at_the_same_time_are_counted_too(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PAUSE", 100.0)
    with sealed() as service:
        assert service.code
        guess = {"nonce": "00" * proof.NONCE, "proof": "00" * proof.LENGTH}
        with ThreadPoolExecutor(20) as pool:
            asked = pool.map(
                lambda _: ask_json(service.port, "POST", "/-/pair", guess, tls=True), range(40)
            )
            statuses = [reply.status for reply in asked]
        assert statuses.count(403) == MAX_WRONG
        assert statuses.count(429) == 40 - MAX_WRONG


def test_a_proof_takes_its_time_and_holds_up_nobody(user: User) -> None:
    guess = json.dumps({"nonce": "00" * proof.NONCE, "proof": "00" * proof.LENGTH})
    head = f"POST /-/pair HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(guess)}\r\n\r\n"
    with (
        sealed() as service,
        socket.create_connection(("127.0.0.1", service.port), SOON) as sock,
        any_certificate().wrap_socket(sock) as client,
    ):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with the_pairing._lock:  # as if it was at another proof
            client.sendall(f"{head}{guess}".encode())
            assert ask(service.port, "GET", "/speed", tls=True).status == 401
            assert ask(service.port, "GET", "/speed", tls=True).status == 401
        assert client.recv(1000).startswith(b"HTTP/1.1 403 ")


def test_somebody_in_between_at_the_first_use_gains_nothing(user: User, tmp_path: Path) -> None:
    between = certificate_of(user, "between")
    user("server")
    with sealed() as service, Relay(between, service.url) as relay:
        code = service.code
        user("client")
        with pytest.raises(NotAllowed, match="not the code"):
            iotkit.pair(relay.url, code)
        assert not list(tmp_path.glob("client/**/*.json"))
        assert b"POST /-/pair" in relay.heard  # it heard it all
        for secret in (code, proof.plain_code(code), TOKEN):
            assert secret.encode() not in relay.heard
        sent = relay.heard.partition(b"\r\n\r\n")[2]
        reply = ask(service.port, "POST", "/-/pair", sent, "application/json", tls=True)
        assert_is_error(reply, 403, "NotAllowed", "not the code")


@pytest.mark.parametrize(
    "answer", [{}, {"proof": "00" * proof.LENGTH}, {"proof": ""}, {"proof": 5}, {"proof": "ä"}]
)
def test_who_does_not_know_the_code_can_not_pretend_to_be_the_device(
    answer: dict[str, object], user: User, tmp_path: Path
) -> None:
    between = certificate_of(user, "between")
    given = http_reply({"id": "probe", "token": TOKEN} | answer)
    with Scripted({"POST /-/pair": given}) as pretender, Relay(between, pretender.url) as relay:
        user("client")
        with pytest.raises(WrongCertificate, match="doesn't know the code"):
            iotkit.pair(relay.url, "BCDF-2345")
    assert not list(tmp_path.glob("client/**/*.json"))


@pytest.mark.parametrize("identity", ["toy", ""])
def test_a_code_is_not_sent_in_plain_text_to_a_name(
    identity: str, user: User, elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = http_reply({"id": "toy", "token": TOKEN})
    with Scripted({"POST /-/pair": given}) as server:
        found = Found("toy", "toy", server.url, identity)
        monkeypatch.setattr(discovery, "wait_for", lambda *_: found)
        with pytest.raises(NotAllowed, match=f"others .* could read the code.*pair {server.url}"):
            iotkit.pair("toy", "BCDF-2345")
        assert server.heard == []
        iotkit.pair(server.url, "BCDF-2345")  # this was typed by a person
        assert tokens.kept("toy") == TOKEN


def test_a_client_of_another_kind_can_pair(user: User) -> None:
    """By what docs/web-api.md says alone."""
    with sealed() as service:
        fingerprint = hashlib.sha256(shown_by(service.port)).digest()
        assert fingerprint.hex() == service.certificate
        nonce, code = secrets.token_bytes(16), service.code.replace("-", "").encode()
        salt = nonce + fingerprint
        key = hashlib.scrypt(code, salt=salt, n=16384, r=8, p=1, dklen=64)
        ours, theirs = key[:32].hex(), key[32:].hex()
        sent = {"nonce": nonce.hex(), "proof": ours}
        given = ask_json(service.port, "POST", "/-/pair", sent, tls=True).json
        assert given == {
            "id": service._served.gate.identity,
            "token": TOKEN,
            "others": [],
            "proof": theirs,
        }


# Another certificate, or none


WAYS = [iotkit.connect, WebLink]


@pytest.mark.parametrize("way", WAYS)
def test_another_certificate_is_told_of_loudly_and_nothing_is_sent(
    way: Callable[[str], object], user: User
) -> None:
    with sealed() as service:
        code, port = service.code, service.port
        user("client")
        iotkit.pair(service.url, code)
    with Relay(certificate_of(user, "between"), port=port) as relay:
        user("client")
        with pytest.raises(WrongCertificate) as told:
            way(relay.url)
        assert relay.heard == b""
    for words in ("another certificate", "pretends", "Nothing was sent", f"pair {relay.url}"):
        assert words in str(told.value)


def test_by_name_another_certificate_is_told_of_too(user: User, unique_name: str) -> None:
    with sealed(named(unique_name)) as service:
        user("client")
        iotkit.pair(service.url, service.code)
    with Relay(certificate_of(user, "between")) as relay:
        user("client")
        found = Found("probe", "probe", relay.url, f"probe:{unique_name}")
        with pytest.raises(WrongCertificate, match="iotkit pair probe in a terminal"):
            iotkit.connect(found)
        assert relay.heard == b""


@pytest.mark.parametrize("way", WAYS)
def test_who_passes_on_what_the_device_asks_for_gets_no_token(
    way: Callable[[str], object], user: User, unique_name: str
) -> None:
    between = certificate_of(user, "between")
    user("server")
    with sealed(named(unique_name)) as service, Relay(between, service.url) as relay:
        user("client")
        iotkit.pair(service.url, service.code)
        with pytest.raises(WrongCertificate, match="another certificate"):
            way(relay.url)  # an address that was not known
        assert b"GET /" in relay.heard
        assert b"Authorization" not in relay.heard
        assert TOKEN.encode() not in relay.heard


def test_a_token_from_before_encryption_is_not_sent_to_a_stranger(
    user: User, unique_name: str
) -> None:
    between = certificate_of(user, "between")
    user("server")
    with sealed(named(unique_name)) as service, Relay(between, service.url) as relay:
        user("client")
        tokens.keep(f"probe:{unique_name}", TOKEN)
        with pytest.raises(NotAllowed, match=f"iotkit pair {relay.url}"):
            iotkit.connect(relay.url)
        assert TOKEN.encode() not in relay.heard


def test_pairing_again_makes_the_new_certificate_known(user: User, unique_name: str) -> None:
    with sealed(named(unique_name)) as service:
        user("client")
        iotkit.pair(service.url, service.code)
    user("another server")
    with sealed(named(unique_name), service.port) as service:
        user("client")
        with pytest.raises(WrongCertificate):
            iotkit.connect(service.url)
        iotkit.pair(service.url, service.code)
        with iotkit.connect(service.url) as probe:
            assert probe.speed == 80


def test_what_was_encrypted_and_is_not_now_is_told_of_loudly(
    user: User, unique_name: str, elsewhere: None
) -> None:
    identity = f"probe:{unique_name}"
    with sealed(named(unique_name)) as service:
        user("client")
        iotkit.pair(service.url, service.code)
    with Scripted() as server:  # the announcement says so,
        with pytest.raises(WrongCertificate, match=f"is not now.*use its address: {server.url}"):
            iotkit.connect(Found("probe", "probe", server.url, identity))
        assert server.heard == []
    with V1Server() as old:
        url = old.url.replace("http:", "https:")  # or it answers so,
        with pytest.raises(WrongCertificate, match=f"is not now.*use its address: {old.url}"):
            iotkit.connect(Found("probe", "probe", url, identity))
        assert old.requests == []
    user("server")
    with sealed(named(unique_name), tls=False) as service:  # or it asks for the token so
        user("client")
        with pytest.raises(WrongCertificate, match=f"is not now.*type iotkit pair {service.url}"):
            iotkit.connect(service.url)
        iotkit.pair(service.url, service.code)
        with iotkit.connect(service.url) as probe:
            assert probe.speed == 80


def test_the_wrong_kind_of_address_is_one_sentence(user: User) -> None:
    with V1Server() as server, pytest.raises(DeviceDisconnected, match="is not encrypted"):
        iotkit.connect(server.url.replace("http:", "https:"))
    with sealed() as service, pytest.raises(DeviceDisconnected, match="begin with https://"):
        iotkit.connect(service.url.replace("https:", "http:"))


# Certificates that an authority has signed


def test_a_proxy_with_a_signed_certificate_may_have_a_new_one(
    user: User, unique_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with sealed(named(unique_name), tls=False) as service:
        user("client")
        with Relay(authority.sign(), service.url) as proxy:
            iotkit.pair(proxy.url, service.code)
            for way in WAYS:
                way(proxy.url).close()
            port = proxy.port
        with Relay(authority.sign(), service.url, port) as proxy:
            for way in WAYS:
                way(proxy.url).close()
            assert TOKEN.encode() in proxy.heard
        with Relay(certificate_of(user, "between"), service.url, port) as between:
            user("client")
            for way in WAYS:
                with pytest.raises(WrongCertificate, match="another certificate"):
                    way(between.url)
            assert between.heard == b""


@pytest.mark.parametrize("identity", ["toy", ""])
def test_a_signed_certificate_counts_only_where_a_person_typed_the_address(
    identity: str, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    given = http_reply({"id": "toy", "token": TOKEN})
    with (
        Scripted({"POST /-/pair": given}) as pretender,
        Relay(authority.sign(), pretender.url) as relay,
    ):
        found = Found("toy", "toy", relay.url, identity)
        monkeypatch.setattr(discovery, "wait_for", lambda *_: found)
        with pytest.raises(WrongCertificate, match="doesn't know the code"):
            iotkit.pair("toy", "BCDF-2345")
        assert b"BCDF" not in relay.heard


# The link that lasts


def test_a_server_that_is_started_anew_is_known_again(user: User, unique_name: str) -> None:
    heard = Heard()
    with sealed(named(unique_name, Robot)) as service:
        user("client")
        iotkit.pair(service.url, service.code)
        robot = iotkit.connect(service.url)
        link_of(robot).follow("speed", heard)
        robot.speed = 7
        heard.wait(lambda changes: changes[-1:] == [7])
    becomes(robot, "reconnecting")
    user("another server")
    pretender = named(unique_name, Robot)
    with sealed(pretender, service.port):
        user("client")
        heard.wait(lambda changes: "another certificate" in str(changes[-1:]))
        with pytest.raises(DeviceLost, match=f"not back yet.*type iotkit pair {service.url}"):
            robot.forward(1)
    user("server")
    anew = named(unique_name, Robot)
    with sealed(anew, service.port):
        user("client")
        becomes(robot, "ready")
        heard.wait(lambda changes: changes[-1:] == [80])
        robot.forward(2)
        assert (anew.calls, pretender.calls) == (["forward 2"], [])  # type: ignore[attr-defined]
        robot.close()


# Threads


def test_one_connection_is_read_and_written_by_many_threads_at_once(user: User) -> None:
    text = "x" * 4000
    with sealed() as service, iotkit.connect(service.url) as probe:

        def work(me: int) -> None:
            for n in range(50):
                assert probe.add(me * 1000, n) == me * 1000 + n
                assert probe.echo(f"{me} {n} {text}") == f"{me} {n} {text}"

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))


@pytest.fixture
def pair(user: User) -> Iterator[tuple[TlsSocket, TlsSocket]]:
    """Both ends of a connection."""
    ours, theirs = socket.socketpair()
    context = certificates.serving()
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(context.wrap_socket, theirs, server_side=True)
        ends = TlsSocket(any_certificate().wrap_socket(ours)), TlsSocket(accepted.result(SOON))
    for end in ends:
        end.settimeout(SOON)
    yield ends
    for end in ends:
        end.close()


def test_what_came_in_one_record_may_be_read_in_pieces(pair: tuple[TlsSocket, TlsSocket]) -> None:
    ours, theirs = pair
    ours.sendall(b"x" * MAX_RECORD)
    assert theirs.recv(1000) == b"x" * 1000
    assert select.select([theirs], [], [], 0)[0] == []  # all of it has been received
    assert theirs.pending() == MAX_RECORD - 1000
    assert theirs.recv(MAX_RECORD) == b"x" * (MAX_RECORD - 1000)


def test_a_read_waits_no_longer_than_it_may(pair: tuple[TlsSocket, TlsSocket]) -> None:
    ours, _ = pair
    ours.settimeout(0.01)
    with pytest.raises(TimeoutError):
        ours.recv(1)
    ours.settimeout(0)
    with pytest.raises(BlockingIOError):
        ours.recv(1)


def test_what_the_other_end_does_not_take_is_sent_later(pair: tuple[TlsSocket, TlsSocket]) -> None:
    ours, theirs = pair
    ours.settimeout(0)
    left = bytearray(random.Random(1).randbytes(8_000_000))
    data = bytes(left)
    with pytest.raises(BlockingIOError):
        while True:
            del left[: ours.send(left)]
    received = bytearray()
    while len(received) < len(data):
        received += theirs.recv(65536)
        try:
            del left[: ours.send(left) if left else 0]
        except BlockingIOError:
            pass
    assert received == data


def test_closing_wakes_who_reads(pair: tuple[TlsSocket, TlsSocket]) -> None:
    ours, _ = pair
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(one.recv, 1) for one in pair]
        ours.shutdown(socket.SHUT_RDWR)
        ours.close()
    assert time.monotonic() - began < SOON
    for one in reading:
        assert isinstance(one.exception(), OSError) or one.result() == b""
