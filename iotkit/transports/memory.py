"""Two ends in one process, without a port: for simulations and tests."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from ..errors import DeviceDisconnected
from . import TICK, Transport


class Memory(Transport):
    """One end of a pair made by `pair`."""

    def __init__(self, name: str, inbox: SimpleQueue[bytes], outbox: SimpleQueue[bytes]) -> None:
        self.name = name
        self._inbox, self._outbox = inbox, outbox
        self._closed = False

    def read(self) -> bytes:
        """Return what the other end wrote; see Transport.read."""
        try:
            data = self._inbox.get(timeout=TICK)
        except Empty:
            data = None
        if data == b"" or self._closed:
            self._inbox.put(b"")  # and so says every later read
            raise DeviceDisconnected(f"{self.name} is closed")
        return data or b""

    def write(self, data: bytes) -> None:
        """Send `data` to the other end."""
        if self._closed:
            raise DeviceDisconnected(f"{self.name} is closed")
        if data:
            self._outbox.put(data)

    def close(self) -> None:
        """End it for both sides."""
        if not self._closed:
            self._closed = True
            self._outbox.put(b"")
            self._inbox.put(b"")


def pair(name: str = "memory") -> tuple[Memory, Memory]:
    """Return two connected ends."""
    there: SimpleQueue[bytes] = SimpleQueue()
    back: SimpleQueue[bytes] = SimpleQueue()
    return Memory(name, back, there), Memory(name, there, back)
