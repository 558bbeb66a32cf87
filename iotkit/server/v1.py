"""The resources of version 1 (docs/web-api.md): each value with its type, its help, its place."""

from __future__ import annotations

from typing import Any

from ..description import Attribute, Function
from ..devinfo import function_value, to_devinfo
from ..links.representation import DEVINFO, DIRECTORY, FUNCTION, NULL, VALUE
from .bodies import arguments_in, value_in
from .messages import Request, Response, ok
from .served import Served


async def directory(served: Served, _: Request, __: Any) -> Response:
    """Say what there is."""
    known = served.known
    names = [*known.functions, *known.attributes, "devinfo"]
    return ok({"type": DIRECTORY, "href": "/", "help": known.id, "value": names})


async def devinfo(served: Served, _: Request, __: Any) -> Response:
    """Say what the device says of itself."""
    value = to_devinfo(served.known)
    return ok({"type": DEVINFO, "href": "/devinfo", "help": "Device description", "value": value})


async def read(served: Served, _: Request, attribute: Attribute) -> Response:
    """Read an attribute."""
    return ok(
        {
            "type": f"{VALUE}{attribute.type}",
            "href": f"/{attribute.name}",
            "help": attribute.help,
            "value": await served.get(attribute),
        }
    )


async def write(served: Served, request: Request, attribute: Attribute) -> Response:
    """Set an attribute; the answer is what it has become."""
    await served.set(request, attribute, attribute.check(value_in(request, attribute)))
    return await read(served, request, attribute)


async def show(_: Served, __: Request, function: Function) -> Response:
    """Say what a function takes and gives."""
    return ok(
        {
            "type": FUNCTION,
            "href": f"/{function.name}",
            "help": function.help,
            "value": function_value(function),
        }
    )


async def call(served: Served, request: Request, function: Function) -> Response:
    """Call a function."""
    value = await served.call(request, function, arguments_in(request, function))
    if function.result is None:
        return ok({"type": NULL, "value": None})
    return ok({"type": str(function.result.type), "name": function.result.name, "value": value})
