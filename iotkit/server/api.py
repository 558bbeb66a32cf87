"""The web API of one device, without HTTP's details: a request in, an answer out."""

from __future__ import annotations

import logging

from ..description import Attribute
from ..errors import IotkitError, ReadOnly
from ..links.representation import status_of
from ..types import shown
from .messages import Answer, Refused, Request, Response, failed
from .routes import Member, Route, find
from .served import Served

_log = logging.getLogger(__name__)


async def respond(served: Served, request: Request) -> Answer:
    """Return the answer to `request`, be it an error; raises nothing."""
    allow: dict[str, str] = {}
    try:
        served.gate.check(request)
        if request.body is None:
            raise Refused(413, "BodyTooLarge", "the body is longer than any device takes")
        route, member = find(request.path, served.known)
        allow = {"Allow": ", ".join(route.methods(member))}
        if request.method == "OPTIONS":
            return Response(204, headers=allow)
        if request.method not in route.methods(member):
            raise _no_action(request, route, member, allow)
        action = route.actions["GET" if request.method == "HEAD" else request.method]
        return await action(served, request, member)
    except Refused as error:
        return failed(request, error)
    except IotkitError as error:
        status = status_of(error)
        headers = allow if status == 405 else {}
        return failed(request, Refused(status, type(error).__name__, str(error), headers))
    except Exception:
        _log.exception("%s %s failed", request.method, shown(request.path))
        message = "something is wrong in the server itself: its log says what"
        return failed(request, Refused(500, "ServerError", message))


def _no_action(request: Request, route: Route, member: Member, allow: dict[str, str]) -> Exception:
    if request.method in route.actions and isinstance(member, Attribute):
        return ReadOnly(f"{member.name} can be read but not set")
    message = f"{request.path} takes only {allow['Allow']}"
    return Refused(405, "MethodNotAllowed", message, allow)
