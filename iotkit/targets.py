"""Find the way to a device: what a person types, and the device object it leads to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import host, opened
from .device import Device, device_over, link_of
from .errors import BadTarget, BadType, DeviceNotFound, IotkitError, did_you_mean
from .links import WEB_CALL_TIMEOUT, WEB_TIMEOUT, Link
from .links.tokens import Meant
from .types import shown

if TYPE_CHECKING:
    from .discovery import Found

FIND_TIMEOUT = 3.0  # seconds; a device that is there is found in a fraction of one

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]*")
_PORT = re.compile(r"/dev/.+|COM[0-9]+", re.IGNORECASE)


def connect(
    target: str | host.Device | Found | None = None,
    *,
    baud: int | None = None,
    timeout: float | None = None,
) -> Device:
    """Return the object for the device that `target` names.

    | target                     | the device                                           |
    | -------------------------- | ---------------------------------------------------- |
    | `/dev/ttyUSB0`, `COM3`     | on a serial port, at `baud` bits/s, found out if not given |
    | `socket://host:port`       | that speaks the serial protocol on a TCP port        |
    | `exec:program args`        | a program that speaks it on its standard in- and output |
    | `sim:sumobot`              | a simulated one, new each time                       |
    | `sim:path/Robot.ino`       | a sketch on a simulated Uno, in a clone of the source |
    | `http://host:port`         | behind a web service                                 |
    | `robot`                    | of that name on the local network                    |
    | an iotkit.host.Device      | written in Python, in this process                   |
    | one of iotkit.discover()   | that has been found                                  |
    | nothing                    | the only one there is, on USB or else on the network |

    `timeout` is how long to wait for an answer, in seconds. A port or address that this
    process has open already gives the same object again, so a notebook's cell can be run
    twice. Raises BadTarget, DeviceNotFound, PortBusy, DeviceTimeout, DeviceDisconnected,
    NotAllowed.
    """
    if isinstance(target, host.Device):
        return _opened(_hosted(target, f"python:{type(target).__name__}"))
    if isinstance(target, type) and issubclass(target, host.Device):
        raise BadType(f"{target.__name__} is a class: write iotkit.connect({target.__name__}())")
    if target is None:
        target = _the_only_one()
    meant = None
    if isinstance(url := getattr(target, "url", None), str):  # of a device that was discovered
        meant, target = Meant(target.name, target.id), url  # type: ignore[union-attr]
    if not isinstance(target, str):
        raise BadType(f"connect() takes a text such as 'sim:sumobot', not {shown(target)}")
    target = target.strip()
    scheme, _, rest = target.partition(":")
    if scheme == "sim":
        return _opened(_simulated(rest, timeout))
    if scheme == "exec":
        from .transports.process import Process

        return _opened(_serial_link(Process(rest.strip()), timeout))
    if (already := _open_already(target)) is not None:
        return already
    if _PORT.fullmatch(target) or Path(target).is_char_device():
        from .transports.serial import Serial

        port = Serial(target, baud) if baud else Serial(target)
        return _opened(_serial_link(port, timeout))
    if scheme == "socket":
        return _opened(_serial_link(_tcp(target), timeout))
    if scheme in ("http", "https"):
        return _opened(_web_link(target, timeout, meant or Meant(target)))
    if _NAME.fullmatch(target):
        return find(target)
    raise BadTarget(f"{target!r} names no way to a device. {_ways()}")


def find(name: str, timeout: float = FIND_TIMEOUT) -> Device:
    """Return the device of that name on the local network.

    Raises DeviceNotFound after `timeout` seconds, with the names of those that are there.
    """
    from . import discovery

    found = discovery.wait_for(name, timeout)
    if found is None:
        names = [one.name for one in discovery.known()]
        there = f"there is: {', '.join(names)}" if names else "there is no device at all"
        raise DeviceNotFound(
            f"no device named {name!r} on the network{did_you_mean(name, names)} ({there})"
        )
    return _open_already(found.url) or _opened(
        _web_link(found.url, None, Meant(found.name, found.id))
    )


def _opened(link: Link) -> Device:
    device = device_over(link)
    opened.add(device)
    return device


def _open_already(target: str) -> Device | None:
    for device in opened.devices():
        link = link_of(device)
        if link.target == target.rstrip("/"):
            if not link.closed:
                return device
            device.close()
    return None


def _hosted(device: host.Device, target: str) -> Link:
    from .links.local import LocalLink

    return LocalLink(host.Hosted(device), target)


def _simulated(name: str, timeout: float | None) -> Link:
    from . import sim

    if sim.is_firmware(name):
        from .sim.firmware import SimulatedBoard

        return _serial_link(SimulatedBoard(Path(name)), timeout)
    return _hosted(sim.simulate(name), f"sim:{name}")


def _serial_link(transport: Any, timeout: float | None) -> Link:
    from .links.serial import SerialLink

    return SerialLink(transport, timeout=timeout) if timeout else SerialLink(transport)


def _tcp(target: str) -> Any:
    from .transports.tcp import Tcp

    host_, port = _address(target)
    return Tcp.connect(host_, port)


def _web_link(url: str, timeout: float | None, meant: Meant) -> Link:
    """Return a link by the service's channel, or by version 1 of the web API where it has none."""
    from .links import channel

    _address(url)
    url = url.rstrip("/")
    transport = channel.open_channel(url, meant)
    link: Link
    if transport is not None:
        from .links.serial import SerialLink

        link = SerialLink(transport, timeout=timeout or WEB_TIMEOUT, call_timeout=WEB_CALL_TIMEOUT)
        link.identity = meant.identity or url
    else:
        from .links.web import WebLink

        link = WebLink(url, timeout=timeout or WEB_TIMEOUT, meant=meant)
    return link


def _address(target: str) -> tuple[str, int]:
    try:
        parts = urlsplit(target)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        parts, port = None, None
    if parts is None or not parts.hostname or not port:
        raise BadTarget(
            f"{target!r} needs a host and a port, as in {target.split(':')[0]}://host:port"
        )
    return parts.hostname, port


def _the_only_one() -> str:
    """Return the target of the one device there is: on USB, or else on the network."""
    from . import discovery
    from .transports.serial import usb_ports

    ports = dict(usb_ports())
    if len(ports) == 1:
        return next(iter(ports))
    if ports:
        listed = ", ".join(f"{port} ({product})" for port, product in ports.items())
        raise DeviceNotFound(f"there are several boards: {listed}. Say which: iotkit.connect(…)")
    names = [one.name for one in discovery.discover()]
    if len(names) == 1:
        return names[0]
    if names:
        raise DeviceNotFound(f"there are several devices: {', '.join(names)}. Say which one.")
    raise DeviceNotFound(
        "there is no board on USB and no device on the network: plug one in,"
        " or take a simulated one, sim:sumobot"
    )


def _ways() -> str:
    """Say what could be connected to, here and now, and how to write it."""
    from . import discovery, sim
    from .transports.serial import usb_ports

    try:
        found = [one.name for one in discovery.known()]
    except IotkitError:
        found = []
    there = [*(port for port, _ in usb_ports()), *found, *(f"sim:{name}" for name in sim.DEVICES)]
    return (
        f"There is: {', '.join(there)}. Or write a serial port (/dev/ttyUSB0, COM3),"
        " socket://host:port, exec:program, http://host:port, or a device's name."
    )
