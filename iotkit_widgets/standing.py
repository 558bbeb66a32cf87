"""How it stands with a device, as its widgets say it: static/badge.js has the words."""

from __future__ import annotations

from collections.abc import Callable, Collection

from iotkit.errors import DeviceDisconnected, DeviceLost, DeviceTimeout
from iotkit.links import Change, Link
from iotkit.links.claims import claimed

UNKNOWN = frozenset({"silent", "lost", "gone"})  # where the values that were known last stay

_AWAY = frozenset({"lost", "reconnecting"})
_NO_ANSWER = (DeviceTimeout, DeviceDisconnected)


def standing(link: Link, heard: Collection[Change] = ()) -> dict[str, str]:
    """Return how it `is` with the device behind `link`, `why`, and `who` has it, for the browser.

    `heard` is the latest of each attribute that is followed, None for what wasn't heard yet.
    """
    states = link.newsroom.states
    if link.closed:
        return {"is": "gone", "why": states.why or f"{link.target} is closed"}
    if states.now in _AWAY:
        return {"is": "lost", "why": states.why}
    lost = [change for change in heard if isinstance(change, _NO_ANSWER)]
    if lost and len(lost) == len(heard):
        # Perhaps behind what connects it to here; or it is back, and says in a moment what is.
        away = isinstance(lost[-1], DeviceLost)
        return {"is": "lost" if away else "silent", "why": str(lost[-1])}
    if (who := link.wheel.claimed_by) and not link.wheel.is_held_by(link.wheel.own):
        return {"is": "claimed", "why": str(claimed(link.description, who)), "who": who}
    if link.hold.why:
        return {"is": "stopped", "why": link.hold.why}
    return {"is": "yours" if who else "connected", "why": ""}


def watch(link: Link, changed: Callable[[], None]) -> list[Callable[[], None]]:
    """Call `changed`, which must be quick, when that may be another; return what ends that."""
    return [
        link.hold.watch(changed),
        link.newsroom.states.watch(lambda _: changed()),
        link.wheel.watch(changed),
    ]
