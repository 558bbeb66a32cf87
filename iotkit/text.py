"""Devices in plain text, for terminals and notebooks' text output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .description import Attribute, Description, Function
from .plain import printable


def columns(rows: Iterable[Sequence[str]], indent: str = "") -> str:
    """Return rows of as many cells each as a table, made printable, a line each."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        indent + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def described(known: Description) -> str:
    """Return all attributes, functions and events of a device with their help, in its order."""
    parts = []
    if known.attributes:
        rows = [(a.name, str(a.type), a.help) for a in known.attributes.values()]
        parts.append("Attributes\n" + columns(rows, "  "))
    if known.functions:
        calls = [(called(f), f.help) for f in known.functions.values()]
        parts.append("Functions\n" + columns(calls, "  "))
    if known.events:
        raised = [(e.signature, e.help) for e in known.events.values()]
        parts.append("Events\n" + columns(raised, "  "))
    members: list[Attribute | Function] = [*known.attributes.values(), *known.functions.values()]
    if odd := [(m.name, m.help[m.help.rindex("[") :]) for m in members if _odd(m)]:
        parts.append("Brackets that are just text, and set no limits\n" + columns(odd, "  "))
    return "\n\n".join(parts) or "It has neither attributes nor functions nor events."


def _odd(member: Attribute | Function) -> bool:
    """Whether brackets at the end of the help were perhaps meant as limits, but don't read so."""
    return "[" in member.help and member.help.endswith("]") and member.summary == member.help


def member_help(member: Attribute | Function) -> str:
    """Return one line on an attribute or a function."""
    head = called(member) if isinstance(member, Function) else f"{member.name}: {member.type}"
    return printable(f"{head} - {member.help}" if member.help else head)


def kept(target: str, *, is_board: bool) -> str:
    """Return how long a device at `target` keeps its new name; nothing where it is a board."""
    if is_board:
        return ""
    if target.startswith(("sim:", "exec:", "python:")):
        return "It is no board, so it keeps that until it is closed."
    return (
        "A board keeps that without power. A simulated device, or one written in Python, keeps it"
        " until its program ends."
    )


def called(function: Function) -> str:
    """Return how `function` is called: `forward`, `add a:int b:int -> sum:int`."""
    return function.signature.removesuffix(" ->")
