"""Where a robot is on its table, drawn live, as one widget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import traitlets

from iotkit.device import Device
from iotkit.errors import BadType, UnknownName
from iotkit.links import Change, Link
from iotkit.types import Value

from .assets import STYLE, joined
from .hub import Hub, News
from .spec import link_behind, snapshot
from .standing import UNKNOWN, standing, watch
from .talk import Talking

EXPIRY = 25.0  # seconds after which a view that says nothing is gone; it speaks every 10
READ_LIMIT = 0.5  # seconds that the values may take to be read for the table in a notebook

_PLACE = ("x", "y")
_HEADING = "heading"


class Map(Talking):
    """A robot on its table, live: `Map(robot)`.

    The robot tells where it is by its attributes `x` and `y`, whose limits are the table's edges,
    and where it looks by `heading`, if it has that: in degrees, anticlockwise, 0 is to the right.
    It is followed as long as the map can be seen somewhere. `close()` ends it; the device stays
    open. Raises UnknownName and BadType for a robot that doesn't tell.
    """

    _esm = joined("dom", "badge", "talk", "saved", "map")
    _css = STYLE
    spec = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)  # how it stood with the device at first
    key = traitlets.Unicode().tag(sync=True)
    hub = traitlets.Unicode().tag(sync=True)

    def __init__(self, device: Device, **kwargs: Any) -> None:
        self._link = link_behind(device, "a map")
        spec = _spec(self._link)
        self._names = [name for name in (*_PLACE, _HEADING) if name in spec]
        self._lock = threading.RLock()
        self._known: dict[str, Change] = {}  # of each attribute, what was heard last
        self._fresh: set[str] = set()  # of these, what was not collected yet
        self._views: dict[str, float] = {}  # those that can be seen, and until when that counts
        self._followed: list[Callable[[], None]] = []  # what ends it
        self._hub = Hub.get()
        super().__init__(
            spec=spec,
            state=standing(self._link),
            key=f"map {id(self):x}",
            hub=self._hub.model_id,
            **kwargs,
        )

    def close(self) -> None:
        """End it, here and in every browser; a second time does nothing."""
        if hasattr(self, "_followed"):
            with self._lock:
                self._views.clear()
            self._follow()
        super().close()

    def sweep(self) -> None:
        """Forget the views that have gone without a word."""
        now = time.monotonic()
        with self._lock:
            self._views = {view: until for view, until in self._views.items() if until > now}
        self._follow()

    def collect(self) -> News:
        """Return what is new; see Reporter.collect."""
        with self._lock:
            fresh, self._fresh = self._fresh, set()
            state = standing(self._link, [self._known.get(name) for name in self._names])
            news = {name: _told(self._known[name]) for name in fresh}
        if state["is"] in UNKNOWN:
            news = {name: told for name, told in news.items() if "value" in told}
        return {"news": news, "state": state}

    def said(self, content: Any) -> None:
        """Note whether a view can be seen; see Talking.said."""
        match content:
            case {"view": str(view), "visible": bool(visible)}:
                with self._lock:
                    known = view in self._views
                    if visible and self.comm is not None:
                        self._views[view] = time.monotonic() + EXPIRY
                    else:
                        self._views.pop(view, None)
                    if visible and not known:
                        self._fresh = set(self._known)
                self._follow()
                self._hub.mark(self)

    def __repr__(self) -> str:
        return f"<map of {self._link.description.id} on {self._link.target}>"

    def _follow(self) -> None:
        """Follow the robot if somebody can see the map, else not."""
        with self._lock:
            if bool(self._views) == bool(self._followed):
                return
            if self._views:
                self._hub.join(self)
                self._followed = [
                    *watch(self._link, self._mark),
                    *(self._link.follow(name, self._heard).close for name in self._names),
                ]
                return
            ended, self._followed = self._followed, []
            self._hub.leave(self)
        for end in ended:
            end()

    def _heard(self, name: str, change: Change, at: float) -> None:  # noqa: ARG002 - as all Heard
        with self._lock:
            known_to_hub = bool(self._fresh)
            self._known[name] = change
            self._fresh.add(name)
        if not known_to_hub:
            self._mark()

    def _mark(self) -> None:
        self._hub.mark(self)

    def elsewhere(self) -> dict[str, str]:
        """Return what stands for it as text; see Talking.elsewhere."""
        asked = {name: self._link.get(name, background=True) for name in self._names}
        wait(asked.values(), READ_LIMIT)
        values: dict[str, Value] = {
            name: future.result()
            for name, future in asked.items()
            if future.done() and not future.exception()
        }
        html = snapshot(self._link, values, self._names)
        return {"text/plain": repr(self), "text/html": html}


def _told(change: Change) -> dict[str, Any]:
    return {"error": str(change)} if isinstance(change, Exception) else {"value": change}


def _spec(link: Link) -> dict[str, Any]:
    """Return what the browser is told of the table; raises UnknownName and BadType."""
    known = link.description
    spec: dict[str, Any] = {"name": known.id}
    for name in _PLACE:
        attribute = known.attributes.get(name)
        if attribute is None:
            raise UnknownName(f"a map needs attributes x and y, and {known.id} has no {name}")
        limits = attribute.limits
        if limits.minimum is None or limits.maximum is None:
            raise BadType(f"a map needs limits of {name}, as in [0..200 cm], for the table's edges")
        spec[name] = {"min": limits.minimum, "max": limits.maximum, "unit": limits.unit}
    heading = known.attributes.get(_HEADING)
    if heading is not None and heading.type.is_number:
        spec[_HEADING] = {"unit": heading.limits.unit}
    return {**spec, "table": snapshot(link, {}, list(spec))}
