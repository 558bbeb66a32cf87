"""The lines of a recording: one of JSON for the device, then one for each change.

A file may come from anybody, and is read as strictly as what comes from a device.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from .. import errors
from ..description import Attribute, Description, Event
from ..errors import DeviceError, IotkitError
from ..links import Change
from ..protocol.describing import describe, described
from ..types import Type, Value

FORMAT = "iotkit recording 1"
MAX_LINE = 1 << 20  # bytes; ten times the longest value that comes over a wire
MAX_SECONDS = 1e9  # of one recording, 30 years: any clock can still show its end
YEARS = range(1970, 2201)  # in which it may have begun, for the same reason


class Entry(NamedTuple):
    """One line of a recording: `time, name, value`.

    `time` is in seconds since the recording began. `value` is None for an event without one, and
    an IotkitError where the value was not known: it says why.
    """

    time: float
    name: str
    value: Change


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording says first: of which device it is, what of it, and when it began."""

    device: Description
    names: tuple[str, ...]
    started: datetime

    def member(self, name: str) -> Attribute | Event:
        """Return the attribute or event of that name."""
        return self.device.attributes.get(name) or self.device.events[name]

    def encode(self) -> bytes:
        """Return the header's line; undone by `parse`. Raises ValueError if that is too long."""
        return _line(
            {
                "format": FORMAT,
                "started": self.started.isoformat(),
                "device": self.device.id,
                "names": self.names,
                "describe": describe(self.device),
            }
        )

    @classmethod
    def parse(cls, line: bytes) -> Header:
        """Return the header in a line; raises ValueError where it has not the form."""
        match _json(line):
            case {
                "format": str(form),
                "started": str(started),
                "device": str(id_),
                "names": [*names],
                "describe": [*lines],
            } if form == FORMAT:
                pass
            case _:
                raise ValueError("no header")
        when = datetime.fromisoformat(started)
        if when.tzinfo is None or when.year not in YEARS:
            raise ValueError("no time at which it began")
        try:
            device, _ = described(id_, [(str(message), str(data)) for message, data in lines])
        except (TypeError, IotkitError) as error:
            raise ValueError("no description") from error
        known = {*device.attributes, *device.events}
        if not names or not all(isinstance(name, str) and name in known for name in names):
            raise ValueError("names of nothing")
        return cls(device, tuple(dict.fromkeys(names)), when)

    def encode_entry(self, entry: Entry) -> bytes:
        """Return an entry's line; undone by `parse_entry`. Raises ValueError if it is too long."""
        value: Any = entry.value
        if isinstance(value, IotkitError):
            value = {"error": type(value).__name__, "says": str(value)}
        return _line([entry.time, entry.name, value])

    def parse_entry(self, line: bytes) -> Entry:
        """Return the entry in a line; raises ValueError where it has not the form."""
        match _json(line):
            case [float() | int() as time, str(name), value] if name in self.names:
                pass
            case _:
                raise ValueError("no entry")
        if isinstance(time, bool) or not 0 <= time <= MAX_SECONDS:
            raise ValueError("no time")
        return Entry(float(time), name, self._change(name, value))

    def _change(self, name: str, value: Any) -> Change:
        match value:
            case {"error": str(kind), "says": str(says)}:
                return _error(kind)(says)
        member = self.member(name)
        if isinstance(member, Attribute):
            return _value(member.type, value)
        if member.value is not None:
            return _value(member.value.type, value)
        if value is not None:
            raise ValueError("a value of an event without one")
        return None


def _line(content: Any) -> bytes:
    line = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    encoded = line.encode("utf-8", "replace") + b"\n"
    if len(encoded) > MAX_LINE:
        raise ValueError(f"a line of {len(encoded)} bytes")
    return encoded


def _json(line: bytes) -> Any:
    try:
        return json.loads(line.decode(), parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested without end") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _error(kind: str) -> type[IotkitError]:
    """Return the error of that name; DeviceError for one that a later version may have."""
    found = getattr(errors, kind, None)
    return found if isinstance(found, type) and issubclass(found, IotkitError) else DeviceError


def _value(type_: Type, value: Any) -> Value:
    """Return a value as it came in JSON; raises ValueError unless it is one of this type."""
    if type_ in (Type.STR, Type.ANY):
        if not isinstance(value, str):
            raise ValueError("no text")
        return value
    try:
        return type_.check(value)
    except IotkitError as error:
        raise ValueError(str(error)) from error
