"""Listen for the devices that others announce."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from zeroconf import (  # type: ignore[attr-defined] # all are there for its users
    DNSQuestionType,
    DNSService,
    IPVersion,
    ServiceBrowser,
    ServiceInfo,
    ServiceListener,
    Zeroconf,
)

from .found import Found, instance_of, named
from .naming import SERVICE_TYPE
from .network import Network, Services, interfaces

MAX_FOUND = 500  # devices kept: more is no class, it is an attack
MAX_WANTED = 100  # names kept beside them, of devices that this process has asked for
# Names asked about at once, beside those asked for, and names that wait for that: a responder drops
# queries that come in a flood.
MAX_ASKED, MAX_WAITING = 50, 500
RESOLVE_TIMEOUT_MS, RESOLVE_TRIES = 1000, 3

_log = logging.getLogger(__name__)


class Browser(ServiceListener):
    """The one browser of this process: who asks again knows already."""

    def __init__(self) -> None:
        self._network = Network.on(interfaces())
        self._began = time.monotonic()
        self._infos: dict[str, ServiceInfo] = {}
        self._watchers: list[Callable[[list[Found]], None]] = []
        self._wanted: dict[str, None] = {}  # names, in small letters, the newest last
        self._again: set[str] = set()  # what is known of their addresses may be out of date
        self._left: set[str] = set()  # those that said goodbye while they were looked up
        self._looking: Counter[str] = Counter()  # names that are being looked up
        self._asking = asyncio.Semaphore(MAX_ASKED)
        self._waiting = 0
        self._changes = 0
        self._changed = threading.Condition()
        self._telling = threading.Lock()  # so that nobody hears old news after new
        self._due = False  # that the watchers are told
        self._teller = ThreadPoolExecutor(1, "iotkit mdns")
        self._resolving: set[Future[None]] = set()
        self._closed = False
        self._hearing = Services(self._hear)
        self._network.zeroconf.add_listener(self._hearing, None)
        # QM: with several responders on one machine, QU answers come seconds later.
        self._service_browser = ServiceBrowser(
            self._network.zeroconf, SERVICE_TYPE, self, question_type=DNSQuestionType.QM
        )

    def close(self) -> None:
        """Listen no more."""
        self._service_browser.cancel()
        self._network.zeroconf.remove_listener(self._hearing)
        with self._changed:
            self._closed = True
            resolving = list(self._resolving)
        for one in resolving:
            one.cancel()
        self._teller.shutdown(cancel_futures=True)
        self._network.release()

    def found(self) -> list[Found]:
        """Return what is there now, by name."""
        with self._changed:
            infos = list(self._infos.values())
        return named(infos)

    def wait_for_all(self, timeout: float) -> list[Found]:
        """Return what is there when it has listened for `timeout` seconds in all."""
        time.sleep(max(0.0, self._began + timeout - time.monotonic()))
        return self.found()

    def ask_again(self) -> None:
        """Ask who is there; returns at once."""
        self._network.ask()

    def wait_for(
        self, choose: Callable[[list[Found]], Found | None], timeout: float
    ) -> Found | None:
        """Return what `choose` gives as soon as that is something; None after `timeout`."""
        end = time.monotonic() + timeout
        while True:
            before = self._changes
            if (chosen := choose(self.found())) is not None:
                return chosen
            with self._changed:
                left = end - time.monotonic()
                if not self._changed.wait_for(lambda: self._changes != before, max(left, 0)):  # noqa: B023
                    return None

    def watch(self, callback: Callable[[list[Found]], None]) -> None:
        """Tell `callback` what is there, now and after each change."""
        with self._telling:
            self._watchers.append(callback)
            callback(self.found())

    def unwatch(self, callback: Callable[[list[Found]], None]) -> None:
        """Tell it no more."""
        with self._telling:
            if callback in self._watchers:
                self._watchers.remove(callback)

    def want(self, instances: list[str]) -> None:
        """Find the services of these names, however many others there are."""
        names = [f"{instance}.{SERVICE_TYPE}" for instance in instances]
        with self._changed:
            for name in names:
                self._wanted.pop(name.lower(), None)
                self._wanted[name.lower()] = None
            for name in list(self._wanted)[:-MAX_WANTED]:
                del self._wanted[name]
            names = [name for name in names if name not in self._infos]
        for name in names:
            self._submit(name)

    def look_again(self, instance: str) -> None:
        """Find out anew where the service of that name is: nobody listens where it was."""
        self.want([instance])
        with self._changed:
            names = [name for name in self._infos if instance_of(name) == instance]
            names = [name for name in names if name not in self._again]
            self._again.update(names)
        for name in names:
            self._submit(name)

    # ServiceListener: called from zeroconf's thread, which must not wait or raise.

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """Look up a service that has appeared."""
        with self._changed:
            self._left.discard(name)
        if self._has_room_for(name):
            self._submit(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """Look it up again."""
        if name in self._infos:
            self._submit(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """Forget it."""
        with self._changed:
            gone = self._infos.pop(name, None)
            if name in self._looking:
                self._left.add(name)
            self._note_change()
        if gone:
            self._tell_soon()

    def _hear(self, record: DNSService) -> None:
        """Ask where a service is that says it is elsewhere: two may have had one name.

        Forget one that says goodbye, too: zeroconf's browser tells only of those whose name it
        has heard, not of those that were asked for by their name.
        """
        info = self._infos.get(record.name)
        if info is None and record.name not in self._looking:
            return
        is_it = info is None or (info.server, info.port) == (record.server, record.port)
        if not record.ttl and is_it:
            self.remove_service(self._network.zeroconf, SERVICE_TYPE, record.name)
        elif record.ttl and not is_it:
            self.look_again(instance_of(record.name))

    def _has_room_for(self, name: str) -> bool:
        return len(self._infos) < MAX_FOUND or name in self._infos or name.lower() in self._wanted

    def _submit(self, name: str) -> None:
        with self._changed:
            if self._closed:
                return
            resolving = self._network.run(self._resolve(name))
            self._resolving.add(resolving)
        resolving.add_done_callback(self._resolving.discard)

    async def _resolve(self, name: str) -> None:
        """Find out where the service is, and tell of the change."""
        info = None
        self._looking[name] += 1
        try:
            looked_up = await self._looked_up(name)
            if looked_up is not None:
                named([looked_up])  # what can't be understood fails here
            info = looked_up
        except Exception as error:  # a name made to break the parser, say
            _log.warning("a service on the network can't be looked up: %r", error)
        finally:
            self._again.discard(name)
            self._take(name, info)

    def _take(self, name: str, info: ServiceInfo | None) -> None:
        """Be through with looking it up: it is there, unless it has left meanwhile."""
        with self._changed:
            left = name in self._left
            self._looking[name] -= 1
            if not self._looking[name]:
                del self._looking[name]
                self._left.discard(name)
            if info is None or left or not self._has_room_for(name):
                return
            self._infos[info.name] = info
            self._note_change()
        self._tell_soon()

    async def _looked_up(self, name: str) -> ServiceInfo | None:
        info, zeroconf = ServiceInfo(SERVICE_TYPE, name), self._network.zeroconf
        if name in self._again:
            _forget(zeroconf, name)
        if not info.load_from_cache(zeroconf):
            if name.lower() in self._wanted or name in self._infos:
                await _ask(zeroconf, info)
            elif self._waiting < MAX_WAITING:
                self._waiting += 1
                try:
                    async with self._asking:
                        await _ask(zeroconf, info)
                finally:
                    self._waiting -= 1
        return info if info.parsed_addresses(IPVersion.V4Only) and info.port else None

    def _note_change(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _tell_soon(self) -> None:
        """Have the watchers told, once for all that changes until then."""
        with self._changed:
            if not self._due and not self._closed:
                self._due = True
                self._teller.submit(self._tell)

    def _tell(self) -> None:
        with self._telling:
            self._due = False
            found = self.found()
            for watcher in self._watchers:
                try:
                    watcher(found)
                except Exception:
                    _log.exception("a watcher of the network failed")


async def _ask(zeroconf: Zeroconf, info: ServiceInfo) -> None:
    for _ in range(RESOLVE_TRIES):
        if await info.async_request(zeroconf, RESOLVE_TIMEOUT_MS):
            break


def _forget(zeroconf: Zeroconf, name: str) -> None:
    """Have the service's address asked for on the network, although one is known.

    Where a service says goodbye and is back at once on another port, both may be known.
    """
    known = [r for r in zeroconf.cache.entries_with_name(name) if isinstance(r, DNSService)]
    zeroconf.cache.async_remove_records(known)


class Subscription:
    """What `watch` returns; `close()` ends it."""

    def __init__(self, browser: Browser, callback: Callable[[list[Found]], None]) -> None:
        self._browser, self._callback = browser, callback
        browser.watch(callback)

    def close(self) -> None:
        """Have the callback called no more; a second time does nothing."""
        self._browser.unwatch(self._callback)


_the_browser: Browser | None = None
_browser_lock = threading.Lock()


def the_browser() -> Browser:
    """Return the one browser of this process, which begins to listen when first asked for."""
    global _the_browser
    with _browser_lock:
        if _the_browser is None:
            _the_browser = Browser()
        return _the_browser


@atexit.register
def stop() -> None:
    """Listen to the network no more, until somebody asks again."""
    global _the_browser
    with _browser_lock:
        browser, _the_browser = _the_browser, None
    if browser is not None:
        browser.close()
