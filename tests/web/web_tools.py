"""What the tests of the web service share: requests without a library's help, and devices."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from iotkit import host
from iotkit.device import Device, device_over
from iotkit.links.channel import open_channel
from iotkit.links.serial import SerialLink

SOON = 10.0  # seconds in which what has to happen happens, on the slowest machine


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | str | Iterable[bytes] | None = None,
    content_type: str | None = None,
    *,
    tls: bool = False,
    **headers: str,
) -> Reply:
    """Send a request with no header that isn't needed; an iterable body goes in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
    if tls:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=SOON, context=any_certificate()
        )
    known: dict[str, str] = dict(headers)
    if content_type is not None:
        known["Content-Type"] = content_type
    if isinstance(body, str):
        body = body.encode()
    try:
        try:
            connection.request(method, path, body, known)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has heard enough; its answer is there
        answer = connection.getresponse()
        return Reply(answer.status, answer.msg, answer.read())
    finally:
        connection.close()


def any_certificate() -> ssl.SSLContext:
    """Return what a client needs that encrypts, and doesn't mind with whom."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def ask_json(port: int, method: str, path: str, value: Any, *, tls: bool = False) -> Reply:
    """Send `value` as JSON."""
    return ask(port, method, path, json.dumps(value), "application/json", tls=tls)


def ask_raw(port: int, data: bytes) -> bytes:
    """Send bytes, and return all that comes until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), SOON) as connection:
        connection.sendall(data)
        received = b""
        while more := connection.recv(65536):
            received += more
        return received


def assert_is_error(reply: Reply, status: int, name: str, words: str = "") -> None:
    """Check that `reply` has exactly the form of an error."""
    assert (reply.status, reply.headers.get_all("Content-Type")) == (status, ["application/json"])
    error = reply.json
    assert set(error) == {"type", "href", "help", "value"}
    assert error["type"] == "iotoy.org/types/exception"
    assert set(error["value"]) == {"name", "message"}
    assert error["value"]["name"] == name
    assert error["help"] == error["value"]["message"]
    assert words in error["help"]
    assert "Traceback" not in error["help"]


@contextmanager
def channel(url: str) -> Iterator[Device]:
    """Give an object of its own for the device, on a channel of its own."""
    transport = open_channel(url)
    assert transport is not None
    with device_over(SerialLink(transport)) as device:
        yield device


class Stalling:
    """A proxy for one connection, which stops carrying anything when told to."""

    def __init__(self, port: int) -> None:
        self._port, self.stalled = port, threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._run)]
        self._threads[0].start()

    def close(self) -> None:
        for end in [self._listening, *self._ends]:
            for how in (lambda end=end: end.shutdown(socket.SHUT_RDWR), end.close):  # type: ignore[misc]
                try:
                    how()
                except OSError:
                    pass
        for thread in self._threads:
            thread.join(SOON)

    def _run(self) -> None:
        try:
            near = self._listening.accept()[0]
            far = socket.create_connection(("127.0.0.1", self._port), SOON)
        except OSError:
            return
        self._ends = [near, far]
        back = threading.Thread(target=self._carry, args=(far, near))
        self._threads.append(back)
        back.start()
        self._carry(near, far)

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(4096):
                if not self.stalled.is_set():
                    other.sendall(data)
        except OSError:
            pass


class Patient(host.Device):
    """A device whose function ends when the test says so."""

    level: int = 7

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.calls = 0

    @property
    def stuck(self) -> int:
        """Read when the test says so"""
        self.begun.set()
        self.go_on.wait(SOON)
        return 1

    @host.function
    def wait(self) -> str:
        """Wait for the test"""
        self.calls += 1
        self.begun.set()
        self.go_on.wait(SOON)
        return "done"

    def on_close(self) -> None:
        self.go_on.set()


class Rounding(host.Device):
    """A device that makes of a value what it can."""

    def __init__(self) -> None:
        self._position = 0.0

    @property
    def position(self) -> float:
        """Where it is"""
        return self._position

    @position.setter
    def position(self, value: float) -> None:
        self._position = float(round(value))


class Several(host.Device):
    """A device whose functions take several arguments."""

    limited: Annotated[int, "[0..10]"] = 1

    @host.function
    def mix(self, count: int, factor: float, flag: bool, text: str) -> str:
        """Say what came [count 0..9]"""
        return f"{count!r} {factor!r} {flag!r} {text!r}"

    @host.function
    def odd(self, value: int, type: int) -> int:  # noqa: A002
        """Take arguments that are called like the parts of a representation"""
        return value * 100 + type
