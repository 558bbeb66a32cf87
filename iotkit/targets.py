"""Find the way to a device: what a person types, and the device object it leads to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import host, opened, ways
from .device import Device, device_over, link_of
from .errors import BadTarget, BadType, DeviceNotFound, IotkitError, briefly
from .links import Link, State
from .types import shown

if TYPE_CHECKING:
    from .discovery import Found
    from .links.lasting import Way

FIND_TIMEOUT = 3.0  # seconds; a device that is there is found in a fraction of one

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]*")
_PORT = re.compile(r"/dev/.+|COM[0-9]+", re.IGNORECASE)


@briefly
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

    `timeout` is how long to wait for the answer to a read or a set, in seconds: 2 if it is not
    given, 7 for a web service. A port or address that this process has open already gives the
    same object again, so a notebook's cell can be run twice. Raises BadTarget, BadType, BadValue
    for a `baud` that can't be, DeviceNotFound, PortBusy, DeviceTimeout, DeviceDisconnected,
    ProtocolError where what answers is no device, NotAllowed; IotkitError where a sketch can't
    be built.
    """
    if isinstance(target, host.Device):
        return _opened(_hosted(target, f"python:{type(target).__name__}"))
    if isinstance(target, type) and issubclass(target, host.Device):
        raise BadType(f"{target.__name__} is a class: write iotkit.connect({target.__name__}())")
    if target is None:
        target = _the_only_one()
    if isinstance(getattr(target, "url", None), str):
        return _found(target, timeout)
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
        return _lasting(ways.SerialWay(target, baud, timeout))
    if scheme == "socket":
        return _lasting(ways.SocketWay(target, timeout))
    if scheme in ("http", "https"):
        return _lasting(ways.WebWay(target, timeout))
    if _NAME.fullmatch(target):
        return _named(target, FIND_TIMEOUT, timeout)
    raise BadTarget(f"{target!r} names no way to a device. {_ways()}")


@briefly
def find(name: str, timeout: float = FIND_TIMEOUT) -> Device:
    """Return the device of that name on the local network.

    Raises DeviceNotFound after `timeout` seconds, with the names of those that are there,
    NotAllowed where another device was used under that name before, and what `connect` does. One
    that is open and lost is the one it was, as long as no other has its name.
    """
    return _named(name, timeout, None)


def _named(name: str, patience: float, timeout: float | None) -> Device:
    from . import discovery
    from .discovery import met

    lost = _lost_as(name)
    found = discovery.wait_for(name, 0.0 if lost else patience)
    if found is None:
        if lost is not None:
            return lost
        raise met.absent(name, discovery.known())
    met.check(found, discovery.known())
    device = _found(found, timeout, name)
    met.remember(found)
    return device


def _found(found: Any, timeout: float | None, name: str = "") -> Device:
    for device in opened.devices():
        link = link_of(device)
        if link.target == found.url and link.identity in (found.url, ""):
            return device
        # Two may call themselves the same, on two computers.
        twin = link.description.specifier and link.asked_as not in ("", found.name, found.instance)
        if link.identity == (found.id or found.url) and not twin:
            return device
    device = _lasting(ways.NameWay(found, timeout))
    link_of(device).asked_as = name or found.name
    return device


def _lost_as(name: str) -> Device | None:
    """Return the open device that was found by `name` and is lost just now."""
    for device in opened.devices():
        link = link_of(device)
        if link.asked_as == name and link.state in ("lost", "reconnecting"):
            return device
    return None


def _lasting(way: Way) -> Device:
    from .links.lasting import LastingLink

    return _opened(LastingLink(way))


def _opened(link: Link) -> Device:
    device = device_over(link)
    opened.add(device)

    def forget(state: State) -> None:
        if state == "closed":
            opened.remove(device)

    link.newsroom.states.watch(forget)
    if link.closed:
        forget("closed")
    return device


def _open_already(target: str) -> Device | None:
    for device in opened.devices():
        link = link_of(device)
        if link.target == target.rstrip("/") and not link.closed:
            return device
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
