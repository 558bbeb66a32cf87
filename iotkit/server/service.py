"""A device's web service, which runs beside whoever started it."""

from __future__ import annotations

import atexit
import errno
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tornado.httpserver import HTTPServer

from .. import host as hosts
from ..device import Device, link_of
from ..errors import BadTarget, BadType, DeviceDisconnected, PortBusy
from ..links import Link
from ..links.local import LocalLink
from ..types import shown
from . import loop
from .handler import application
from .served import Served

if TYPE_CHECKING:
    from ..discovery import Announcement

LOOPBACK = "127.0.0.1"
BACKLOG = 128  # connections that may wait to be accepted
# Options of every connection, where the system has them: a client that was switched off is noticed
# in half a minute (15 s + 3 times 5 s), or in 30,000 ms where something is on the way to it.
_WATCHFUL = {
    "TCP_KEEPIDLE": 15,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 30_000,
}
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - recognised here, never the default

_open: set[Service] = set()


class Service:
    """A device on the web, from `serve` until `close`.

    `url` is where it is, without a slash at its end; `port` is its TCP port.
    """

    def __init__(self, link: Link, port: int, host: str, *, announce: bool, own: bool) -> None:
        """See `serve`; with `own`, the link is closed at the end."""
        listening = _listening(port, host)
        self.port: int = listening.getsockname()[1]
        self.url = f"http://{_address(host)}:{self.port}"
        self._link, self._own = link, own
        self._closed = False
        _open.add(self)
        self._lock = threading.Lock()
        self._announcement: Announcement | None = None
        self._served = Served(link)
        self._loop = loop.acquire()
        self._server = loop.run(self._loop, self._start(listening))
        try:
            if announce:
                from ..discovery import announce as announced

                # Who finds it can tell that it is the device that is open here.
                self._announcement = announced(
                    link.description, self.port, identity=link.identify(), host=host
                )
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """What it is called on the network; waits, about a second, until that is sure."""
        if self._announcement is not None:
            return self._announcement.name
        return self._link.description.name

    def close(self) -> None:
        """Say goodbye on the network and end every connection; a second time does nothing.

        A request still unanswered gets a 503, which says that it may have run.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        _open.discard(self)
        if self._announcement is not None:
            self._announcement.close()
        loop.run(self._loop, self._end())
        if self._own:
            self._link.close()
        self._served.close()
        loop.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self._link.description.id} at {self.url}{', closed' if self._closed else ''}>"

    async def _start(self, listening: socket.socket) -> HTTPServer:
        # Bodies are bounded by the handler, which can answer; tornado would just hang up.
        server = HTTPServer(application(self._served), max_body_size=2**62)
        server.add_socket(listening)
        return server

    async def _end(self) -> None:
        self._server.stop()
        known = self._link.description
        gone = DeviceDisconnected(f"the server of {known.id} was closed: the request may have run")
        await self._served.end(gone)
        await self._server.close_all_connections()


def serve(
    device: Device | hosts.Device,
    port: int = 0,
    *,
    host: str = LOOPBACK,
    announce: bool = True,
) -> Service:
    """Give `device` a web service that runs beside the caller, and return that.

    `device` is a device's object, which stays the caller's to close, or a device written in
    Python, which is let go of with the service. `port` 0 takes a free one. By default only this
    computer can use the service; with `host` "0.0.0.0", so can everybody on the network. Unless
    `announce` is False, others find it by its name (mDNS). Raises BadType for what is no device,
    PortBusy for a port that another program has, BadTarget for one that can't be.
    """
    if isinstance(device, Device):
        return Service(link_of(device), port, host, announce=announce, own=False)
    if not isinstance(device, hosts.Device):
        raise BadType(f"serve() takes a device, not {shown(device)}")
    hosted = hosts.Hosted(device)
    link = LocalLink(hosted, f"python:{type(device).__name__}")
    try:
        return Service(link, port, host, announce=announce, own=True)
    except BaseException:
        link.close()
        raise


@atexit.register
def _close_all() -> None:
    """Let a program that ends without a close say goodbye too."""
    for service in list(_open):
        service.close()


def _listening(port: int, host: str) -> socket.socket:
    if not 0 <= port < 2**16:
        raise BadTarget(f"there is no port {port}: they go from 1 to 65535, and 0 is a free one")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortBusy(
                f"port {port} is taken, or kept for the system: choose another, or 0 for a free one"
            ) from error
        raise BadTarget(f"there is no listening at {host}, port {port} ({error})") from error
    listening.setblocking(False)  # as tornado wants it
    for option, amount in _WATCHFUL.items():
        if (number := getattr(socket, option, None)) is not None:
            listening.setsockopt(socket.IPPROTO_TCP, number, amount)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return listening


def _address(host: str) -> str:
    """Return what a client on the network puts into the URL of a service at `host`."""
    if host in _EVERYWHERE:
        from ..discovery import interfaces

        return next(iter(interfaces()), "") or _own_address()
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """Return this computer's address on its network, or the loopback where it is on none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks only for the way there
            return str(probe.getsockname()[0])
        except OSError:
            return LOOPBACK
