"""A device for programs with an event loop: the same, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .commands import attribute, begin_call, begin_set, signature, unknown
from .links import Link
from .values import reading


class AsyncDevice:
    """What `robot.aio` is: `await robot.aio.get("speed")`, `.set("speed", 80)`, `.forward(500)`.

    Every function of the device is a coroutine function here. They raise what the device's
    object raises. One that is cancelled before its command was sent is never sent.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    async def get(self, name: str) -> Any:
        """Return the value of an attribute."""
        asked = attribute(self._link, name)
        return reading(await asyncio.wrap_future(self._link.get(name)), asked)

    async def set(self, name: str, value: Any) -> None:
        """Set an attribute."""
        await asyncio.wrap_future(begin_set(self._link, name, value))

    async def call(self, name: str, *args: Any, **named: Any) -> Any:
        """Call a function, whatever its name is."""
        return await asyncio.wrap_future(begin_call(self._link, name, args, named))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name == "_link":  # tools look for it before there is one
            raise AttributeError(name)
        function = self._link.description.functions.get(name)
        if function is None:
            raise unknown(self._link, name)

        async def called(*args: Any, **named: Any) -> Any:
            return await self.call(name, *args, **named)

        called.__name__ = called.__qualname__ = name
        called.__doc__ = function.help
        called.__signature__ = signature(function)  # type: ignore[attr-defined]
        return called

    def __dir__(self) -> list[str]:
        return ["call", "get", "set", *self._link.description.functions]

    def __repr__(self) -> str:
        return f"<{self._link.description.id} on {self._link.target}, to be awaited>"
