"""Write a device in Python: on a Raspberry Pi, for a simulation, in a test.

    class Lamp(Device):
        "A lamp that blinks."

        brightness: Annotated[int, "How bright [0..255]"] = 80

        @event
        def touched(self, times: int) -> None:
            "Somebody touched it"

        @property
        def temperature(self) -> float:
            "At the lamp [C]"
            return read_sensor()

        @function
        def blink(self, times: int) -> None:
            "Blink so many times [times 1..10]"

    iotkit.serve(Lamp())

Annotated attributes and properties are the device's attributes (a property without a setter
is read-only), decorated methods its functions and events; names that begin with `_` are private.
The hints are the types, the docstrings the help, whose bracket suffix (docs/serial-protocol.md)
gives limits and units.

Who follows the lamp hears at once when its code sets `self.brightness`, or raises the event by
`self.touched(2)`. A property is read again and again while somebody follows it, and at once after
`self.changed("temperature")`.

A robot stops by itself when who drives it is gone: `class Robot(Device, deadman_ms=500)` with a
method `on_silence(self)`.
"""

from __future__ import annotations

import inspect
import logging
import threading
import typing
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ClassVar, TypeVar

from .declaring import declared, members
from .description import Description
from .errors import DeviceError, IotkitError, UnknownName, did_you_mean
from .links import Change
from .links.local import LocalLink
from .offering import offer
from .transports import Transport
from .types import Type, Value

LONGEST_DEADMAN = 65535  # ms, as in the Arduino library
_hosting = threading.Lock()  # who may change whom a device is served by
_log = logging.getLogger(__name__)

Method = TypeVar("Method", bound=Callable[..., Any])


def function(method: Method) -> Method:
    """Make a method a function of the device."""
    method.__iotkit_function__ = True  # type: ignore[attr-defined]
    return method


def event(method: Method) -> Method:
    """Make a method an event of the device, with one value or none; to call it raises the event.

    What its body does is done first. A call with a wrong value raises BadType or BadValue.
    """

    @wraps(method)
    def raised(self: Device, *args: Any, **kwargs: Any) -> None:
        given = inspect.signature(method).bind(self, *args, **kwargs)
        value = self._description.events[method.__name__].value
        told = value.check(given.args[1]) if value else None
        method(self, *args, **kwargs)
        for hosted in self._hosts:
            hosted.tell(method.__name__, told)

    raised.__iotkit_event__ = True  # type: ignore[attr-defined]
    return typing.cast(Method, raised)


class Device:
    """The base class of devices written in Python.

    The device's plain id is the class's name in lower case, or what `class X(Device, id="…")`
    says; `specifier` tells this very one from others of its class. With `deadman_ms=500`,
    `on_silence` is called when who drives it has been gone, or silent, for so long. A class
    whose attributes or functions have no usable name or type hint raises TypeError when it is
    defined.

    Attributes are read and set one at a time. Functions may run side by side, each in a
    thread of its own, where the way to the device allows it.
    """

    specifier = ""
    _description: ClassVar[Description]
    # The attributes that take no code of the device's own.
    _plain: ClassVar[frozenset[str]] = frozenset()
    _hosts: tuple[Hosted, ...] = ()  # who serve it now

    def __init_subclass__(cls, id: str = "", deadman_ms: int | None = None) -> None:  # noqa: A002
        super().__init_subclass__()
        if deadman_ms is None:  # a base class's goes on
            inherited = getattr(cls, "_description", None)
            deadman_ms = inherited.deadman_ms if inherited else 0
        if isinstance(deadman_ms, bool) or not 0 <= deadman_ms <= LONGEST_DEADMAN:
            raise TypeError(f"{cls.__name__}: deadman_ms is a time from 1 to {LONGEST_DEADMAN} ms")
        known = declared(cls, id or cls.__name__.strip("_").lower(), deadman_ms)
        cls._description = known
        for name, attribute in known.attributes.items():
            if not hasattr(cls, name):
                setattr(cls, name, attribute.type.python())
        every = members(cls)
        if every["__setattr__"] is Device.__setattr__:
            plain = {n for n in known.attributes if not isinstance(every[n], property)}
            cls._plain = frozenset(plain)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in self._description.attributes:
            self.changed(name)

    def changed(self, name: str) -> None:
        """Tell all who follow the attribute `name` that its value may be a new one.

        Raises UnknownName.
        """
        if name not in self._description.attributes:
            known = self._description
            raise UnknownName(f"{known.id} has no {name!r}{did_you_mean(name, known.attributes)}")
        for hosted in self._hosts:
            hosted.changed(name)

    def on_silence(self) -> None:
        """Stop what moves: who drove it last has been gone, or silent, for `deadman_ms`.

        That is a host on a line or over the network that sends no good command, or a web client
        whose connection has ended. As long as nobody has driven it, it is any host. A program in
        this very process is there as long as that.

        Called once, in a thread of its own, and not again before somebody drives again.
        """

    def on_close(self) -> None:
        """Do what is to be done when the device is let go of: stop motors, end waits."""


