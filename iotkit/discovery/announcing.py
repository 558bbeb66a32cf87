"""Announce a device's web service to the local network."""

from __future__ import annotations

import logging
import uuid
from concurrent.futures import Future

from zeroconf import (
    NonUniqueNameException,
    ServiceInfo,
    ServiceNameAlreadyRegistered,
    Zeroconf,
)

from ..description import Description
from .asking import taken_names
from .network import LOOPBACK, SERVICE_TYPE, Network, addresses, interfaces

API_VERSION = "1"  # of docs/web-api.md

_log = logging.getLogger(__name__)


def announce(
    description: Description,
    port: int,
    *,
    identity: str,
    host: str = LOOPBACK,
    locked: bool = False,
) -> Announcement:
    """Announce the web service of a device on `port`, to those who can reach `host`.

    `host` is the address that the service listens on: on the loopback address, only this
    machine hears of it. `identity` tells this very device from others; `locked` says that
    it lets in only who has its token. Returns at once; the name is sure after a second, see
    Announcement.
    """
    return Announcement(description, port, identity, host, locked)


class Announcement:
    """A service announced; a name that is taken gets a number behind it."""

    def __init__(
        self, description: Description, port: int, identity: str, host: str, locked: bool
    ) -> None:
        self.server = f"iotkit-{uuid.uuid4().hex[:8]}.local"  # what the address is told under
        on = [LOOPBACK] if host == LOOPBACK else interfaces()
        self._on = on or addresses()
        self._network = Network.on(on)
        self._info = ServiceInfo(
            SERVICE_TYPE,
            f"{description.name}.{SERVICE_TYPE}",
            port=port,
            parsed_addresses=self._on,
            server=f"{self.server}.",
            properties={
                "id": identity,
                "class": description.plain_id,
                "path": "/",
                "v": API_VERSION,
                "auth": "token" if locked else "none",
            },
        )
        self._reserved = self._network.reserved
        self._registered: Future[object] = self._network.run(self._register)

    async def _register(self, zeroconf: Zeroconf) -> None:
        wanted, taken = self._info.name, await taken_names(self._on)
        while True:
            self._info.name = _free(wanted, taken | self._reserved)
            self._reserved.add(self._info.name.lower())
            try:
                await (await zeroconf.async_register_service(self._info))
            except (NonUniqueNameException, ServiceNameAlreadyRegistered):
                # Somebody was quicker. Not left to zeroconf: it would take a name that another
                # device of this process is about to have.
                taken.add(self._info.name.lower())
                self._reserved.discard(self._info.name.lower())
            else:
                return

    @property
    def name(self) -> str:
        """The name that it got; waits until that is sure, about a second."""
        self._registered.result()
        return self._info.name.removesuffix(f".{SERVICE_TYPE}")

    def close(self) -> None:
        """Say goodbye; a second time does nothing."""
        network, self._network = self._network, None
        if network is None:
            return
        try:
            self._registered.result()
            network.run(self._unregister).result()
        except Exception as error:  # whatever fails here, the service ends all the same
            _log.debug("no goodbye for %s: %s", self._info.name, error)
        network.release()

    async def _unregister(self, zeroconf: Zeroconf) -> None:
        self._reserved.discard(self._info.name.lower())
        await (await zeroconf.async_unregister_service(self._info))

    _network: Network | None


def _free(wanted: str, taken: set[str]) -> str:
    """Return the full name `wanted`, with a number behind its first part if it is taken."""
    name, number = wanted, 1
    while name.lower() in taken:
        number += 1
        name = f"{wanted.removesuffix(f'.{SERVICE_TYPE}')}-{number}.{SERVICE_TYPE}"
    return name
