"""A live chart of what devices measure, as one widget."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import traitlets

from iotkit.description import Attribute
from iotkit.device import Device, link_of
from iotkit.errors import (
    BadType,
    BadValue,
    DeviceLost,
    IotkitError,
    OutOfRange,
    UnknownName,
    did_you_mean,
)
from iotkit.links import Change, Following, Link
from iotkit.types import Type, Value

from .assets import plot_module, plot_style
from .hub import Hub
from .samples import KEPT, Samples
from .spec import values_table
from .talk import Talking

MAX_TRACES = 16  # more can't be told apart
EXPIRY = 25.0  # seconds after which a view that says nothing can't be seen; it speaks every 10
GONE = 150.0  # the same for being there at all: a browser lets hidden pages speak once a minute
# Seconds between two messages, or every other frame of the hub: a message costs the kernel more
# than all the samples in it. The page moves on at its own rate.
PACE = 0.03
FIRST_LIMIT = 0.5  # seconds that the first values may take for the table that a notebook keeps


class Plot(Talking):
    """A live chart: `Plot(robot, "distance", "speed", lamp, "brightness")`.

    A device, then the names of what to plot of it; then the next device. Numbers of one unit
    share an axis. Every change is kept for KEPT seconds, whether the plot can be seen or not,
    until `close()`. While no page has had it for GONE seconds, it asks the devices for nothing
    and keeps nothing. The devices stay open.

    Raises BadType, BadValue and UnknownName for what can't be plotted.
    """

    spec = traitlets.Dict().tag(sync=True)

    def __init__(self, *what: Device | str, **kwargs: Any) -> None:
        traces = list(_traces(what))
        if len(traces) > MAX_TRACES:
            raise OutOfRange(f"a plot shows {MAX_TRACES} values at most, not {len(traces)}")
        self._lock = threading.RLock()
        self._sent = [0] * len(traces)  # the numbers of the samples that the browser lacks
        self._pushed_at = -PACE
        self._all_wanted = False
        # The views, with when they spoke last and whether they can be seen; at first one that
        # is about to come.
        self._views = {"": (time.monotonic(), True)}
        self._known = threading.Event()  # each trace has a value, or the reason why not
        names = _device_names(device for device, _ in traces)
        self._traces = [
            _Trace(link_of(device), names[id(device)], attribute, self._heard)
            for device, attribute in traces
        ]
        self._following: list[Following] = []
        self._hub = Hub.get()
        super().__init__(spec=self._spec(), **kwargs)
        self.observe(self._closed, "comm")
        self._follow()

    @property
    def _esm(self) -> str:
        return plot_module()

    @property
    def _css(self) -> str:
        return plot_style()

    def said(self, content: Any) -> None:
        """Do what a view said; see Talking.said."""
        match content:
            case {"view": str(view), "visible": bool(visible)}:
                with self._lock:
                    self._views.pop("", None)
                    self._views[view] = (time.monotonic(), visible)
            case {"view": str(view), "gone": True}:
                with self._lock:
                    self._views.pop(view, None)
            case {"view": str(), "all": True}:
                self._all_wanted = True
        self._follow()
        self._heard()

    def sweep(self) -> None:
        """Forget the views that have gone without a word."""
        now = time.monotonic()
        with self._lock:
            self._views = {v: seen for v, seen in self._views.items() if seen[0] + GONE > now}
        self._follow()

    def __repr__(self) -> str:
        return f"<plot of {', '.join(trace.full_name for trace in self._traces)}>"

    def elsewhere(self) -> dict[str, str]:
        """Return what stands for it as text; see Talking.elsewhere."""
        self._known.wait(FIRST_LIMIT)
        return {"text/plain": repr(self), "text/html": self._table()}

    def _table(self) -> str:
        return values_table((trace.full_name, trace.last, trace.unit) for trace in self._traces)

    def _spec(self) -> dict[str, Any]:
        return {
            "title": ", ".join(dict.fromkeys(trace.device_name for trace in self._traces)),
            "kept": KEPT,
            "table": self._table(),
            "traces": [trace.spec() for trace in self._traces],
        }

    def _closed(self, change: Any) -> None:
        if change["new"] is None:
            with self._lock:
                self._views.clear()
            self._follow()

    def _follow(self) -> None:
        """Follow the devices while the plot is on some page."""
        with self._lock:
            if bool(self._views) == bool(self._following):
                return
            if self._views:
                self._hub.join(self)
                self._following = [trace.follow() for trace in self._traces]
                return
            ended, self._following = self._following, []
            self._hub.leave(self)
        for following in ended:
            following.close()
        for trace in self._traces:
            trace.rest()

    def _heard(self) -> None:
        """Have what is new sent with the hub's next frame."""
        if not self._known.is_set() and all(
            trace.samples.last is not None for trace in self._traces
        ):
            self._known.set()
        self._hub.soon(self._push)

    def _push(self) -> None:
        """Send what the browser lacks, if there is anybody who sees it."""
        now = time.monotonic()
        if now - self._pushed_at < PACE:
            self._hub.soon(self._push)
            return
        with self._lock:
            if not any(seen and at > now - EXPIRY for at, seen in self._views.values()):
                return
            self._pushed_at = now
            everything, self._all_wanted = self._all_wanted, False
            parts = [
                trace.samples.since(0 if everything else sent)
                for trace, sent in zip(self._traces, self._sent, strict=True)
            ]
            self._sent = [first + count for first, count, _ in parts]
            news = {
                "all": everything,
                "first": [first for first, _, _ in parts],
                "counts": [count for _, count, _ in parts],
                "why": [trace.why for trace in self._traces],
                "lost": any(trace.lost for trace in self._traces),
                "over": all(trace.over for trace in self._traces),
                "now": time.time(),
            }
        self.send({"samples": news}, [b"".join(data for _, _, data in parts)])


