"""Announce a device's web service to the local network."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import socket
import uuid
from collections.abc import Coroutine, Iterator
from itertools import count
from typing import Any

from zeroconf import (  # type: ignore[attr-defined] # all are there for its users
    DNSService,
    ServiceInfo,
    Zeroconf,
)

from ..description import Description
from ..stored import Texts
from .naming import SERVICE_TYPE
from .network import LOOPBACK, Network, addresses, interfaces

API_VERSION = "1"  # of docs/web-api.md
# Seconds after which another one of the same name has said its last word, and after which zeroconf
# takes what it has heard before for news.
SETTLED = 1.5
MAX_YIELDED = 10  # names left to others: who wants more of us wants us to have none

_PROGRAM = uuid.uuid4().hex
_last_names = Texts("names")  # by identity

_log = logging.getLogger(__name__)


def announce(
    description: Description,
    port: int,
    *,
    identity: str,
    host: str = LOOPBACK,
    locked: bool = False,
    encrypted: bool = False,
) -> Announcement:
    """Announce the web service of a device on `port`, to those who can reach `host`.

    `host` is the address that the service listens on: on the loopback address, only this
    machine hears of it. `identity` tells this very device from others; `locked` says that
    it lets in only who has its token, `encrypted` that it is spoken to by HTTPS. Returns at once;
    the name is sure after a second, see Announcement.
    """
    properties = {
        "id": identity,
        "class": description.plain_id,
        "path": "/",
        "v": API_VERSION,
        "auth": "token" if locked else "none",
        "scheme": "https" if encrypted else "http",
    }
    own = bool(description.specifier)
    return Announcement(description.name, port, host, properties, own=own)


class Announcement:
    """A service announced; a name that is taken gets a number behind it.

    What had a number last time has it again, if it is free; but not what has a name of its `own`,
    by a specifier: that was another's fault.
    """

    def __init__(
        self, name: str, port: int, host: str, properties: dict[str, str], *, own: bool = False
    ) -> None:
        """See `announce`; `properties` are for the TXT record."""
        self._own = own
        # What the address is told under: with each service of the device that this program starts,
        # the same, for a while after its end zeroconf may still answer for the last one.
        who = f"{_PROGRAM} {properties['id']}".encode()
        self.server = f"iotkit-{hashlib.sha256(who).hexdigest()[:8]}.local"
        self._wanted, self._identity = name, properties["id"]
        on = [LOOPBACK] if host == LOOPBACK else interfaces()
        self._network: Network | None = Network.on(on)
        self._info = ServiceInfo(
            SERVICE_TYPE,
            f"{name}.{SERVICE_TYPE}",
            port=port,
            parsed_addresses=on or addresses(),
            server=f"{self.server}.",
            properties=properties,
        )
        self._yielded = 0
        self._again: asyncio.Task[None] | None = None
        self._changing = False
        self._registered = self._network.run(self._take_name(self._network))

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
            network.run(self._end(network)).result()
        except Exception as error:  # whatever fails here, the service ends all the same
            _log.debug("no goodbye for %s: %s", self._info.name, error)
        network.release()

    # On the network's loop.

    async def _take_name(self, network: Network, lost: str = "") -> None:
        info, candidates = self._info, (name for name in self._candidates() if name != lost)
        server, port = f"{self.server}.", info.port or 0
        async with network.names.taking(candidates, server, port) as name:
            info.name = name
            network.announced[name.lower()] = self
            # Nobody else has the name; zeroconf need not ask again.
            told = await network.zeroconf.async_register_service(info, cooperating_responders=True)
            _last_names.put(self._identity, name.removesuffix(f".{SERVICE_TYPE}"))
        await told

    async def _end(self, network: Network) -> None:
        if self._again is not None:
            self._again.cancel()
        await self._leave_name(network)

    async def _leave_name(self, network: Network) -> None:
        del network.announced[self._info.name.lower()]
        told = await network.zeroconf.async_unregister_service(self._info)
        _take_back(network.zeroconf, self._info.key)
        await told
        network.names.leave(self._info.name)

    def hear(self, record: DNSService) -> None:
        """Hear what anybody announces under our name; see network.Announced.

        Where two networks become one, two may have one name: the greater one keeps it.
        """
        network = self._network
        ours, theirs = (self._info.port or 0, f"{self.server}."), (record.port, record.server)
        if network is None or self._changing or (theirs == ours and record.ttl):
            return
        foreign = record.server != f"{self.server}." and not network.names.is_echo(record.key)
        if foreign and record.ttl and theirs > ours and self._yielded < MAX_YIELDED:
            self._yielded += 1
            _log.warning("another device is called %s, too: its name changes", self._info.name)
            self._changing = True
            self._do(self._change_name(network))
        elif self._again is None or self._again.done():
            # They are to hear of us; or they say goodbye, and who hears it believes we do.
            self._do(self._repeat(network, SETTLED))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        if self._again is not None:
            self._again.cancel()
        self._again = asyncio.ensure_future(work)

    async def _change_name(self, network: Network) -> None:
        try:
            await asyncio.wrap_future(self._registered)
            await self._leave_name(network)
            await self._take_name(network, lost=self._info.name)
        finally:
            self._changing = False

    async def move(self, addresses: list[str]) -> None:
        """Be at these addresses from now on; see network.Announced."""
        if self._network is not None:
            self._info.addresses = [socket.inet_aton(one) for one in addresses]
            await self._repeat(self._network)

    async def _repeat(self, network: Network, wait: float = 0.0) -> None:
        await asyncio.sleep(wait)
        await (await network.zeroconf.async_update_service(self._info))

    def _candidates(self) -> Iterator[str]:
        """Yield the names to try: that of last time, and then those with the next numbers."""
        last = "" if self._own else _last_names.get(self._identity)
        if re.fullmatch(re.escape(self._wanted) + r"-\d+", last):
            yield f"{last}.{SERVICE_TYPE}"
        yield f"{self._wanted}.{SERVICE_TYPE}"
        for number in count(2):
            yield f"{self._wanted}-{number}.{SERVICE_TYPE}"


def _take_back(zeroconf: Zeroconf, name: str) -> None:
    """Let no answer about the service `name` that waits for its time follow its goodbye."""
    # zeroconf itself leaves them, and has no public way to its queues.
    for waiting in (zeroconf.out_queue, zeroconf.out_delay_queue):
        for group in waiting.queue:
            for record in list(group.answers):
                if name in (record.key, getattr(record, "alias", "").lower()):
                    del group.answers[record]
