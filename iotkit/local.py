"""Devices on the local network, as if they were part of a module.

    from iotkit.local import robot

waits up to 3 s for the device that is announced as `robot`, and gives the object for it.
`iotkit.local.all("sumobot")` is a group of all of that class. `dir(iotkit.local)` lists those
that are there.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor as _ThreadPoolExecutor

# What has a name here without a `_` can't be a device: discovery.python_name knows.
from . import discovery as _discovery
from .device import Device as _Device
from .discovery import Found as _Found
from .errors import DeviceNotFound as _DeviceNotFound
from .errors import IotkitError as _IotkitError
from .errors import NotOnNetwork as _NotOnNetwork
from .errors import did_you_mean as _did_you_mean
from .groups import Group as _Group
from .groups import grouped as _grouped
from .targets import connect as _connect
from .targets import find as _find

_OPENED_AT_ONCE = 16


def all(kind: str) -> _Group:  # noqa: A001 - who writes local.all("sumobot") means no other
    """Return all devices of one class on the network, such as "sumobot", as a group.

    Looks around for two seconds, if this process has not done that before. A device that can't
    be used, as one that is not paired with, is in the group as the error why. Raises
    DeviceNotFound where there is none of that class, or why none can be used.
    """
    there = _discovery.discover()
    found = [one for one in there if (one.plain_id or one.name) == kind]
    if not found:
        kinds = sorted({one.plain_id or one.name for one in there})
        known = f"there is: {', '.join(kinds)}" if kinds else "there is no device at all"
        near = _did_you_mean(kind, kinds)
        raise _DeviceNotFound(f"no device of the class {kind!r} on the network{near} ({known})")
    with _ThreadPoolExecutor(min(len(found), _OPENED_AT_ONCE)) as pool:
        return _grouped(dict(zip((one.name for one in found), pool.map(_open, found), strict=True)))


def _open(found: _Found) -> _Device | _IotkitError:
    try:
        return _connect(found)
    except _IotkitError as error:
        return error


def __getattr__(name: str) -> _Device:
    # Python, IPython and test tools try out many names of their own; none of them is a device's.
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return _find(name)
    except _DeviceNotFound as error:
        # An AttributeError would be replaced by Python's own words in `from … import …`.
        raise _NotOnNetwork(str(error)) from None


def __dir__() -> list[str]:
    return ["all", *(found.name for found in _discovery.discover())]
