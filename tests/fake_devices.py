"""Devices for tests: written with iotkit.host, or boards as version 1's firmware was written."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from iotkit import host
from iotkit.device import Device, device_over
from iotkit.errors import DeviceDisconnected
from iotkit.links.serial import SerialLink
from iotkit.transports import Transport
from iotkit.transports.memory import pair

SOON = 10.0  # seconds in which what has to happen happens, on the slowest machine


class Probe(host.Device):
    """One of each."""

    speed: Annotated[int, "How fast [0..255]"] = 80
    ratio: Annotated[float, "A ratio [V]"] = 0.5
    led: Annotated[bool, "The front light"] = False
    name: Annotated[str, "What it is called"] = "probe"
    gear: Annotated[str, "[slow|fast]"] = "slow"
    anything: Annotated[Any, "Text in, text out"] = ""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    @property
    def distance(self) -> float:
        """To the wall ahead [0..300 cm]"""
        return 12.5

    @property
    def broken(self) -> int:
        """A sensor with a loose wire"""
        raise OSError("the wire is loose")

    @host.function
    def stop(self) -> None:
        """Stop at once"""
        self.calls.append(("stop",))

    @host.function
    def turn(self, ms: int) -> None:
        """Turn around [ms 0..5000 ms]"""
        self.calls.append(("turn", ms))

    @host.function
    def echo(self, text: str) -> str:
        """Give the text back"""
        return text

    @host.function
    def add(self, a: int, b: int) -> int:
        """Add two numbers"""
        return a + b

    @host.function
    def fail(self) -> None:
        """Fail always"""
        raise RuntimeError("the motor is stuck")


class Counting(Transport):
    """Another transport, which keeps what is sent over it."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.name, self.resets = inner.name, inner.resets
        self.sent = bytearray()

    def read(self) -> bytes:
        return self._inner.read()

    def write(self, data: bytes) -> None:
        self.sent += data
        self._inner.write(data)

    def close(self) -> None:
        self._inner.close()


@contextmanager
def wired(device: host.Device) -> Iterator[tuple[Device, Counting]]:
    """Give the object for `device`, reached by the serial protocol, and the line between."""
    here, there = pair()
    board = threading.Thread(target=host.run, args=(device, there))
    board.start()
    line = Counting(here)
    try:
        with device_over(SerialLink(line, timeout=SOON)) as robot:
            yield robot, line
    finally:
        here.close()
        board.join(SOON)


Answer = bytes | None | Callable[["Board"], None]


class Board:
    """A version 1 board at the far end of `transport`, in a thread, until that is closed.

    It has the int `x`, the int `y`, the float `f`, the bool `b`, the str `s`; the functions
    `go`, which does nothing, and `double n:int -> r:int`. `answers` replaces what it says to
    a command: by these bytes, by nothing (None), or by what a function of the board does.
    """

    def __init__(self, transport: Transport, answers: Mapping[str, Answer] | None = None) -> None:
        self.heard: list[str] = []  # without the barriers
        self.values = {"x": "1", "y": "2", "f": "0.5", "b": "True", "s": "text"}
        self.answers: dict[str, Answer] = dict(answers or {})
        self._transport = transport
        self._something_heard = threading.Condition()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Board:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()
        self._thread.join(SOON)

    def say(self, data: bytes) -> None:
        """Send `data`, asked or not."""
        try:
            self._transport.write(data)
        except DeviceDisconnected:
            pass

    def wait_for(self, command: str, times: int = 1) -> None:
        """Return when `command` has come so many times."""
        with self._something_heard:
            assert self._something_heard.wait_for(
                lambda: self.heard.count(command) >= times, SOON
            ), f"{command!r} did not come {times} times: {self.heard}"

    def usual(self, command: str) -> bytes:
        """Return what a good board answers."""
        word, _, rest = command.partition(" ")
        name, _, value = rest.partition(" ")
        match word:
            case "devinfo":
                return b"200:DEV READY:board\r\n"
            case "funcs":
                return b"200:FUNCS OK:ping,devinfo,funcs,attrs,set,get,help,go,double\r\n"
            case "attrs":
                return b"200:ATTRS OK:x:int,y:int,f:float,b:bool,s:str\r\n"
            case "help":
                return _HELP.get(rest, f"404:No help found:{rest}").encode() + b"\r\n"
            case "get" if name in self.values:
                return f"200:Found:{self.values[name]}\r\n".encode()
            case "set" if name in self.values:
                self.values[name] = value
                return b"200:Success:-\r\n"
            case "go":
                return b"200:Success:-\r\n"
            case "double":
                return f"200:Success:{2 * int(rest)}\r\n".encode()
        return b"404:Attribute Not Found:-\r\n"

    def answer(self, command: str) -> None:
        answer = self.answers.get(command, self.usual(command))
        if callable(answer):
            answer(self)
        elif answer:
            self.say(answer)

    def _run(self) -> None:
        waiting = b""
        try:
            while True:
                *lines, waiting = (waiting + self._transport.read()).split(b"\n")
                for line in lines:
                    self._hear(line.decode())
        except DeviceDisconnected:
            pass

    def _hear(self, command: str) -> None:
        if not re.match("help ~", command):
            with self._something_heard:
                self.heard.append(command)
                self._something_heard.notify_all()
        self.answer(command)


_HELP = {
    "x": "200:Help found:int - The x",
    "y": "200:Help found:int - The y",
    "f": "200:Help found:float - A float",
    "b": "200:Help found:bool - A bool",
    "s": "200:Help found:str - A text",
    "go": "200:Help found:go -> - Go",
    "double": "200:Help found:double n:int -> r:int - Twice as much",
}


@contextmanager
def boarded(
    answers: Mapping[str, Answer] | None = None,
    *,
    timeout: float = SOON,
    call_timeout: float = SOON,
) -> Iterator[tuple[Device, Board]]:
    """Give the object for a Board in memory, and the board.

    `answers` and the time-outs count once it is connected.
    """
    here, there = pair("board")
    with Board(there) as board:
        link = SerialLink(here)
        link._timeout, link._call_timeout = timeout, call_timeout
        board.heard.clear()
        board.answers.update(answers or {})
        with device_over(link) as robot:
            yield robot, board
