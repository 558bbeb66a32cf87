"""HTTP for the web API: tornado's requests and responses, and how large they may be."""

from __future__ import annotations

import logging
import re

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler, stream_request_body

from ..links.representation import MEDIA_TYPE
from .api import Request, Response, WebApi, failed

MAX_BODY = 64 * 1024  # bytes; a device's line is far shorter, and a Thing's arguments too
# Bytes that are read, and thrown away, before a longer body is refused: a client that still
# sends when the connection closes may never see the answer.
MAX_DRAINED = 1024 * 1024

_log = logging.getLogger(__name__)


@stream_request_body
class Handler(RequestHandler):
    """Hands each request to a WebApi once its body is in, whatever its method and path."""

    def initialize(self, api: WebApi) -> None:
        """Answer with `api`."""
        self._api = api
        self._body = bytearray()
        self._length = 0

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
        await self._answer(bytes(self._body) if self._length <= MAX_BODY else None)

    head = post = delete = patch = put = options = get

    async def _answer(self, body: bytes | None) -> None:
        request = self.request
        content_type = request.headers.get("Content-Type", "")
        self._send(
            await self._api.respond(Request(request.method or "", request.path, content_type, body))
        )

    def _send(self, response: Response) -> None:
        self.set_status(response.status)
        for name, value in response.headers.items():
            self.set_header(name, value)
        self.finish(response.body or None)

    def write_error(self, status_code: int, **kwargs: object) -> None:  # noqa: ARG002
        """Refuse a method that HTTP has not; tornado calls this."""
        request = Request(self.request.method or "", self.request.path)
        self._send(failed(request, status_code, "MethodNotAllowed", "there is no such method"))

    def set_default_headers(self) -> None:
        """Say what every response is; tornado calls this."""
        self.set_header("Server", "iotkit")
        self.set_header("Content-Type", MEDIA_TYPE)

    def compute_etag(self) -> None:
        """Give no ETag: a device's value is worth as much as a hash of it."""


def application(api: WebApi) -> Application:
    """Return what serves `api` at every path."""
    return Application(
        default_handler_class=Handler,
        default_handler_args={"api": api},
        log_function=_logged,
    )


def _logged(handler: RequestHandler) -> None:
    request: HTTPServerRequest = handler.request
    _log.debug("%s %s: %s", request.method, request.path, handler.get_status())
