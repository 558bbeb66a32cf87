"""The serial protocol over a web service's own connection: upgrade HTTP, then go on in frames.

So a device on the network is a link over a socket, with all that a link on a cable can do. A
service that can't be upgraded (of version 1, or behind a proxy) says so, and is used as it is.
See docs/web-api.md, "The channel".
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from ..errors import DeviceTimeout
from ..transports import CHUNK, Transport
from ..transports.tcp import CONNECT_TIMEOUT, Socket, Tcp, nobody
from .tokens import Meant
from .trust import Trust

if TYPE_CHECKING:
    import ssl

PATH, PROTOCOL = "/-/channel", "iotoy/2"
ANSWER_TIMEOUT = 5.0  # seconds
MAX_HEAD = 16 * 1024  # bytes of an answer's status and headers

_LOCKED = re.compile(rb"HTTP/1\.[01] 401 ")
_CHALLENGE = re.compile(rb"^WWW-Authenticate: *([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_UPGRADED = re.compile(rb"HTTP/1\.[01] 101 ")


def open_channel(url: str, meant: Meant | None = None) -> Transport | None:
    """Return a transport to the device behind the service at `url`; None where it has no channel.

    `meant` says which device that should be. Raises DeviceDisconnected where nobody listens,
    DeviceTimeout where nobody answers, NotAllowed where this user may not in, WrongCertificate
    where it is not the device that this user has paired with.
    """
    meant = meant or Meant(url)
    trust = Trust(url, meant)
    sock, head, rest = _asked(url, trust)
    if _LOCKED.match(head):
        sock.close()
        token = trust.token(_challenge(head))
        sock, head, rest = _asked(url, trust, f"Authorization: Bearer {token}\r\n")
    if _UPGRADED.match(head):
        return Tcp(_for_threads(sock) if trust.encrypted else sock, url, rest)
    sock.close()
    if _LOCKED.match(head):
        raise meant.refused()
    return None


def _asked(url: str, trust: Trust, more: str = "") -> tuple[socket.socket, bytes, bytes]:
    """Ask for the channel; return the socket, the answer's head, and what came behind it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    request = (
        f"GET {PATH} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
        f"Connection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n{more}\r\n"
    )
    try:
        port = parts.port or (443 if trust.encrypted else 80)
        sock = socket.create_connection((parts.hostname, port), CONNECT_TIMEOUT)
    except (OSError, OverflowError, UnicodeError) as error:  # the latter: no port, no name
        raise nobody(url, error) from None
    sock = trust.seal(sock)
    try:
        sock.settimeout(ANSWER_TIMEOUT)
        sock.sendall(request.encode())
        head, rest = _head(sock)
    except TimeoutError:
        sock.close()
        raise DeviceTimeout(f"{url} does not answer") from None
    except OSError:
        head, rest = b"", b""
    return sock, head, rest


def _for_threads(sock: socket.socket) -> Socket:
    from ..transports.tls import TlsSocket

    return TlsSocket(cast("ssl.SSLSocket", sock))


def _challenge(head: bytes) -> str:
    found = _CHALLENGE.search(head)
    return found[1].decode("latin-1") if found else ""


def _head(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return the answer's head, and what came behind it; an empty head where there is none."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = sock.recv(CHUNK)
        received += data
        if not data or len(received) > MAX_HEAD:
            return b"", b""
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest
