"""HTTP for the web API: tornado's requests and responses, and how large they may be."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPInputError, HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import Application, RequestHandler, stream_request_body

from ..links.representation import MEDIA_TYPE
from ..transports.tcp import Socket
from ..transports.tls import TlsSocket
from .api import respond
from .messages import Refused, Request, Response, Stream, Switch, failed
from .served import Served

MAX_BODY = 64 * 1024  # bytes; a device's line is far shorter, and a Thing's arguments too
# Bytes that are read, and thrown away, before a longer body is refused: a client that still
# sends when the connection closes may never see the answer.
MAX_DRAINED = 1024 * 1024
PATIENCE = 10.0  # seconds that a client may leave a piece of a stream unread
UNREAD = 16 * 1024  # bytes of a stream that the system may hold back: what is old is worth little
# At once: all that may wait for news (see news.py), and others. A program may often have no more
# than a thousand files open, and a gateway needs some for its devices.
MAX_CONNECTIONS = 600
MAX_BEGUN = 256 * 1024  # bytes that tornado may have read beyond a request

_log = logging.getLogger(__name__)


@stream_request_body
class Handler(RequestHandler):
    """Hands each request on once its body is in, whatever its method and path."""

    def initialize(self, served: Served) -> None:
        """Answer for `served`."""
        self._served = served
        self._body = bytearray()
        self._length = 0
        self._work: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Refuse a body that says of itself that it is much too long."""
        length = self.request.headers.get("Content-Length", "")
        if re.fullmatch("[0-9]+", length) and (len(length) > 9 or int(length) > MAX_DRAINED):
            await self._answer(None)

    async def data_received(self, chunk: bytes) -> None:
        """Keep as much of the body as may be; refuse one that doesn't end."""
        self._length += len(chunk)
        if self._length <= MAX_BODY:
            self._body += chunk
        elif self._length > MAX_DRAINED and not self._finished:
            await self._answer(None)

    async def get(self) -> None:
        """Answer a request, of any method."""
        self._work = asyncio.current_task()
        try:
            await self._answer(bytes(self._body) if self._length <= MAX_BODY else None)
        except (asyncio.CancelledError, StreamClosedError):
            pass  # the client has gone, or the service ends

    head = post = delete = patch = put = options = get

    def on_connection_close(self) -> None:
        """Wait no more for what nobody will read or send; tornado calls this."""
        super().on_connection_close()
        if self._work is not None:
            self._work.cancel()

    async def _answer(self, body: bytes | None) -> None:
        answer = await respond(self._served, self._asked(body))
        if isinstance(answer, Response):
            self._send(answer)
        elif isinstance(answer, Stream):
            with closing(answer):
                await self._stream(answer)
        else:
            await self._switch(answer)

    def _asked(self, body: bytes | None = b"") -> Request:
        asked = self.request
        address = asked.remote_ip or ""
        connection = cast(HTTP1Connection, asked.connection).stream
        method, path, query = asked.method or "", asked.path, asked.query
        return Request(method, path, asked.headers, query, body, address, connection)

    def _send(self, response: Response) -> None:
        self.set_status(response.status)
        for name, value in response.headers.items():
            self.set_header(name, value)
        self.finish(response.body or None)

    async def _stream(self, stream: Stream) -> None:
        """Send what comes, no faster than it is read; drop a client that doesn't read."""
        for name, value in stream.headers.items():
            self.set_header(name, value)
        connection = cast(HTTP1Connection, self.request.connection).stream
        connection.set_nodelay(True)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
        while piece := await stream.next():
            self.write(piece)
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.flush()
            except TimeoutError:
                _log.debug("%s does not read its stream", self.request.remote_ip)
                connection.close()
                return
        self.finish()

    async def _switch(self, switch: Switch) -> None:
        """Answer 101, and hand the socket over with all that has come."""
        stream = self.detach()
        head = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {switch.protocol}\r\n"
        with closing(stream):
            async with asyncio.timeout(PATIENCE):
                await stream.write(f"{head}Connection: Upgrade\r\n\r\n".encode())
            begun = _begun(stream)
            if stream.closed():
                return
            sock = stream.socket
            stream.close_fd = _nothing  # type: ignore[method-assign] # closing leaves it open
        switch.take(_for_threads(sock), begun)

    def write_error(self, status_code: int, **kwargs: object) -> None:  # noqa: ARG002
        """Refuse a method that HTTP has not; tornado calls this."""
        request = self._asked()
        try:
            self._served.gate.check(request)
            allow = {"Allow": "GET, HEAD, OPTIONS"}
            raise Refused(status_code, "MethodNotAllowed", "there is no such method", allow)
        except Refused as error:
            self._send(failed(request, error))

    def set_default_headers(self) -> None:
        """Say what every response is; tornado calls this."""
        self.set_header("Server", "iotkit")
        self.set_header("Content-Type", MEDIA_TYPE)

    def compute_etag(self) -> None:
        """Give no ETag: a device's value is worth as much as a hash of it."""


def _begun(stream: IOStream) -> bytes:
    """Return what `stream` has read already."""
    begun = b""
    while len(begun) < MAX_BEGUN:
        read = cast("asyncio.Future[bytes]", stream.read_bytes(MAX_BEGUN, partial=True))
        if not read.done():
            break
        begun += read.result()
    return begun


def _for_threads(sock: socket.socket) -> Socket:
    return TlsSocket(sock) if isinstance(sock, ssl.SSLSocket) else sock


def _nothing() -> None:
    pass


def application(served: Served) -> Application:
    """Return what answers for `served` at every path."""
    return Application(
        default_handler_class=Handler,
        default_handler_args={"served": served},
        log_function=_logged,
    )


class Server(HTTPServer):
    """A server that calls `on_gone` with each connection that has ended.

    At most MAX_CONNECTIONS are open at once; it hangs up on more.
    """

    on_gone: Callable[[object], None]
    _count = 0

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Serve a client, if there is room; tornado calls this."""
        if self._count >= MAX_CONNECTIONS:
            stream.close()
            return
        self._count += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: Any) -> None:
        """Note that a client has gone; tornado calls this."""
        super().on_close(server_conn)
        self._count -= 1
        self.on_gone(server_conn.stream)


def _is_for_the_log(record: logging.LogRecord) -> bool:
    """Whether to log it: not each handshake that fails, of which anybody could send many.

    What a request that is no HTTP said is taken out: it may hold a token.
    """
    if str(record.msg).startswith("SSL Error"):
        return False
    if isinstance(record.args, tuple) and any(isinstance(a, HTTPInputError) for a in record.args):
        record.args = tuple("…" if isinstance(a, HTTPInputError) else a for a in record.args)
    return True


logging.getLogger("tornado.general").addFilter(_is_for_the_log)


def _logged(handler: RequestHandler) -> None:
    request: HTTPServerRequest = handler.request
    _log.debug("%s %s: %s", request.method, request.path, handler.get_status())
