r"""The serial protocol, sans-I/O, both ends: bytes in, events out; no port and no clock.

The host end:

    end = HostEnd()
    port.write(end.ask("get speed"))
    for event in end.receive(port.read()):   # Reply, Banner, News or Garbage
        ...

Version 1 answers commands one at a time and in order, so `ask` refuses a second command while
one is out. A host that gave up on an answer calls `barrier`: all that comes before the
barrier's own answer is thrown away, so no reply is ever given to the wrong command.

The device end:

    end = DeviceEnd(description)
    end.receive(port.read())
    while request := end.next_request():     # Get, Set or Call, checked against the description
        end.answer(request, value)           # or end.refuse(request, …)
    port.write(end.data_to_send())

Any bytes, cut into any pieces, give the same events, and no exception. The format is that of
docs/serial-protocol.md.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from .description import V1_BUILTINS, Attribute, Description, Function
from .errors import BadType, BadValue, IotkitError, ReadOnly
from .types import Value, shown

MAX_LINE = 64 * 1024  # bytes: 500 names of the greatest length fit into `funcs`
MAX_V1_COMMAND = 139  # bytes: original firmware is wedged until reset by a line of 140

BAUD = 19200  # what original boards speak

_REPLY = re.compile(r"([1-5][0-9][0-9]):([^:]*):(.*)", re.DOTALL)
_BANNER = re.compile(r"200:(DEV READY[^:]*):([A-Za-z][A-Za-z0-9_:]*)$")
_CUT_BY_RESET = re.compile(r"[^:]*:[^:]*200:DEV READY")  # no message ends in 200
_BREAKS = re.compile(r"[\n\r\x00]")
_log = logging.getLogger(__name__)

_HELP = {
    "ping": "ping -> pong:str - Answer pong",
    "devinfo": "devinfo -> id:str - The id of this device",
    "funcs": "funcs -> names:str - All functions, separated by commas",
    "attrs": "attrs -> names:str - All attributes with their types, separated by commas",
    "set": "set name:str value:T -> - Give an attribute a value",
    "get": "get name:str -> value:T - The value of an attribute",
    "help": "help -> helptext:str - try 'help help', 'funcs' and 'attrs'",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the command that is out: `status` with HTTP's meaning, `message`, `data`."""

    status: int
    message: str
    data: str


@dataclass(frozen=True, slots=True)
class Banner:
    """The device started, or started anew: the command that was out will not be answered."""

    message: str
    device_id: str


@dataclass(frozen=True, slots=True)
class News:
    """A line of status 1xx: never the answer to a command."""

    status: int
    message: str
    data: str


@dataclass(frozen=True, slots=True)
class Garbage:
    """A line that is nothing of the protocol's, or a reply to nothing; `text` is its beginning."""

    text: str


Event = Reply | Banner | News | Garbage


class Lines:
    r"""Bytes to lines, bounded: a line ends in `\n` or `\r\n`; one over MAX_LINE is cut short."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> Iterator[tuple[str, bool]]:
        """Yield each line that `data` completes, and whether it is whole.

        Of an overlong line only the first MAX_LINE bytes are kept, and only until its end.
        """
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield self._line(), not self._overlong
            self._buffer.clear()
            self._overlong = False
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._buffer)
        if len(piece) > room and not self._overlong:
            self._overlong = True
            _log.warning("a line of more than %d bytes is thrown away", MAX_LINE)
        self._buffer += piece[:room]

    def _line(self) -> str:
        return self._buffer.removesuffix(b"\r").decode("utf-8", "replace")


def encode(command: str) -> bytes:
    """Return the line that carries `command`.

    Raises BadValue where it doesn't fit into a line that every device takes.
    """
    if _BREAKS.search(command):
        raise BadValue(f"{shown(command)} holds a line break, which can't be sent")
    line = command.encode("utf-8")
    if len(line) > MAX_V1_COMMAND:
        raise BadValue(
            f"{shown(command)} is {len(line)} bytes long; a device takes {MAX_V1_COMMAND}"
        )
    return line + b"\n"


class HostEnd:
    """The computer's end of the line."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._asked: str | None = None  # the command that is out
        self._barrier: str | None = None  # the nonce before which nothing counts

    @property
    def waiting(self) -> bool:
        """Whether an answer is out."""
        return self._asked is not None

    def ask(self, command: str) -> bytes:
        """Return what to send to ask `command`.

        Raises BadValue, and nothing is out, where the command doesn't fit into a line.
        """
        assert self._asked is None, "version 1 takes one command at a time"
        line = encode(command)
        self._asked = command
        return line

    def barrier(self, nonce: str) -> bytes:
        """Give up on what is out, and return what to send to find the place again.

        `nonce` is a word never used before. All that comes is thrown away, up to the answer to
        this, which comes as a Reply.
        """
        self._asked = None
        data = self.ask(f"help ~{nonce}")
        self._barrier = nonce
        return data

    def receive(self, data: bytes) -> list[Event]:
        """Return what `data`, and what came before it, tells."""
        events = []
        for text, whole in self._lines.feed(data):
            if (event := self._event(text, whole)) is not None:
                events.append(event)
        return events

    def _event(self, text: str, whole: bool) -> Event | None:
        if not whole:
            return Garbage(shown(text))
        found = _REPLY.fullmatch(text)
        started = found and found[2].startswith("DEV READY") and self._asked != "devinfo"
        if not found or started or _CUT_BY_RESET.match(text):
            return self._banner(text)
        status, message, data = int(found[1]), found[2], found[3]
        if status < 200:
            return News(status, message, data)
        if self._barrier is not None:
            if data != f"~{self._barrier}":
                return None
            self._barrier = None
        elif self._asked is None:
            return Garbage(shown(text))
        self._asked = None
        return Reply(status, message, data)

    def _banner(self, text: str) -> Event | None:
        # A reset cuts the line that was on its way: the banner may follow half of another.
        if (found := _BANNER.search(text)) is None:
            return Garbage(shown(text)) if text else None
        if self._barrier is None:
            self._asked = None
        return Banner(found[1], found[2])


