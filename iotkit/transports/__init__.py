"""Carry bytes between a computer and a device: what every way of doing so has in common.

A transport knows nothing of the protocol. One thread reads it, any thread writes it or
closes it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..closing import Closing

TICK = 0.1  # seconds after which a read without data returns, so that its caller sees the time
CHUNK = 4096  # bytes read at once


class Transport(Closing, ABC):
    """A two-way stream of bytes; `name` is what a person calls it, such as `/dev/ttyUSB0`.

    `resets` tells that opening it may have restarted the board (see `Serial`); `rates` are those,
    in bits a second, of which one has to be found out, the first one set; else it is empty.
    `byte_time` is how long it takes to carry a byte, in seconds, where that is of account; `pace`
    the least time between two news of an attribute that it can well carry, in seconds.
    """

    name: str
    resets: bool = False
    rates: tuple[int, ...] = ()
    byte_time: float = 0.0
    pace: float = 0.001

    @abstractmethod
    def read(self) -> bytes:
        """Return what has come, at once; wait for it up to TICK seconds; then return b"".

        Raises DeviceDisconnected when the other end is gone or this one is closed.
        """

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of `data`; raises DeviceDisconnected."""

    def set_rate(self, rate: int) -> None:
        """Go on at this one of `rates`; between two reads, from any thread."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Let go of it, from any thread; a second time does nothing."""
