"""The object that stands for a device: its attributes are properties, its functions methods.

A class is made for each device from its description, so help(), TAB and signatures come from
the device. Looking at it never talks to the device; reading, setting and calling do.
"""

from __future__ import annotations

import inspect
import keyword
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NoReturn

from . import opened
from .callbacks import call
from .claiming import Claim
from .closing import Closing
from .commands import all_names, begin_call, begin_set, signature, unknown, usage, wait
from .description import Attribute, Function
from .devinfo import to_devinfo
from .errors import BadType, ReadOnly, UnknownName, briefly
from .links import Link
from .plain import printable
from .types import shown
from .values import reading
from .watching import StateWatch, Watch

if TYPE_CHECKING:
    from .aio import AsyncDevice

# A device's own name goes before these: lamps have an "on".
GIVES_WAY = frozenset({"claimed_by", "on", "on_state", "state"})


_watching = threading.Lock()  # a set can't be read while it grows


class _DeviceClass(type):
    """The type of devices' classes: `help(robot)` shows what the device has, and no more."""

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]


class Device(Closing, metaclass=_DeviceClass):
    """A device, as an object.

    `robot.speed` reads an attribute, `robot.speed = 80` sets it, `robot.forward(500)` calls a
    function. `robot["name"]` does the same for a name that Python or this class can't bear.
    `robot.forward(500, timeout=60)` waits up to 60 s for the answer, if `forward` has no argument
    of that name: see Link.call.

    Errors are the subclasses of IotkitError, each also the builtin one expects. UnknownName,
    ReadOnly, BadType, BadValue and OutOfRange come before anything is sent, and so do
    DeviceStopped and DeviceClaimed, while this program may not drive. DeviceTimeout,
    DeviceDisconnected, DeviceLost and DeviceReset say that there was no answer, DeviceError what
    the answer was.
    """

    def __init__(self, link: Link) -> None:
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_watches", weakref.WeakSet())

    _link: Link
    _watches: weakref.WeakSet[Watch]

    @property
    def devinfo(self) -> dict[str, Any]:
        """What the device says of itself: a dict with "devicename", "attrs" and "funcs"."""
        return to_devinfo(self._link.description)

    @briefly
    def on(self, name: str, callback: Callable[..., Any], every: float = 0.0) -> Watch:
        """Call `callback(value, time)` with all news of an attribute or event, from now on.

        At once with an attribute's value, then at each change, but at most once in `every`
        seconds. `time` is when it came here, in seconds since the epoch. A callback may take fewer
        arguments. It runs in a thread of its own, a coroutine function in the running event loop;
        while it is at work, newer values replace older. What it raises is printed, and doesn't end
        the news. `close()` of what this returns does, or the end of its `with`, or `close()` of
        the device. Raises UnknownName, BadValue, BadType.

        A device with a function or attribute of its own called `on` keeps that; this is then
        `iotkit.Device.on(lamp, "brightness", show)`.
        """
        _check_callback(callback)
        watch = self.watch(name, every)
        call(watch, callback)
        return watch

    def watch(self, name: str, every: float = 0.0, keep: int | None = None) -> Watch:
        """Return the news of an attribute or event, to be waited for.

            for distance, time in robot.watch("distance"):
                …

        Each is a value, and when it came here, in seconds since the epoch. At once an attribute's
        value, then each change, but at most one in `every` seconds; a program that is slower gets
        the newest, or the last `keep`, 1 or more. Of an event, all that come, the last 100 if the
        program is slower. It ends with its `close()`, its `with`, or when nobody has it any more;
        `async for` works too. Raises UnknownName, BadValue.
        """
        known = self._link.description
        if name not in known.attributes and name not in known.events:
            raise unknown(self._link, name, [*known.attributes, *known.events])
        watch = Watch(self._link, name, every, keep)
        with _watching:
            self._watches.add(watch)
        return watch

    @property
    def state(self) -> str:
        """How it stands with the device: "ready" to be used, "lost", "reconnecting", or "closed".

        A device that is unplugged, switched off or out of reach is "lost"; it is looked for, and
        "ready" again when it is back. Until then using it raises DeviceLost. One that only lives
        in this process, or in a program that `connect` has started, is never looked for.

        A device with a function or attribute of its own called `state` keeps that; this is then
        `iotkit.Device.state.fget(lamp)`.
        """
        return self._link.state

    def on_state(self, callback: Callable[..., Any]) -> Watch:
        """Call `callback(state, time)` each time that `state` changes, until "closed".

        A callback may take fewer arguments, and is called as those of `on` are. `time` is in
        seconds since the epoch. Raises BadType, and BadValue as `on` does.
        """
        _check_callback(callback)
        watch = StateWatch(self._link)
        call(watch, callback)
        return watch

    @briefly
    def claim(self, seconds: float | None = None, *, who: str = "", take: bool = False) -> Claim:
        """Have the device for this program alone: others can watch and stop it, not drive it.

            with robot.claim():
                …

        It ends with the `with`, with `release()` of what this returns, after so many `seconds`
        (above 0) if given (inside the `with`, a warning says so, and the program goes on), or when
        the program ends or is cut off from the device for more than a few seconds; then the device
        stops if it can. `who` is what others are told, by default the user and the computer. To
        `take` a device that somebody else has claimed is for teachers. Raises DeviceClaimed where
        somebody else has it, NotAllowed, BadType, BadValue, and what setting does.
        """
        return Claim(self._link, seconds, who, take=take)

    @property
    def claimed_by(self) -> str:
        """Who has claimed the device, this program included; empty where nobody has."""
        return self._link.wheel.claimed_by

    @property
    def aio(self) -> AsyncDevice:
        """The same to be awaited: `await robot.aio.get("speed")`, `await robot.aio.forward()`."""
        from .aio import AsyncDevice  # which asyncio comes with

        return AsyncDevice(self._link)

    def close(self) -> None:
        """Let go of the device; a second time does nothing."""
        with _watching:
            watches = list(self._watches)
        for watch in watches:
            watch.close()
        self._link.close()
        opened.remove(self)

    def __repr__(self) -> str:
        known = self._link.description
        state = {"ready": "connected"}.get(self._link.state, self._link.state)
        names = ", ".join([*known.attributes, *(f"{name}()" for name in known.functions)])
        return printable(f"<{known.id} on {self._link.target}, {state}: {names}>")

    def __dir__(self) -> list[str]:
        own = ["aio", "claim", "claimed_by", "close", "devinfo", "on", "on_state", "state", "watch"]
        return list(dict.fromkeys([*own, *filter(_fits, all_names(self._link))]))

    @briefly
    def __getitem__(self, name: str) -> Any:
        known = self._link.description
        if name in known.attributes:
            return _read(self, known.attributes[name])
        if name in known.functions:
            return _method(known.functions[name]).__get__(self)
        raise unknown(self._link, name)

    @briefly
    def __setitem__(self, name: str, value: Any) -> None:
        wait(begin_set(self._link, name, value))

    def __contains__(self, name: object) -> bool:
        return name in all_names(self._link)

    __iter__ = None  # or Python would try robot[0]

    def __getattr__(self, name: str) -> Any:
        # What the device has, its class has. Tools look for many names with a `_`, and some
        # before there is a link.
        if name.startswith("_"):
            raise UnknownName(f"a device object has no {name!r}")
        raise unknown(self._link, name)

    @briefly
    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(Device) and not _fits(name):
            raise ReadOnly(f"{name} is part of every device object and can't be set")
        if not _fits(name):
            raise unknown(self._link, name)
        self[name] = value

    def __delattr__(self, name: str) -> None:
        raise ReadOnly(f"{name} can't be deleted: it is the device's")

    def __reduce__(self) -> NoReturn:
        raise BadType(f"{self._link.description.id} can't be copied or saved: connect to it again")

    def _ipython_key_completions_(self) -> list[str]:
        return all_names(self._link)


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


