"""The shelf: every device there is, as a panel, appearing and going as devices do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ipywidgets import Box, Layout, Widget

from iotkit import discovery, opened
from iotkit.device import Device, link_of
from iotkit.discovery import Found
from iotkit.targets import connect
from iotkit.transports.serial import usb_ports

from .connector import Connector
from .line import Line
from .panel import Panel
from .stop_all import StopAll, stoppable

USB_PERIOD = 2.0  # seconds between two looks at the USB ports
CLOSE_LIMIT = 5.0  # seconds that its thread may take to end

_log = logging.getLogger(__name__)


class Shelf(Box):  # type: ignore[misc]
    """A panel for each device that is open in this process or found on the network.

    A USB port that nobody has opened is a line with a button, since opening restarts many
    boards. What fails is a line with the reason. `close()` ends it all, and lets go of the
    devices that the shelf itself has connected to.
    """

    def __init__(self, **kwargs: Any) -> None:
        layout = Layout(
            display="grid",
            grid_template_columns="repeat(auto-fit, minmax(min(100%, 400px), 1fr))",
            grid_gap="8px",
            align_items="flex-start",
            width="100%",
        )
        super().__init__(layout=layout, **kwargs)
        self._shown: dict[str, Widget] = {}  # the children, by what they are for
        self._found: list[Found] = []
        self._tried: set[str] = set()  # the URLs that were connected to without being asked
        self._trouble = ""  # why nothing is found on the network
        self._closed = False
        self._wake = threading.Event()
        self._connector = Connector(self._wake.set)
        self._thread = threading.Thread(target=self._run, name="iotkit shelf", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; a second time does nothing."""
        if not getattr(self, "_closed", True):
            self._closed = True
            self._wake.set()
            if self._thread is not threading.current_thread():
                self._thread.join(CLOSE_LIMIT)
            self._connector.close()
            for child in self._shown.values():
                child.close()
        super().close()

    def _run(self) -> None:
        """Keep up with what there is; the only thread that changes the children."""
        watched: list[Any] = [opened.watch(self._wake.set)]
        try:
            watched.append(discovery.watch(self._find))
        except Exception as error:  # without a network, the rest works all the same
            self._trouble = str(error)
        while not self._closed:
            self._wake.clear()
            try:
                self._update()
            except Exception:
                _log.exception("the shelf could not be brought up to date")
            self._wake.wait(USB_PERIOD)
        for subscription in watched:
            subscription.close()

    def _find(self, found: list[Found]) -> None:
        self._found = found
        self._wake.set()

    def _update(self) -> None:
        found, ports = self._found, dict(usb_ports())
        self._connector.keep({*ports, *(one.url for one in found)})
        devices = _open_devices()
        lines = [*self._network(found, devices), *self._usb(ports, devices)]
        if self._trouble:
            lines.append(_Entry("network", "Network", self._trouble, failed=True))
        if not devices and not lines:
            lines.append(_NOTHING)
        shown: dict[str, Widget] = {}
        if stoppable():
            shown["stop"] = self._shown.get("stop") or StopAll()
        for device in devices:
            key = f"device {id(device)}"
            shown[key] = self._shown.get(key) or Panel(device)
        for line in lines:
            shown[line.key] = self._shown.get(line.key) or Line(line.press)
            line.write_to(shown[line.key])
        self._show(shown)

    def _show(self, shown: dict[str, Widget]) -> None:
        gone = [widget for key, widget in self._shown.items() if key not in shown]
        if list(shown.items()) != list(self._shown.items()):
            self._shown = shown
            self.children = tuple(shown.values())
        for widget in gone:
            widget.close()

    def _network(self, found: list[Found], devices: list[Device]) -> Iterator[_Entry]:
        """Yield the devices found that are not connected to; connects to a new one, once."""
        links = [link_of(device) for device in devices]
        known = {link.identity for link in links if link.identity} | {li.target for li in links}
        self._tried &= {one.url for one in found}
        for one in found:
            if one.id in known or one.url in known:
                continue
            press = partial(self._press, one.url, partial(connect, one))
            if one.url not in self._tried:
                self._tried.add(one.url)
                press()
            yield self._entry("network", one.name, one.url, f"found at {one.url}", press)

    def _usb(self, ports: dict[str, str], devices: list[Device]) -> Iterator[_Entry]:
        """Yield the USB ports that nobody here has opened."""
        taken = {link_of(device).target for device in devices}
        for port, product in ports.items():
            if port not in taken:
                press = partial(self._press, port, partial(connect, port))
                yield self._entry("usb", port, port, product, press)

    def _entry(
        self, kind: str, title: str, target: str, text: str, press: Callable[[], None]
    ) -> _Entry:
        error, busy = self._connector.error(target), self._connector.busy(target)
        text = f"{text}, connecting …" if busy else error or text
        return _Entry(f"{kind} {target}", title, text, "Connect", bool(error), busy, press)

    def _press(self, target: str, how: Callable[[], Device]) -> None:
        self._connector.start(target, how)
        self._wake.set()


@dataclass(frozen=True)
class _Entry:
    """What a line of the shelf says and does; `key` is what it is for."""

    key: str
    title: str
    text: str
    button: str = ""
    failed: bool = False
    busy: bool = False
    press: Callable[[], None] = lambda: None

    def write_to(self, line: Line) -> None:
        for name in ("title", "text", "button", "failed", "busy"):
            setattr(line, name, getattr(self, name))


_NOTHING = _Entry(
    "nothing",
    "No devices yet",
    "Plug in a board, or start a simulated robot:  %iotkit simulate sumobot",
)


def _open_devices() -> list[Device]:
    """Return the devices open in this process that can be reached, each once."""
    kept: dict[str, Device] = {}
    for device in opened.devices():
        link = link_of(device)
        if not link.closed:
            kept.setdefault(link.identity or str(id(link)), device)
    return list(kept.values())
