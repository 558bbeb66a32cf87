"""A description as the web API has it: the structure in `GET /devinfo` (docs/web-api.md)."""

from __future__ import annotations

from typing import Any

from .description import MAX_ARGS, Argument, Attribute, Description, Function
from .errors import IotkitError, ProtocolError
from .types import Type


def to_devinfo(known: Description) -> dict[str, Any]:
    """Return the structure that `GET /devinfo` serves as its value."""
    devinfo: dict[str, Any] = {
        "devicename": known.id,
        "attrs": {
            a.name: {"type": str(a.type), "href": f"/{a.name}", "help": a.help}
            for a in known.attributes.values()
        },
        "funcs": {
            f.name: {
                "type": "iotoy.org/types/function",
                "href": f"/{f.name}",
                "help": f.help,
                "value": function_value(f),
            }
            for f in known.functions.values()
        },
    }
    if known.help:
        devinfo["help"] = known.help
    return devinfo


def from_devinfo(devinfo: Any) -> Description:
    """Return the description in what a server sent; undoes `to_devinfo`.

    Raises ProtocolError where that has not the form. A function whose signature the server could
    not read takes nothing.
    """
    try:
        attributes = [
            Attribute(name, Type.named(a["type"]), str(a.get("help") or ""))
            for name, a in devinfo["attrs"].items()
        ]
        functions = [
            Function(
                name,
                tuple(_arguments(f["value"]["spec"]["args"])),
                next(iter(_arguments(f["value"]["spec"]["result"])), None),
                str(f.get("help") or ""),
            )
            for name, f in devinfo["funcs"].items()
        ]
        help_ = str(devinfo.get("help") or "")
        return Description.of(devinfo["devicename"], attributes, functions, help=help_)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, IotkitError):
            raise
        raise ProtocolError("the server's description of the device can't be read") from error


def function_value(function: Function) -> dict[str, Any]:
    """Return a function's `value` in the web API: its name, what it takes, what it gives."""
    result = [function.result] if function.result else []
    return {
        "name": function.name,
        "spec": {
            "args": [[a.name, str(a.type)] for a in function.args],
            "result": [[r.name, str(r.type)] for r in result],
        },
    }


def _arguments(spec: Any) -> list[Argument]:
    if not isinstance(spec, list) or len(spec) > MAX_ARGS:  # an original server says "UNPARSED"
        return []
    return [Argument.named(str(name), type_) for name, type_ in spec]