def _fits(name: str) -> bool:
    """Whether `name` may be a property or method; else it is reached as robot[name]."""
    free = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return free and (name not in vars(Device) or name in GIVES_WAY)


def _check_callback(callback: object) -> None:
    if not callable(callback):
        raise BadType(
            f"that takes a function, not {shown(callback)}: write its name, without the ()"
        )


def _read(device: Device, attribute: Attribute) -> Any:
    found = device._link.get_now(attribute.name)
    return reading(wait(found) if isinstance(found, Future) else found, attribute)


def _property(attribute: Attribute) -> property:
    def get(self: Device) -> Any:
        return _read(self, attribute)

    def set_(self: Device, value: Any) -> None:
        self[attribute.name] = value

    get.__annotations__ = {"return": attribute.type.python}
    setter = None if attribute.read_only else set_
    return property(briefly(get), setter, doc=attribute.help)


def _method(function: Function) -> Callable[..., Any]:
    @briefly
    def method(self: Device, *args: Any, **named: Any) -> Any:
        return wait(begin_call(self._link, function.name, args, named))

    method.__name__ = function.name
    # Python shows a method by this, as who has forgotten the brackets sees it.
    method.__qualname__ = f"{function.name} (not called: for that, write {usage(function)})"
    method.__doc__ = function.help
    called_with = signature(function)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [itself, *called_with.parameters.values()]
    method.__signature__ = called_with.replace(parameters=parameters)  # type: ignore[attr-defined]
    method.__annotations__ = {p.name: p.annotation for p in called_with.parameters.values()}
    return method
