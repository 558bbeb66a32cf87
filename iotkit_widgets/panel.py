"""A panel for a device: all its settings, readings and actions, live, as one widget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from typing import Any

import traitlets

from iotkit.device import Device
from iotkit.errors import UnknownName
from iotkit.links import Change
from iotkit.types import Value

from .assets import STYLE, joined
from .hub import FRAME, Hub, News
from .recorder import recorder_of
from .spec import given, link_behind, snapshot, spec_of
from .standing import UNKNOWN, standing, watch
from .talk import Talking

PERIOD = FRAME / 2  # seconds between two news of an attribute: two clocks of one rate would beat
EXPIRY = 25.0  # seconds after which a view that says nothing is gone; it speaks every 10
READ_LIMIT = 0.5  # seconds that values may take to be read for a panel that nobody has seen
FRESH = 1.0  # seconds that such values are good for

_VALUES = (int, float, str)


class Panel(Talking):
    """All of a device, live.

    The values follow the device as long as the panel can be seen somewhere. `close()` ends it;
    the device stays open.
    """

    _esm = joined(
        "dom",
        "badge",
        "talk",
        "stop",
        "fields",
        "faces",
        "settings",
        "actions",
        "record",
        "saved",
        "panel",
    )
    _css = STYLE
    spec = traitlets.Dict().tag(sync=True)
    entries = traitlets.Dict().tag(sync=True)  # filled in by get_state
    state = traitlets.Dict().tag(sync=True)  # the same
    key = traitlets.Unicode().tag(sync=True)
    hub = traitlets.Unicode().tag(sync=True)

    def __init__(self, device: Device, **kwargs: Any) -> None:
        self._device, self._link = device, link_behind(device, "a panel")
        self._recorder = recorder_of(device)
        self._lock = threading.Lock()
        self._known: dict[str, Change] = {}  # what was heard last
        self._values: dict[str, Value] = {}  # the last that was a value
        self._read_at = -FRESH
        self._views: dict[str, float] = {}  # those that can be seen, and until when that counts
        self._fresh: dict[str, Change] = {}  # what was heard and not collected yet
        self._marked = False  # the hub knows that there is something to collect
        self._greeted = False  # there is a view that has to be told everything
        self._told: News = {}  # what the browser knows, but for the entries
        self._followed: list[Callable[[], None]] = []  # what ends it
        self._turn = threading.Lock()  # who may begin or end that
        self._hub = Hub.get()
        super().__init__(
            spec=spec_of(self._link), key=f"{id(self._link):x}", hub=self._hub.model_id, **kwargs
        )

    @property
    def device(self) -> Device:
        """The device that it shows."""
        return self._device

    def close(self) -> None:
        """End it, here and in every browser; a second time does nothing."""
        if hasattr(self, "_views"):
            with self._lock:
                self._views.clear()
            self._follow()
        super().close()

    def get_state(
        self, key: str | Iterable[str] | None = None, drop_defaults: bool = False
    ) -> dict[str, Any]:
        """Return the widget's state, with fresh values."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if key is None:
            self._read()
            with self._lock:
                condition = self._condition()
                state |= {"entries": self._entries(self._known, condition), "state": condition}
        return state

    def elsewhere(self) -> dict[str, str]:
        """Return what stands for it as text; see Talking.elsewhere."""
        self._read()
        html = snapshot(self._link, self._values)
        return {"text/plain": repr(self._device), "text/html": html}

    # What comes from the device.

    def sweep(self) -> None:
        """Forget the views that have gone without a word; see Member.sweep."""
        now = time.monotonic()
        with self._lock:
            self._views = {view: until for view, until in self._views.items() if until > now}
        self._mark()

    def collect(self) -> News:
        """Return what is new; see Member.collect. Follows the device if somebody can see it."""
        self._follow()
        self._marked = False
        with self._lock:
            changes: dict[str, Change] = {}
            while self._fresh:
                name, change = self._fresh.popitem()
                changes[name] = change
            self._note(changes)
            news: News = {}
            condition = self._condition()
            if entries := self._entries(self._known if self._greeted else changes, condition):
                news["entries"] = entries
            for part, now in {"state": condition, "recording": self._recorder.condition()}.items():
                if now and (self._greeted or now != self._told.get(part)):
                    news[part] = self._told[part] = now
            self._greeted = False
        return news

    def _heard(self, name: str, change: Change, _: float) -> None:
        # Called for each of many thousand changes a second. Whoever collects sees the change, or
        # has taken the mark away before.
        self._fresh[name] = change
        self._mark()

    def _mark(self) -> None:
        if not self._marked:
            self._marked = True
            self._hub.mark(self)

    def _follow(self) -> None:
        with self._turn:
            if self._views and not self._followed:
                self._hub.join(self)
                follow = self._link.follow
                attributes = [
                    follow(n, self._heard, PERIOD) for n in self._link.description.attributes
                ]
                self._followed = [
                    *watch(self._link, self._mark),
                    *(attribute.close for attribute in attributes),
                ]
            elif not self._views and self._followed:
                for end in self._followed:
                    end()
                self._followed = []
                self._hub.leave(self)

    def _note(self, changes: Mapping[str, Change]) -> None:
        self._known.update(changes)
        self._values.update((name, c) for name, c in changes.items() if isinstance(c, _VALUES))

    def _entries(
        self, changes: Mapping[str, Change], condition: dict[str, str]
    ) -> dict[str, dict[str, Any]]:
        """Return what the browser shows for these; where all is silent, the old values stay."""
        if condition["is"] in UNKNOWN:
            return {name: {"value": value} for name, value in self._values.items()}
        return {
            name: {"error": str(change)} if isinstance(change, Exception) else {"value": change}
            for name, change in changes.items()
        }

    def _condition(self) -> dict[str, str]:
        """Return how it stands with the device, and why."""
        return standing(self._link, [self._known.get(n) for n in self._link.description.attributes])

    def _read(self) -> None:
        """Read the values once, for what is shown before news comes, within READ_LIMIT."""
        end = time.monotonic() + READ_LIMIT
        if self._followed or self._link.closed or self._read_at + FRESH > time.monotonic():
            return
        read: dict[str, Change] = {}
        for name in self._link.description.attributes:
            future = self._link.get(name, background=True)
            if not wait([future], max(end - time.monotonic(), 0)).done:
                break
            read[name] = future.exception() or future.result()  # type: ignore[assignment]
        with self._lock:
            self._note(read)
        self._read_at = time.monotonic()

    # What comes from the browser. Messages may be handled in several threads at once.

    def said(self, content: Any) -> None:
        """Do what a view asks for; see Talking.said."""
        match content:
            case {"view": str(view), "visible": bool(visible)}:
                self._seen(view, visible)
            case {"view": str(), "id": int(), "stop": int() | float()} if self._link.can_halt:
                self.halt(content, [self._link])
            case {"view": str(), "id": int(), "record": bool(on)}:
                self.answer(content, lambda: self._recorder.turn(self._device, on, self._mark))
            case {"view": str(), "id": int(), "set": str(name), "value": raw}:
                self._begin(content, lambda: self._set(name, raw))
            case {"view": str(), "id": int(), "call": str(name), "args": list(args)}:
                self._begin(content, lambda: self._call(name, args))

    def _seen(self, view: str, visible: bool) -> None:
        with self._lock:
            if visible and self.comm is not None:
                self._greeted = self._greeted or view not in self._views
                self._views[view] = time.monotonic() + EXPIRY
            else:
                self._views.pop(view, None)
        self._mark()

    def _begin(self, content: dict[str, Any], start: Callable[[], Future[Any]]) -> None:
        """Answer a view; in a thread of its own where that may be held up, by a port."""
        if self._link.never_waits:
            self.answer(content, start)
        else:
            threading.Thread(target=self.answer, args=(content, start), daemon=True).start()

    def _set(self, name: str, raw: Any) -> Future[None]:
        attribute = self._link.description.attributes.get(name)
        if attribute is None:
            raise UnknownName(f"the device has no attribute {name!r}")
        value = attribute.check(given(attribute, raw))
        future = self._link.steer(lambda: self._link.set(name, value))
        future.add_done_callback(lambda _: self._link.newsroom.refresh(name))
        return future

    def _call(self, name: str, args: list[Any]) -> Future[Value | None]:
        function = self._link.description.functions.get(name)
        if function is None or len(args) != len(function.args):
            raise UnknownName(f"the device has no function {name!r} with {len(args)} arguments")
        values = function.check([given(a, raw) for a, raw in zip(function.args, args, strict=True)])
        return self._link.steer(lambda: self._link.call(name, values))
