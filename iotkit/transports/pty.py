"""The device's end of a pseudo terminal: a simulated board's serial port, on POSIX systems."""

from __future__ import annotations

import os
import select
import threading
import tty

from ..errors import DeviceDisconnected
from . import CHUNK, TICK, Transport

PATIENCE = 1.0  # seconds that a client may leave its port unread before what is sent is lost


class Pty(Transport):
    """A new pseudo terminal; clients open `name`, such as `/dev/pts/5`, as a serial port.

    It exists until it is closed, whoever comes and goes. As on a wire, what is sent while
    nobody reads is lost in the end.
    """

    def __init__(self) -> None:
        # The clients' end stays open here as well, so that the last one leaving is no hang-up.
        self._device, self._client = os.openpty()
        tty.setraw(self._client)
        os.set_blocking(self._device, False)
        self.name = os.ttyname(self._client)
        self._waker, self._wake = os.pipe()
        self._patience = PATIENCE
        self._closed = False
        self._closing, self._reading, self._writing = (threading.Lock() for _ in range(3))

    def read(self) -> bytes:
        """Return what has come; see Transport.read."""
        with self._reading:
            self._check()
            if self._device not in select.select([self._device, self._waker], [], [], TICK)[0]:
                self._check()
                return b""
            return os.read(self._device, CHUNK)

    def write(self, data: bytes) -> None:
        """Send all of `data`, or lose the rest where nobody reads it."""
        with self._writing:
            self._check()
            while data and select.select([self._waker], [self._device], [], self._patience)[1]:
                data = data[os.write(self._device, data) :]
            self._patience = 0.0 if data else PATIENCE  # who doesn't read is waited for once
            self._check()

    def close(self) -> None:
        """End it; a read that waits returns at once."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            os.write(self._wake, b"x")
            with self._reading, self._writing:  # a number closed may be another file's at once
                for end in (self._device, self._client, self._waker, self._wake):
                    os.close(end)

    def _check(self) -> None:
        if self._closed:
            raise DeviceDisconnected(f"{self.name} is closed")
