"""The device's end of the serial protocol."""

from __future__ import annotations

import re
from collections import deque

from ..description import (
    V1_BUILTINS,
    Attribute,
    Description,
    Event,
    Function,
    is_identifier,
)
from ..errors import BadType, IotkitError, OutOfRange, ReadOnly
from ..types import Type, Value
from .describing import describe, fingerprint
from .device_requests import Call, Claim, Get, Rename, Request, Set, Watch
from .frames import NEWS_TAG, frame, is_frame, lost_its_head, unframe
from .lines import CLAIM_NEWS, EVENT_NEWS, MAX_LINE, NO_NEWS, VALUE_NEWS, Lines, text

LONGEST_LINE = 4096  # bytes that a device in Python says it takes
LONGEST_WATCH = 65535  # ms between two news of an attribute
LONGEST_CLAIM = 24 * 3600 * 1000  # ms
CANCEL = b"\x18"

_BREAKS = re.compile(r"[\n\r\x00]")

_HELP = {
    "ping": "ping -> pong:str - Answer pong",
    "devinfo": "devinfo -> id:str - The id of this device",
    "funcs": "funcs -> names:str - All functions, separated by commas",
    "attrs": "attrs -> names:str - All attributes with their types, separated by commas",
    "set": "set name:str value:T -> - Give an attribute a value",
    "get": "get name:str -> value:T - The value of an attribute",
    "help": "help -> helptext:str - try 'help help', 'funcs' and 'attrs'",
    "describe": "describe -> - All attributes and functions, with their help",
    "watch": "watch name:str ms:int -> - Tell news of an attribute, at most one each ms; 0 ends it",
    "claim": "claim ms:int who:str -> - Let nobody else drive for so long; 0 ends it",
    "rename": "rename specifier:str -> - Which one of its class this is; none to clear it",
}


