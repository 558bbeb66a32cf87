"""The types a device speaks of, and their limits: strict parsing, exact formatting, checks.

A type has a wire name (`int`, `float`, `bool`, `str`, `T`), a text form that crosses the
serial line, and a Python value. What a device says is parsed strictly, because a wrong
number that looks right is worse than an error. See docs/serial-protocol.md, "Types" and
"Limits, units and access".
"""

from __future__ import annotations

import math
import numbers
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .errors import BadType, BadValue, OutOfRange

INT_MIN, INT_MAX = -(2**31), 2**31 - 1  # a C `long` on every board
MAX_UNIT = 12  # characters; a longer word in brackets is prose, not a unit
SHOWN = 40  # characters of somebody's text that an error message quotes

Value = int | float | bool | str

_INT = re.compile(r"-?[0-9]{1,100}")
_FLOAT = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_TRUE = frozenset({"1", "true", "True", "t", "T"})
_FALSE = frozenset({"0", "false", "False", "f", "F"})
_UNSENDABLE = re.compile(r"[\n\r\x00\ud800-\udfff]")


class Type(Enum):
    """A type of the wire; its value is the name that devices use for it."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STR = "str"
    ANY = "T"

    def __str__(self) -> str:
        return self.value

    @classmethod
    def named(cls, name: str) -> Type:
        """Return the type of that wire name; a name that nobody knows is text, so `T`."""
        try:
            return cls(name)
        except ValueError:
            return cls.ANY

    @property
    def python(self) -> type:
        """The Python type of its values; `str` for `T`."""
        return _PYTHON[self]

    @property
    def is_number(self) -> bool:
        """Whether its values have a size, and so may have limits and a unit."""
        return self in (Type.INT, Type.FLOAT)

    def parse(self, text: str) -> Value:
        """Return the value that `text` stands for.

        Raises BadValue for anything but the exact form: no `1_000`, no `nan`, no other
        script's digits, no int outside ±2³¹. Blanks around a number or a bool don't count,
        since C's formatting functions pad with them.
        """
        return _PARSE[self](text)

    def format(self, value: Value) -> str:
        """Return the text that stands for a value which `check` has returned; `parse` undoes it."""
        return repr(value) if self is Type.FLOAT else str(value)

    def check(self, value: Any) -> Value:
        """Return `value` as the plain Python value of this type.

        An int is taken for a float, a numpy scalar for what it holds, and for `T` any
        number or bool as its text. Raises BadType for a value of another type (a bool is
        no int) and BadValue for one that can't be sent (nan, ±2³¹, a newline in a text).
        """
        return _CHECK[self](_unwrapped(value))


@dataclass(frozen=True, slots=True)
class Limits:
    """What values an attribute or argument takes, and in which unit.

    `minimum`, `maximum` and `step` are numbers in `unit`, or None; `choices` are the texts
    allowed for a `str`, or empty.
    """

    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()

    def check(self, value: Value) -> None:
        """Raise OutOfRange, naming the limits, where `value` is outside them."""
        if self.choices and value not in self.choices:
            raise OutOfRange(f"it takes {' or '.join(self.choices)}, not {shown(value)}", str(self))
        if isinstance(value, str) or self.minimum is None or self.maximum is None:
            return
        if not self.minimum <= value <= self.maximum:
            raise OutOfRange(f"it takes {self}, not {value}", str(self))

    def __str__(self) -> str:
        if self.choices:
            return "|".join(self.choices)
        text = ""
        if self.minimum is not None and self.maximum is not None:
            text = f"{_number(self.minimum)}..{_number(self.maximum)}"
            if self.step is not None:
                text += f" step {_number(self.step)}"
        return f"{text} {self.unit}".strip()

    @classmethod
    def parse(cls, text: str, type: Type) -> Limits | None:  # noqa: A002
        """Return the limits that `text`, such as `0..5 V`, gives a value of `type`; None if none.

        Raises nothing: what doesn't parse, or doesn't suit the type, is prose.
        """
        if type is Type.STR:
            choices = tuple(choice.strip() for choice in text.split("|"))
            return cls(choices=choices) if len(choices) > 1 and all(choices) else None
        found = _LIMITS.fullmatch(text)
        if not type.is_number or not text or found is None:
            return None
        if type is Type.INT and "." in "".join(filter(None, found.group("low", "high", "step"))):
            return None
        number = int if type is Type.INT else float
        low, high, step = (number(t) if t else None for t in found.group("low", "high", "step"))
        if (low is not None and high is not None and low >= high) or (
            step is not None and step <= 0
        ):
            return None
        return cls(low, high, step, found["unit"] or "")


NO_LIMITS = Limits()

_NUMBER = r"-?[0-9]{1,10}(?:\.[0-9]{1,9})?"
_LIMITS = re.compile(
    rf"(?:(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})(?: step (?P<step>{_NUMBER}))?(?: |$))?"
    rf"(?P<unit>[^\s\d\[\];|.,:-][^\s\[\];|.,:]{{0,{MAX_UNIT - 1}}})?"
)


def shown(value: object) -> str:
    """Return `value` as an error message quotes it: its repr, never longer than a line."""
    try:
        text = repr(value)
    except Exception:  # an int of 5000 digits has none; and a value may be of anybody's class
        text = f"<{type(value).__name__}>"
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _number(value: float) -> str:
    if value == int(value):
        return str(int(value))
    text = repr(value)
    return f"{value:.9f}".rstrip("0") if "e" in text else text  # as `_NUMBER` reads it


def _unwrapped(value: Any) -> Any:
    """Return what a numpy scalar (known by its look: numpy need not be installed) holds."""
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return value.item()
    return value


def _wrong(wanted: str, value: object, cure: str = "") -> BadType:
    if value is None:
        return BadType(f"it takes {wanted}, not None")
    how = f": write {cure}(…)" if cure else ""
    return BadType(f"it takes {wanted}, not the {type(value).__name__} {shown(value)}{how}")


def _parse_int(text: str) -> int:
    text = text.strip(" ")
    if not _INT.fullmatch(text):
        raise BadValue(f"{shown(text)} is not a whole number")
    return _in_bounds(int(text))


def _in_bounds(value: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise BadValue(f"{shown(value)} is beyond what an int can hold ({INT_MIN} to {INT_MAX})")
    return value


def _parse_float(text: str) -> float:
    text = text.strip(" ")
    if not _FLOAT.fullmatch(text):
        raise BadValue(f"{shown(text)} is not a number")
    return _finite(float(text))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise BadValue(f"{shown(value)} is not a number that a device can hold")
    return value


def _parse_bool(text: str) -> bool:
    text = text.strip(" ")
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise BadValue(f"{shown(text)} is neither True nor False")


def _check_int(value: Any) -> int:
    if isinstance(value, bool):
        raise _wrong("a whole number (int)", value)
    try:
        return _in_bounds(int(operator.index(value)))
    except TypeError:
        is_text = isinstance(value, str) and _INT.fullmatch(value)
        cure = "int" if is_text else "round" if isinstance(value, float) else ""
        raise _wrong("a whole number (int)", value, cure) from None


def _check_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        is_text = isinstance(value, str) and _FLOAT.fullmatch(value)
        raise _wrong("a number (float)", value, "float" if is_text else "")
    try:
        return _finite(float(value))
    except OverflowError:
        raise BadValue(f"{shown(value)} is beyond what a float can hold") from None


def _check_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong("True or False (bool)", value)
    return value


def _check_str(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong("a text (str)", value)
    if _UNSENDABLE.search(value):
        raise BadValue(f"{shown(value)} holds a line break or another character that can't be sent")
    return str.__str__(value)  # and not what an Enum of texts calls itself


def _check_any(value: Any) -> str:
    for kind in (Type.BOOL, Type.INT, Type.FLOAT):
        try:
            return kind.format(kind.check(value))
        except BadType:
            continue
    return _check_str(value)


_PYTHON: dict[Type, type] = {
    Type.INT: int,
    Type.FLOAT: float,
    Type.BOOL: bool,
    Type.STR: str,
    Type.ANY: str,
}
_PARSE: dict[Type, Callable[[str], Value]] = {
    Type.INT: _parse_int,
    Type.FLOAT: _parse_float,
    Type.BOOL: _parse_bool,
    Type.STR: str,
    Type.ANY: str,
}
_CHECK: dict[Type, Callable[[Any], Value]] = {
    Type.INT: _check_int,
    Type.FLOAT: _check_float,
    Type.BOOL: _check_bool,
    Type.STR: _check_str,
    Type.ANY: _check_any,
}
