"""Listen for the devices that others announce."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

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
from .network import Network, interfaces

MAX_FOUND = 500  # devices kept: more is no class, it is an attack
RESOLVERS = 8  # names looked up at once; a responder drops queries that come in a flood
RESOLVE_TIMEOUT_MS, RESOLVE_TRIES = 1000, 3

_log = logging.getLogger(__name__)


class Browser(ServiceListener):
    """The one browser of this process: who asks again knows already."""

    def __init__(self) -> None:
        self._network = Network.on(interfaces())
        self._began = time.monotonic()
        self._infos: dict[str, ServiceInfo] = {}
        self._watchers: list[Callable[[list[Found]], None]] = []
        self._again: set[str] = set()  # what is known of their addresses may be out of date
        self._changes = 0
        self._changed = threading.Condition()
        self._telling = threading.Lock()  # so that nobody hears old news after new
        self._pool = ThreadPoolExecutor(RESOLVERS, "iotkit mdns")
        # QM: with several responders on one machine, QU answers come seconds later.
        self._service_browser = ServiceBrowser(
            self._network.zeroconf, SERVICE_TYPE, self, question_type=DNSQuestionType.QM
        )

    def close(self) -> None:
        """Listen no more."""
        self._service_browser.cancel()
        self._pool.shutdown(cancel_futures=True)
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

    def look_again(self, instance: str) -> None:
        """Find out anew where the service of that name is: nobody listens where it was."""
        with self._changed:
            names = [name for name in self._infos if instance_of(name) == instance]
            names = [name for name in names if name not in self._again]
            self._again.update(names)
        for name in names:
            self._submit(name)

    # ServiceListener: called from zeroconf's thread, which must not wait or raise.

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """Look up a service that has appeared."""
        if len(self._infos) < MAX_FOUND:
            self._submit(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """Look it up again."""
        if name in self._infos:
            self._submit(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """Forget it."""
        with self._changed:
            gone = self._infos.pop(name, None)
            self._note_change()
        if gone:
            self._submit(None)

    def _submit(self, name: str | None) -> None:
        try:
            self._pool.submit(self._resolve, name)
        except RuntimeError:
            pass  # closed meanwhile

    def _resolve(self, name: str | None) -> None:
        """Find out where the service is, and tell of the change."""
        try:
            if name is not None and not self._resolved(name):
                return
        except Exception as error:  # a name made to break the parser, say
            _log.warning("a service on the network can't be looked up: %r", error)
            return
        finally:
            self._again.discard(name or "")
        self._tell()

    def _resolved(self, name: str) -> bool:
        info = ServiceInfo(SERVICE_TYPE, name)
        zeroconf = self._network.zeroconf
        if name in self._again:
            self._network.run(_forget(zeroconf, name)).result()
        for _ in range(RESOLVE_TRIES):
            if info.load_from_cache(zeroconf) or info.request(zeroconf, RESOLVE_TIMEOUT_MS):
                break
        if not info.parsed_addresses(IPVersion.V4Only) or not info.port:
            return False
        with self._changed:
            if len(self._infos) < MAX_FOUND or name in self._infos:
                self._infos[name] = info
                self._note_change()
        return True

    def _note_change(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _tell(self) -> None:
        with self._telling:
            found = self.found()
            for watcher in self._watchers:
                try:
                    watcher(found)
                except Exception:
                    _log.exception("a watcher of the network failed")


async def _forget(zeroconf: Zeroconf, name: str) -> None:
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
