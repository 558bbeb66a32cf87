"""A robot on a wire, which notes what comes by that wire and when."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iotkit import host
from iotkit.errors import DeviceDisconnected
from iotkit.transports import Transport
from iotkit.transports.pty import Pty

SOON = 10.0  # seconds in which what has to happen happens, on the slowest machine
ACTS = re.compile(r"forward|stop|set .*")  # the rest reads, watches or pings


class Rover(host.Device):
    """A robot that does as it is told."""

    speed: int = 50

    def __init__(self) -> None:
        self.far = threading.Event()

    @property
    def distance(self) -> float:
        """To the wall [0..300 cm]"""
        return 200.0 if self.far.is_set() else 100.0

    @host.function
    def forward(self) -> None:
        """Go ahead"""

    @host.function
    def stop(self) -> None:
        """Stop at once"""


class Wire(Transport):
    """The robot's end of the line `name`."""

    def __init__(self, rover: Rover) -> None:
        self._inner = Pty()
        self.name = self._inner.name
        self.rover = rover
        self.heard: list[tuple[float, str]] = []  # in seconds since the epoch; what acts, in order
        self._came = threading.Condition()
        self._rest = ""

    def read(self) -> bytes:
        data = self._inner.read()
        now = time.time()
        *lines, self._rest = (self._rest + data.decode()).split("\n")
        commands = [re.sub(r"^\$.|\*[0-9a-f]{4}$", "", line) for line in lines]
        with self._came:
            self.heard += [(now, command) for command in commands if ACTS.fullmatch(command)]
            self._came.notify_all()
        return data

    def write(self, data: bytes) -> None:
        self._inner.write(data)

    def close(self) -> None:
        self._inner.close()

    def commands(self) -> list[str]:
        """Return what has come that acts."""
        return [command for _, command in list(self.heard)]

    def wait_for(self, ready: Callable[[list[str]], object]) -> None:
        """Return when the commands that have come are such."""
        with self._came:
            assert self._came.wait_for(lambda: ready(self.commands()), SOON), self.commands()


@contextmanager
def rover_on_a_wire(rover: Rover | None = None) -> Iterator[Wire]:
    """Run a robot in a thread, and give its wire, which may be closed before."""
    wire = Wire(rover or Rover())

    def be_the_board() -> None:
        try:
            host.run(wire.rover, wire)
        except DeviceDisconnected:
            pass

    board = threading.Thread(target=be_the_board)
    board.start()
    try:
        yield wire
    finally:
        wire.close()
        board.join(SOON)
