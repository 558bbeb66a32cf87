"""What a device says of itself: the value objects from which everything else is derived.

The limits of an attribute or argument are part of its help text, as a suffix in brackets
(docs/serial-protocol.md, "Limits, units and access"), so a description crosses every wire,
old clients' included, without a word of its own for them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .errors import BadType, BadValue, IotkitError, ProtocolError, ReadOnly
from .plain import plain
from .types import NO_LIMITS, Limits, Type, Value, shown

MAX_NAMES = 1000  # attributes, functions and events of a device: beyond that it is garbage
MAX_HELP = 16 * 1024  # characters; no board has the memory for more
MAX_NAME = 64  # characters
MAX_ARGS = 16  # of a function: more don't fit into a line, nor into a person's head

HALT = "stop"  # the function that ends what a device does: anybody may call it, at any time

# Built-in commands of both dialects: no attribute or function may bear one's name.
V1_BUILTINS = ("ping", "devinfo", "funcs", "attrs", "set", "get", "help")
V2_BUILTINS = ("describe", "watch", "rename", "claim")
BUILTINS = frozenset(V1_BUILTINS + V2_BUILTINS)

# What the field sends is wider than the protocol's own [a-z][a-z0-9_]*.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_ID = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_DEVICE_ID = re.compile(f"{_ID}(:{_ID})?")
_TYPED = re.compile(r"([^\s:]+):([^\s:]+)")
_WITHIN = re.compile(r"within ([0-9]{1,5}(?:\.[0-9]{1,3})?) s")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value that a device has: its `name`, `type` and `help` as the device gave them.

    `limits`, `read_only` and `summary` (the help without its bracket suffix) follow from
    `help`; brackets that don't parse are just text.
    """

    name: str
    type: Type
    help: str = ""
    limits: Limits = field(init=False, repr=False, compare=False)
    read_only: bool = field(init=False, repr=False, compare=False)
    summary: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        help_ = plain(self.help, MAX_HELP)
        summary, parts = _split_suffix(help_)
        read_only = "read-only" in parts
        rest = [part for part in parts if part != "read-only"]
        limits = Limits.parse(rest[0], self.type) if len(rest) == 1 else None
        if rest and limits is None:
            summary, read_only = help_, False
        _init(self, help=help_, limits=limits or NO_LIMITS, read_only=read_only, summary=summary)

    def check(self, value: Any) -> Value:
        """Return `value` as this attribute takes it.

        Raises ReadOnly, BadType, BadValue or OutOfRange, each naming the attribute.
        """
        if self.read_only:
            raise ReadOnly(f"{self.name} can be read but not set")
        return _checked(self.name, self.type, self.limits, value)

    def as_read_only(self) -> Attribute:
        """Return the same, but marked as one that can't be set."""
        if self.read_only:
            return self
        inside = f"{self.limits}; read-only" if str(self.limits) else "read-only"
        return Attribute(self.name, self.type, f"{self.summary} [{inside}]".lstrip())


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument or the result of a function: its `name`, `type` and `limits`."""

    name: str
    type: Type
    limits: Limits = field(default=NO_LIMITS, compare=False)

    @classmethod
    def named(cls, name: str, type_: str) -> Argument:
        """Return the one with this name and type, as a device gives them; see Type.named."""
        return cls(plain(name, MAX_NAME), Type.named(type_))

    def check(self, value: Any) -> Value:
        """Return `value` as this argument takes it; raises as Attribute.check does."""
        return _checked(self.name, self.type, self.limits, value)


@dataclass(frozen=True, slots=True)
class Function:
    """Something a device can do: its `name`, `args`, `result` (None where there is none), `help`.

    The limits of the arguments and `summary` follow from `help`, and so does `within`: the
    seconds in which it answers, or 0 where it doesn't say.
    """

    name: str
    args: tuple[Argument, ...] = ()
    result: Argument | None = None
    help: str = ""
    within: float = field(init=False, repr=False, compare=False)
    summary: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        help_ = plain(self.help, MAX_HELP)
        summary, parts = _split_suffix(help_)
        times = [found for part in parts if (found := _WITHIN.fullmatch(part))]
        if times and all(a.name != "within" for a in self.args):
            parts.remove(times[0][0])
        within = float(times[0][1]) if times else 0.0
        limits = _limits_by_argument(parts, self.args)
        if limits is None:
            limits, summary, within = {}, help_, 0.0
        args = tuple(Argument(a.name, a.type, limits.get(a.name, NO_LIMITS)) for a in self.args)
        _init(self, help=help_, args=args, summary=summary, within=within)

    @property
    def signature(self) -> str:
        """The signature as devices write it: `add a:int b:int -> sum:int`."""
        args = "".join(f" {a.name}:{a.type}" for a in self.args)
        result = f" {self.result.name}:{self.result.type}" if self.result else ""
        return f"{self.name}{args} ->{result}"

    def check(self, args: Sequence[Any]) -> tuple[Value, ...]:
        """Return `args` as this function takes them; raises BadType for a wrong number of them."""
        if len(args) != len(self.args):
            wanted = ", ".join(f"{a.name}: {a.type}" for a in self.args)
            takes = f"takes {len(self.args)} ({wanted})" if self.args else "takes no argument"
            raise BadType(f"{self.name}() {takes}; it was given {len(args)}")
        return tuple(a.check(value) for a, value in zip(self.args, args, strict=True))

    def format_args(self, values: Sequence[Value]) -> str:
        """Return checked values as a call sends them: separated by one blank.

        Raises BadValue for a text that could not be told apart from the argument behind it.
        """
        texts = [a.type.format(value) for a, value in zip(self.args, values, strict=True)]
        for argument, text in zip(self.args[:-1], texts[:-1], strict=True):
            if not text or " " in text:
                raise BadValue(
                    f"{argument.name} takes one word: only the last text may hold blanks"
                )
        return " ".join(texts)

    def parse_args(self, text: str) -> tuple[Value, ...]:
        """Return the values in `text`; undoes `format_args`. Raises BadType and BadValue."""
        texts = text.split(" ", len(self.args) - 1) if self.args else [text] if text else []
        if len(texts) != len(self.args):
            raise BadType(f"the call is {self.signature}")
        return self.check([a.type.parse(t) for a, t in zip(self.args, texts, strict=True)])

    @classmethod
    def parse(cls, name: str, text: str) -> Function:
        """Return the function `name`, whose help reads `text`.

        Takes `forward ms:int -> - Drive` as devices write it; where the text doesn't parse, it
        is all help, and the function takes nothing.
        """
        spec, arrow, rest = text.partition("->")
        result, _, help_ = f" {rest} ".partition(" - ")
        words, results = spec.split()[1:], result.split()
        args = [found for word in words if (found := _typed(word))]
        given = [found for word in results if (found := _typed(word))]
        whole = len(args) == len(words) <= MAX_ARGS and len(given) == len(results) <= 1
        if not arrow or not whole:
            return cls(name, help=text)
        return cls(name, tuple(args), given[0] if given else None, help_.strip())


@dataclass(frozen=True, slots=True)
class Event:
    """Something a device reports by itself (serial v2): its `name`, `value` and `help`."""

    name: str
    value: Argument | None = None
    help: str = ""

    @property
    def signature(self) -> str:
        """The event as devices write it: `bump side:str`."""
        return f"{self.name} {self.value.name}:{self.value.type}" if self.value else self.name

    @classmethod
    def parse(cls, name: str, text: str) -> Event:
        """Return the event `name` in `bump side:str - Hit something`."""
        spec, _, help_ = f"{text} ".partition(" - ")
        value = next(iter(spec.split()[1:]), "")
        return cls(name, _typed(value), plain(help_, MAX_HELP))


Member = TypeVar("Member", Attribute, Function, Event)


@dataclass(frozen=True, slots=True)
class Description:
    """All that a device says of itself.

    `id` is `plainid` or `plainid:specifier`; `attributes`, `functions` and `events` are in the
    device's order, each under its name; `help` is what the device as a whole is for;
    `deadman_ms` after how much silence it stops by itself, in milliseconds, or 0.
    """

    id: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    events: Mapping[str, Event] = field(default_factory=dict)
    help: str = ""
    deadman_ms: int = 0

    @property
    def plain_id(self) -> str:
        """The class of device, such as `sumobot`."""
        return self.id.partition(":")[0]

    @property
    def specifier(self) -> str:
        """Which one of its class it is, such as `red`; empty where it doesn't say."""
        return self.id.partition(":")[2]

    @property
    def can_halt(self) -> bool:
        """Whether the device can be stopped: it has a function `stop` without arguments."""
        stop = self.functions.get(HALT)
        return stop is not None and not stop.args

    @property
    def name(self) -> str:
        """The id as a Python name: `sumobot_red` for `sumobot:red`."""
        return self.id.replace(":", "_")

    @classmethod
    def of(
        cls,
        device_id: str,
        attributes: Iterable[Attribute] = (),
        functions: Iterable[Function] = (),
        events: Iterable[Event] = (),
        help: str = "",  # noqa: A002
        deadman_ms: int = 0,
    ) -> Description:
        """Return the description of these members, without those that nobody could use.

        A doubled name, a built-in's, or one that isn't made of letters, digits, `_` and `-` is
        left out, with a warning in the log. Raises ProtocolError for a bad `device_id`.
        """
        if not _DEVICE_ID.fullmatch(device_id):
            raise ProtocolError(f"{shown(device_id)} is no device id (a name, or name:specifier)")
        taken: set[str] = set(BUILTINS)
        return cls(
            device_id,
            _usable(attributes, taken),
            _usable(functions, taken),
            _usable(events, set()),
            plain(help, MAX_HELP),
            deadman_ms,
        )

    def renamed(self, specifier: str) -> Description:
        """Return the same with this specifier, or without one; raises BadValue for a bad one."""
        if specifier and not is_identifier(specifier):
            raise BadValue(
                f"{shown(specifier)} is no specifier: write a letter, then letters, digits or _"
            )
        return replace(self, id=f"{self.plain_id}:{specifier}" if specifier else self.plain_id)


