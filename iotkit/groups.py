"""Several devices as one: what is wanted of them is begun with all at once, then waited for.

Looking at a group never talks to a device.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from .closing import Closing
from .commands import attribute, begin_call, begin_set, signature, wait
from .description import Attribute, Function
from .device import Device, link_of
from .errors import (
    BadType,
    DeviceNotFound,
    IotkitError,
    SomeFailed,
    UnknownName,
    briefly,
    did_you_mean,
)
from .links import Link
from .plain import printable
from .types import shown
from .values import reading


class Results(dict[str, Any]):
    """What each device of a group answered, by its name: a result, or the error without one."""

    @property
    def errors(self) -> dict[str, IotkitError]:
        """Those that failed, and why."""
        return {name: one for name, one in self.items() if isinstance(one, IotkitError)}

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:{width}}  {_answer(one)}" for name, one in self.items())


class Group(Closing):
    """Several devices, used as one.

    `robots.forward(500)` calls a function of all, `robots.speed` reads an attribute of all; both
    return Results. A function that no device can be asked for, as with an argument out of its
    range, raises its error. `robots.speed = 80` sets it, or raises SomeFailed when all have been
    asked. A device that has no such name is one that failed, as long as another one has it.

    `for robot in robots` goes through the devices, `robots["sumobot_2"]` is one of them.
    """

    names: list[str]
    _members: dict[str, Device | IotkitError]

    def __init__(self, members: dict[str, Device | IotkitError]) -> None:
        """See `grouped`."""
        vars(self).update(_members=members, names=list(members))

    def close(self) -> None:
        """Let go of all the devices; a second time does nothing."""
        for device in self:
            device.close()

    def __iter__(self) -> Iterator[Device]:
        return (one for one in self._members.values() if isinstance(one, Device))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> Device:
        one = self._members.get(name)
        if one is None:
            near = did_you_mean(str(name), self._members)
            raise UnknownName(f"there is no {name!r} in this group{near}")
        if isinstance(one, IotkitError):
            raise one
        return one

    def __repr__(self) -> str:
        states = (f"{name} {_state(one)}" for name, one in self._members.items())
        return f"<{len(self._members)} devices: {', '.join(states)}>"

    def __dir__(self) -> list[str]:
        own = [name for name in vars(type(self)) if not name.startswith("_")]
        return [*own, "close", "names"]

    def __getattr__(self, name: str) -> Any:
        # What the devices have, the group's class has.
        known = [one for one in dir(self) if one not in ("close", "names")]
        near = "" if name.startswith("_") else did_you_mean(name, known)
        raise UnknownName(f"none of these devices has {name!r}{near}")

    @briefly
    def __setattr__(self, name: str, value: Any) -> None:
        def begin(link: Link) -> Future[None]:
            return begin_set(link, name, value)

        if errors := _each(self, begin).errors:
            why = "; ".join(f"{known}: {error}" for known, error in errors.items())
            raise SomeFailed(f"{name} was not set by {len(errors)} of {len(self.names)}: {why}")

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._members)


def group(*devices: Device) -> Group:
    """Return a group of these devices, by their names; a name that is taken gets a number.

    Raises BadType for what is no device, DeviceNotFound where there is none.
    """
    members: dict[str, Device | IotkitError] = {}
    for device in dict.fromkeys(devices):
        if not isinstance(device, Device):
            raise BadType(f"group() takes devices, not {shown(device)}")
        link, number = link_of(device), 1
        name = plain = link.asked_as or link.description.name
        while name in members:
            number += 1
            name = f"{plain}_{number}"
        members[name] = device
    return grouped(members)


def grouped(members: dict[str, Device | IotkitError]) -> Group:
    """Return a group, of a class of its own, of these devices and of those that can't be reached.

    Raises DeviceNotFound where there is none at all, or else why there is none to be reached.
    """
    devices = [one for one in members.values() if isinstance(one, Device)]
    if not devices:
        errors = [one for one in members.values() if isinstance(one, IotkitError)]
        raise errors[0] if errors else DeviceNotFound("there is no device for a group")
    known: dict[str, Any] = {}
    for device in devices:
        description = link_of(device).description
        known = {name: _property(one) for name, one in description.attributes.items()} | known
        known = {name: _method(one) for name, one in description.functions.items()} | known
    known = {name: member for name, member in known.items() if _fits(name)}
    made: Group = type("Group", (Group,), known | {"__doc__": Group.__doc__})(members)
    return made


def _fits(name: str) -> bool:
    """Whether a group can have it; else it is for each device alone."""
    free = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return free and name != "close"


def _each(group: Group, begin: Callable[[Link], Future[Any]]) -> Results:
    """Ask all, then wait for all; raises the error if nothing could be asked of any."""
    begun: dict[str, Future[Any] | IotkitError] = {}
    for name, one in group._members.items():
        try:
            begun[name] = one if isinstance(one, IotkitError) else begin(link_of(one))
        except IotkitError as error:
            begun[name] = error
    futures = [one for one in begun.values() if isinstance(one, Future)]
    if not futures:
        here = (name for name, one in group._members.items() if isinstance(one, Device))
        raise begun[next(here)]  # type: ignore[misc] # all of them are errors
    try:
        return Results({name: _outcome(one) for name, one in begun.items()})
    finally:
        for future in futures:
            future.cancel()


def _outcome(one: Future[Any] | IotkitError) -> Any:
    if isinstance(one, IotkitError):
        return one
    try:
        return wait(one)
    except IotkitError as error:
        return error


def _property(known: Attribute) -> property:
    def get(self: Group) -> Results:
        read = _each(self, lambda link: link.get(attribute(link, known.name).name))
        for name, value in read.items():
            if not isinstance(value, IotkitError):
                read[name] = reading(value, link_of(self[name]).description.attributes[known.name])
        return read

    def set_(self: Group, value: Any) -> None:
        Group.__setattr__(self, known.name, value)

    return property(briefly(get), set_, doc=known.help)


def _method(known: Function) -> Callable[..., Results]:
    @briefly
    def method(self: Group, *args: Any, **named: Any) -> Results:
        return _each(self, lambda link: begin_call(link, known.name, args, named))

    method.__name__ = method.__qualname__ = known.name
    method.__doc__ = known.help
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    called_with = signature(known).replace(return_annotation=Results)
    parameters = [itself, *called_with.parameters.values()]
    method.__signature__ = called_with.replace(parameters=parameters)  # type: ignore[attr-defined]
    return method


def _answer(one: Any) -> str:
    if isinstance(one, IotkitError):
        return printable(f"{type(one).__name__}: {one}")
    return "done" if one is None else printable(repr(one))


def _state(one: Device | IotkitError) -> str:
    return type(one).__name__ if isinstance(one, IotkitError) else link_of(one).state
