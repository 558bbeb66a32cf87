"""Values read from a device: Python's own, which also know their help, unit and time."""

from __future__ import annotations

import time
from typing import Any

from .description import Attribute
from .types import Value


class _Reading:
    """What a value read knows beside itself.

    `__doc__` is the device's help for the attribute, `unit` the unit in it (or empty), `time`
    when it was read, in seconds since the epoch. Copied or pickled, it is a plain value.
    """

    unit: str
    time: float


class IntReading(_Reading, int):
    """An int read from a device."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)


class FloatReading(_Reading, float):
    """A float read from a device."""

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self),)


class StrReading(_Reading, str):
    """A str read from a device."""

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


_READINGS: dict[type, Any] = {int: IntReading, float: FloatReading, str: StrReading}
READINGS = [kind.__name__ for kind in _READINGS.values()]  # what Python calls them in its errors


def reading(value: Value, attribute: Attribute, at: float | None = None) -> Value:
    """Return `value`, read just now or `at` a time, with what `attribute` knows of it.

    A bool stays a plain bool.
    """
    kind = _READINGS.get(type(value))
    if kind is None:
        return value
    read: Value = kind(value)
    read.__dict__.update(
        __doc__=attribute.help, unit=attribute.limits.unit, time=time.time() if at is None else at
    )
    return read
