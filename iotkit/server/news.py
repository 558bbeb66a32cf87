"""News of attributes and events, to clients on the web: as they come, or the next one."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque

from ..closing import Closing
from ..errors import IotkitError
from ..links import Change, Following, is_last
from ..links.representation import exception, to_json
from ..types import Value
from .messages import Refused, Response, Stream
from .served import Served

EVENT_STREAM = "text/event-stream"
HEARTBEAT = 15.0  # seconds; proxies end what is silent for a minute, some for half of one
RETRY = 2000  # milliseconds until a client whose stream broke asks anew
PERIOD = 1 / 60  # seconds at least between two news of an attribute: no screen shows more
MAX_LISTENERS = 500  # requests at once that wait for news of the device

_TAG = re.compile('"[^"]*"')


class News(Closing):
    """What one client is told of an attribute or event; it has to be closed.

    The last `keep` changes wait for a client that is slower than they come.
    """

    def __init__(self, served: Served, name: str, keep: int = 1) -> None:
        """Begin to listen; raises Refused where too many do already."""
        if len(served.listeners) >= MAX_LISTENERS:
            raise Refused(503, "TooManyClients", f"{MAX_LISTENERS} requests wait for news already")
        self._served, self._name = served, name
        self._loop = asyncio.get_running_loop()
        self._changes: deque[tuple[Change, float]] = deque(maxlen=keep)
        self._arrived: asyncio.Future[None] = self._loop.create_future()
        self._calling = False  # the loop will see to what is in `_changes`
        self._following: Following | None = None
        served.listeners.add(self)
        served.bridge.post(self._begin)

    async def next(self) -> tuple[Value | None, float]:
        """Return the next change and its time, in seconds since the epoch; raise its error."""
        while not self._changes:
            self._arrived = self._loop.create_future()
            await self._served.bridge.wait(self._arrived)
        change, at = self._changes.popleft()
        if isinstance(change, IotkitError):
            raise change
        return change, at

    def close(self) -> None:
        """Listen no more; a second time does nothing."""
        if self in self._served.listeners:
            self._served.listeners.remove(self)
            self._served.bridge.post(self._end)

    # What follows runs in threads of the bridge's and the link's.

    def _begin(self) -> None:
        self._following = self._served.link.follow(self._name, self._heard, PERIOD)

    def _end(self) -> None:
        if self._following is not None:
            self._following.close()

    def _heard(self, _: str, change: Change, at: float) -> None:
        self._changes.append((change, at))
        if not self._calling:
            self._calling = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                pass  # the loop has ended, and so has whoever listened

    def _wake(self) -> None:
        self._calling = False
        if not self._arrived.done():
            self._arrived.set_result(None)


class EventStream(Stream):
    """All of the news, as Server-Sent Events: bare JSON values, the time of each as its id.

    Why there is no value is an event named `exception`, which a client that listens for values
    alone never sees. It ends when the device is gone for good.
    """

    headers = {  # noqa: RUF012 - it is the base class's
        "Content-Type": EVENT_STREAM,
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would keep it back
    }

    def __init__(self, news: News) -> None:
        self._news = news
        self._begun = self._ended = False

    async def next(self) -> bytes:
        """Return the next event, or a comment where there is none for some time."""
        if not self._begun:
            self._begun = True
            return b"retry: %d\n\n" % RETRY
        if self._ended:
            return b""
        try:
            async with asyncio.timeout(HEARTBEAT):
                value, at = await self._news.next()
        except IotkitError as error:
            self._ended = is_last(error)
            told = exception(type(error).__name__, str(error), "")
            return b"event: exception\ndata: %b\n\n" % to_json(told["value"])
        except TimeoutError:
            return b":\n\n"
        return b"id: %.3f\ndata: %b\n\n" % (at, to_json(value))

    def close(self) -> None:
        """Listen no more."""
        self._news.close()


async def next_change(news: News, had: str) -> Response:
    """Return, when there is one, a value that is not the client's.

    That is the one of the tag in `had` (an If-None-Match), or else the present one.
    """
    tags = set(_TAG.findall(had))
    while True:
        value, _ = await news.next()
        response = _tagged(value)
        tag = response.headers["ETag"]
        if tags and tag not in tags:
            return response
        tags = tags or {tag}


async def next_event(news: News) -> Response:
    """Return the next event's value, when there is one."""
    value, _ = await news.next()
    return Response(200, to_json(value), {"Cache-Control": "no-store"})


def _tagged(value: Value | None) -> Response:
    body = to_json(value)
    tag = hashlib.blake2s(body, digest_size=8).hexdigest()
    return Response(200, body, {"ETag": f'"{tag}"', "Cache-Control": "no-cache"})
