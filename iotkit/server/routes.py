"""Every route of the web service, in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ..description import Attribute, Description, Event, Function
from ..errors import UnknownName, did_you_mean
from ..links.tokens import PAIR_PATH
from ..types import shown
from . import bare, claims, openapi, pairing, v1
from .messages import MAX_PATH, Answer, Request, Response, ok
from .served import Served

Action = Callable[[Served, Request, Any], Awaitable[Answer]]
Member = Attribute | Function | Event | None


@dataclass(frozen=True, slots=True)
class Route:
    """A resource at `path`, which may end in `{attribute}`, `{function}` or `{event}`.

    `actions` are what can be done with it, by method; each is given the member of that name.
    HEAD is done as GET, whose action sees the difference where there is one.
    """

    path: str
    actions: Mapping[str, Action]

    def methods(self, member: Member) -> list[str]:
        """Return the methods that it takes, in alphabetical order."""
        methods = {*self.actions, "OPTIONS"} | ({"HEAD"} if "GET" in self.actions else set())
        if isinstance(member, Attribute) and member.read_only:
            methods.discard("PUT")
        return sorted(methods)


async def _describe(served: Served, _: Request, __: Any) -> Response:
    """Say all that can be asked of the device here (OpenAPI)."""
    return ok(openapi.document(served.known, ROUTES, locked=bool(served.gate.token)))


ROUTES = (
    Route("/", {"GET": v1.directory}),
    Route("/devinfo", {"GET": v1.devinfo}),
    Route("/{attribute}", {"GET": v1.read, "PUT": v1.write}),
    Route("/{function}", {"GET": v1.show, "POST": v1.call}),
    Route("/-/properties", {"GET": bare.read_all}),
    Route("/-/properties/{attribute}", {"GET": bare.read, "PUT": bare.write}),
    Route("/-/actions/{function}", {"POST": bare.call}),
    Route("/-/events/{event}", {"GET": bare.hear}),
    Route("/-/channel", {"GET": bare.switch}),
    Route("/-/openapi.json", {"GET": _describe}),
    Route("/-/claim", {"GET": claims.show, "POST": claims.claim, "DELETE": claims.release}),
    Route(PAIR_PATH, {"POST": pairing.pair}),
)

_FIXED = {route.path: route for route in ROUTES if "{" not in route.path}
_NAMED = {route.path: route for route in ROUTES if "{" in route.path}


def find(path: str, known: Description) -> tuple[Route, Member]:
    """Return the route of `path`, and the member it names; raises UnknownName."""
    segments = [unquote(segment) for segment in path.split("/")]
    if not path.startswith("/") or len(path) > MAX_PATH or any("/" in s for s in segments):
        raise UnknownName(f"there is no {shown(path)} here")
    *folder, name = segments
    if route := _FIXED.get("/".join(segments)):
        return route, None
    members: dict[str, Mapping[str, Any]] = {
        "{attribute}": known.attributes,
        "{function}": known.functions,
        "{event}": known.events,
    }
    near: list[str] = []
    for kind, named in members.items():
        if route := _NAMED.get("/".join([*folder, kind])):
            if name in named:
                return route, named[name]
            near += named
    raise UnknownName(
        f"{known.id} has no {shown('/'.join(segments)[1:])}{did_you_mean(name, near)}"
    )
