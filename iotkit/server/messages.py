"""What a client and the web service say to each other, without HTTP's details."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..links.representation import exception, to_json
from ..transports.tcp import Socket

RETRY_AFTER = 2  # seconds until an unplugged or busy device is worth another try
MAX_PATH = 200  # characters: three for each of a name's 64, percent-encoded, and a folder

_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants; `path` as it came, `body` None where it was longer than allowed.

    `headers` are to be asked for in lower case; `query` is what follows the path's `?`; `address`
    is the client's, and `connection` the one that it has come by.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
    query: str = ""
    body: bytes | None = b""
    address: str = ""
    connection: object = None

    def words(self, header: str) -> list[str]:
        """Return what a header lists, in lower case and without parameters."""
        listed = self.headers.get(header, "").lower().split(",")
        return [word for part in listed if (word := part.partition(";")[0].strip())]


@dataclass(frozen=True, slots=True)
class Response:
    """What it gets: a status, a body or none, and headers beside the usual ones."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)


class Stream(ABC):
    """A response whose body goes on until one of the two ends it."""

    headers: Mapping[str, str] = _NO_HEADERS

    @abstractmethod
    async def next(self) -> bytes:
        """Return the next piece of the body; an empty one is the end."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it comes from; it is always called."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The connection carries `protocol` from now on.

    `take` gets its socket, to keep and to close, and what has already come over it.
    """

    protocol: str
    take: Callable[[Socket, bytes], None]


Answer = Response | Stream | Switch


class Refused(Exception):
    """A request that is wrong as such, whatever the device; `name` is for the error's body."""

    def __init__(
        self, status: int, name: str, message: str, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        super().__init__(message)
        self.status, self.name, self.headers = status, name, headers


def ok(value: Any, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
    """Return the response that holds `value` as JSON."""
    return Response(200, to_json(value), headers)


def failed(request: Request, error: Refused) -> Response:
    """Return the response of an error."""
    headers = dict(error.headers)
    if error.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    body = exception(error.name, str(error), request.path[:MAX_PATH])
    return Response(error.status, to_json(body), headers)
