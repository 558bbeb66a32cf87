"""A whole description as lines, for the command `describe` (serial v2)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from ..description import Attribute, Description, Event, Function
from ..types import Type

_MILLISECONDS = re.compile("[0-9]{1,9}")

INFO, ATTR, FUNC, EVENT = "INFO", "ATTR", "FUNC", "EVENT"  # messages of the lines of status 102


def describe(known: Description) -> list[tuple[str, str]]:
    """Return the message and data of each line that describes `known`; undone by `described`."""
    lines = [(INFO, f"help {known.help}")] if known.help else []
    if known.deadman_ms:
        lines.append((INFO, f"deadman_ms {known.deadman_ms}"))
    lines += [(ATTR, f"{a.name}:{a.type} - {a.help}") for a in known.attributes.values()]
    lines += [(FUNC, f"{f.signature} - {f.help}") for f in known.functions.values()]
    lines += [(EVENT, f"{e.signature} - {e.help}") for e in known.events.values()]
    return lines


def described(
    device_id: str, lines: Iterable[tuple[str, str]]
) -> tuple[Description, dict[str, str]]:
    """Return the description in these lines, and the facts on the line itself (INFO).

    A line that can't be read is left out. Raises ProtocolError for a bad `device_id`.
    """
    info: dict[str, str] = {}
    attributes, functions, events = [], [], []
    for message, data in lines:
        name = data.partition(" ")[0].partition(":")[0]
        if message == INFO:
            key, _, value = data.partition(" ")
            info[key] = value
        elif message == ATTR:
            head, _, help_ = f"{data} ".partition(" - ")
            attributes.append(Attribute(name, Type.named(head.partition(":")[2]), help_.rstrip()))
        elif message == FUNC:
            functions.append(Function.parse(name, data))
        elif message == EVENT:
            events.append(Event.parse(name, data))
    deadman = info.get("deadman_ms", "")
    return (
        Description.of(
            device_id,
            attributes,
            functions,
            events,
            info.get("help", ""),
            int(deadman) if _MILLISECONDS.fullmatch(deadman) else 0,
        ),
        info,
    )


def fingerprint(known: Description) -> str:
    """Return a short hash of all that `known` says."""
    lines = "\n".join(f"{message}:{data}" for message, data in describe(known))
    return f"{zlib.crc32(lines.encode()):08x}"
