"""What a host asks of a device, and the device itself has to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..description import Attribute, Function
from ..types import Value


@dataclass(frozen=True, slots=True)
class Request:
    """Something that the device itself has to do, and then answer once."""

    tag: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Get(Request):
    """The host asks for the value of `attribute`."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Set(Request):
    """The host sets `attribute` to `value`, which is of its type and within its limits."""

    attribute: Attribute
    value: Value


@dataclass(frozen=True, slots=True)
class Call(Request):
    """The host calls `function` with `args`, which are what it takes."""

    function: Function
    args: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Rename(Request):
    """The host gives the device this specifier id; an empty one clears it."""

    specifier: str


@dataclass(frozen=True, slots=True)
class Claim(Request):
    """The host claims the device for `milliseconds`, 0 to end that; and may `take` it from others.

    `who` is what it says to be.
    """

    milliseconds: int
    who: str
    take: bool


@dataclass(frozen=True, slots=True)
class Watch(Request):
    """The host wants the news of `attribute`, at most one each `milliseconds`; 0 ends it.

    It is answered already.
    """

    attribute: Attribute
    milliseconds: int
