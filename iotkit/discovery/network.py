"""The multicast sockets that announcing and browsing share, and the interfaces they are on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import ifaddr
from zeroconf import (  # type: ignore[attr-defined] # all are there for its users
    DNSService,
    InterfaceChoice,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    Zeroconf,
)

from ..errors import IotkitError
from .naming import Names

LOOPBACK = "127.0.0.1"

Result = TypeVar("Result")


def interfaces() -> list[str]:
    """Return the addresses that mDNS is limited to; empty where it is not."""
    chosen = os.environ.get("IOTKIT_INTERFACES", "")
    return [address.strip() for address in chosen.split(",") if address.strip()]


def addresses() -> list[str]:
    """Return this machine's IPv4 addresses, without the loopback where it has others."""
    ips = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4)
    found = [str(ip) for ip in ips]
    return [ip for ip in found if not ip.startswith("127.")] or [LOOPBACK]


class Network:
    """A Zeroconf on some interfaces, shared by all in this process who are on the same.

    `names`, of its loop alone, are for what is announced here. `conflicts`, too, has who is to
    hear, on that loop, of all others who announce a name, by that name in small letters.
    """

    _lock = threading.Lock()
    _all: dict[tuple[str, ...], Network] = {}  # noqa: RUF012 - a registry

    def __init__(self, on: tuple[str, ...]) -> None:
        self._on = on
        self._users = 0
        self.names = Names(lambda: list(on) or addresses())
        self.conflicts: dict[str, Callable[[DNSService], None]] = {}
        try:
            # A loop of its own, since the caller's may be a notebook's.
            choice = list(on) or InterfaceChoice.All
            self.zeroconf = Zeroconf(choice, ip_version=IPVersion.V4Only, use_asyncio=False)
        except OSError as error:
            where = ", ".join(on) or "any interface"
            raise IotkitError(f"the local network can't be used on {where}: {error}") from error
        self.zeroconf.add_listener(_Conflicts(self.conflicts), None)

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
        self.zeroconf.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Start `work` on its loop."""
        assert self.zeroconf.loop is not None
        return asyncio.run_coroutine_threadsafe(work, self.zeroconf.loop)


class _Conflicts(RecordUpdateListener):
    """Tells who announces a name of what anybody announces under it."""

    def __init__(self, told: dict[str, Callable[[DNSService], None]]) -> None:
        self._told = told

    def async_update_records(
        self,
        zc: Zeroconf,  # noqa: ARG002 - zeroconf's signature
        now: float,  # noqa: ARG002
        records: list[RecordUpdate],
    ) -> None:
        for update in records:
            record = update.new
            if isinstance(record, DNSService) and (tell := self._told.get(record.key)):
                tell(record)
