"""What a program wants of a device: checked against its description, and given to its link.

The device's object and its awaitable twin (aio.py) both go through here.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from .description import Argument, Attribute, Function
from .errors import BadType, BadValue, ReadOnly, UnknownName, did_you_mean, listed
from .links import HALT, Link
from .links.interrupts import BLINK
from .links.questions import Answer
from .types import Type, Value, shown

MAX_TIMEOUT = 86_400  # seconds: a day

Result = TypeVar("Result")


def attribute(link: Link, name: str) -> Attribute:
    """Return the attribute `name`; raises UnknownName."""
    found = link.description.attributes.get(name)
    if found is None:
        raise unknown(link, name)
    return found


def begin_set(link: Link, name: str, value: Any) -> Future[None]:
    """Begin to set an attribute.

    Raises UnknownName, ReadOnly, BadType, BadValue, OutOfRange; DeviceStopped while held.
    """
    known = link.description
    if name in known.functions:
        call = f"{known.name}.{usage(known.functions[name])}"
        raise ReadOnly(f"{name} is a function: call it, as in {call}")
    checked = attribute(link, name).check(value)
    return link.drive(lambda: link.set(name, checked))


def begin_call(
    link: Link, name: str, args: Sequence[Any], named: dict[str, Any]
) -> Future[Value | None]:
    """Begin to call a function; `timeout`, if it has no such argument, is for Link.call.

    Raises UnknownName, BadType, BadValue, OutOfRange; DeviceStopped while held, but for `stop`.
    """
    function = link.description.functions.get(name)
    if function is None:
        raise unknown(link, name)
    called_with = signature(function)
    timeout = None
    if "timeout" in named and "timeout" not in called_with.parameters:
        timeout = _seconds(named["timeout"])
        named = {name: value for name, value in named.items() if name != "timeout"}
    if named:
        try:
            args = list(called_with.bind(*args, **named).arguments.values())
        except TypeError as error:
            shown_as = called_with.replace(return_annotation=inspect.Signature.empty)
            raise BadType(f"{name}{shown_as}: {error}") from None
    values = function.check(args)
    if name == HALT and not values:
        return link.call(name, values, timeout)
    return link.drive(lambda: link.call(name, values, timeout))


def _seconds(timeout: Any) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise BadType(f"timeout is a number of seconds, not {shown(timeout)}")
    if not 0 < timeout <= MAX_TIMEOUT:
        raise BadValue(f"timeout is more than 0 and at most {MAX_TIMEOUT:,} seconds")
    return timeout


def wait(future: Future[Result]) -> Result:
    """Return the future's result; Ctrl-C interrupts, and takes back what has not been sent."""
    try:
        if isinstance(future, Answer):
            future.read()
        while True:
            try:
                return future.result(BLINK)
            except TimeoutError:
                if future.done():
                    raise
    finally:
        future.cancel()


def unknown(link: Link, name: str, meant: Sequence[str] = ()) -> UnknownName:
    """Return the error for a name that can't be used so, with the one that may be meant.

    `meant` are those that could be used; without, all attributes and functions.
    """
    known, names = link.description, meant or all_names(link)
    if name in names:
        return UnknownName(f"{name!r} is no name for Python: write {known.name}[{name!r}]")
    if meant and name in known.functions:
        return UnknownName(f"{name} is a function of {known.id}: there is no news of it")
    if name in known.events:
        return UnknownName(f"{name} is an event: write {known.name}.on({name!r}, …)")
    near = did_you_mean(str(name), names) or (f": it has {listed(names)}" if names else "")
    return UnknownName(f"{known.id} has no {name!r}{near}")


def all_names(link: Link) -> list[str]:
    """Return the names of all attributes and functions."""
    return [*link.description.attributes, *link.description.functions]


def usage(function: Function) -> str:
    """Return how a function is called, with the names of its arguments: `drive(left, right)`."""
    return f"{function.name}({', '.join(signature(function).parameters)})"


def signature(function: Function) -> inspect.Signature:
    """Return how a function is called in Python; a name that Python can't bear gets another."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters: list[inspect.Parameter] = []
    taken = {"self"}
    for argument in function.args:
        name = _parameter_name(argument, taken)
        taken.add(name)
        parameters.append(inspect.Parameter(name, kind, annotation=_annotation(argument)))
    result = _annotation(function.result) if function.result else None
    return inspect.Signature(parameters, return_annotation=result)


def _parameter_name(argument: Argument, taken: set[str]) -> str:
    name = re.sub("[^A-Za-z0-9_]", "_", argument.name)
    if not name.isidentifier():
        name = f"_{name}"
    while name in taken or keyword.iskeyword(name):
        name += "_"
    return name


def _annotation(argument: Argument) -> Any:
    return Any if argument.type is Type.ANY else argument.type.python