class _Trace:
    """One attribute of a device; `tell` is called when there is something new."""

    def __init__(
        self, link: Link, device_name: str, attribute: Attribute, tell: Callable[[], None]
    ) -> None:
        self._link, self._attribute, self._tell = link, attribute, tell
        self.samples = Samples()
        self.why = ""  # why the value isn't known
        self.lost = False  # that is because the device is away, and looked for
        self.last: Value | None = None  # the last value that was known
        self.device_name = device_name
        self.full_name = f"{device_name}.{attribute.name}"
        self.unit = attribute.limits.unit

    @property
    def over(self) -> bool:
        """Whether the device is gone for good."""
        return self._link.closed

    def spec(self) -> dict[str, Any]:
        """Return what the browser is told of it, for JSON."""
        return {
            "device": self.device_name,
            "name": self._attribute.name,
            "type": self._attribute.type.value,
            "unit": self.unit,
            "min": self._attribute.limits.minimum,
            "max": self._attribute.limits.maximum,
            "help": self._attribute.help,
        }

    def follow(self) -> Following:
        """Begin to listen."""
        return self._link.follow(self._attribute.name, self._heard)

    def rest(self) -> None:
        """Forget what was heard, now that nobody listens."""
        self.why, self.lost = "", False
        self.samples.clear()

    def _heard(self, _: str, change: Change, at: float) -> None:
        self.lost = isinstance(change, DeviceLost)
        if change is None or isinstance(change, IotkitError):
            self.why = str(change)
            self.samples.add(at, math.nan)
        else:
            self.why, self.last = "", change
            self.samples.add(at, float(change))
        self._tell()


def _traces(what: tuple[Device | str, ...]) -> Iterator[tuple[Device, Attribute]]:
    """Yield what is to be plotted; raises as Plot does."""
    device, named = None, True
    for one in what:
        if isinstance(one, Device):
            if not named:
                break
            device, named = one, False
        elif isinstance(one, str) and device is not None:
            yield device, _attribute(device, one)
            named = True
        else:
            raise BadType(f"{_EXAMPLE}; this is a {type(one).__name__}: {one!r}")
    if device is None or not named:
        raise BadType(_EXAMPLE)


_EXAMPLE = 'say a device, then what to plot of it, as in plot(robot, "distance", "speed")'


def _attribute(device: Device, name: str) -> Attribute:
    known = link_of(device).description
    attribute = known.attributes.get(name)
    if attribute is None:
        near = did_you_mean(name, known.attributes)
        raise UnknownName(f"{known.id} has no attribute {name!r}{near}")
    if not (attribute.type.is_number or attribute.type is Type.BOOL):
        raise BadValue(f"{name} can't be plotted: it is a text, and a plot shows numbers and bools")
    return attribute


def _device_names(devices: Iterable[Device]) -> dict[int, str]:
    """Return what to call each device, by its id(): where two have one name, with the targets."""
    links = {id(device): link_of(device) for device in devices}
    ids = [link.description.id for link in links.values()]
    return {
        key: name if ids.count(name := link.description.id) == 1 else f"{name} on {link.target}"
        for key, link in links.items()
    }
