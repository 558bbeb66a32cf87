"""Devices on the local network, as if they were part of a module.

    from iotkit.local import robot

waits up to 3 s for the device that is announced as `robot`, and gives the object for it.
`dir(iotkit.local)` lists those that are there.
"""

from __future__ import annotations

from . import discovery
from .device import Device
from .errors import DeviceNotFound, NotOnNetwork
from .targets import find


def __getattr__(name: str) -> Device:
    # Python, IPython and test tools try out many names of their own; none of them is a device's.
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return find(name)
    except DeviceNotFound as error:
        # An AttributeError would be replaced by Python's own words in `from … import …`.
        raise NotOnNetwork(str(error)) from None


def __dir__() -> list[str]:
    return [found.name for found in discovery.discover()]