def is_identifier(text: str) -> bool:
    """Whether `text` may be a plain id or a specifier."""
    return re.fullmatch(_ID, text) is not None


def _checked(name: str, type_: Type, limits: Limits, value: Any) -> Value:
    try:
        checked = type_.check(value)
        limits.check(checked)
    except IotkitError as error:
        error.args = (f"{name}: {error}",)
        raise
    return checked


def _init(instance: object, **fields: object) -> None:
    for name, value in fields.items():
        object.__setattr__(instance, name, value)


def _split_suffix(help_: str) -> tuple[str, list[str]]:
    summary, bracket, suffix = help_.rpartition("[")
    if not bracket or suffix.count("]") != 1 or not suffix.endswith("]"):
        return help_, []
    return summary.rstrip(), [part.strip() for part in suffix[:-1].split(";")]


def _limits_by_argument(parts: list[str], args: tuple[Argument, ...]) -> dict[str, Limits] | None:
    types = {a.name: a.type for a in args}
    found: dict[str, Limits] = {}
    for part in parts:
        name, _, text = part.partition(" ")
        limits = Limits.parse(text, types[name]) if name in types else None
        if limits is None:
            return None
        found[name] = limits
    return found


def _typed(word: str) -> Argument | None:
    found = _TYPED.fullmatch(word)
    return Argument.named(found[1], found[2]) if found else None


def _usable(members: Iterable[Member], taken: set[str]) -> dict[str, Member]:
    kept: dict[str, Member] = {}
    for member in members:
        if len(kept) == MAX_NAMES:
            _log.warning("a device has more than %d names; the rest is left out", MAX_NAMES)
            break
        if member.name in taken or not _NAME.fullmatch(member.name):
            _log.warning("the name %s can't be used, or is there twice", shown(member.name))
            continue
        taken.add(member.name)
        kept[member.name] = member
    return kept
