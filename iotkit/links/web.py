"""Reach a device by its web service: iotkit's own, or one that speaks version 1 alone.

Both take values as bare text; only a function with several arguments, which version 1 has
not, is called in JSON. See docs/web-api.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from typing import Any
from urllib.parse import quote

from requests import PreparedRequest

from ..description import Description
from ..devinfo import from_devinfo
from ..errors import (
    DeviceDisconnected,
    DeviceError,
    DeviceStopped,
    IotkitError,
    ProtocolError,
)
from ..futures import failed
from ..plain import plain
from ..types import Type, Value
from . import CALL_TIMEOUT, HALT, WEB_EXTRA, WEB_TIMEOUT, Hold, LosableLink, Newsroom, Wheel
from .http import Answer, HttpClient
from .polling import Poller
from .representation import MEDIA_TYPE, error_of, from_json, to_json
from .tokens import Meant
from .trust import Trust

TRIES = 3  # of what may be asked twice
MAX_CALLS = 8  # functions at work at once; the next one waits
POLL_PERIOD = 0.1  # seconds at least between two questions for the same attribute

_REFUSED = (403, 421, 429)  # statuses of a server that doesn't let this client in
_TEXT = "text/plain; charset=utf-8"


class WebLink(LosableLink):
    """The device behind the web server at `url`, such as `http://192.168.1.7:8000`.

    Values are read and set one at a time, in order; polls run beside, one at a time, and so do
    functions, so that `stop` can end one that takes long.
    """

    never_waits = True

    def __init__(
        self, url: str, *, timeout: float = WEB_TIMEOUT, meant: Meant | None = None
    ) -> None:
        """Find out what the device is; an answer may take `timeout` seconds, a call's longer.

        `meant` says which device it should be. Raises BadTarget, DeviceDisconnected,
        DeviceTimeout, NotAllowed, or ProtocolError where what answers is no device.
        """
        self.target = url.rstrip("/")
        self._meant = meant or Meant(self.target)
        self.identity = self._meant.identity or self.target
        self._timeout, self._call_timeout = timeout, CALL_TIMEOUT + WEB_EXTRA
        self._closed = False
        self._trust = Trust(self.target, self._meant)
        self._http = HttpClient(self.target, MAX_CALLS + 3, self._trust)
        self._reads: dict[str, PreparedRequest] = {}
        self._workers: set[int] = set()
        self._values, self._polls, self._halts, self._calls = map(self._pool, (1, 1, 1, MAX_CALLS))
        self._halted: tuple[int, DeviceStopped | None] = (0, None)  # how often, and how lately
        self.newsroom, self.hold = Newsroom(self), Hold()
        self._own_news = self.newsroom
        self.on_gone = _nothing  # the server may come back, and then this goes on
        try:
            self.description = self._introspect()
            self.wheel = Wheel(self, taken=True)
            name = f"iotkit poll {self.description.id}"
            self._poller = Poller(name, self._poll, self.newsroom, period=POLL_PERIOD)
        except BaseException:
            self.close()
            raise

    def get(self, name: str, *, background: bool = False) -> Future[Value]:
        """Read an attribute; see Link.get."""
        return self._submit(self._polls if background else self._values, self._read, name)

    def set(self, name: str, value: Value) -> Future[None]:
        """Set an attribute; see Link.set."""
        text = self.description.attributes[name].type.format(value)
        request = self._http.request("PUT", _path(name), text.encode(), _TEXT)
        return self._submit(self._values, self._write, name, request, self._halted[0])

    def call(
        self, name: str, args: Sequence[Value], timeout: float | None = None
    ) -> Future[Value | None]:
        """Call a function; see Link.call."""
        function = self.description.functions[name]
        if timeout is None:
            timeout = function.within + WEB_EXTRA if function.within else self._call_timeout
        if len(args) > 1:
            body, content_type = to_json(args), MEDIA_TYPE
        else:
            body, content_type = function.format_args(args).encode(), _TEXT
        request = self._http.request("POST", _path(name), body, content_type)
        return self._submit(self._calls, self._run, name, request, self._halted[0], timeout)

    def _halt(self, instead: DeviceStopped) -> Future[Any]:
        self._halted = (self._halted[0] + 1, instead)
        request = self._http.request("POST", _path(HALT), b"", _TEXT)
        waits = self._call_timeout
        return self._submit(self._halts, self._run, HALT, request, self._halted[0], waits)

    def _claim_beyond(self, who: str, seconds: float, *, take: bool) -> Future[None]:  # noqa: ARG002
        name = self.description.name
        return failed(DeviceError(f"the server of {name} knows no claims", 404))

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._closed

    def close(self) -> None:
        """Break the connections; see Link.close."""
        self._closed = True
        self._http.close()
        # A future's callback, which may close this, runs in a worker: that can't wait for itself.
        wait = threading.get_ident() not in self._workers
        for pool in (self._values, self._polls, self._halts, self._calls):
            pool.shutdown(wait=wait)
        self._own_news.close(self._gone())
        if hasattr(self, "_poller"):
            self._poller.close()

    # The source of the newsroom: version 1 is asked again and again.

    def begin(self, name: str, period: float) -> None:
        """Begin to tell of an attribute; see Source.begin."""
        self._poller.begin(name, period)

    def end(self, name: str) -> None:
        """End it; see Source.end."""
        self._poller.end(name)

    def refresh(self, name: str) -> None:
        """Ask for an attribute now; see Source.refresh."""
        self._poller.hurry(name)

    def _poll(self, name: str) -> Future[Value]:
        return self.get(name, background=True)

    def _pool(self, size: int) -> ThreadPoolExecutor:
        def begin() -> None:
            self._workers.add(threading.get_ident())

        return ThreadPoolExecutor(size, f"iotkit {self.target}", initializer=begin)

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[..., Any], *args: object
    ) -> Future[Any]:
        try:
            return pool.submit(work, *args)
        except RuntimeError:  # the pool is shut down
            return failed(self._gone())

    def report_to(self, newsroom: Newsroom) -> None:
        """Tell the news there; see LosableLink.report_to."""
        self.newsroom = self._poller.told = newsroom

    # What follows runs in the workers.

    def _read(self, name: str) -> Value:
        request = self._reads.get(name)
        if request is None:
            request = self._reads[name] = self._http.request("GET", _path(name))
        what = f"the value of {name}"
        given = self._ask(request, what, tries=TRIES)
        return self._checked(what, self.description.attributes[name].type, given)

    def _write(self, name: str, request: PreparedRequest, halted: int) -> None:
        self._check(halted)
        self._ask(request, f"to set {name}", tries=TRIES)

    def _run(
        self, name: str, request: PreparedRequest, halted: int, timeout: float
    ) -> Value | None:
        self._check(halted)
        result = self.description.functions[name].result
        given = self._ask(request, f"{name}()", risk=f"{name}() may have run", timeout=timeout)
        return self._checked(f"the result of {name}()", result.type, given) if result else None

    def _check(self, halted: int) -> None:
        """Raise what the device was stopped with, if that was after `halted` times."""
        times, stopped = self._halted
        if stopped is not None and times > halted:
            raise copy(stopped)

    def _introspect(self) -> Description:
        answer = self._described()
        if answer.status == 401:
            self._http.token = self._trust.token(answer.challenge)
            answer = self._described()
            if answer.status == 401:
                raise self._meant.refused()
        try:
            return from_devinfo(from_json(answer.body)["value"])
        except (KeyError, TypeError, ValueError) as error:
            if answer.status >= 500 or answer.status in _REFUSED:
                raise _failure(answer, f"{self.target} can't say what its device is") from error
            raise ProtocolError(
                f"what answers at {self.target} is no device: is the address right?"
            ) from error

    def _described(self) -> Answer:
        request = self._http.request("GET", "/devinfo")
        return self._http.send(request, self._timeout, tries=TRIES)

    def _ask(
        self,
        request: PreparedRequest,
        what: str,
        *,
        tries: int = 1,
        risk: str = "",
        timeout: float = 0.0,
    ) -> Any:
        """Return the value that the server's answer holds; raises what the answer means."""
        if self._closed:
            raise self._gone()
        try:
            answer = self._http.send(request, timeout or self._timeout, tries=tries, risk=risk)
        except IotkitError as error:
            if self._http.absent and not self._closed:
                self.on_gone(error)
            raise
        refused = f"{self.description.id} refused {what}"
        if not 200 <= answer.status < 300:
            raise _failure(answer, refused)
        try:
            return from_json(answer.body)["value"]
        except (KeyError, TypeError, ValueError):  # so does version 1 report an error
            text = plain(answer.body.decode(errors="replace"))
            raise DeviceError(f"{refused}: {text}") from None

    def _checked(self, what: str, type_: Type, given: Any) -> Value:
        try:
            return type_.check(given)
        except IotkitError as error:
            raise ProtocolError(f"{self.target} gave nonsense for {what}: {error}") from None

    def _gone(self) -> DeviceDisconnected:
        return DeviceDisconnected(f"{self.target} is closed")


def _nothing(_: IotkitError) -> None:
    """Make nothing of it."""


def _path(name: str) -> str:
    return f"/{quote(name)}"


def _failure(answer: Answer, otherwise: str) -> IotkitError:
    """Return the error that `answer` stands for, in the server's words if it has some."""
    try:
        body = from_json(answer.body)
    except ValueError:
        body = None
    return error_of(answer.status, body, f"{otherwise} (HTTP status {answer.status})")
