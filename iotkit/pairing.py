"""Get the token of a device that does not let everybody in, once, for the code shown there."""

from __future__ import annotations

from . import discovery
from .errors import DeviceError, DeviceNotFound, NotAllowed, ProtocolError
from .links import WEB_TIMEOUT, tokens
from .links.http import HttpClient
from .links.representation import MEDIA_TYPE, error_of, from_json, to_json

FIND_TIMEOUT = 3.0  # seconds


def pair(target: str, code: str) -> None:
    """Pair with the device `target`, a name on the network or an `http://` address.

    `code` is what `iotkit serve --lan` shows. From then on this computer's user may connect to
    the device. Raises NotAllowed for a wrong code, DeviceError where there is no need to pair.
    """
    url, identity = find(target)
    client = HttpClient(url, 1)
    try:
        request = client.request("POST", tokens.PAIR_PATH, to_json({"code": code}), MEDIA_TYPE)
        answer = client.send(request, WEB_TIMEOUT)
    finally:
        client.close()
    try:
        given = from_json(answer.body)
    except ValueError:
        given = None
    if answer.status == 404:
        raise DeviceError(f"{target} lets everybody in: there is no need to pair", 404)
    if answer.status != 200:
        raise error_of(answer.status, given, f"{target} refused (HTTP status {answer.status})")
    if not isinstance(given, dict) or not all(isinstance(given.get(k), str) for k in _KEYS):
        raise ProtocolError(f"what answers for {target} is no device that can be paired with")
    if identity and given["id"] != identity:
        raise NotAllowed(f"what answers for {target} is another device: nothing was kept")
    tokens.keep(given["id"], given["token"])


def find(target: str) -> tuple[str, str]:
    """Return the address of the device, and its identity or an empty text where it isn't known."""
    if target.startswith(("http://", "https://")):
        return target.rstrip("/"), ""
    found = discovery.wait_for(target, FIND_TIMEOUT)
    if found is None:
        raise DeviceNotFound(f"no device named {target!r} on the network: is it being served?")
    return found.url, found.id


_KEYS = ("id", "token")
