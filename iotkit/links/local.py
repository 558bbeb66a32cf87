"""Reach a device that is a Python object in this very process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from ..description import Description
from ..errors import DeviceDisconnected
from ..types import Value
from . import Link

MAX_CALLS = 8  # functions at work at once; the next one waits


class Hosted(Protocol):
    """A device written in Python, as the side that serves it sees it (see iotkit.host)."""

    @property
    def description(self) -> Description:
        """What it says of itself."""

    def get(self, name: str) -> Value:
        """Return an attribute's value."""

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def call(self, name: str, args: Sequence[Value]) -> Value | None:
        """Call a function; returns when that has ended."""

    def close(self) -> None:
        """End what is still going on."""


class LocalLink(Link):
    """A device in this process.

    Values are read and set one at a time; functions run beside, so that one that takes long
    holds up nothing, and `stop` can end it.
    """

    def __init__(self, hosted: Hosted, target: str, identity: str = "") -> None:
        self.target = target
        self.identity = identity
        self.description = hosted.description
        self._hosted = hosted
        self._closed = False
        name = f"iotkit {self.description.id}"
        self._values = ThreadPoolExecutor(1, name)
        self._calls = ThreadPoolExecutor(MAX_CALLS, name)

    def get(self, name: str, *, background: bool = False) -> Future[Value]:  # noqa: ARG002
        """Read an attribute; see Link.get."""
        return self._submit(self._values, self._hosted.get, name)

    def set(self, name: str, value: Value) -> Future[None]:
        """Set an attribute; see Link.set."""
        return self._submit(self._values, self._hosted.set, name, value)

    def call(self, name: str, args: Sequence[Value]) -> Future[Value | None]:
        """Call a function; see Link.call."""
        return self._submit(self._calls, self._hosted.call, name, args)

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._closed

    def close(self) -> None:
        """End the device's work; see Link.close."""
        if not self._closed:
            self._closed = True
            self._hosted.close()
            for pool in (self._values, self._calls):
                pool.shutdown(wait=False)  # a function of the device's may never end

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[..., Any], *args: object
    ) -> Future[Any]:
        def turn() -> Any:
            if self._closed:
                raise self._gone()
            return work(*args)

        try:
            return pool.submit(turn)
        except RuntimeError:  # the pool is shut down
            gone: Future[Any] = Future()
            gone.set_exception(self._gone())
            return gone

    def _gone(self) -> DeviceDisconnected:
        return DeviceDisconnected(f"{self.target} is closed")
