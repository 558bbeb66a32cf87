"""A simulated board for the soak: `python device.py NAME SPECIFIER PORT JOURNAL SEED`.

PORT is a name that leads to its pseudo terminal while it is plugged in. JOURNAL gets a line for
each thing that it does. Its faults are commands on the standard input.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from pathlib import Path

from iotkit import host
from iotkit.errors import DeviceDisconnected
from iotkit.transports import Transport
from iotkit.transports.pty import Pty

DEADMAN = 500  # ms


class Soaked(host.Device, id="replaced", deadman_ms=DEADMAN):
    """A device whose every value and answer can be checked."""

    level: int = 0  # a multiple of 7

    def __init__(self, journal: Path) -> None:
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._even, self._odd = 0, 1
        self.driving = False

    def note(self, *words: object) -> None:
        """Keep it, whatever becomes of this process."""
        os.write(self._journal, f"{' '.join(map(str, words))}\n".encode())

    @property
    def even(self) -> int:
        """An even number"""
        self._even += 2
        return self._even

    @property
    def odd(self) -> int:
        """An odd number"""
        self._odd += 2
        return self._odd

    @host.function
    def act(self, number: int, ms: int) -> int:
        """Do something once, which takes its time, and return the double"""
        self.note("act", number)
        time.sleep(ms / 1000)
        return 2 * number

    @host.function
    def drive(self, number: int) -> None:
        """Drive until told otherwise"""
        if not self.driving:
            self.note("drive", number, time.monotonic())
        self.driving = True

    @host.function
    def stop(self) -> None:
        """Stop"""
        self.driving = False

    def on_silence(self) -> None:
        """Stop: nobody drives"""
        self.note("silence", time.monotonic())
        self.driving = False


class Faulty(Transport):
    """The board's end of the terminal, with faults.

    Of a line, never more than one byte changes, which the checksum is sure to notice. What the
    board says may also come twice, late, and in disorder.
    """

    def __init__(self, terminal: Pty, seed: int) -> None:
        self._inner, self.name = terminal, terminal.name
        self._random = random.Random(seed)
        self._half = b""
        self._late: list[bytes] = []
        self._noise, self._noisy_until = 0.0, 0.0
        self._slow, self._slow_until = 0.0, 0.0
        self._reset = False

    def noisy(self, noise: float, seconds: float) -> None:
        self._noise, self._noisy_until = noise, time.monotonic() + seconds

    def slow(self, delay: float, seconds: float) -> None:
        self._slow, self._slow_until = delay, time.monotonic() + seconds

    def reset(self) -> None:
        self._reset = True

    def read(self) -> bytes:
        if self._reset:
            self._reset = False
            raise DeviceDisconnected("the board restarts")
        *lines, self._half = (self._half + self._inner.read()).split(b"\n")
        return b"".join(self._changed(line + b"\n") for line in lines)

    def write(self, data: bytes) -> None:
        if time.monotonic() < self._slow_until:
            time.sleep(self._slow)
        come, self._late = self._late, []
        for line in data.splitlines(keepends=True):
            come.append(self._changed(line))
            if self._happens():
                come.append(line)
            if self._happens():
                self._late.append(come.pop(0))
        self._inner.write(b"".join(come))

    def close(self) -> None:
        self._inner.close()

    def _happens(self) -> bool:
        return time.monotonic() < self._noisy_until and self._random.random() < self._noise

    def _changed(self, line: bytes) -> bytes:
        if not self._happens() or not line:
            return line
        if self._random.random() < 0.25:
            return b""
        at = self._random.randrange(len(line))
        byte = self._random.choice([10, 36, 42, line[at] ^ 1, self._random.randrange(256)])
        return line[:at] + bytes([byte]) + line[at + 1 :]


class Board:
    """The device, plugged in and pulled."""

    def __init__(self, device: Soaked, port: Path, seed: int) -> None:
        self._device, self._port, self._seed = device, port, seed
        self._line: Faulty | None = None
        self._away, self._pulled = 0.0, False
        self.plugged = threading.Event()  # for the first time

    def run(self) -> None:
        while True:
            terminal = Pty()
            beside = self._port.with_name(f".{self._port.name}")
            beside.unlink(missing_ok=True)
            beside.symlink_to(terminal.name)
            beside.rename(self._port)
            self._pulled = False
            self._line = Faulty(terminal, self._seed)
            self.plugged.set()
            while not self._pulled:
                host.run(self._device, self._line)
                self._device.driving = False
            self._seed += 1
            time.sleep(self._away)

    def obey(self, word: str, *numbers: float) -> None:
        assert self._line is not None
        match word:
            case "noise":
                self._line.noisy(*numbers)
            case "slow":
                self._line.slow(*numbers)
            case "reset":
                self._line.reset()
            case "unplug":
                self._away, self._pulled = numbers[0], True
                self._port.unlink(missing_ok=True)
                self._line.close()


def main(name: str, specifier: str, port: str, journal: str, seed: str) -> None:
    kind = type("Soaked_", (Soaked,), {"specifier": specifier}, id=name)
    board = Board(kind(Path(journal)), Path(port), int(seed))
    threading.Thread(target=board.run, daemon=True).start()
    board.plugged.wait()
    for line in sys.stdin:
        word, *numbers = line.split()
        board.obey(word, *map(float, numbers))


main(*sys.argv[1:])
