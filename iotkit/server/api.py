"""The web API of one device, without HTTP's details: a request in, a response out.

Version 1 of docs/web-api.md to the letter, JSON bodies, and errors with a status.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

from ..description import Attribute, Function, function_value
from ..errors import BadType, BadValue, IotkitError, ReadOnly, UnknownName, did_you_mean
from ..links import Link
from ..links.representation import (
    DEVINFO,
    DIRECTORY,
    FUNCTION,
    MEDIA_TYPE,
    NULL,
    VALUE,
    exception,
    from_json,
    status_of,
    to_json,
)
from ..types import Value, shown
from .bridge import Bridge

RETRY_AFTER = 2  # seconds until an unplugged or busy device is worth another try

MAX_PATH = 200  # characters: three for each of a name's 64, percent-encoded

_log = logging.getLogger(__name__)

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants; `path` as it came, `body` None where it was longer than allowed."""

    method: str
    path: str
    content_type: str = ""
    body: bytes | None = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What it gets: a status, a JSON text or nothing, and headers beside the usual ones."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that is wrong as such, whatever the device; `name` is for the error's body."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


Action = Callable[[Request], Awaitable[Any]]


class WebApi:
    """Answers requests with what the device that `link` reaches says."""

    def __init__(self, link: Link, bridge: Bridge) -> None:
        self._link, self._bridge = link, bridge

    async def respond(self, request: Request) -> Response:
        """Return the response to `request`, be it an error; raises nothing."""
        allow = ""
        try:
            if request.body is None:
                raise Refused(413, "BodyTooLarge", "the body is longer than any device takes")
            actions = self._actions(request.path)
            allow = ", ".join(sorted({*actions, "HEAD", "OPTIONS"}))
            if request.method == "OPTIONS":
                return Response(204, headers={"Allow": allow})
            action = actions.get("GET" if request.method == "HEAD" else request.method)
            if action is None:
                raise self._no_action(request, allow)
            return Response(200, to_json(await action(request)))
        except Refused as error:
            return failed(request, error.status, error.name, str(error), allow)
        except IotkitError as error:
            return failed(request, status_of(error), type(error).__name__, str(error), allow)
        except Exception:
            _log.exception("%s %s failed", request.method, shown(request.path))
            message = "something is wrong in the server itself: its log says what"
            return failed(request, 500, "ServerError", message, allow)

    def _actions(self, path: str) -> dict[str, Action]:
        """Return what can be done with the resource at `path`, by method; raises UnknownName."""
        known = self._link.description
        name = _name_in(path)
        if name == "":
            return {"GET": self._directory}
        if name == "devinfo":
            return {"GET": self._devinfo}
        if attribute := known.attributes.get(name):
            write = {} if attribute.read_only else {"PUT": partial(self._write, attribute)}
            return {"GET": partial(self._read, attribute), **write}
        if function := known.functions.get(name):
            return {"GET": partial(self._show, function), "POST": partial(self._call, function)}
        near = did_you_mean(name, [*known.attributes, *known.functions])
        raise UnknownName(f"{known.id} has no {shown(name)}{near}")

    def _no_action(self, request: Request, allow: str) -> Exception:
        name = _name_in(request.path)
        if request.method == "PUT" and name in self._link.description.attributes:
            return ReadOnly(f"{name} can be read but not set")
        return Refused(405, "MethodNotAllowed", f"{request.path} takes only {allow}")

    async def _directory(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        known = self._link.description
        names = [*known.functions, *known.attributes, "devinfo"]
        return {"type": DIRECTORY, "href": "/", "help": known.id, "value": names}

    async def _devinfo(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        devinfo = self._link.description.to_devinfo()
        return {
            "type": DEVINFO,
            "href": "/devinfo",
            "help": "Device description",
            "value": devinfo,
        }

    async def _read(self, attribute: Attribute, request: Request) -> dict[str, Any]:  # noqa: ARG002
        value = await self._bridge.ask(lambda: self._link.get(attribute.name))
        return {
            "type": f"{VALUE}{attribute.type}",
            "href": f"/{attribute.name}",
            "help": attribute.help,
            "value": value,
        }

    async def _write(self, attribute: Attribute, request: Request) -> dict[str, Any]:
        value = attribute.check(_value_in(request, attribute))
        await self._bridge.ask(lambda: self._link.set(attribute.name, value))
        return await self._read(attribute, request)

    async def _show(self, function: Function, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {
            "type": FUNCTION,
            "href": f"/{function.name}",
            "help": function.help,
            "value": function_value(function),
        }

    async def _call(self, function: Function, request: Request) -> dict[str, Any]:
        args = _arguments_in(request, function)
        value = await self._bridge.ask(lambda: self._link.call(function.name, args))
        if function.result is None:
            return {"type": NULL, "value": None}
        return {"type": str(function.result.type), "name": function.result.name, "value": value}


def failed(
    request: Request, status: int, name: str, message: str, allow: str = "GET, HEAD, OPTIONS"
) -> Response:
    """Return the response of an error; `allow` are the methods that the path takes."""
    headers: dict[str, str] = {}
    if status == 405:
        headers["Allow"] = allow
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    return Response(status, to_json(exception(name, message, request.path[:MAX_PATH])), headers)


def _name_in(path: str) -> str:
    """Return the name of the resource at `path`; raises UnknownName where there can be none."""
    if not path.startswith("/") or len(path) > MAX_PATH:
        raise UnknownName(f"there is no {shown(path)} here")
    return unquote(path[1:])


def _value_in(request: Request, attribute: Attribute) -> Any:
    """Return the value that a PUT's body holds, unchecked; raises BadValue and BadType."""
    if not _is_json(request):
        return _named(attribute.name, attribute.type.parse, _text_in(request))
    given = _json_in(request)
    if isinstance(given, dict) and "value" in given:
        given = given["value"]  # a representation, as a GET gives it
    return _single(attribute.name, given)


def _arguments_in(request: Request, function: Function) -> tuple[Value, ...]:
    """Return the arguments that a POST's body holds, checked; raises BadValue and BadType."""
    if not _is_json(request):
        return _named(f"{function.name}()", function.parse_args, _text_in(request))
    given = _json_in(request) if request.body else []
    names = [a.name for a in function.args]
    if isinstance(given, dict) and given.keys() != set(names) and "value" in given:
        given = given["value"]
    if isinstance(given, dict):
        if given.keys() != set(names):
            raise BadType(f"the call is {function.signature}, each argument by its name")
        given = [given[name] for name in names]
    if not isinstance(given, list):
        given = [] if given is None and not names else [given]
    return function.check([_single(f"{function.name}()", value) for value in given])


def _is_json(request: Request) -> bool:
    return request.content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


def _json_in(request: Request) -> Any:
    try:
        return from_json(request.body or b"")
    except ValueError as error:
        raise BadValue(f"the body is not JSON ({error})") from None


def _text_in(request: Request) -> str:
    try:
        return (request.body or b"").decode()
    except UnicodeDecodeError:
        raise BadValue("the body is not UTF-8 text") from None


def _single(name: str, given: Any) -> Any:
    """Return `given` if it may be a value; lists and objects never are."""
    if isinstance(given, list | dict):
        raise BadType(f"{name}: it takes one value, not a list or an object")
    return given


def _named(name: str, parse: Callable[[str], Parsed], text: str) -> Parsed:
    try:
        return parse(text)
    except IotkitError as error:
        raise type(error)(f"{name}: {error}") from None
