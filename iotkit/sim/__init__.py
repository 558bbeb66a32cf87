"""Simulated devices, shipped: to learn without a board, and to test with.

`DEVICES` maps the name in `sim:name` to the class.
"""

from __future__ import annotations

import os

from ..errors import BadTarget, did_you_mean
from ..host import Device
from .sumobot import Sumobot
from .testhosttiny import TestHostTiny
from .weather import Weather

DEVICES: dict[str, type[Device]] = {
    "sumobot": Sumobot,
    "weather": Weather,
    "testhosttiny": TestHostTiny,
}


def simulate(name: str) -> Device:
    """Return a new simulated device; raises BadTarget, with the names there are."""
    try:
        return DEVICES[name]()
    except KeyError:
        raise BadTarget(
            f"there is no simulation {name!r}{did_you_mean(name, DEVICES)}"
            f" (there are: {', '.join(DEVICES)})"
        ) from None


def is_firmware(name: str) -> bool:
    """Whether `name` in `sim:name` is a sketch or a program, and no device of DEVICES."""
    return name.endswith((".ino", ".elf")) or "/" in name or os.sep in name
