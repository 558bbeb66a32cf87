"""What the class of a device written in Python declares, by its annotations and members."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, get_args, get_origin

from .description import Argument, Attribute, Description, Event, Function
from .types import Type

_TYPES = {int: Type.INT, float: Type.FLOAT, bool: Type.BOOL, str: Type.STR, Any: Type.ANY}


def declared(cls: type, id_: str, deadman_ms: int) -> Description:
    """Return the description of devices of this class; see iotkit.host.

    Raises TypeError for a name or a type hint that no device can have.
    """
    attributes, functions, events = list(_attributes(cls)), list(_functions(cls)), _events(cls)
    known = Description.of(
        id_, attributes, functions, events, help=_text(cls), deadman_ms=deadman_ms
    )
    names = [a.name for a in attributes] + [f.name for f in functions] + [e.name for e in events]
    for name in names:
        if not any(name in kind for kind in (known.attributes, known.functions, known.events)):
            raise TypeError(f"{cls.__name__}.{name}: no device can have that name")
    return known


def members(cls: type) -> dict[str, Any]:
    """Return all members in the order of their definition, base classes first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found |= vars(base)
    return found


def _attributes(cls: type) -> Iterator[Attribute]:
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        if name.startswith("_") or get_origin(hint) is ClassVar:
            continue
        base, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        help_ = next((note for note in notes if isinstance(note, str)), "")
        yield Attribute(name, _type(cls, name, base), help_)
    for name, member in members(cls).items():
        if not isinstance(member, property) or name.startswith("_"):
            continue
        hint = typing.get_type_hints(member.fget).get("return")
        declared = Attribute(name, _type(cls, name, hint), _text(member))
        yield declared if member.fset else declared.as_read_only()


def _functions(cls: type) -> Iterator[Function]:
    for name, member in members(cls).items():
        if not hasattr(member, "__iotkit_function__"):
            continue
        hints = typing.get_type_hints(member)
        parameters = list(inspect.signature(member).parameters)[1:]
        args = tuple(
            Argument(p, _type(cls, f"{name}, argument {p},", hints.get(p))) for p in parameters
        )
        result = hints.get("return", type(None))
        given = None if result is type(None) else Argument("result", _type(cls, name, result))
        yield Function(name, args, given, _text(member))


def _events(cls: type) -> list[Event]:
    events = []
    for name, member in members(cls).items():
        if hasattr(member, "__iotkit_event__"):
            hints = typing.get_type_hints(member)
            parameters = list(inspect.signature(member).parameters)[1:]
            if len(parameters) > 1:
                raise TypeError(f"{cls.__name__}.{name}: an event has one value, or none")
            values = [
                Argument(p, _type(cls, f"{name}, value {p},", hints.get(p))) for p in parameters
            ]
            events.append(Event(name, values[0] if values else None, _text(member)))
    return events


def _type(cls: type, name: str, hint: Any) -> Type:
    try:
        return _TYPES[hint]
    except (KeyError, TypeError):
        raise TypeError(
            f"{cls.__name__}.{name} needs type hints of int, float, bool, str or Any, not {hint!r}"
        ) from None


def _text(documented: Any) -> str:
    return " ".join((documented.__doc__ or "").split())
