"""Devices on the local network, by mDNS (RFC 6762, RFC 6763), both ways.

A device's web service is announced as `_iotoy._tcp` under the device's own name. The
environment variable IOTKIT_INTERFACES (addresses, separated by commas) limits all of it to
those network interfaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .announcing import Announcement, announce
from .browsing import Subscription, stop, the_browser
from .found import Found, python_name, reachable
from .network import interfaces

CONNECTED_AT_ONCE = 128  # so that 500 at which nobody answers take two seconds
LISTEN = 2.0  # seconds: an answer just given to another may be held back for one (RFC 6762, 6)

__all__ = [
    "Announcement",
    "Found",
    "Subscription",
    "announce",
    "discover",
    "interfaces",
    "known",
    "look_again",
    "python_name",
    "reachable",
    "stop",
    "wait_for",
    "watch",
]


def discover(timeout: float = LISTEN) -> list[Found]:
    """Return the devices on the network that accept a connection, by name.

    Listens `timeout` seconds in all, and no longer than that has to be: who has listened
    before in this process knows already. Raises IotkitError where there is no network.
    """
    found = the_browser().wait_for_all(timeout)
    the_browser().ask_again()  # for the next time: who was cut off says nothing by itself
    if not found:
        return []
    with ThreadPoolExecutor(min(len(found), CONNECTED_AT_ONCE)) as pool:
        return [one for one, well in zip(found, pool.map(reachable, found), strict=True) if well]


def wait_for(name: str, timeout: float) -> Found | None:
    """Return the device of that name as soon as it is found; None after `timeout` seconds.

    `name` is its name in Python or the one it is announced under. One that no longer accepts
    a connection does not count: its announcement outlives a killed server. It is asked for by its
    name, too, so that it is found among however many others.
    """
    browser = the_browser()
    browser.want(list(dict.fromkeys([name, re.sub(r"_(\d+)$", r"-\1", name)])))
    return browser.wait_for(
        lambda found: next(
            (one for one in found if name in (one.name, one.instance) and reachable(one)), None
        ),
        timeout,
    )


def known() -> list[Found]:
    """Return what has been found up to now, without waiting."""
    return the_browser().found()


def look_again(found: Found) -> None:
    """Find out anew where the device is, since it is not there; returns at once.

    What was heard of its last address may be mixed with what is heard of the new one.
    """
    the_browser().look_again(found.instance)


def watch(callback: Callable[[list[Found]], None]) -> Subscription:
    """Call `callback` with all devices found, now and after each change, from a thread."""
    return Subscription(the_browser(), callback)
