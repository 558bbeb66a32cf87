"""Talks to a simulated board (avrsim.c): `Board` in the chip's own time, `LiveBoard` on a pty in ours."""

from __future__ import annotations

import binascii
import json
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

CYCLES_PER_MS = 16_000
CAN = b"\x18"


def crc(text: bytes) -> bytes:
    """The checksum of a frame's tag and line, as it is sent."""
    return b"%04x" % binascii.crc_hqx(text, 0)


def frame(tag: str, line: str) -> bytes:
    """A command as a frame, with its line end."""
    body = (tag + line).encode()
    return b"$" + body + b"*" + crc(body) + b"\n"


def unframe(line: str) -> tuple[str, str]:
    """Tag and text of a frame from the device; a wrong one is an AssertionError."""
    body, star, tail = line.rpartition("*")
    assert line.startswith("$") and star, f"not a frame: {line!r}"
    assert crc(body[1:].encode()).decode() == tail, f"wrong checksum: {line!r}"
    return body[1], body[2:]


@dataclass(frozen=True)
class Report:
    """What happened on the chip during one command; see avrsim.c."""

    cycle: int
    out: bytes
    first_write: int
    last_read: int
    overruns: int
    stack: int
    pending: int
    pins: list[tuple[str, int, int]]


class Board:
    """A board in batch mode: time passes only while a method runs, and always gives the same numbers."""

    def __init__(self, simulator: Path, elf: Path, *, eeprom: Path | None = None) -> None:
        options = ["-e", str(eeprom)] if eeprom else []
        self._process = subprocess.Popen(
            [simulator, *options, elf], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pins: dict[str, int] = {}
        self.stack = 0
        self.overruns = 0
        self._rest = b""
        self.banner = self.until_quiet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Switch it off (EEPROM is kept in its file)."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(10) == 0, "the simulator failed"

    def command(self, text: str) -> Report:
        """One command of the simulator, and what happened during it."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
        fields: dict[str, Any] = json.loads(self._process.stdout.readline())
        fields["out"] = bytes.fromhex(fields["out"])
        report = Report(**fields)
        self.pins.update({name: level for name, _, level in report.pins})
        self.stack = report.stack
        self.overruns += report.overruns
        return report

    def send(self, data: bytes | str) -> None:
        """Put bytes on the wire to the chip; they arrive while time passes."""
        data = data.encode() if isinstance(data, str) else data
        self.command(f"send {data.hex()}")

    def run(self, ms: float) -> list[str]:
        """Let time pass; the whole lines that came."""
        return self._lines(self.command(f"run {ms}").out)

    def until_quiet(self, ms: float = 1000, quiet: float = 5) -> list[str]:
        """Wait at most `ms` for a line and then until the wire is quiet; the lines that came."""
        lines = self._lines(self.command(f"wait {ms}").out)
        while True:
            report = self.command(f"run {quiet}")
            lines += self._lines(report.out)
            if not report.out and not report.pending:
                return lines

    def ask(self, data: bytes | str, ms: float = 300) -> list[str]:
        """Send a line (or raw bytes) and return every line that answers."""
        self.send(data + "\n" if isinstance(data, str) else data)
        return self.until_quiet(ms)

    def call(self, tag: str, line: str) -> list[tuple[str, str]]:
        """Send a frame; tag and text of every frame that answers."""
        return [unframe(reply) for reply in self.ask(frame(tag, line))]

    def reset(self) -> list[str]:
        """Press the reset button; the banner."""
        self._rest = b""
        self.command("reset")
        return self.until_quiet()

    def _lines(self, out: bytes) -> list[str]:
        *lines, self._rest = (self._rest + out).split(b"\n")
        return [line.removesuffix(b"\r").decode() for line in lines]


class LiveBoard:
    """A board on a pty, in real time. `pin` waits for a level."""

    def __init__(self, simulator: Path, elf: Path) -> None:
        self._process = subprocess.Popen(
            [simulator, "-i", "-p", elf], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.port = self._process.stdout.readline().strip()
        self._changes: Queue[tuple[str, int, int]] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for row in self._process.stdout:
            name, cycle, level = row.split()
            self._changes.put((name, int(cycle), int(level)))

    def tell(self, command: str) -> None:
        """Put a level on an input (`adc 0 5000`), or press the button (`reset`)."""
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def pin(self, name: str, level: int, timeout: float) -> int:
        """Wait until the pin changes to this level; the cycle. LookupError if it doesn't in time."""
        end = time.monotonic() + timeout
        while True:
            try:
                changed, cycle, now = self._changes.get(timeout=max(0, end - time.monotonic()))
            except Empty:
                raise LookupError(f"{name} did not become {level} within {timeout} s") from None
            if (changed, now) == (name, level):
                return cycle

    def close(self) -> None:
        """Switch it off."""
        self._process.terminate()
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
