"""What could be connected to, here and now."""

from __future__ import annotations

from dataclasses import dataclass

from . import discovery
from .transports.serial import usb_ports

# Seconds of listening. A server may wait one before it says again what it has just said to
# somebody else (RFC 6762, section 6).
LISTEN = 2.0


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


def on_network(timeout: float = LISTEN) -> list[Reachable]:
    """Return the devices on the network, after `timeout` seconds of listening in all.

    Raises IotkitError where there is no network.
    """
    return [
        Reachable(one.name, "network", f"{one.plain_id or one.instance} at {one.url}")
        for one in discovery.discover(timeout)
    ]
