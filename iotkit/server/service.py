"""A device's web service, which runs beside whoever started it."""

from __future__ import annotations

import atexit
import errno
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from .. import host as hosts
from ..closing import Closing
from ..device import Device, link_of
from ..errors import BadTarget, BadType, DeviceDisconnected, PortBusy, briefly
from ..links import Link, certificates, tokens
from ..links.local import LocalLink
from ..links.trust import is_loopback
from ..transports.tcp import end_when_out_of_reach
from ..types import shown
from . import loop
from .gate import Gate, own_names
from .handler import Server, application
from .pairing import the_pairing
from .served import Served

if TYPE_CHECKING:
    from ..discovery import Announcement

LOOPBACK = "127.0.0.1"
MAX_HEADERS = 8 * 1024  # bytes; tornado hangs up on more
IDLE_TIME = 30.0  # seconds that a connection may wait for its next request, or a part of its head
BODY_TIME = 10.0  # seconds that a request's body may take
BACKLOG = 128  # connections that may wait to be accepted
OUT_OF_REACH = 30  # seconds until a client that was switched off, or cut off, counts as gone
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - recognised here, never the default

_open: set[Service] = set()


class Service(Closing):
    """A device on the web, from `serve` until `close`.

    `url` is where it is, without a slash at its end; `port` is its TCP port.
    """

    def __init__(
        self,
        link: Link,
        port: int,
        host: str,
        *,
        announce: bool,
        token: str,
        teacher: str,
        own: bool,
        tls: bool,
    ) -> None:
        """See `serve`; with `own`, the link is closed at the end."""
        identity = link.identify() if token or announce else ""
        # On this computer alone it has no name: others could make a browser believe one of these.
        names = set() if is_loopback(host) else own_names(link.description.name, host)
        gate = Gate(names, identity, token, teacher)
        sealing = certificates.serving() if tls else None
        listening = _listening(port, host)
        self.port: int = listening.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{_address(host)}:{self.port}"
        self._link, self._own = link, own
        # Its own name on the network: not a number's, nor that of a service which it hands on.
        named = link.description.specifier and not link.target.startswith(("http:", "https:"))
        self._named = link.description.name if named else ""
        self._closed = False
        _open.add(self)
        self._lock = threading.Lock()
        self._announcement: Announcement | None = None
        self._served = Served(link, gate, certificates.own() if tls else "")
        if token:
            the_pairing.add(gate)
        self._loop = loop.acquire()
        self._server = loop.run(self._loop, self._start(listening, sealing))
        try:
            if announce:
                from ..discovery import announce as announced

                # Who finds it can tell that it is the device that is open here.
                self._announcement = announced(
                    link.description,
                    self.port,
                    identity=identity,
                    host=host,
                    locked=bool(token),
                    encrypted=tls,
                )
                if names:
                    names.add(self._announcement.server)
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """What it is called on the network; waits, about a second, until that is sure."""
        if self._announcement is not None:
            return self._announcement.name
        return self._link.description.name

    @property
    def doubled(self) -> str:
        """What to tell its owner where another device calls itself the same; else empty.

        Waits as `name` does.
        """
        if self._announcement is None or self._named in ("", self.name):
            return ""
        from ..discovery import python_name

        name = python_name(self.name)
        return (
            f"Another device calls itself {self._link.description.id} too, so this one is {name} on"
            f" the network. Tell them apart, as by: iotkit name {name} blue"
        )

    @property
    def locked(self) -> bool:
        """Whether a client needs the device's token."""
        return bool(self._served.gate.token)

    @property
    def certificate(self) -> str:
        """The fingerprint (SHA-256) of the certificate that clients see; empty without TLS."""
        return self._served.certificate

    @property
    def code(self) -> str:
        """What a person types to pair with the device, in the next ten minutes; see `pair`."""
        return the_pairing.code() if self.locked else ""

    @property
    def teachers_code(self) -> str:
        """The same for a teacher, who may take the device from others; empty without one."""
        return the_pairing.code(teacher=True) if self._served.gate.teacher else ""

    def close(self) -> None:
        """Say goodbye on the network and end every connection; a second time does nothing.

        A request still unanswered gets a 503, which says that it may have run.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        _open.discard(self)
        the_pairing.remove(self._served.gate)
        if self._announcement is not None:
            self._announcement.close()
        loop.run(self._loop, self._end())
        if self._own:
            self._link.close()
        self._served.close()
        loop.release()

    def __repr__(self) -> str:
        return f"<{self._link.description.id} at {self.url}{', closed' if self._closed else ''}>"

    async def _start(self, listening: socket.socket, sealing: ssl.SSLContext | None) -> Server:
        # Bodies are bounded by the handler, which can answer; tornado would just hang up.
        server = Server(
            application(self._served),
            ssl_options=sealing,
            max_body_size=2**62,
            max_header_size=MAX_HEADERS,
            idle_connection_timeout=IDLE_TIME,
            body_timeout=BODY_TIME,
        )
        server.on_gone = self._served.left
        server.add_socket(listening)
        return server

    async def _end(self) -> None:
        self._server.stop()
        known = self._link.description
        gone = DeviceDisconnected(f"the server of {known.id} was closed: the request may have run")
        await self._served.end(gone)
        await self._server.close_all_connections()


@briefly
def serve(
    device: Device | hosts.Device,
    port: int = 0,
    *,
    host: str = LOOPBACK,
    announce: bool = True,
    token: str | bool | None = None,
    tls: bool | None = None,
    teacher: bool = False,
) -> Service:
    """Give `device` a web service that runs beside the caller, and return that.

    `device` is a device's object, which stays the caller's to close, or a device written in
    Python, which is let go of with the service. `port` 0 takes a free one. By default only this
    computer can use the service; with `host` "0.0.0.0", so can those on the network who have
    paired with the device. Unless `announce` is False, others find it by its name (mDNS).

    A `token` is what a client has to know; True is the one that is kept for the device, False
    lets everybody in. By default there is one on the network, and none on this computer alone.
    With `tls` all is encrypted, under this user's own certificate, which clients know again; by
    default it is so on the network, unless everybody is let in: clients of version 1 can't do it.
    Served once with `teacher`, the device has a second token: who has that may take the device
    from others that have claimed it; see `Service.teachers_code`.

    Raises BadType for what is no device, PortBusy for a port that another program has, BadTarget
    for one that can't be, BadType or BadValue for what is no token, IotkitError where a token
    or a certificate can't be kept.
    """
    if isinstance(device, Device):
        link = link_of(device)
        return serve_link(link, port, host, announce, token, tls, teacher)
    if not isinstance(device, hosts.Device):
        raise BadType(f"serve() takes a device, not {shown(device)}")
    hosted = hosts.Hosted(device)
    link = LocalLink(hosted, f"python:{type(device).__name__}")
    try:
        return serve_link(link, port, host, announce, token, tls, teacher, own=True)
    except BaseException:
        link.close()
        raise


def serve_link(
    link: Link,
    port: int,
    host: str,
    announce: bool,
    token: str | bool | None,
    tls: bool | None,
    teacher: bool,
    *,
    own: bool = False,
) -> Service:
    """Do as `serve` does, for the device that `link` reaches; with `own`, it ends with that."""
    needed = _token(link, host, token)
    return Service(
        link,
        port,
        host,
        announce=announce,
        token=needed,
        teacher=_teachers(link, teacher) if needed else "",
        own=own,
        tls=_encrypted(tls, host, needed),
    )


@atexit.register
def _close_all() -> None:
    """Let a program that ends without a close say goodbye too."""
    for service in list(_open):
        service.close()


def _token(link: Link, host: str, token: str | bool | None) -> str:
    """Return the token of the service; an empty one where everybody is let in."""
    if token is None:
        token = not is_loopback(host)
    if token is False:
        return ""
    if token is True:
        return tokens.made(link.identify())
    if not isinstance(token, str):
        raise BadType(f"a token is a text, or True or False, not {shown(token)}")
    tokens.keep(link.identify(), token)  # for the owner's other programs
    return token


def _teachers(link: Link, wanted: bool) -> str:
    """Return the token of teachers; an empty one where none was ever wanted."""
    identity = link.identify()
    return tokens.made_for_teachers(identity) if wanted else tokens.teachers(identity)


def _encrypted(tls: bool | None, host: str, token: str) -> bool:
    if tls is None:
        return bool(token) and not is_loopback(host)
    if not isinstance(tls, bool):
        raise BadType(f"tls is True or False, not {shown(tls)}")
    return tls


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
            ) from None
        raise BadTarget(
            f"nothing can be served at {host}, port {port}: is that an address of this computer?"
        ) from None
    listening.setblocking(False)  # as tornado wants it
    end_when_out_of_reach(listening, OUT_OF_REACH)
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
