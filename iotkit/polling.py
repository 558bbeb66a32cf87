"""Follow a device's values: one thread asks, however many want to know.

It asks one attribute at a time, in the background, so that a user's own question never waits
for more than one of these.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping

from .device import Device, link_of
from .errors import DeviceDisconnected, DeviceReset, DeviceTimeout
from .links import Link
from .types import Value

PERIOD = 0.2  # seconds between two rounds over all attributes: what looks live to a person
PAUSE = 0.05  # seconds at least, so that a slow line has room for others
REST = 30.0  # seconds without asking for an attribute that got no answer: each try takes long

Change = Value | Exception  # what an attribute has become, or why that isn't known
Callback = Callable[[Mapping[str, Change]], None]

_log = logging.getLogger(__name__)


def watch(device: Device, callback: Callback, period: float = PERIOD) -> Subscription:
    """Call `callback`, from a thread, with what is new: values, or errors, by attribute name.

    Every attribute is told of once, and then when it has changed. One that gets no answer is
    left in peace for a while; a device that answers nothing at all has the same DeviceTimeout
    or DeviceDisconnected everywhere. The last call, when the device is gone for good (its link
    is closed), gives every attribute that error; it may be empty. `period` is in seconds; the
    shortest that anybody asked for counts.
    """
    subscription = Subscription(callback, period)
    with _lock:
        link = link_of(device)
        poller = _pollers.get(id(link))
        if poller is None:
            poller = _pollers[id(link)] = _Poller(link)
            poller.add(subscription)
            poller.start()
        else:
            poller.add(subscription)
    return subscription


class Subscription:
    """What `watch` returns."""

    def __init__(self, callback: Callback, period: float) -> None:
        self.period = period
        self._callback = callback
        self._told: dict[str, Change] = {}
        self._poller: _Poller | None = None

    def close(self) -> None:
        """End it, from any thread; a second time does nothing.

        A call that is under way may still end. The last one to go ends the thread.
        """
        poller, self._poller = self._poller, None
        if poller:
            poller.remove(self)

    def refresh(self, name: str) -> None:
        """Ask for the attribute `name` next, and tell its value even if that is the old one."""
        if poller := self._poller:
            poller.hurry(name)
            self._told.pop(name, None)

    def tell(self, known: Mapping[str, Change], *, last: bool = False) -> None:
        """Call back with what is new in `known`; called by the poller alone."""
        news = {n: c for n, c in known.items() if n not in self._told or _differ(c, self._told[n])}
        if not (news or last) or self._poller is None:
            return
        self._told.update(news)
        try:
            self._callback(news)
        except Exception:
            _log.exception("a watcher of a device's values failed")

    def joined(self, poller: _Poller) -> None:
        """Note which poller calls."""
        self._poller = poller


class _Poller(threading.Thread):
    """Asks for the values behind one link until nobody wants them, or the link is closed."""

    def __init__(self, link: Link) -> None:
        super().__init__(name=f"iotkit poll {link.description.id}", daemon=True)
        self._link = link
        self._names = list(link.description.attributes)
        self._known: dict[str, Change] = {}
        self._subscriptions: list[Subscription] = []
        self._urgent: list[str] = []
        self._changed = threading.Condition()
        self._resting: dict[str, float] = {}  # until when not to ask
        self._probes = itertools.cycle(self._names)  # whom to ask when all rest
        self._missed = 0  # attributes without an answer, one after the other

    def add(self, subscription: Subscription) -> None:
        subscription.joined(self)
        with self._changed:
            self._subscriptions.append(subscription)
            self._changed.notify_all()

    def remove(self, subscription: Subscription) -> None:
        with self._changed:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)
            self._changed.notify_all()

    def hurry(self, name: str) -> None:
        with self._changed:
            self._known.pop(name, None)
            if name not in self._urgent:
                self._urgent.append(name)
            self._changed.notify_all()

    def run(self) -> None:
        while not self._ended():
            began = time.monotonic()
            try:
                self._round()
            except Exception:  # a fault here must not leave a panel that shows old values as new
                _log.exception("the values of %s can't be followed", self._link.target)
            self._rest(began)

    def _ended(self) -> bool:
        with _lock:
            if not self._link.closed:
                with self._changed:
                    if self._subscriptions:
                        return False
            _pollers.pop(id(self._link), None)
        if self._link.closed:
            self._tell_of_the_end()
        return True

    def _tell_of_the_end(self) -> None:
        gone = [c for c in self._known.values() if isinstance(c, DeviceDisconnected)]
        error = gone[0] if gone else DeviceDisconnected(f"{self._link.target} is gone")
        self._known = dict.fromkeys(self._names, error)
        self._tell(last=True)

    def _round(self) -> None:
        self._tell()
        now = time.monotonic()
        due = [name for name in self._names if self._resting.get(name, 0.0) <= now]
        for name in due or itertools.islice(self._probes, 1):
            while self._urgent:
                self._ask(self._urgent.pop(0))
            if not self._ask(name):
                return

    def _rest(self, began: float) -> None:
        with self._changed:
            period = min((s.period for s in self._subscriptions), default=0.0)
            pause = max(began + period - time.monotonic(), PAUSE)
            before = len(self._subscriptions)
            self._changed.wait_for(
                lambda: self._urgent or len(self._subscriptions) != before, pause
            )

    def _ask(self, name: str) -> bool:
        """Ask for one value and tell of it; return whether to go on."""
        try:
            future = self._link.get(name, background=True)
            future.add_done_callback(lambda _: self._wake())
            with self._changed:
                self._changed.wait_for(lambda: future.done() or not self._subscriptions)
            if not future.done():
                return False
            change: Change = future.result()
        except Exception as error:
            change = error
        if isinstance(change, DeviceReset):
            return True  # it is back already: what matters is the next answer
        if isinstance(change, DeviceTimeout | DeviceDisconnected):
            return self._miss(name, change)
        if self._missed > 1:
            self._resting.clear()
        self._missed = 0
        self._resting.pop(name, None)
        self._known[name] = change
        self._tell()
        return True

    def _miss(self, name: str, error: Exception) -> bool:
        """Note that no answer came: after the second in a row, the device itself is silent."""
        self._missed += 1
        self._resting[name] = time.monotonic() + REST
        self._known[name] = error
        silent = self._missed > 1 or len(self._names) == 1 or self._link.closed
        if silent:
            self._known = dict.fromkeys(self._names, error)
            self._resting = dict.fromkeys(self._names, time.monotonic() + REST)
        if not self._link.closed:
            self._tell()
        return not silent

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _tell(self, *, last: bool = False) -> None:
        with self._changed:
            subscriptions, known = list(self._subscriptions), dict(self._known)
        for subscription in subscriptions:
            subscription.tell(known, last=last)


def _differ(one: Change, other: Change) -> bool:
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is not type(other) or str(one) != str(other)
    return one != other or type(one) is not type(other)


_lock = threading.Lock()
_pollers: dict[int, _Poller] = {}  # by the id of the link, which the poller keeps alive
