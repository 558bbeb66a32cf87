"""Read and write an open serial port, in a program that may have many open files, on Linux.

pyserial waits by select(), which can't see a file whose number is 1024 or more; a gateway of 200
boards has such files. poll() can, and costs less.
"""

from __future__ import annotations

import os
import select
import threading
import time

import serial

from . import CHUNK, TICK


class Polled:
    """The bytes of `port`, which pyserial has opened without blocking.

    Raises OSError where the port fails, and once it is closed.
    """

    def __init__(self, port: serial.Serial) -> None:
        self._port, self._file = port, port.fileno()
        # The number of a file that is closed may be another file's at once.
        self._closing, self._reading, self._writing = (threading.Lock() for _ in range(3))
        self._closed = False
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._file, select.POLLIN)
        self._writable.register(self._file, select.POLLOUT)
        self._wake_reader, self._wake = os.pipe()
        for poll in (self._readable, self._writable):
            poll.register(self._wake_reader, select.POLLIN)

    def read(self) -> bytes:
        """Return what has come; see Transport.read."""
        with self._reading:
            self._check()
            ready = self._readable.poll(TICK * 1000)
            self._check()
            if not ready:
                return b""
            try:
                data = os.read(self._file, CHUNK)
            except BlockingIOError:
                return b""
            if not data:
                raise OSError("it has ended")
            return data

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; raises TimeoutError where that takes longer."""
        deadline, left = time.monotonic() + timeout, memoryview(data)
        with self._writing:
            while left:
                self._check()
                try:
                    left = left[os.write(self._file, left) :]
                except BlockingIOError:
                    wait = deadline - time.monotonic()
                    if wait <= 0:
                        raise TimeoutError("it takes no more") from None
                    self._writable.poll(wait * 1000)

    def close(self) -> None:
        """Close the port; who reads or writes is woken. A second time does nothing."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            os.write(self._wake, b"x")
            with self._reading, self._writing:
                self._port.close()
                os.close(self._wake_reader)
                os.close(self._wake)

    def _check(self) -> None:
        if self._closed:
            raise OSError("it is closed")