class DeviceEnd:
    """The conversation as the device sees it.

    It knows its description, and answers all but values itself. A request in a plain line
    holds up the plain lines behind it until it is answered; framed ones are handed out as they
    come, and may be answered in any order. `version` 1 is what original boards speak.
    `description` may be replaced at any time, as when the device is renamed. `good_commands`
    counts those that have been answered without an error, for a deadman.
    """

    def __init__(self, description: Description, version: int = 2) -> None:
        self.description = description
        self.good_commands = 0
        self._version = version
        self._lines = Lines(CANCEL if version >= 2 else b"")
        self._received: deque[tuple[bytes, bool]] = deque()
        self._unanswered: list[Request] = []
        self._watched: dict[str, Attribute] = {}
        self._forgotten: deque[Watch] = deque()  # what a host before this one wanted
        self._framed = False  # a good frame has come
        self._listens = False  # the host knows of news
        self._claimed_by = ""
        self._out = bytearray()

    def start(self) -> None:
        """Say that the device is ready, as boards do when they are switched on."""
        self._send(None, 200, *self._ready())
        self.good_commands = 0  # that was none

    def receive(self, data: bytes) -> None:
        """Take in what came from the host."""
        self._received += self._lines.feed(data)

    def next_request(self) -> Request | None:
        """Return the next request that needs the device itself; None where there is none yet."""
        ready = self._received
        while not self._forgotten and ready and not self._held_up(ready[0][0]):
            request = self._line(*ready.popleft())
            if isinstance(request, Watch):
                return request
            if request is not None:
                self._unanswered.append(request)
                return request
        return self._forgotten.popleft() if self._forgotten else None

    def answer(self, request: Request, value: Value | None = None) -> None:
        """Answer with the value got or the function's result; None where there is none.

        A value that its type can't carry becomes an error of the device's.
        """
        try:
            message, data = self._answer(request, value)
        except IotkitError as error:
            self.refuse(request, 500, "Device fault", str(error))
        else:
            self._finish(request, 200, message, data)

    def refuse(self, request: Request, status: int, message: str, data: str = "-") -> None:
        """Answer with an error; `message` and `data` are for people."""
        self._finish(request, status, message, data)

    def news(self, attribute: Attribute, value: Value) -> None:
        """Tell the value of a watched attribute; as a fault where its type can't carry it."""
        try:
            data = attribute.type.format(attribute.type.check(value))
        except IotkitError as error:
            self.no_news(attribute, 500, str(error))
            return
        if attribute.name in self._watched:
            self._unasked(VALUE_NEWS, attribute.name, data)

    def no_news(self, attribute: Attribute, status: int, reason: str) -> None:
        """Tell why the value of a watched attribute is not known."""
        if attribute.name in self._watched:
            self._unasked(NO_NEWS, attribute.name, f"{status} {reason}")

    def raised(self, event: Event, value: Value | None) -> None:
        """Tell of an event, if the host is one that knows of such things."""
        if self._listens:
            carried = event.value is not None and value is not None
            data = event.value.type.format(value) if carried else "-"  # type: ignore[union-attr,arg-type]
            self._unasked(EVENT_NEWS, event.name, data)

    def claimed(self, who: str) -> None:
        """Tell who has claimed the device; an empty text where nobody has."""
        before, self._claimed_by = self._claimed_by, who
        if self._listens and who != before:
            self._unasked(CLAIM_NEWS, "claim", who)

    def data_to_send(self) -> bytes:
        """Return, once, what is to be sent to the host."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def _finish(self, request: Request, status: int, message: str, data: str) -> None:
        self._unanswered = [other for other in self._unanswered if other is not request]
        self._send(request.tag, status, message, data)

    def _send(self, tag: str | None, status: int, message: str, data: str) -> None:
        self.good_commands += 200 <= status < 300
        message = _BREAKS.sub(" ", message).replace(":", " ")
        line = f"{status}:{message}:{_BREAKS.sub(' ', data)}"
        self._out += frame(tag, line) if tag else f"{line}\r\n".encode("utf-8", "replace")

    def _unasked(self, status: int, name: str, data: str) -> None:
        self._send(NEWS_TAG if self._framed else None, status, name, data)

    def _held_up(self, line: bytes) -> bool:
        return not is_frame(line) and any(request.tag is None for request in self._unanswered)

    def _line(self, line: bytes, whole: bool) -> Request | None:
        tag = None
        if is_frame(line) and whole and self._version >= 2:
            found = unframe(line)
            if found is None or found[0] == NEWS_TAG:
                return self._refuse_damaged()
            self._framed = True
            self._listen()
            tag, line = found
        elif self._framed and lost_its_head(line):
            return self._refuse_damaged()
        try:
            if not whole or len(line) > LONGEST_LINE:
                raise _Refused(413, "Line too long", "-")
            return self._handle(text(line), tag)
        except _Refused as refused:
            self._send(tag, *refused.args)
            return None

    def _refuse_damaged(self) -> Request | None:
        self._send(NEWS_TAG, 400, "Bad checksum", "-")
        return None

    def _handle(self, line: str, tag: str | None) -> Request | None:
        """Answer a built-in command, or return what the device itself has to do."""
        command, blank, rest = line.partition(" ")
        if command == "get":
            return Get(self._attribute(rest), tag=tag)
        if command == "set":
            return self._set(rest, tag)
        if command == "help" and blank:
            self._send(tag, 200, "Help found", self._help(rest))
        elif command == "describe" and self._version >= 2:
            self._describe(tag)
        elif command == "rename" and self._version >= 2:
            return self._rename(rest, tag)
        elif command == "claim" and self._version >= 2:
            return _claim(rest, tag)
        elif command == "watch" and self._version >= 2:
            return self._watch(rest, tag)
        elif command in V1_BUILTINS:
            if command == "devinfo" and not tag:
                self._begin_session()
            self._send(tag, 200, *self._builtin(command))
        elif command in self.description.functions:
            return self._call(self.description.functions[command], rest if blank else None, tag)
        elif line or tag:
            raise _Refused(404, "funcname Not Found", "-")
        return None

    def _begin_session(self) -> None:
        """Forget what was asked before: who asks in a plain line what this is, has just come."""
        self._framed = self._listens = False
        self._forgotten += (Watch(attribute, 0) for attribute in self._watched.values())
        self._watched.clear()

    def _listen(self) -> None:
        """Tell news from now on: the host knows of such things."""
        listened, self._listens = self._listens, True
        if self._claimed_by and not listened:
            self._unasked(CLAIM_NEWS, "claim", self._claimed_by)

    def _ready(self) -> tuple[str, str]:
        known = self.description
        dialect = f" iotoy/2 {fingerprint(known)}" if self._version >= 2 else ""
        return f"DEV READY{dialect}", known.id

    def _builtin(self, command: str) -> tuple[str, str]:
        known = self.description
        match command:
            case "ping":
                return "OK", "pong"
            case "devinfo":
                return self._ready()
            case "funcs":
                return "FUNCS OK", ",".join([*V1_BUILTINS, *known.functions])
            case "attrs":
                typed = (f"{a.name}:{a.type}" for a in known.attributes.values())
                return "ATTRS OK", ",".join(typed)
        return "Help found", _HELP["help"]

    def _describe(self, tag: str | None) -> None:
        lines = [*describe(self.description), ("INFO", f"buffer {MAX_LINE}")]
        for message, data in lines:
            self._send(tag, 102, message, data)
        summary = f"{len(lines)},{fingerprint(self.description)},{LONGEST_LINE}"
        self._send(tag, 200, "DESCRIBE OK", summary)

    def _answer(self, request: Request, value: Value | None) -> tuple[str, str]:
        match request:
            case Get(attribute=attribute):
                return "Found", attribute.type.format(attribute.type.check(value))
            case Call(function=function) if function.result:
                type_ = function.result.type
                text_ = type_.format(type_.check(value))
                return "Success", text_ if text_ or self._version >= 2 else "-"
        return "Success", "-"

    def _help(self, name: str) -> str:
        known = self.description
        if name in known.attributes:
            return f"{known.attributes[name].type} - {known.attributes[name].help}"
        if name in known.functions:
            return f"{known.functions[name].signature} - {known.functions[name].help}"
        if name in _HELP:
            return _HELP[name]
        raise _Refused(404, "No help found", name)

    def _attribute(self, name: str) -> Attribute:
        try:
            return self.description.attributes[name]
        except KeyError:
            raise _Refused(404, "Attribute Not Found", "-") from None

    def _set(self, rest: str, tag: str | None) -> Set:
        name, blank, value = rest.partition(" ")
        if not blank:
            raise _Refused(400, "Fail", "set attribute must be given a value")
        attribute = self._attribute(name)
        try:
            return Set(attribute, attribute.check(attribute.type.parse(value)), tag=tag)
        except IotkitError as error:
            if self._version < 2 and not isinstance(error, ReadOnly):
                raise _Refused(500, "Bad Value", "-") from None
            raise _refusal(error) from None

    def _watch(self, rest: str, tag: str | None) -> Watch:
        name, blank, interval = rest.partition(" ")
        if not blank:
            raise _Refused(400, "Fail", _HELP["watch"].partition(" - ")[0])
        attribute = self._attribute(name)
        try:
            milliseconds = int(Type.INT.parse(interval))
        except IotkitError as error:
            raise _refusal(error) from None
        if not 0 <= milliseconds <= LONGEST_WATCH:
            raise _Refused(416, "Out of range", f"0..{LONGEST_WATCH}")
        self._listen()
        self._watched.pop(name, None)
        if milliseconds:
            self._watched[name] = attribute
        self._send(tag, 200, "Success", "-")
        return Watch(attribute, milliseconds, tag=tag)

    def _rename(self, specifier: str, tag: str | None) -> Rename:
        if specifier and not is_identifier(specifier):
            raise _Refused(400, "Bad Value", "a letter, then letters, digits and _")
        return Rename(specifier, tag=tag)

    def _call(self, function: Function, args: str | None, tag: str | None) -> Call:
        try:
            if (args is not None) != bool(function.args):
                raise BadType(function.signature)
            return Call(function, function.parse_args(args or ""), tag=tag)
        except BadType:
            raise _Refused(400, "Fail", function.signature) from None
        except IotkitError as error:
            raise _refusal(error) from None


def _claim(rest: str, tag: str | None) -> Claim:
    take = rest.startswith("take ")
    time, _, who = rest.removeprefix("take ").partition(" ")
    try:
        milliseconds = int(Type.INT.parse(time))
    except IotkitError as error:
        raise _refusal(error) from None
    if not 0 <= milliseconds <= LONGEST_CLAIM:
        raise _Refused(416, "Out of range", f"0..{LONGEST_CLAIM}")
    return Claim(milliseconds, who, take, tag=tag)


class _Refused(Exception):
    """A command that is answered with this error: status, message, data."""


def _refusal(error: IotkitError) -> _Refused:
    match error:
        case ReadOnly():
            return _Refused(405, "Read only", "-")
        case OutOfRange():
            return _Refused(416, "Out of range", error.limits)
    return _Refused(400, "Bad Value", str(error))
