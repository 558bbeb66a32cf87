"""A TCP connection, as boards with wifi offer it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, TypeAlias

from ..errors import DeviceDisconnected
from . import CHUNK, TICK, Transport

if TYPE_CHECKING:
    from .tls import TlsSocket

Socket: TypeAlias = "socket.socket | TlsSocket"

CONNECT_TIMEOUT = 5.0  # seconds
PATIENCE = 2.0  # seconds that the other end may leave what is sent unread
OUT_OF_REACH = 10  # seconds until another end that was switched off, or cut off, counts as gone


def end_when_out_of_reach(sock: Socket, seconds: int) -> None:
    """Have the system end the connection when the other end can't be reached for `seconds`.

    Where it has options for that. A listening socket hands them on to what it accepts.
    """
    options = {
        "TCP_KEEPIDLE": seconds // 2,
        "TCP_KEEPINTVL": seconds // 6,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": seconds * 1000,  # where something is on the way there
    }
    for option, amount in options.items():
        if (number := getattr(socket, option, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, amount)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


class Tcp(Transport):
    """An open TCP socket, of which `received` has been read already.

    The other end may leave what is sent unread for `patience` seconds.
    """

    def __init__(
        self, sock: Socket, name: str, received: bytes = b"", patience: float = PATIENCE
    ) -> None:
        self.name = name
        self._received = received
        self._socket: Socket = sock
        self._writer: Socket = sock.dup()  # with a time-out of its own
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end_when_out_of_reach(sock, OUT_OF_REACH)
        sock.settimeout(TICK)
        self._writer.settimeout(patience)

    @classmethod
    def connect(cls, host: str, port: int) -> Tcp:
        """Return a connection to `host`; raises DeviceDisconnected where nobody listens."""
        name = f"socket://{host}:{port}"
        try:
            return cls(socket.create_connection((host, port), CONNECT_TIMEOUT), name)
        except (OSError, OverflowError, UnicodeError) as error:  # the latter: no port, no name
            raise nobody(f"{host}:{port}", error) from None

    def read(self) -> bytes:
        """Return what has come; see Transport.read."""
        if self._received:
            data, self._received = self._received, b""
            return data
        try:
            data = self._socket.recv(CHUNK)
        except TimeoutError:
            return b""
        except OSError:
            raise DeviceDisconnected(f"the connection to {self.name} broke") from None
        if not data:
            raise DeviceDisconnected(f"{self.name} ended the connection")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._writer.sendall(data)
        except OSError:
            raise DeviceDisconnected(f"the connection to {self.name} broke") from None

    def close(self) -> None:
        """End the connection; a read that waits returns at once."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was first
        self._socket.close()
        self._writer.close()


def nobody(where: str, error: Exception) -> DeviceDisconnected:
    """Return the error for an address at which there is nobody, for the system's reason."""
    why = getattr(error, "strerror", None) or error
    return DeviceDisconnected(
        f"nobody answers at {where}: is its server running, and the address right? ({why})"
    )