class Hosted:
    """A device written in Python, as the side that serves it sees it."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._turn = threading.Lock()  # so that hosts at once read and set one after the other
        self._link: LocalLink | None = None
        self._faults: dict[str, str] = {}  # what fails again and again is in the log once
        self.rename(device.specifier)

    def rename(self, specifier: str) -> None:
        """Have this specifier from now on, until the program ends; BadValue for a bad one."""
        self.description = self._device._description.renamed(specifier)
        self._device.specifier = specifier

    def get(self, name: str) -> Value:
        """Return an attribute's value; raises DeviceError where the device's code fails."""
        if self.pushes(name):
            return self._read(name)
        with self._turn:
            return self._read(name)

    def set(self, name: str, value: Value) -> None:
        """Set an attribute; raises DeviceError where the device's code fails."""
        if self.pushes(name):
            setattr(self._device, name, value)
            return
        with self._turn:
            self._run(name, lambda: setattr(self._device, name, value))

    def call(self, name: str, args: Sequence[Value]) -> Value | None:
        """Call a function; raises DeviceError where the device's code fails."""
        result = self.description.functions[name].result

        def work() -> Value | None:
            value = getattr(self._device, name)(*args)
            return _own(result.type, value) if result else None

        given: Value | None = self._run(f"{name}()", work)
        return given

    def listen(self, link: LocalLink) -> None:
        """Tell the link's newsroom of the device's events and changes from now on."""
        self._link = link
        with _hosting:
            self._device._hosts = (*self._device._hosts, self)

    def silence(self) -> None:
        """Let the device stop what moves."""
        self._device.on_silence()

    def pushes(self, name: str) -> bool:
        """Whether the device tells of each change of the attribute by itself."""
        return name in self._device._plain

    def changed(self, name: str) -> None:
        """Tell of an attribute that the device's own code has changed.

        A property is read in another thread: this one may hold what the property waits for.
        """
        if self._link is not None and self._link.newsroom.follows(name):
            self._link.refresh(name)

    def push(self, name: str, *, soon: bool = False) -> None:
        """Tell of an attribute that is no property now; see Following.tell for `soon`."""
        if self._link is not None:
            newsroom = self._link.newsroom
            mark = newsroom.mark()  # another thread may set it, and tell, between these lines
            newsroom.tell(name, self._reading(name), mark=mark, soon=soon)

    def tell(self, name: str, change: Change) -> None:
        """Tell of an attribute or event."""
        if self._link is not None:
            self._link.newsroom.tell(name, change)

    def close(self) -> None:
        """Let the device end what is still going on."""
        with _hosting:
            self._device._hosts = tuple(one for one in self._device._hosts if one is not self)
        try:
            self._device.on_close()
        except Exception:
            _log.exception("on_close() of %s failed", self.description.id)

    def _reading(self, name: str) -> Change:
        try:
            return self._read(name)
        except IotkitError as error:
            return error

    def _read(self, name: str) -> Value:
        type_ = self.description.attributes[name].type
        value: Value = self._run(name, lambda: _own(type_, getattr(self._device, name)))
        return value

    def _run(self, what: str, work: Callable[[], Any]) -> Any:
        try:
            result = work()
        except Exception as error:
            status = 400 if isinstance(error, ValueError) else 500
            if status == 500 and self._faults.get(what) != str(error):
                self._faults[what] = str(error)
                _log.exception("%s of %s failed", what, self.description.id)
            raise DeviceError(f"{what} failed: {error}", status) from error
        self._faults.pop(what, None)
        return result


def run(device: Device, transport: Transport, *, version: int = 2) -> None:
    """Be the device at the other end of `transport` until that is closed.

    `version` is the serial protocol's: 1 is what original boards speak.
    """
    link = LocalLink(Hosted(device), transport.name)
    try:
        offer(link, transport, version=version, may_take=True)
    finally:
        link.close()


def _own(type_: Type, value: Any) -> Value:
    """Return a value that the device gave; a bad one is its own fault, not its user's."""
    try:
        return type_.check(value)
    except IotkitError as error:
        raise RuntimeError(f"it gave no {type_}: {error}") from None


__all__ = ["Device", "Hosted", "event", "function", "run"]
