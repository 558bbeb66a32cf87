"""Who may ask a service at all: every request passes here first, whatever it asks for."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import math
import re
import socket
import time
from urllib.parse import quote

from ..links.tokens import PAIR_PATH
from ..links.trust import is_loopback
from .messages import Refused, Request

UNLOCKED = frozenset({("POST", PAIR_PATH)})  # what is asked without a token: how to get one
FREE_TRIES = 10  # wrong tokens that an address may send at once
PAUSE = 1.0  # seconds for each that follows
MAX_ADDRESSES = 1000  # whose wrong tries are remembered

_HARMLESS = ("GET", "HEAD", "OPTIONS")  # methods that change nothing
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^][:]+)(:[0-9]{1,5})?")
_BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)
_BROWSERS = ("origin", "referer", "sec-fetch-site", "sec-fetch-mode")  # headers that only they send
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

_log = logging.getLogger(__name__)


class Gate:
    """Lets a request in, or refuses it.

    `names` are the host names of this computer and its device, in small letters, beside
    `localhost` and addresses: a browser that was lured here under another name is refused. With
    a `token`, whoever asks has to know it; `identity` tells them which device's token is meant.
    Who knows the `teacher` token instead may take the device from others; an empty one is nobody's.
    """

    def __init__(self, names: set[str], identity: str, token: str = "", teacher: str = "") -> None:
        self._names = names
        self.identity, self.token, self.teacher = identity, token, teacher
        self._realm = quote(identity)  # it may have been a device's to choose
        self._tries = Tries(FREE_TRIES)

    def check(self, request: Request) -> None:
        """Raise Refused for a request that must go no further."""
        host = request.headers.get("host", "")
        if not self._is_ours(host):
            raise Refused(
                421,
                "NotAllowed",
                "this server has another name: use its address, as in 192.168.4.20",
            )
        _check_browser(request, host)
        if self.token and (request.method, request.path) not in UNLOCKED:
            self._check_token(request)

    def may_take(self, request: Request) -> bool:
        """Whether who asks may claim a device that somebody else has claimed.

        That is who has the teacher's token; where everybody is let in, who sits at this computer.
        """
        if not self.token:
            return is_loopback(request.address)
        return _knows(_BEARER.fullmatch(request.headers.get("authorization", "")), self.teacher)

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host.lower())
        if not found:
            return False
        name = found["name"].removesuffix(".")
        if name == "localhost" or name in self._names:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        bearer = _BEARER.fullmatch(given)
        if given:
            self._tries.check(request.address)
        if _knows(bearer, self.token) or _knows(bearer, self.teacher):
            return
        if given:
            self._tries.count(request.address)
            _log.warning("%s sent a wrong token for %s", request.address, self._realm)
        raise Refused(
            401,
            "NotAllowed",
            "only who has paired with this device may use it: iotkit pair does that",
            {"WWW-Authenticate": f'Bearer realm="{self._realm}"'},
        )


class Tries:
    """How often wrong things were tried, by address: `free` at once, then one in PAUSE seconds."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._until: dict[str, float] = {}  # when an address has waited for all its tries

    def check(self, address: str) -> None:
        """Raise Refused where it is too early for another try."""
        until = self._until.get(_network(address), 0.0)
        wait = until - time.monotonic() - (self._free - 1) * PAUSE
        if wait > 0:
            seconds = math.ceil(wait)
            raise Refused(
                429,
                "NotAllowed",
                f"too many wrong tries: wait {seconds} s",
                {"Retry-After": str(seconds)},
            )

    def count(self, address: str) -> None:
        """Note a wrong try."""
        network = _network(address)
        until = self._until.pop(network, 0.0)
        self._until[network] = max(until, time.monotonic()) + PAUSE
        if len(self._until) > MAX_ADDRESSES:
            del self._until[next(iter(self._until))]  # who has been quiet for the longest time


def own_names(*devices: str) -> set[str]:
    """Return the host names of this computer, and those of devices on the local network."""
    computer = socket.gethostname().lower()
    local = {computer.partition(".")[0], *(name.lower() for name in devices)}
    return {computer, *(f"{name}.local" for name in local if name), *local} - {""}


def _check_browser(request: Request, host: str) -> None:
    """Raise Refused for what a page of somebody else's made a browser send.

    What acts must come from a page of this server's, which a browser says by `Origin`, and must
    not be a plain form, for which a browser asks nobody.
    """
    headers = request.headers
    origin = headers.get("origin")
    foreign = origin is not None and origin.lower() not in (
        f"http://{host.lower()}",
        f"https://{host.lower()}",
    )
    if foreign or headers.get("sec-fetch-site", "").lower() == "cross-site":
        raise Refused(403, "NotAllowed", "a page of another website may not use this device")
    if request.method in _HARMLESS:
        return
    browser = any(name in headers for name in _BROWSERS)
    browser = browser or headers.get("user-agent", "").startswith("Mozilla/")
    form = headers.get("sec-fetch-mode") == "navigate" or any(
        kind in _FORMS for kind in request.words("content-type")
    )
    if browser and (origin is None or form):
        raise Refused(403, "NotAllowed", "a form on a web page may not drive this device")


def _knows(bearer: re.Match[str] | None, token: str) -> bool:
    given = bearer[1] if bearer else ""
    return hmac.compare_digest(given.encode(), token.encode()) and bool(given)


def _network(address: str) -> str:
    """Return what one person has of addresses: one of IPv4, or 2**64 of IPv6."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(known, ipaddress.IPv4Address) or known.ipv4_mapped:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False))
