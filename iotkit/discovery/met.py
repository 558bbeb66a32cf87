"""Which device a name on the network was, when this computer's user first asked for it.

Whoever takes the name of a device that is switched off is not mistaken for it. On this computer
itself names change hands as one likes: what is there, its own users have put there.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ..errors import NotAllowed
from ..stored import Texts
from .found import Found, python_name

_met = Texts("met")  # identities, by names in Python


def check(found: Found, known: Iterable[Found] = ()) -> None:
    """Raise NotAllowed if another device than this was met under its name.

    `known` are devices among which that one may be, under its name of now.
    """
    name = python_name(found.instance)
    before = _met.get(name)
    if not before or before == found.id or _is_here(found):
        return
    now = next((f": it is {one.name} now" for one in known if one.id == before), "")
    raise NotAllowed(
        f"{name} is another device than the {name} that you used before{now}. If you mean this one,"
        f" type iotkit forget {name} in a terminal"
    )


def remember(found: Found) -> None:
    """Note that this is the device that is meant by its name."""
    if found.id and not _is_here(found):
        _met.put(python_name(found.instance), found.id)


def forget(name: str) -> bool:
    """Let any device be meant by the name from now on; return whether that was not so."""
    name = python_name(name)
    was_known = bool(_met.get(name))
    _met.put(name, "")
    return was_known


def _is_here(found: Found) -> bool:
    return (urlsplit(found.url).hostname or "").startswith("127.")
