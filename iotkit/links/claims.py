"""Claims of devices: for how long, by whom, and what others are told."""

from __future__ import annotations

import getpass
import socket

from ..description import Description
from ..errors import DeviceClaimed
from ..plain import plain

LEASE = 5.0  # seconds for which a link claims a device, again and again
LONGEST_NAME = 40  # characters of who has claimed a device


def claimed(known: Description, who: str) -> DeviceClaimed:
    """Return the error for one who would drive the device, which `who` has claimed."""
    now = "watch it and stop it, and drive it" if known.can_halt else "watch it, and use it again"
    return DeviceClaimed(f"{who} has claimed {known.name}: you can {now} when {who} is done", who)


def called(who: str) -> str:
    """Return what is shown of what somebody says to be."""
    return plain(who, LONGEST_NAME) or "somebody"


def own_name() -> str:
    """Return what this process says to be: its user, and the computer."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name
        user = "somebody"
    return called(f"{user}@{socket.gethostname().partition('.')[0]}")
