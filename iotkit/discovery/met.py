"""Which device a name on the network was, when this computer's user last asked for it.

Whoever takes the name of a device that is switched off is not mistaken for it. On this computer
itself names change hands as one likes: what is there, its own users have put there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from ..errors import DeviceNotFound, NotAllowed, did_you_mean, listed
from ..stored import Record, Records
from .found import Found, python_name

LIKE = 0.8  # how near another robot's name must be to be a slip of the finger

# By names in Python: `id`, the device's identity; `here`, that of one on this computer; `at`, when
# it was last connected to, in seconds since the epoch.
_met = Records("met")


def check(found: Found, known: Iterable[Found] = ()) -> None:
    """Raise NotAllowed if another device than this was met under its name.

    `known` are devices among which that one may be, under its name of now.
    """
    name = python_name(found.instance)
    before = _ids(_met.get(name))
    if not before or found.id in before or _is_here(found):
        return
    raise NotAllowed(
        f"{name} is another device than the {name} that you used before{_now(before, known)}. If"
        f" you mean this one, type iotkit forget {name} in a terminal"
    )


def remember(found: Found) -> None:
    """Note that this is the device that is meant by its name."""
    if found.id:
        name, which = python_name(found.instance), "here" if _is_here(found) else "id"
        _put(name, _met.get(name) | {which: found.id, "at": time.time()})


def forget(name: str) -> bool:
    """Let any device be meant by the name from now on; return whether that was not so."""
    name = python_name(name)
    was_known = bool(_met.get(name))
    _put(name, {})
    return was_known


def absent(name: str, known: Sequence[Found]) -> DeviceNotFound:
    """Return the error for a name that no device has, where these are on the network.

    One that was used before is away: nobody is led to drive another one in its place.
    """
    names = [one.name for one in known]
    there = f"there is: {listed(names)}" if names else "there is no device at all"
    before = _met.get(python_name(name))
    if before:
        return DeviceNotFound(
            f"{name} was on the network {_when(before)} and is not now{_now(_ids(before), known)}."
            f" Is it switched on, and still served? ({there})"
        )
    # Robots that are told apart by a number are near to each other, and not meant by each other.
    meant = [one for one in names if re.findall(r"\d+", one) == re.findall(r"\d+", name)]
    near = did_you_mean(name, meant, LIKE)
    return DeviceNotFound(f"no device named {name!r} on the network{near} ({there})")


def _ids(record: Record) -> list[str]:
    return [str(record[which]) for which in ("id", "here") if which in record]


def _now(ids: Sequence[str], known: Iterable[Found]) -> str:
    # Who else has an id with a specifier is another one that calls itself the same.
    own = [one for one in ids if ":" not in one]
    return next((f": it is {one.name} now" for one in known if one.id in own), "")


def _when(record: Record) -> str:
    try:
        then = time.localtime(float(record["at"]))
        today = time.strftime("%Y-%m-%d", then) == time.strftime("%Y-%m-%d")
        return time.strftime("today at %H:%M" if today else "on %Y-%m-%d at %H:%M", then)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return "before"


def _put(name: str, record: Record) -> None:
    try:
        _met.put(name, record)
    except OSError:
        pass  # it can't be kept here


def _is_here(found: Found) -> bool:
    return (urlsplit(found.url).hostname or "").startswith("127.")
