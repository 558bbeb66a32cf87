"""What could be connected to, here and now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from . import discovery
from .transports.serial import usb_ports


@dataclass(frozen=True, slots=True)
class Reachable:
    """A device, or a board that may be one.

    `target` is what `connect` takes, `kind` is `usb` or `network`, `what` is for people.
    """

    target: str
    kind: str
    what: str


def on_usb() -> list[Reachable]:
    """Return the USB serial ports; whether a device is behind one, only opening it tells."""
    return [Reachable(port, "usb", product) for port, product in usb_ports()]


def on_network() -> list[Reachable]:
    """Return the devices on the network; raises IotkitError where there is no network."""
    found = discovery.discover()
    ids = Counter(one.id for one in found if one.id)
    return [Reachable(one.name, "network", _what(one, ids[one.id] > 1)) for one in found]


def _what(one: discovery.Found, doubled: bool) -> str:
    what = f"{one.plain_id or one.instance} at {one.url}"
    return (
        f"{what} (two call themselves {one.id}: iotkit name {one.name} blue)" if doubled else what
    )
