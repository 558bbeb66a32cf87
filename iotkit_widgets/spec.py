"""What the browser is told of a device, and what a notebook shows of it without a kernel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from html import escape
from typing import Any

from iotkit.description import Argument, Attribute, Function
from iotkit.device import Device, link_of
from iotkit.errors import BadType, BadValue
from iotkit.links import Link
from iotkit.plain import printable
from iotkit.types import Limits, Type, Value


def link_behind(device: object, widget: str) -> Link:
    """Return the link of a device that the `widget`, such as "a map", is for; raises BadType."""
    if not isinstance(device, Device):
        raise BadType(
            f"{widget} needs a device as iotkit.connect() returns it, "
            f"not the {type(device).__name__} {device!r}"
        )
    return link_of(device)


def spec_of(link: Link) -> dict[str, Any]:
    """Return what a panel shows of the device behind `link`, in the device's order, for JSON."""
    known = link.description
    attributes = list(known.attributes.values())
    return {
        "name": known.id,
        "target": link.target,
        "help": known.help,
        "settings": [_attribute(a) for a in attributes if not a.read_only],
        "readings": [_attribute(a) for a in attributes if a.read_only],
        "stop": link.can_halt,
        "record": bool(attributes or known.events),
        "actions": [_function(f) for f in known.functions.values()],
        "table": snapshot(link, {}),
    }


def given(member: Attribute | Argument, raw: Any) -> Any:
    """Return what was entered in the browser for `member`: a number may come as its text.

    Raises BadValue, naming the member, for a text that is no number.
    """
    if not (member.type.is_number and isinstance(raw, str)):
        return raw
    try:
        return member.type.parse(raw)
    except BadValue as error:
        raise BadValue(f"{member.name}: {error}") from None


def snapshot(link: Link, values: Mapping[str, Value], names: Collection[str] = ()) -> str:
    """Return the device, or these of its attributes, as HTML for a notebook without a kernel.

    The device's own texts are inside <code>, which no notebook typesets as a formula. The
    browser puts later values into the second column when a notebook is saved.
    """
    known = link.description
    rows = [
        f"<tr><td>{_code(a.name)}</td>"
        f'<td style="text-align:right">{_code(_shown(values.get(a.name)))}</td>'
        f"<td>{_code(a.limits.unit) if a.limits.unit else ''}</td></tr>"
        for a in known.attributes.values()
        if not names or a.name in names
    ]
    rows += [
        f'<tr><td>{_code(f"{f.name}()")}</td><td colspan="2"></td></tr>'
        for f in known.functions.values()
        if not names
    ]
    head = f'<tr><th colspan="3" style="text-align:left">{_code(known.id)}</th></tr>'
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def values_table(rows: Iterable[tuple[str, Value | None, str]]) -> str:
    """Return a table of these names, values and units as HTML, for the same."""
    body = "".join(
        f"<tr><td>{_code(name)}</td>"
        f'<td style="text-align:right">{_code(_shown(value))}</td>'
        f"<td>{_code(unit) if unit else ''}</td></tr>"
        for name, value, unit in rows
    )
    return f"<table><tbody>{body}</tbody></table>"


def _code(text: str) -> str:
    return f"<code>{escape(printable(text))}</code>"


def _shown(value: Value | None) -> str:
    """Return a value as a panel shows it."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "on" if value else "off"
    return repr(float(f"{value:.9g}")) if isinstance(value, float) else printable(str(value))


def _attribute(attribute: Attribute) -> dict[str, Any]:
    typed = _typed(attribute.name, attribute.type, attribute.limits)
    return {**typed, "help": attribute.help}


def _function(function: Function) -> dict[str, Any]:
    result = function.result
    return {
        "name": function.name,
        "help": function.help,
        "args": [_argument(a) for a in function.args],
        "result": _argument(result) if result else None,
    }


def _argument(argument: Argument) -> dict[str, Any]:
    return _typed(argument.name, argument.type, argument.limits)


def _typed(name: str, type_: Type, limits: Limits) -> dict[str, Any]:
    return {
        "name": name,
        "type": type_.value,
        "unit": limits.unit,
        "min": limits.minimum,
        "max": limits.maximum,
        "step": limits.step,
        "choices": list(limits.choices),
        "limits": str(limits),
    }
