"""A gateway as a real process, and boards that are plugged in and pulled, for tests."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from program import COMMAND, PATIENCE, environment

from iotkit import host
from iotkit.cli import INTERRUPTED
from iotkit.transports.pty import Pty

COUNTED = ("objects", "files", "threads")  # of a gateway's size
LOOKS = 10  # in three seconds


class Sockets:
    """Where boards are plugged in: a folder with names of ports, as /dev is one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pattern = str(folder / "*")
        self._plugged: dict[str, tuple[Pty, threading.Thread | None]] = {}

    def plug(self, name: str, device: host.Device | None = None) -> str:
        """Plug a board in, or without a `device` something that never speaks; return its port."""
        terminal, thread = Pty(), None
        if device is not None:
            thread = threading.Thread(target=host.run, args=(device, terminal))
            thread.start()
        self._plugged[name] = terminal, thread
        (self.folder / name).symlink_to(terminal.name)
        return str(self.folder / name)

    def terminal(self, name: str) -> Pty:
        """Return the board's end of the port."""
        return self._plugged[name][0]

    def pull(self, name: str) -> None:
        """Pull it out again."""
        terminal, thread = self._plugged.pop(name)
        (self.folder / name).unlink()
        terminal.close()
        if thread is not None:
            thread.join(PATIENCE)

    def close(self) -> None:
        """Pull all of them out."""
        for name in list(self._plugged):
            self.pull(name)


class GatewayProcess:
    """`iotkit serve --auto … --json`, and what it tells."""

    def __init__(self, *args: str, command: Sequence[str] = COMMAND, **popen: Any) -> None:
        self.process = subprocess.Popen(
            [*command, "serve", "--auto", "--json", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            **popen,
        )
        self.told: list[dict[str, Any]] = []
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.complaints: list[str] = []
        self._readers = [threading.Thread(target=work) for work in (self._read, self._complain)]
        for reader in self._readers:
            reader.start()

    def next(self, kind: str, **facts: Any) -> dict[str, Any]:
        """Return the next event of that kind, with these facts; others may come before."""
        while True:
            try:
                told = self._news.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"not {kind}, but {self.told[-25:]}") from None
            if told["event"] == kind and facts.items() <= told.items():
                return told

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send it the signal; return its exit code and what it complained of."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code, "".join(self.complaints)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                told = json.loads(line)
                self.told.append(told)
                self._news.put(told)

    def _complain(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            self.complaints += lines


class SizedGateway(GatewayProcess):
    """A gateway that can be asked how large it is, on Linux; it uses the file `sizes` for that.

    What malloc keeps for later would hide a leak, or look like one: by itself, glibc lets each
    thread have some, and each few of them a heap of their own.
    """

    def __init__(self, sizes: Path, *args: str) -> None:
        self._sizes = sizes
        sizes.touch()
        one_heap = ["MALLOC_ARENA_MAX=1", "GLIBC_TUNABLES=glibc.malloc.tcache_count=0"]
        program = [sys.executable, str(Path(__file__).with_name("sized_gateway.py")), str(sizes)]
        super().__init__(*args, command=["env", *one_heap, *program])

    def size(self) -> dict[str, int]:
        """Return its objects, Python's blocks, KiB in use, files and threads, without garbage."""
        before = len(self._lines())
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + PATIENCE
        while len(lines := self._lines()) == before:
            assert time.monotonic() < deadline, "the gateway doesn't say how large it is"
            time.sleep(0.05)
        size: dict[str, int] = json.loads(lines[-1])
        return size

    def size_at_rest(self) -> dict[str, int]:
        """Return its size when the last of what ends has ended, and without who looks in."""
        sizes = []
        for _ in range(LOOKS):
            time.sleep(0.3)
            sizes.append(self.size())
        return {what: min(size[what] for size in sizes) for what in sizes[0]}

    def _lines(self) -> list[str]:
        return self._sizes.read_text().split("\n")[:-1]


@contextmanager
def gateway(*args: str, sizes: Path | None = None) -> Iterator[Any]:
    """Give a gateway that is ready, and end it; it must have nothing to complain of."""
    running = SizedGateway(sizes, *args) if sizes else GatewayProcess(*args)
    try:
        running.next("ready")
        yield running
    finally:
        code, complaints = running.end()
        assert (code in (0, INTERRUPTED, -signal.SIGKILL), complaints) == (True, "")
