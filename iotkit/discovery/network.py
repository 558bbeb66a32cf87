"""The multicast sockets that announcing and browsing share, and the interfaces they are on."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

import ifaddr
from zeroconf import (  # type: ignore[attr-defined] # all are there for its users
    DNSOutgoing,
    DNSQuestion,
    DNSService,
    InterfaceChoice,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    Zeroconf,
)
from zeroconf.const import _CLASS_IN, _FLAGS_QR_QUERY, _TYPE_PTR

from ..errors import IotkitError
from ..types import shown
from .naming import SERVICE_TYPE, Names

LOOPBACK = "127.0.0.1"
FOLLOWED = 5.0  # seconds between two looks at the machine's addresses

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


def interfaces() -> list[str]:
    """Return the addresses that mDNS is limited to; empty where it is not.

    Raises IotkitError for what is no address.
    """
    chosen = os.environ.get("IOTKIT_INTERFACES", "")
    addresses = [address.strip() for address in chosen.split(",") if address.strip()]
    for address in addresses:
        try:
            ipaddress.IPv4Address(address)
        except ValueError:
            raise IotkitError(
                f"IOTKIT_INTERFACES holds addresses such as 192.168.4.20, not {shown(address)}"
            ) from None
    return addresses


def addresses() -> list[str]:
    """Return this machine's IPv4 addresses, without the loopback where it has others."""
    return [ip for ip in _all_addresses() if not ip.startswith("127.")] or [LOOPBACK]


def _all_addresses() -> list[str]:
    ips = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4)
    return [str(ip) for ip in ips]


class Network:
    """A Zeroconf on some interfaces, shared by all in this process who are on the same.

    `names`, of its loop alone, are for what is announced here, and so is `announced`: the services,
    by their full names in small letters. It follows the machine's addresses as they change.
    """

    _lock = threading.Lock()
    _all: dict[tuple[str, ...], Network] = {}  # noqa: RUF012 - a registry

    def __init__(self, on: tuple[str, ...]) -> None:
        self._on = on
        self._users = 0
        self.names = Names(lambda: list(on) or addresses())
        self.announced: dict[str, Announced] = {}
        try:
            # A loop of its own, since the caller's may be a notebook's.
            choice = list(on) or InterfaceChoice.All
            self.zeroconf = Zeroconf(choice, ip_version=IPVersion.V4Only, use_asyncio=False)
        except OSError as error:
            where = ", ".join(on) or "any interface"
            raise IotkitError(
                f"the local network can't be used on {where} ({error.strerror}): is this computer"
                " on a network?"
            ) from None
        self.zeroconf.add_listener(Services(self._hear), None)
        self._following = self.run(self._follow()) if on != (LOOPBACK,) else None

    @classmethod
    def on(cls, addresses: list[str]) -> Network:
        """Return the one on these interfaces, for one more user; all where there are none."""
        key = tuple(sorted(addresses))
        with cls._lock:
            if key not in cls._all:
                cls._all[key] = cls(key)
            cls._all[key]._users += 1
            return cls._all[key]

    def release(self) -> None:
        """Say that one user is done; the last one ends it."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            del self._all[self._on]
        if self._following is not None:
            self._following.cancel()
        self.zeroconf.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Start `work` on its loop."""
        assert self.zeroconf.loop is not None
        return asyncio.run_coroutine_threadsafe(work, self.zeroconf.loop)

    def ask(self) -> None:
        """Ask who is there; whoever listens hears the answers."""
        question = DNSOutgoing(_FLAGS_QR_QUERY)
        question.add_question(DNSQuestion(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN))
        assert self.zeroconf.loop is not None
        self.zeroconf.loop.call_soon_threadsafe(self.zeroconf.async_send, question)

    def _hear(self, record: DNSService) -> None:
        """Tell who announces a name of what anybody announces under it."""
        if ours := self.announced.get(record.key):
            ours.hear(record)

    async def _follow(self) -> None:
        """Announce what is announced anew where the machine has got another address."""
        known = self._there()
        while True:
            await asyncio.sleep(FOLLOWED)
            there = self._there()
            if there == known:
                continue
            known = there
            try:
                await self.zeroconf.async_update_interfaces(there if self._on else None)
                self.ask()
                for service in list(self.announced.values()):
                    await service.move(there)
            except Exception:
                _log.exception("the change to the addresses %s can't be followed", there)

    def _there(self) -> list[str]:
        there = _all_addresses()
        return [one for one in self._on if one in there] if self._on else addresses()


class Announced(Protocol):
    """A service that is announced, as its network sees it; all on its loop."""

    def hear(self, record: DNSService) -> None:
        """Hear what anybody announces under its name."""

    async def move(self, addresses: list[str]) -> None:
        """Be at these addresses from now on."""


class Services(RecordUpdateListener):
    """Tells `heard` where each service is that anybody announces, or says goodbye for."""

    def __init__(self, heard: Callable[[DNSService], None]) -> None:
        self._heard = heard

    def async_update_records(
        self,
        zc: Zeroconf,  # noqa: ARG002 - zeroconf's signature
        now: float,  # noqa: ARG002
        records: list[RecordUpdate],
    ) -> None:
        """Take what zeroconf has heard."""
        for update in records:
            if isinstance(update.new, DNSService):
                self._heard(update.new)
