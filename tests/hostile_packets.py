"""What a stranger may say by mDNS: services with names made to break something, by the thousand."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence

from iotkit import discovery

TYPE = b"\x06_iotoy\x04_tcp\x05local\x00"
GROUP = ("224.0.0.251", 5353)
PTR, TXT, SRV, A = 12, 16, 33, 1
IN_A_PACKET = 5  # services: a packet is at most 1,500 bytes
PATIENCE = 10.0

NAMES = [
    b"\x00\x01\x1b[31mred\x07",
    b"<img src=x onerror=alert(1)>",
    b"$\\href{javascript:alert(1)}{x}$",
    b"a.b\\.c",
    b"\xff\xfe\xc0\x80",
    b"../../etc/passwd",
    b"__class__",
    b"x" * 63,
    "\u202egnp.tobor".encode(),
]
TEXTS = [
    b"",
    b"\xffid=short",
    b"\x03id=",
    b"\x00" * 200,
    b"\x06id=\xff\xfe\x00",
    b"\xf0id=" + b"y" * 239,
]


def service(
    name: bytes, text: bytes = b"", port: int = 9, *, ttl: int = 4500, whole: bool = True
) -> list[bytes]:
    """Return the records of a service at this address; without `whole`, its name alone.

    The name is the first of them. With a `ttl` of 0 seconds it is a goodbye.
    """
    full = bytes([len(name)]) + name + TYPE
    host = b"\x07nowhere\x05local\x00"
    there = [
        (full, SRV, struct.pack(">HHH", 0, 0, port) + host),
        (full, TXT, text),
        (host, A, socket.inet_aton("127.0.0.1")),
    ]
    return [_record(*one, ttl) for one in [(TYPE, PTR, full), *(there if whole else ())]]


def send(address: str, services: Sequence[list[bytes]]) -> None:
    """Announce these services on the network of `address`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        for begin in range(0, len(services), IN_A_PACKET):
            records = [one for some in services[begin : begin + IN_A_PACKET] for one in some]
            head = struct.pack(">6H", 0, 0x8400, 0, len(records), 0, 0)
            sock.sendto(head + b"".join(records), GROUP)


def flood(address: str, number: int, *, whole: bool) -> int:
    """Announce so many services, as fast as they are heard; return how many are known then.

    Each fifty are waited for, while there is room for them: what comes faster is lost with the
    receiver's buffer, and how much of it is the machine's affair.
    """
    grown = threading.Condition()

    def note(_found: object) -> None:
        with grown:
            grown.notify()

    subscription = discovery.watch(note)
    for begin in range(0, number, 50):
        names = [b"flood-%d" % one for one in range(begin, begin + 50)]
        send(address, [service(name, b"\x04id=x", whole=whole) for name in names])
        wanted = min(begin + 50, discovery.browsing.MAX_FOUND) if whole else 0
        with grown:
            assert grown.wait_for(lambda: len(discovery.known()) >= wanted, PATIENCE)  # noqa: B023
    subscription.close()
    return len(discovery.known())


class Pretender:
    """A web service that lets nobody in, says that it is `identity`, and notes all it hears."""

    def __init__(self, address: str, identity: str) -> None:
        self._listening = socket.create_server((address, 0))
        self.port = self._listening.getsockname()[1]
        self._answer = (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
            f'WWW-Authenticate: Bearer realm="{identity}"\r\n\r\n'
        )
        self._heard = b""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def heard(self) -> str:
        """Return all that was sent here."""
        return self._heard.decode("latin-1")

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE)
                while data := connection.recv(65536):
                    self._heard += data
                    connection.sendall(self._answer.encode())


def _record(name: bytes, kind: int, data: bytes, ttl: int) -> bytes:
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data
