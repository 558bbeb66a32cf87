"""Connections that have been upgraded to the serial protocol: the device's end of each."""

from __future__ import annotations

import logging
import selectors
import threading
import time

from ..errors import DeviceDisconnected
from ..links import Link
from ..offering import offer
from ..transports import TICK
from ..transports.tcp import Socket, Tcp
from ..transports.tls import TlsSocket
from .messages import Refused

MAX_CHANNELS = 64  # at once: each has a thread
MAX_UNSENT = 256 * 1024  # bytes that wait for a client that doesn't read
PATIENCE = 5.0  # seconds that such a client is given
CLOSING = 2.0  # seconds that closing waits for all threads together

_log = logging.getLogger(__name__)


class Channels:
    """The connections on which the device that `link` reaches is offered, each by a thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._open: dict[Channel, threading.Thread] = {}
        self._closed = False

    def have_room(self) -> None:
        """Raise Refused where there are as many as may be, or nothing to reach."""
        if self._link.closed:  # it is about to be served no more
            raise Refused(503, "DeviceDisconnected", f"{self._link.description.id} is gone")
        if len(self._open) >= MAX_CHANNELS:
            raise Refused(503, "TooManyClients", f"{MAX_CHANNELS} channels are open already")

    def open(self, sock: Socket, begun: bytes, *, may_take: bool = False) -> None:
        """Offer the device on `sock`, on which `begun` has come already; see offer."""
        try:
            channel = Channel(sock, begun)
        except OSError:
            sock.close()
            return  # the client has gone already
        name = f"iotkit server of {self._link.description.id}, {channel.name}"
        thread = threading.Thread(
            target=self._serve, args=(channel, may_take), name=name, daemon=True
        )
        with self._lock:
            if self._closed:
                channel.close()
                return
            self._open[channel] = thread
            thread.start()

    def close(self) -> None:
        """End them all."""
        with self._lock:
            self._closed = True
            left = dict(self._open)
        for channel in left:
            channel.close()
        deadline = time.monotonic() + CLOSING
        for thread in left.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def _serve(self, channel: Channel, may_take: bool) -> None:
        try:
            offer(self._link, channel, may_take=may_take)
        except Exception:
            _log.exception("the channel to %s failed", channel.name)
        finally:
            channel.close()
            with self._lock:
                self._open.pop(channel, None)


class Channel(Tcp):
    """A client's connection, on which a write never waits.

    What the client doesn't take is kept for the reading thread to send; a client that takes
    nothing for PATIENCE, or leaves more than MAX_UNSENT, is dropped.
    """

    def __init__(self, sock: Socket, begun: bytes = b"") -> None:
        host, port = sock.getpeername()[:2]
        super().__init__(sock, f"{host}:{port}", begun, patience=0)
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._taken_at = 0.0  # when the client last took something

    def read(self) -> bytes:
        """Return what has come, and send what waits; see Transport.read."""
        return super().read() if not self._unsent or self._sent() else b""

    def write(self, data: bytes) -> None:
        """Send all of `data`, or what can be sent at once; the rest follows."""
        with self._lock:
            if not self._unsent:
                self._taken_at = time.monotonic()
            elif len(self._unsent) > MAX_UNSENT:
                raise self._stuck()
            self._unsent += data
            self._send()

    def _sent(self) -> bool:
        """Send what waits, if within a TICK there is room; return whether there is data to read."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
            ready = [events for _, events in selector.select(TICK)]
        with self._lock:
            self._send()
            if self._unsent and time.monotonic() > self._taken_at + PATIENCE:
                raise self._stuck()
        if isinstance(self._socket, TlsSocket) and self._socket.pending():
            return True
        return any(events & selectors.EVENT_READ for events in ready)

    def _send(self) -> None:
        try:
            taken = self._writer.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            raise DeviceDisconnected(f"the connection to {self.name} broke") from None
        if taken:
            self._taken_at = time.monotonic()
            del self._unsent[:taken]

    def _stuck(self) -> DeviceDisconnected:
        return DeviceDisconnected(f"{self.name} does not read what it is sent")
