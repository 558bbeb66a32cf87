"""Every error that iotkit raises.

Each is an `IotkitError` and also the builtin that a Python user expects, so that both
`except iotkit.IotkitError` and `except ValueError` work. A message is one sentence that
says what is wrong and, where there is something to do, what to do.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from .plain import plain

LISTED = 10  # names in a sentence

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class IotkitError(Exception):
    """The root of all errors of iotkit."""

    def __str__(self) -> str:
        # KeyError and OSError, which some errors below also are, would decorate the sentence; and
        # a part of it may be what a device or a server said.
        return plain(str(self.args[0])) if self.args else type(self).__name__


class BadType(IotkitError, TypeError):
    """A value of the wrong Python type, such as a text for an int; nothing was sent."""


class BadValue(IotkitError, ValueError):
    """A value that its type can't carry, such as nan or a text with a newline."""


class OutOfRange(BadValue):
    """A value outside the limits or choices that the device declares; `limits` are these."""

    def __init__(self, message: str, limits: str = "") -> None:
        super().__init__(message)
        self.limits = limits


class ReadOnly(IotkitError, AttributeError):
    """An attribute that can be read but not set."""


class UnknownName(IotkitError, AttributeError, KeyError):
    """The device has no attribute or function of that name."""


class DeviceError(IotkitError, RuntimeError):
    """The device answered with an error.

    `status` is the number it gave, with HTTP's meaning (404: it has no such name).
    """

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.status = status


class ProtocolError(DeviceError):
    """What the device said can't be understood; `status` is 502."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 502)


class DeviceTimeout(IotkitError, TimeoutError):
    """The device did not answer in time."""


class DeviceDisconnected(IotkitError, ConnectionError):
    """The device is gone: unplugged, switched off, or its server ended."""


class DeviceLost(DeviceDisconnected):
    """The device is away just now; it is looked for, and comes back by itself."""


class DeviceReset(DeviceDisconnected):
    """The device started anew while it was asked; what it was asked may or may not have run."""


class DeviceStopped(IotkitError, RuntimeError):
    """The device was stopped by hand; what a program wanted of it was not sent."""


class SomeFailed(IotkitError, RuntimeError):
    """Not all devices of a group did what they were told; the rest did."""


class DeviceClaimed(IotkitError, PermissionError):
    """Somebody else, `who`, has claimed the device; what was wanted of it was not sent."""

    def __init__(self, message: str, who: str = "") -> None:
        super().__init__(message)
        self.who = who


class DeviceNotFound(IotkitError, LookupError):
    """No device of that name, or none at all."""


class NotOnNetwork(DeviceNotFound, ImportError):
    """`from iotkit.local import name`: no device of that name is on the network."""


class PortBusy(IotkitError, PermissionError):
    """Another program has the serial port open."""


class NotAllowed(IotkitError, PermissionError):
    """The device's server lets in only who has paired with it, or refuses what was asked."""


class WrongCertificate(NotAllowed):
    """What answers can't show that it is the device that was paired with; nothing was sent."""


class RecordingError(IotkitError, OSError):
    """A recording's file can't be written, or what is in it can't be read."""


class BadTarget(IotkitError, ValueError):
    """A text that names no way to reach a device."""


def briefly(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Have a traceback of an IotkitError end at `function`, which programs call.

    What is inside only frightens who has mistyped something. Python's development mode, `python -X
    dev my.py` or PYTHONDEVMODE=1, shows all of it. What has caused an error stays with it.
    """

    @wraps(function)
    def briefly(*args: Parameters.args, **named: Parameters.kwargs) -> Result:
        try:
            return function(*args, **named)
        except IotkitError as error:
            if sys.flags.dev_mode:
                raise
            raise error.with_traceback(None) from error.__cause__  # whole: python -X dev

    return briefly


def listed(names: Sequence[str]) -> str:
    """Return the names, with commas between them; of more than LISTED, how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"


def did_you_mean(name: str, known: Iterable[str], like: float = 0.6) -> str:
    """Return ", did you mean 'speed'?" for a near miss of a known name, else an empty text.

    How near is said by `like`: 1 is the same.
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=like)
    return f", did you mean {near[0]!r}?" if near else ""
