"""The ways to a device, by which it is also found again: see links.lasting.Way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import BadTarget, DeviceDisconnected, DeviceError, DeviceNotFound, IotkitError
from .links import TIMEOUT, WEB_EXTRA, WEB_TIMEOUT, LosableLink
from .links.tokens import Meant
from .transports import Transport

if TYPE_CHECKING:
    from .discovery import Found
    from .transports.serial import UsbBoard

BACK = "it comes back by itself"


class _Way:
    """What they have in common: a transport on which a link is being opened, to be given up."""

    remedy = f"is out of reach: is it switched on, and still served? Then {BACK}"

    def __init__(self, target: str) -> None:
        self.target = target
        self._opening: Transport | None = None
        self._cancelled = False

    def there(self) -> bool:
        return True

    def cancel(self) -> None:
        self._cancelled = True
        if (opening := self._opening) is not None:
            opening.close()

    def _link(
        self, transport: Transport, timeout: float = TIMEOUT, extra: float = 0.0
    ) -> LosableLink:
        from .links.serial import SerialLink

        self._opening = transport
        try:
            if self._cancelled:
                transport.close()
                raise DeviceDisconnected(f"{self.target} is closed")
            return SerialLink(transport, timeout=timeout, extra=extra)
        finally:
            self._opening = None


class SerialWay(_Way):
    """By the serial port `port`, and on USB by any other on which the same board is found."""

    remedy = f"is unplugged: plug it in again, {BACK}"

    def __init__(self, port: str, baud: int | None = None, timeout: float | None = None) -> None:
        super().__init__(port)
        self._port, self._baud, self._timeout = port, baud, timeout or TIMEOUT
        self._board: UsbBoard | None = None
        self._others: frozenset[str] = frozenset()

    def there(self) -> bool:
        """Whether the port is there, or the board on another; see Way.there."""
        return self._find() is not None

    def open(self) -> LosableLink:
        """Return a link by the port where the board is; see Way.open."""
        from .transports.serial import Serial, usb_boards

        port = self._find()
        if port is None:
            raise DeviceNotFound(f"there is no port {self._port}: is the board plugged in?")
        link = self._link(Serial(port, self._baud), self._timeout)
        boards = usb_boards()
        self._port = self.target = port
        self._board = next((board for name, board in boards.items() if _same(name, port)), None)
        link.board = self._board
        if self._board is not None:
            self._others = frozenset(
                board.socket for board in boards.values() if board.is_like(self._board)
            ) - {self._board.socket}
        return link

    def _find(self) -> str | None:
        """Return the port by which the board is reached now.

        Boards without a number of their own are told apart by where they are plugged in: one
        that sat elsewhere already is not taken for this.
        """
        from .transports.serial import usb_boards

        if self._board is None:
            return self._port if os.name == "nt" or Path(self._port).exists() else None
        boards = usb_boards()
        alike = {
            name: board
            for name, board in boards.items()
            if board.is_like(self._board) and board.socket not in self._others
        }
        here = [name for name in alike if _same(name, self._port)]
        # A port that another board has now is no way to this one.
        taken = any(_same(name, self._port) for name in boards) and not here
        self.target = "" if taken else self._port
        found = here or list(alike)
        return found[0] if len(found) == 1 else None


class SocketWay(_Way):
    """By the serial protocol on a TCP port."""

    def __init__(self, target: str, timeout: float | None = None) -> None:
        super().__init__(target)
        self._address, self._timeout = address(target), timeout or TIMEOUT

    def open(self) -> LosableLink:
        """Return a link over a new connection; see Way.open."""
        from .transports.tcp import Tcp

        return self._link(Tcp.connect(*self._address), self._timeout)


class WebWay(_Way):
    """By the web service at `url`: its channel, or version 1 of the API where it has none."""

    def __init__(self, url: str, timeout: float | None = None, meant: Meant | None = None) -> None:
        address(url)
        super().__init__(url.rstrip("/"))
        self._timeout, self._meant = timeout or WEB_TIMEOUT, meant or Meant(self.target)
        self._has_channel = False

    def open(self) -> LosableLink:
        """Return a link to the service; see Way.open."""
        from .links import channel

        url = self.target
        transport = channel.open_channel(url, self._meant)
        link: LosableLink
        if transport is not None:
            link = self._link(transport, self._timeout, WEB_EXTRA)
            self._has_channel, link.identity = True, self._meant.identity or url
        elif self._has_channel:  # it is starting, or has too many clients
            raise DeviceDisconnected(f"{url} has no channel any more")
        else:
            from .links.web import WebLink

            link = WebLink(url, timeout=self._timeout, meant=self._meant)
        return link


class NameWay(WebWay):
    """By the web service of a device found on the network, wherever that is found later.

    That is by its identity: another device of the same name is another one. One that has a
    specifier has its name from that; another that calls itself the same is another one, too.
    """

    def __init__(self, found: Found, timeout: float | None = None) -> None:
        super().__init__(found.url, timeout, Meant(found.name, found.id))
        self._found, self._tries, self._is_specified = found, 0, False

    def there(self) -> bool:
        """Whether the device is announced; see Way.there."""
        from . import discovery

        known = discovery.known()
        if not self._meant.identity:
            return True  # it doesn't say which one it is: the address is all there is
        ours = [found for found in known if found.id == self._meant.identity]
        if self._is_specified:
            ours = [found for found in ours if found.instance == self._found.instance]
        if ours:
            # One that vanished without a goodbye may be known beside the one that is there now.
            self._tries += 1
            self._found = ours[self._tries % len(ours)]
            self.target = self._found.url
            return True
        if any(found.instance == self._found.instance for found in known):
            raise DeviceError(
                f"what is called {self._found.instance} on the network now is another device:"
                " connect anew if you want that"
            )
        return False

    def open(self) -> LosableLink:
        """Return a link to the service; see Way.open."""
        try:
            link = super().open()
            self._is_specified = bool(link.description.specifier)
            return link
        except IotkitError:
            from . import discovery

            if not self._cancelled:
                discovery.look_again(self._found)
            raise


def address(target: str) -> tuple[str, int]:
    """Return the host and port in `target`; raises BadTarget."""
    try:
        parts = urlsplit(target)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        parts, port = None, None
    if parts is None or not parts.hostname or not port:
        raise BadTarget(
            f"{target!r} needs a host and a port, as in {target.split(':')[0]}://host:port"
        )
    return parts.hostname, port


def _same(one: str, other: str) -> bool:
    """Whether two names are of the same port: /dev has links to its files."""
    try:
        return one == other or os.path.realpath(one) == os.path.realpath(other)
    except OSError:
        return False  # a link that has just gone
