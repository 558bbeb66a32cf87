"""The server's own resources, under `/-/`: bare JSON values, news, and the channel."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from ..description import Attribute, Event, Function
from ..links.channel import PROTOCOL
from .bodies import arguments, json_in, single
from .messages import Answer, Refused, Request, Response, Switch, ok
from .news import EVENT_STREAM, EventStream, News, next_change, next_event
from .served import Served

LONG_POLL = "longpoll"  # the query of a GET that is to be answered when there is news
MAX_EVENTS = 64  # that wait for a slow client


async def read_all(served: Served, _: Request, __: Any) -> Response:
    """Read all attributes; what is wrong with one is wrong with all."""
    attributes = served.known.attributes
    values = await asyncio.gather(*map(served.get, attributes.values()))
    return ok(dict(zip(attributes, values, strict=True)))


async def read(served: Served, request: Request, attribute: Attribute) -> Answer:
    """Read an attribute, or tell of it: its next change, or all of them."""
    if EVENT_STREAM in request.words("accept"):
        return _stream(served, request, attribute.name)
    if request.query != LONG_POLL:
        return ok(await served.get(attribute))
    if request.method == "HEAD":
        return Response(200)
    with News(served, attribute.name) as news:
        return await next_change(news, request.headers.get("if-none-match", ""))


async def write(served: Served, request: Request, attribute: Attribute) -> Response:
    """Set an attribute; the answer is what it has become."""
    await served.set(
        request,
        attribute,
        attribute.check(single(attribute.name, json_in(request), attribute.type)),
    )
    return ok(await served.get(attribute))


async def call(served: Served, request: Request, function: Function) -> Response:
    """Call a function."""
    given = json_in(request) if request.body else []
    return ok(await served.call(request, function, arguments(given, function)))


async def hear(served: Served, request: Request, event: Event) -> Answer:
    """Tell of an event: the next one, or all of them."""
    if EVENT_STREAM in request.words("accept"):
        return _stream(served, request, event.name, keep=MAX_EVENTS)
    if request.method == "HEAD":
        return Response(200)
    with News(served, event.name) as news:
        return await next_event(news)


async def switch(served: Served, request: Request, _: Any) -> Answer:
    """Let the connection carry the serial protocol, the device's end of it here."""
    asked = PROTOCOL in request.words("upgrade") and "upgrade" in request.words("connection")
    if not asked or request.method == "HEAD":
        raise Refused(
            426,
            "UpgradeRequired",
            f"here the connection has to be upgraded: Connection: Upgrade, Upgrade: {PROTOCOL}",
            {"Upgrade": PROTOCOL, "Connection": "Upgrade"},
        )
    served.channels.have_room()
    may_take = served.gate.may_take(request)
    return Switch(PROTOCOL, partial(served.channels.open, may_take=may_take))


def _stream(served: Served, request: Request, name: str, keep: int = 1) -> Answer:
    if request.method == "HEAD":
        return Response(200, headers=EventStream.headers)
    return EventStream(News(served, name, keep))
