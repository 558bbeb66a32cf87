"""The device that a service serves, as its resources see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from ..description import Attribute, Description, Function
from ..links import HALT, Driver, Link
from ..types import Value
from .bridge import Bridge
from .channels import Channels
from .gate import Gate
from .messages import Request

if TYPE_CHECKING:
    from .news import News

Result = TypeVar("Result")


class Served:
    """The device that `link` reaches, for the coroutines that answer requests.

    `channels` are the connections that speak the serial protocol, `listeners` the requests that
    wait for news. Every request passes the `gate`. `certificate` is what clients see, as a
    fingerprint; empty where nothing is encrypted.
    """

    def __init__(self, link: Link, gate: Gate, certificate: str = "") -> None:
        self.link, self.gate, self.certificate = link, gate, certificate
        self.bridge = Bridge(link)
        self.channels = Channels(link)
        self.listeners: set[News] = set()
        self._drivers: dict[object, Driver] = {}  # by the connection over which each drives

    @property
    def known(self) -> Description:
        """What the device says of itself."""
        return self.link.description

    async def get(self, attribute: Attribute) -> Value:
        """Read an attribute; raises what Link.get's future does."""
        return await self.bridge.ask(lambda: self.link.get(attribute.name))

    async def set(self, request: Request, attribute: Attribute, value: Value) -> None:
        """Set an attribute; raises what Link.set's future does."""
        await self._drive(request, lambda: self.link.set(attribute.name, value))

    async def call(
        self, request: Request, function: Function, args: Sequence[Value]
    ) -> Value | None:
        """Call a function; raises what Link.call's future does."""
        if function.name == HALT and not args:
            return await self.bridge.ask(lambda: self.link.call(HALT, ()))
        return await self._drive(request, lambda: self.link.call(function.name, args))

    def left(self, connection: object) -> None:
        """Note that a client's connection has ended."""
        if driver := self._drivers.pop(connection, None):
            self.link.wheel.leave(driver)

    async def _drive(self, request: Request, begin: Callable[[], Future[Result]]) -> Result:
        driver = self._drivers.setdefault(request.connection, Driver(steady=True))
        return await self.bridge.ask(lambda: self.link.wheel.drive(begin, driver))

    async def end(self, error: Exception) -> None:
        """End every request with `error`; return when those who wait know."""
        await self.bridge.end(error)
        for news in list(self.listeners):
            news.close()

    def close(self) -> None:
        """End the threads; the link stays as it is."""
        self.channels.close()
        self.bridge.close()
