"""A TLS connection that threads may read and write at the same time."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TypeVar

MAX_RECORD = 16 * 1024  # bytes sent at once: more would go in several records, all or none

# Not epoll, which forgets a connection that is closed while it is waited for, and waits on.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)

Result = TypeVar("Result")


class TlsSocket:
    """What a plain socket is to Tcp, over `sock`, whose handshake is done.

    A connection of OpenSSL's must not be read while it is written, and one that waits must not
    hold up the other: so each does what can be done at once, under a lock, and waits without it.
    """

    def __init__(self, sock: ssl.SSLSocket, lock: threading.Lock | None = None) -> None:
        sock.setblocking(False)
        self._ssl, self._lock = sock, lock or threading.Lock()
        self._timeout = 0.0
        self._selector = _Selector()
        self._awaited = selectors.EVENT_READ
        self._selector.register(sock, self._awaited)

    def dup(self) -> TlsSocket:
        """Return another of the same connection, with a time-out of its own."""
        return TlsSocket(self._ssl, self._lock)

    def settimeout(self, seconds: float) -> None:
        """Wait so long in each of what follows; 0 raises BlockingIOError instead."""
        self._timeout = seconds

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option; see socket.setsockopt."""
        self._ssl.setsockopt(level, option, value)

    def getpeername(self) -> tuple[str, int]:
        """Return the address of the other end; see socket.getpeername."""
        host, port = self._ssl.getpeername()[:2]
        return host, port

    def fileno(self) -> int:
        """Return what a selector waits for; see `pending`."""
        return self._ssl.fileno()

    def pending(self) -> int:
        """Return how many bytes have come that a selector doesn't see any more."""
        with self._lock:
            return self._ssl.pending()

    def recv(self, size: int) -> bytes:
        """Return what has come, at most `size` bytes; see socket.recv."""
        deadline = time.monotonic() + self._timeout
        if not self.pending():
            self._wait_for(selectors.EVENT_READ, deadline)
        return self._when_ready(lambda: self._ssl.recv(size), deadline)

    def send(self, data: bytes | bytearray) -> int:
        """Send some of `data` and return how much; the next call begins with what is left."""
        part = bytes(data[:MAX_RECORD])
        return self._when_ready(lambda: self._ssl.send(part), time.monotonic() + self._timeout)

    def sendall(self, data: bytes) -> None:
        """Send all of `data`; one thread at a time."""
        sent = 0
        while sent < len(data):
            sent += self.send(data[sent:])

    def shutdown(self, how: int) -> None:
        """End the connection, and wake who waits for it."""
        socket.socket.shutdown(self._ssl, how)  # SSLSocket's own would go on in plain text

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._ssl.close()

    def _when_ready(self, work: Callable[[], Result], deadline: float) -> Result:
        while True:
            with self._lock:
                try:
                    return work()
                except ssl.SSLWantReadError:
                    event = selectors.EVENT_READ
                except ssl.SSLWantWriteError:
                    event = selectors.EVENT_WRITE
            self._wait_for(event, deadline)

    def _wait_for(self, event: int, deadline: float) -> None:
        if not self._timeout:
            raise BlockingIOError
        if event != self._awaited:
            self._selector.modify(self._ssl, event)
            self._awaited = event
        if not self._selector.select(max(deadline - time.monotonic(), 0)):
            raise TimeoutError
