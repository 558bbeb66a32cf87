"""What a person typed as in Python, said as it is typed in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import click

from ..errors import BadTarget, BadType, BadValue, DeviceNotFound, OutOfRange, UnknownName
from .common import complain

_MEMBER = re.compile(r"(?P<device>[A-Za-z_]\w*)\.(?P<rest>[A-Za-z_]\w*\b.*)", re.DOTALL)
_SIGNS = re.compile(r"[\s(),='\"]+")


class Mistyped(click.UsageError):
    """A wrong command line about which its one sentence says all."""

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - click's signature
        """Print it, without how the command is used."""
        complain(self.message)


@contextmanager
def translating(command: str, *words: str | None) -> Iterator[None]:
    """Say how `words` are typed here, where they fail because they are Python's."""
    try:
        yield
    except OutOfRange:
        raise
    except (BadTarget, BadType, BadValue, DeviceNotFound, UnknownName):
        if right := translated(command, [word for word in words if word]):
            raise Mistyped(right) from None
        raise


def translated(command: str, words: Sequence[str]) -> str:
    """Return what to type in place of `words`, as a sentence; empty where they aren't Python's.

    Without a `command`, it is what the words look like.
    """
    device, *rest = words
    member = _MEMBER.fullmatch(device)
    if member:
        device, rest = member["device"], [member["rest"], *rest]
    name, value = [*rest, "", ""][:2]
    commas = command == "call" and any("," in word for word in rest)
    if not (member or commas or re.search(r"[(=]", name) or value.startswith("=")):
        return ""
    sets, calls = "=" in f"{name}{value[:1]}", "(" in name
    if not command or (command == "get" and sets):
        command = "set" if sets else "call" if calls else "get"
    line = " ".join(["iotkit", command, device, *_SIGNS.sub(" ", " ".join(rest)).split()])
    if command == "get" and not calls:
        line += f", or for a function: {line.replace(' get ', ' call ', 1)}"
    return f"in a terminal that is written: {line}"
