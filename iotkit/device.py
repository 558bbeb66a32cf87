"""The object that stands for a device: its attributes are properties, its functions methods.

A class is made for each device from its description, so help(), TAB and signatures come from
the device. Looking at it never talks to the device; reading, setting and calling do.
"""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from . import opened
from .description import Argument, Attribute, Function
from .errors import BadType, ReadOnly, UnknownName, did_you_mean
from .links import Link
from .types import Type
from .values import reading

Result = TypeVar("Result")


class _DeviceClass(type):
    """The type of devices' classes: `help(robot)` shows what the device has, and no more."""

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]


class Device(metaclass=_DeviceClass):
    """A device, as an object.

    `robot.speed` reads an attribute, `robot.speed = 80` sets it, `robot.forward(500)` calls a
    function. `robot["name"]` does the same for a name that Python or this class can't bear.
    Errors are the subclasses of IotkitError, each also the builtin one expects.
    """

    def __init__(self, link: Link) -> None:
        object.__setattr__(self, "_link", link)

    _link: Link

    @property
    def devinfo(self) -> dict[str, Any]:
        """What the device says of itself: a dict with "devicename", "attrs" and "funcs"."""
        return self._link.description.to_devinfo()

    def close(self) -> None:
        """Let go of the device; a second time does nothing."""
        self._link.close()
        opened.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        known = self._link.description
        state = "closed" if self._link.closed else "connected"
        names = ", ".join([*known.attributes, *(f"{name}()" for name in known.functions)])
        return f"<{known.id} on {self._link.target}, {state}: {names}>"

    def __dir__(self) -> list[str]:
        return ["close", "devinfo", *filter(_fits, _names(self))]

    def __getitem__(self, name: str) -> Any:
        known = self._link.description
        if name in known.attributes:
            return _read(self, known.attributes[name])
        if name in known.functions:
            return _method(known.functions[name]).__get__(self)
        raise _unknown(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        known = self._link.description
        if name in known.functions:
            raise ReadOnly(f"{name} is a function: call it, as in {known.name}.{name}()")
        if name not in known.attributes:
            raise _unknown(self, name)
        wait(self._link.set(name, known.attributes[name].check(value)))

    def __contains__(self, name: object) -> bool:
        return name in _names(self)

    __iter__ = None  # or Python would try robot[0]

    def __getattr__(self, name: str) -> Any:
        # What the device has, its class has. Tools look for many names with a `_`, and some
        # before there is a link.
        if name.startswith("_"):
            raise UnknownName(f"a device object has no {name!r}")
        raise _unknown(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(Device):
            raise ReadOnly(f"{name} is part of every device object and can't be set")
        if not _fits(name):
            raise _unknown(self, name)
        self[name] = value

    def __delattr__(self, name: str) -> None:
        raise ReadOnly(f"{name} can't be deleted: it is the device's")

    def __reduce__(self) -> NoReturn:
        raise BadType(f"{self._link.description.id} can't be copied or saved: connect to it again")

    def _ipython_key_completions_(self) -> list[str]:
        return _names(self)


def device_over(link: Link) -> Device:
    """Return an object, of a class of its own, for the device that `link` reaches."""
    known = link.description
    members: dict[str, Any] = {
        "__doc__": known.help or f"The device {known.id}.",
        "__signature__": inspect.Signature(),  # nobody makes another one
        "__slots__": (),
    }
    members |= {name: _property(a) for name, a in known.attributes.items() if _fits(name)}
    members |= {name: _method(f) for name, f in known.functions.items() if _fits(name)}
    made: Device = type(known.name, (Device,), members)(link)
    return made


def link_of(device: Device) -> Link:
    """Return the link by which `device` is reached, for futures instead of waiting."""
    return device._link


def wait(future: Future[Result]) -> Result:
    """Return the future's result; Ctrl-C interrupts, and takes back what has not been sent."""
    try:
        while sys.platform == "win32":  # where a wait without end can't be interrupted
            try:
                return future.result(0.2)
            except TimeoutError:
                if future.done():
                    raise
        return future.result()
    finally:
        future.cancel()


def _names(device: Device) -> list[str]:
    known = device._link.description
    return [*known.attributes, *known.functions]


def _unknown(device: Device, name: str) -> UnknownName:
    known, names = device._link.description, _names(device)
    if name in names:
        return UnknownName(f"{name!r} is no name for Python: write {known.name}[{name!r}]")
    return UnknownName(f"{known.id} has no {name!r}{did_you_mean(str(name), names)}")


def _fits(name: str) -> bool:
    """Whether `name` may be a property or method; else it is reached as robot[name]."""
    free = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return free and name not in vars(Device)


def _read(device: Device, attribute: Attribute) -> Any:
    return reading(wait(device._link.get(attribute.name)), attribute)


def _property(attribute: Attribute) -> property:
    def get(self: Device) -> Any:
        return _read(self, attribute)

    def set_(self: Device, value: Any) -> None:
        self[attribute.name] = value

    get.__annotations__ = {"return": attribute.type.python}
    return property(get, None if attribute.read_only else set_, doc=attribute.help)


def _method(function: Function) -> Callable[..., Any]:
    signature = _signature(function)

    def method(self: Device, *args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise BadType(f"{function.name}{signature_shown}: {error}") from None
        values = function.check(list(bound.arguments.values())[1:])
        return wait(self._link.call(function.name, values))

    method.__name__ = method.__qualname__ = function.name
    method.__doc__ = function.help
    method.__signature__ = signature  # type: ignore[attr-defined]
    method.__annotations__ = {
        p.name: p.annotation for p in signature.parameters.values() if p.name != "self"
    }
    signature_shown = str(signature).replace("(self, ", "(").replace("(self)", "()")
    return method


def _signature(function: Function) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("self", kind)]
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
