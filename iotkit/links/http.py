"""Send a request to a device's web service, and get what it answers or an error in words.

Nothing of requests' comforts for browsing is wanted here: no redirects, cookies, proxies or
netrc, no second try of its own. So this goes by its adapter, without a session, which is also
quicker.
"""

from __future__ import annotations

import http.client
import socket
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ..errors import BadTarget, DeviceDisconnected, DeviceTimeout, IotkitError, ProtocolError
from .trust import Trust

CONNECT_TIMEOUT = 5.0  # seconds
MAX_BODY = 1024 * 1024  # bytes of an answer; the description of a device with 1000 names fits


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: its HTTP status and at most MAX_BODY bytes.

    `challenge` is how it asks for a password, if it does.
    """

    status: int
    body: bytes
    challenge: str = ""


class HttpClient:
    """Talks to the web server at `base`, over at most `connections` kept connections.

    Requests made while it has a `token` carry that.
    """

    token = ""

    def __init__(self, base: str, connections: int, trust: Trust) -> None:
        """Send nothing but to who is the right one for `trust`."""
        self._base = base
        self._adapter = _Adapter(trust, connections)
        self.absent = False  # nobody listens there any more

    def request(
        self, method: str, path: str, body: bytes = b"", content_type: str = ""
    ) -> requests.PreparedRequest:
        """Return a request to `send`, as often as wanted; raises BadTarget for a bad `base`."""
        if not self._base.startswith(("http://", "https://")):
            raise BadTarget(f"{self._base!r} is no web address: that begins with http://")
        headers = {"Accept": "application/json", "User-Agent": "iotkit"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if content_type:
            headers["Content-Type"] = content_type
        try:
            return requests.Request(method, self._url(path), headers, data=body).prepare()
        except ValueError as error:
            raise BadTarget(f"{self._base!r} is no web address: {error}") from None

    def send(
        self, request: requests.PreparedRequest, timeout: float, *, tries: int = 1, risk: str = ""
    ) -> Answer:
        """Return the answer; sent anew, `tries` times in all, where the connection breaks.

        `timeout` is in seconds; `risk` is what an error says where the request may have been
        carried out. Raises DeviceDisconnected, DeviceTimeout, ProtocolError.
        """
        while True:
            tries -= 1
            try:
                return self._exchange(request, timeout)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                broken = _cause(error)
                if isinstance(broken, IotkitError):
                    self.absent = isinstance(broken, DeviceDisconnected | DeviceTimeout)
                    raise broken from None
                if not _is_break(broken) or self._adapter.ended or tries <= 0:
                    raise self._explained(broken, timeout, risk) from None

    def close(self) -> None:
        """Break every connection; whoever waits for an answer gets DeviceDisconnected."""
        self._adapter.end()

    def _url(self, path: str) -> str:
        """Return what requests is told: plain HTTP, since it is encrypted beneath."""
        parts = urlsplit(self._base)
        if parts.scheme == "http":
            return self._base + path
        netloc = parts.netloc if parts.port else f"{parts.netloc}:443"
        return f"http://{netloc}{parts.path}{path}"

    def _exchange(self, request: requests.PreparedRequest, timeout: float) -> Answer:
        response = self._adapter.send(request, stream=True, timeout=(CONNECT_TIMEOUT, timeout))
        body: bytes = response.raw.read(MAX_BODY + 1, decode_content=False)
        if len(body) > MAX_BODY:
            response.close()
            raise ProtocolError(f"{self._base} answered with more than a device can have to say")
        return Answer(response.status_code, body, response.headers.get("WWW-Authenticate", ""))

    def _explained(self, error: BaseException, timeout: float, risk: str) -> IotkitError:
        base, more = self._base, f"; {risk}" if risk else ""
        if self._adapter.ended:
            return DeviceDisconnected(f"{base} is closed{more}")
        match error:
            case requests.ConnectTimeout():
                self.absent = True
                return DeviceTimeout(
                    f"nobody answers at {base}: is it switched on, and on this network?"
                )
            case requests.ReadTimeout() | urllib3.exceptions.ReadTimeoutError():
                return DeviceTimeout(f"{base} did not answer within {timeout:g} s{more}")
            case urllib3.exceptions.MaxRetryError():
                self.absent = True
                return DeviceDisconnected(
                    f"nobody answers at {base}: is its server running, and the address right?"
                )
            case _ if _is_break(error):
                plain = base.startswith("http://")
                right = ", and does its address not begin with https://" if plain else ""
                return DeviceDisconnected(
                    f"{base} ended the connection: is its server still running{right}?{more}"
                )
        return ProtocolError(f"what answers at {base} is no proper web server{more}")


class _Adapter(HTTPAdapter):
    """An adapter whose connections are sealed, and can be broken while they are in use."""

    def __init__(self, trust: Trust, connections: int) -> None:
        self._trust = trust
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.ended = False
        self._lock = threading.Lock()
        self._connections: WeakSet[Any] = WeakSet()
        known = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {
            scheme: self._noting(pool) for scheme, pool in known.items()
        }

    def end(self) -> None:
        with self._lock:
            self.ended = True
            connections = list(self._connections)
        for connection in connections:
            try:
                # Not by SSLSocket's own, after which who reads would go on in plain text.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
            except (TypeError, OSError):
                pass  # it has ended by itself
        self.close()

    def _noting(self, pool: Any) -> Any:
        """Return `pool`, a class, whose connections are noted here once they are open."""
        adapter = self

        class Connection(pool.ConnectionCls):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                self.sock: socket.socket = adapter._trust.seal(self.sock)
                with adapter._lock:
                    adapter._connections.add(self)
                    ended = adapter.ended
                if ended:
                    self.close()
                    raise ConnectionAbortedError

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def _cause(error: BaseException) -> BaseException:
    """Return the error of urllib3's or the system's that requests has wrapped into `error`."""
    while (
        type(error) in (requests.ConnectionError, urllib3.exceptions.ProtocolError)
        and error.args
        and isinstance(error.args[-1], BaseException)
    ):
        error = error.args[-1]
    return error


def _is_break(error: BaseException) -> bool:
    """Whether a connection broke that had been there."""
    if isinstance(error, http.client.HTTPException):
        return isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead)
    broken = isinstance(error, OSError | urllib3.exceptions.ProtocolError)
    return broken and not isinstance(error, requests.RequestException)