@dataclass(frozen=True, slots=True)
class Get:
    """The host asks for the value of `attribute`."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Set:
    """The host sets `attribute` to `value`, which is of its type and within its limits."""

    attribute: Attribute
    value: Value


@dataclass(frozen=True, slots=True)
class Call:
    """The host calls `function` with `args`, which are what it takes."""

    function: Function
    args: tuple[Value, ...]


Request = Get | Set | Call


class DeviceEnd:
    """The device's end of the line: knows its description, and answers all but values itself."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._lines = Lines()
        self._received: deque[tuple[str, bool]] = deque()
        self._unanswered: Request | None = None
        self._out = bytearray()

    def start(self) -> None:
        """Say that the device is ready, as boards do when they are switched on."""
        self._send(200, "DEV READY", self._description.id)

    def receive(self, data: bytes) -> None:
        """Take in what came from the host."""
        self._received += self._lines.feed(data)

    def next_request(self) -> Request | None:
        """Return the next request that needs the device itself.

        None where there is none yet, or where the one before is not answered: version 1 does
        one thing at a time.
        """
        while self._unanswered is None and self._received:
            line, whole = self._received.popleft()
            if not whole:
                self._send(413, "Line too long", "-")
                continue
            try:
                self._unanswered = self._handle(line)
            except _Refused as refused:
                self._send(*refused.args)
            else:
                return self._unanswered
        return None

    def answer(self, request: Request, value: Value | None = None) -> None:
        """Answer with the value got or the function's result; None where there is none.

        A value that its type can't carry becomes an error of the device's.
        """
        try:
            message, data = _answer(request, value)
        except IotkitError as error:
            self.refuse(request, 500, "Device fault", str(error))
        else:
            self._unanswered = None
            self._send(200, message, data)

    def refuse(self, request: Request, status: int, message: str, data: str = "-") -> None:
        """Answer with an error; `message` and `data` are for people."""
        assert request is self._unanswered
        self._unanswered = None
        self._send(status, _BREAKS.sub(" ", message).replace(":", " "), _BREAKS.sub(" ", data))

    def data_to_send(self) -> bytes:
        """Return, once, what is to be sent to the host."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def _send(self, status: int, message: str, data: str) -> None:
        self._out += f"{status}:{message}:{data}\r\n".encode("utf-8", "replace")

    def _handle(self, line: str) -> Request | None:
        """Answer a built-in command, or return what the device itself has to do."""
        command, blank, rest = line.partition(" ")
        if command == "get":
            return Get(self._attribute(rest))
        if command == "set":
            return self._set(rest)
        if command == "help" and blank:
            self._help(rest)
        elif command in V1_BUILTINS:
            self._builtin(command)
        elif command in self._description.functions:
            return self._call(self._description.functions[command], rest if blank else None)
        elif line:
            raise _Refused(404, "funcname Not Found", "-")
        return None

    def _builtin(self, command: str) -> None:
        known = self._description
        match command:
            case "ping":
                self._send(200, "OK", "pong")
            case "devinfo":
                self.start()
            case "funcs":
                self._send(200, "FUNCS OK", ",".join([*V1_BUILTINS, *known.functions]))
            case "attrs":
                typed = (f"{a.name}:{a.type}" for a in known.attributes.values())
                self._send(200, "ATTRS OK", ",".join(typed))
            case "help":
                self._send(200, "Help found", _HELP["help"])

    def _help(self, name: str) -> None:
        if name in self._description.attributes:
            attribute = self._description.attributes[name]
            text = f"{attribute.type} - {attribute.help}"
        elif name in self._description.functions:
            function = self._description.functions[name]
            text = f"{function.signature} - {function.help}"
        elif name in _HELP:
            text = _HELP[name]
        else:
            raise _Refused(404, "No help found", name)
        self._send(200, "Help found", text)

    def _attribute(self, name: str) -> Attribute:
        try:
            return self._description.attributes[name]
        except KeyError:
            raise _Refused(404, "Attribute Not Found", "-") from None

    def _set(self, rest: str) -> Set:
        name, blank, text = rest.partition(" ")
        if not blank:
            raise _Refused(400, "Fail", "set attribute must be given a value")
        attribute = self._attribute(name)
        try:
            return Set(attribute, attribute.check(attribute.type.parse(text)))
        except ReadOnly:
            raise _Refused(405, "Read only", "-") from None
        except BadValue:
            raise _Refused(500, "Bad Value", "-") from None

    def _call(self, function: Function, text: str | None) -> Call:
        if (text is not None) != bool(function.args):
            raise _Refused(400, "Fail", function.signature)
        try:
            return Call(function, function.parse_args(text or ""))
        except BadType:
            raise _Refused(400, "Fail", function.signature) from None
        except BadValue as error:
            raise _Refused(400, "Bad Value", str(error)) from None


class _Refused(Exception):
    """A command that is answered with this error: status, message, data."""


def _answer(request: Request, value: Value | None) -> tuple[str, str]:
    match request:
        case Get(attribute):
            return "Found", attribute.type.format(attribute.type.check(value))
        case Call(function) if function.result:
            type_ = function.result.type
            return "Success", type_.format(type_.check(value)) or "-"
    return "Success", "-"
