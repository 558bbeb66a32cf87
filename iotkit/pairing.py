"""Get the token of a device that does not let everybody in, once, for the code shown there."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from . import discovery
from .discovery import Found, met
from .errors import (
    BadValue,
    DeviceError,
    NotAllowed,
    ProtocolError,
    WrongCertificate,
)
from .links import WEB_TIMEOUT, tokens
from .links.http import HttpClient
from .links.proof import NONCE, proofs
from .links.representation import MEDIA_TYPE, error_of, from_json, to_json
from .links.tokens import Meant
from .links.trust import SIGNED, Trust, is_private

FIND_TIMEOUT = 3.0  # seconds
MAX_OTHERS = 500  # devices that are paired with at once


def pair(target: str, code: str) -> int:
    """Pair with the device `target`, a name on the network or a web address.

    With it go all others that the same program serves; return how many of these are new.

    `code` is what `iotkit serve --lan` shows. From then on this computer's user may connect to
    the device, as long as it shows the same certificate; with the code for teachers, also take it
    from others who have claimed it. Raises NotAllowed for a wrong code,
    WrongCertificate where what answers doesn't know the code itself, DeviceError where there is
    no need to pair, DeviceNotFound, DeviceDisconnected, DeviceTimeout, and IotkitError where
    what was given can't be kept.
    """
    url, identity = find(target)
    typed = url == target.rstrip("/")  # by a person; else by whoever announced it
    if not typed and not is_private(url):
        raise NotAllowed(
            f"{target} is not encrypted, so others in this network could read the code: if whoever"
            f" serves it means it so, type iotkit pair {url}"
        )
    trust = Trust(url, Meant(url if typed else target, identity), anew=True)
    trust.look()
    signed = trust.is_signed()
    if signed or not trust.encrypted:
        given = _asked(target, url, trust, {"code": code})
    else:
        given = _proven(target, url, trust, code)
    if identity and given["id"] != identity:
        raise NotAllowed(f"what answers for {target} is another device: nothing was kept")
    certificate = SIGNED if signed else trust.certificate
    teacher = given.get("teacher")
    kept = given["token"], certificate, teacher if isinstance(teacher, str) else ""
    tokens.keep(given["id"], *kept)
    if certificate and typed:
        tokens.keep(url, *kept)
    if identity:
        met.remember(Found(target, target, url, identity))
    others = given.get("others")
    return sum(_keep_other(one, certificate) for one in _listed(others))


def split(link: str) -> tuple[str, str]:
    """Return target and code of a link such as https://host:port#code; of a mere target no code."""
    target, _, code = link.partition("#")
    return target, code


def told(target: str, others: int) -> str:
    """Return in words what has been paired with."""
    more = f", and {others} more that are served with it" if others else ""
    return f"Paired with {target}{more}"


def find(target: str) -> tuple[str, str]:
    """Return the address of the device, and its identity or an empty text where it isn't known."""
    if target.startswith(("http://", "https://")):
        return target.rstrip("/"), ""
    found = discovery.wait_for(target, FIND_TIMEOUT)
    if found is None:
        raise met.absent(target, discovery.known())
    return found.url, found.id


def _listed(others: Any) -> list[dict[str, Any]]:
    known = others[:MAX_OTHERS] if isinstance(others, list) else []
    return [one for one in known if isinstance(one, dict)]


def _keep_other(given: dict[str, Any], certificate: str) -> bool:
    """Keep what is given for another device, and return whether that is new.

    What is known of a device that shows another certificate stays: this is not its server.
    """
    identity, token, teacher = (given.get(key, "") for key in ("id", "token", "teacher"))
    if not all(isinstance(text, str) for text in (identity, token, teacher)) or not identity:
        return False
    known = tokens.kept(identity)
    if known and (known == token or tokens.certificate(identity) != certificate):
        return False
    try:
        tokens.keep(identity, token, certificate, teacher)
    except BadValue:
        return False
    return True


def _proven(target: str, url: str, trust: Trust, code: str) -> dict[str, Any]:
    """Return what is given to who knows the code, which is not sent; see links.proof."""
    nonce = secrets.token_bytes(NONCE)
    ours, theirs = proofs(code, nonce, trust.certificate)
    given = _asked(target, url, trust, {"nonce": nonce.hex(), "proof": ours.hex()})
    if not hmac.compare_digest(str(given.get("proof")).encode(), theirs.hex().encode()):
        raise WrongCertificate(
            f"what answers for {target} doesn't know the code: somebody in this network pretends to"
            " be it, and nothing was kept"
        )
    return given


def _asked(target: str, url: str, trust: Trust, question: dict[str, str]) -> dict[str, Any]:
    client = HttpClient(url, 1, trust)
    try:
        request = client.request("POST", tokens.PAIR_PATH, to_json(question), MEDIA_TYPE)
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
    return given


_KEYS = ("id", "token")
