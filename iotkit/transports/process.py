"""A device program on this computer, spoken to over its standard input and output."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from queue import Empty, SimpleQueue
from typing import BinaryIO

from ..errors import BadTarget, DeviceDisconnected
from . import CHUNK, TICK, Transport

GRACE = 1.0  # seconds that a program has to end when its input does


class Streams(Transport):
    """A pair of binary streams: pipes, or the standard input and output.

    Pipes can't be waited for with a time limit on every system, so a thread reads them.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO, name: str) -> None:
        self.name = name
        self._reader, self._writer = reader, writer
        self._inbox: SimpleQueue[bytes] = SimpleQueue()
        self._pump = threading.Thread(target=self._run, name=f"iotkit {name}", daemon=True)
        self._pump.start()

    def _run(self) -> None:
        try:
            while data := self._reader.read1(CHUNK):  # type: ignore[attr-defined]
                self._inbox.put(data)
        except (OSError, ValueError):
            pass  # closed: the same as its end
        self._inbox.put(b"")

    def read(self) -> bytes:
        """Return what has come; see Transport.read."""
        try:
            data = self._inbox.get(timeout=TICK)
        except Empty:
            return b""
        if not data:
            self._inbox.put(b"")  # and so says every later read
            raise DeviceDisconnected(f"{self.name} has ended")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._writer.write(data)
            self._writer.flush()
        except (OSError, ValueError):
            raise DeviceDisconnected(f"{self.name} has ended") from None

    def close(self) -> None:
        """Stop reading and writing; the streams are the caller's to close."""
        self._inbox.put(b"")


class Process(Streams):
    """The program that `command` names, with its arguments as a shell would split them."""

    def __init__(self, command: str) -> None:
        try:
            words = shlex.split(command, posix=sys.platform != "win32")
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in a terminal is meant for us alone
            )
        except (OSError, ValueError, IndexError) as error:
            why = getattr(error, "strerror", None) or error
            raise BadTarget(f"exec:{command} can't be started: {why}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        super().__init__(self._process.stdout, self._process.stdin, f"exec:{command}")  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the program's input, and end the program if that doesn't."""
        super().close()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
        except OSError:
            pass  # it had ended with a line unread
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._kill()
            process.wait()
        self._pump.join(GRACE)
        if self._pump.is_alive():  # a program that it started has the pipe open still
            self._kill()
            self._pump.join()
        process.stdout.close()

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._process.kill()
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended just now
