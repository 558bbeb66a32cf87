"""The device that a service serves, as its resources see it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
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
        self._claim = ("", Driver())  # of a plain client, with its secret

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
            self.bridge.post(lambda: self.link.wheel.leave(driver))

    async def claim(
        self, request: Request, who: str, seconds: float, *, take: bool
    ) -> tuple[str, str]:
        """Claim the device for a plain client, or renew that.

        Return the secret by which it is known, and what it is called. Raises what Link.claim does.
        """
        holder, wheel = self._holder(request), self.link.wheel
        secret = self._claim[0]
        if holder is None or not wheel.is_held_by(holder):
            secret, holder = secrets.token_urlsafe(16), Driver()
            who = who or f"somebody at {request.address}"
        who = who or wheel.claimed_by
        holder.may_take = self.gate.may_take(request)
        claimed = partial(self.link.claim, who, seconds, take=take, holder=holder)
        await self.bridge.ask(claimed)
        self._claim = secret, holder
        return secret, who

    async def release(self, request: Request) -> bool:
        """End the claim of a plain client; return whether it was its own."""
        holder = self._holder(request)
        if holder is None:
            return False
        await self.bridge.ask(lambda: self.link.release(holder))
        return True

    def _holder(self, request: Request) -> Driver | None:
        """Return who claims by plain HTTP, if this request shows the secret."""
        secret, holder = self._claim
        shown = request.headers.get("iotkit-claim", "")
        if secret and hmac.compare_digest(shown.encode(), secret.encode()):
            return holder
        return None

    async def _drive(self, request: Request, begin: Callable[[], Future[Result]]) -> Result:
        driver = self._drivers.setdefault(request.connection, Driver(steady=True))
        drive = partial(self.link.wheel.drive, begin, driver, self._holder(request))
        return await self.bridge.ask(drive)

    async def end(self, error: Exception) -> None:
        """End every request with `error`; return when those who wait know."""
        await self.bridge.end(error)
        for news in list(self.listeners):
            news.close()

    def close(self) -> None:
        """End the threads; the link stays as it is."""
        self.channels.close()
        self.bridge.close()
