"""Names and values as a person types them, and the device they are meant for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..description import Argument, Attribute, Description, Function
from ..device import Device, link_of
from ..errors import BadValue, UnknownName, did_you_mean
from ..types import Value


def description(device: Device) -> Description:
    """Return what the device says of itself."""
    return link_of(device).description


def target(device: Device) -> str:
    """Return what `device` was reached by."""
    return link_of(device).target


def member(device: Device, name: str) -> Attribute | Function:
    """Return the attribute or function of that name; raises UnknownName."""
    known = description(device)
    members: dict[str, Attribute | Function] = {**known.attributes, **known.functions}
    if name not in members:
        raise UnknownName(f"{known.id} has no {name!r}{did_you_mean(name, members)}")
    return members[name]


def read(device: Device, name: str) -> Value:
    """Return an attribute's value; raises UnknownName, and as a link does."""
    value: Value = device[_attribute(device, name).name]
    return value


def write(device: Device, name: str, text: str) -> None:
    """Set an attribute to the value that `text` stands for; raises BadValue and as a link does."""
    device[name] = _parsed(_attribute(device, name), text)


def call(device: Device, name: str, texts: Sequence[str]) -> Any:
    """Call a function with the values that `texts` stand for, and return its result.

    Raises UnknownName, BadType for a wrong number of them, BadValue, and as a link does.
    """
    found = member(device, name)
    if isinstance(found, Attribute):
        raise UnknownName(f"{name} is an attribute: it can be read or set, not called")
    if len(texts) != len(found.args):
        found.check(texts)  # raises, and says how many it takes
    return device[name](*(_parsed(a, text) for a, text in zip(found.args, texts, strict=True)))


def _attribute(device: Device, name: str) -> Attribute:
    found = member(device, name)
    if isinstance(found, Function):
        raise UnknownName(f"{name} is a function: it can be called, not read or set")
    return found


def _parsed(found: Attribute | Argument, text: str) -> Value:
    try:
        return found.type.parse(text)
    except BadValue as error:
        raise BadValue(f"{found.name}: {error}") from None
