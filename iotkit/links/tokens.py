"""The tokens of devices that don't let everybody in, in files that only their owner can read.

A device served on this computer has its token there too, so its owner's programs find it. Beside
it may be another one, with which a teacher takes the device from others.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from platformdirs import user_state_path

from ..errors import BadValue, IotkitError, NotAllowed

PAIR_PATH = "/-/pair"  # where a service gives its token for a code that a person types
MIN_TOKEN, MAX_TOKEN = 16, 200  # characters
MAX_KEPT = 500  # files
MAX_FILE = 10_000  # bytes

_TOKEN = re.compile(r"[!-~]+")
_CHALLENGE = re.compile(r'bearer +realm="([!#-\[\]-~]{0,600})"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meant:
    """The device that a person means: what they call it, and its identity if that is known."""

    name: str
    identity: str = ""

    def asked_for(self, challenge: str) -> str:
        """Return the identity of the device whose token a server asks for with `challenge`.

        Raises NotAllowed where that is another device than is meant.
        """
        found = _CHALLENGE.match(challenge)
        if not found:
            raise NotAllowed(f"{self.name} asks for a password of a kind that iotkit doesn't know")
        identity = unquote(found[1])
        if self.identity and identity != self.identity:
            raise NotAllowed(f"what answers for {self.name} is another device: nothing was sent")
        return identity

    def token(self, challenge: str) -> str:
        """Return the token to give to a server that asks for one with `challenge`.

        Raises NotAllowed where there is none, or the server's is another device than is meant.
        """
        identity = self.asked_for(challenge)
        token = teachers(identity) or kept(identity)
        if not token:
            raise self.unpaired()
        return token

    def unpaired(self) -> NotAllowed:
        """Return the error for a server that has to be paired with."""
        return NotAllowed(f"{self.name} lets in only who has paired with it: {self.remedy}")

    def refused(self) -> NotAllowed:
        """Return the error for a token that the server does not take."""
        why = f"{self.name} no longer takes the token that was kept for it"
        return NotAllowed(f"{why}: {self.remedy}")

    @property
    def remedy(self) -> str:
        """What to do, for the end of a sentence."""
        words = f"iotkit pair {self.name}"
        return f"type {words} in a terminal, or %{words} in a notebook"


def checked(token: str) -> str:
    """Return `token` if it can be one; raises BadValue."""
    if not MIN_TOKEN <= len(token) <= MAX_TOKEN or not _TOKEN.fullmatch(token):
        raise BadValue(
            f"a token has {MIN_TOKEN} to {MAX_TOKEN} letters, digits and signs, and no spaces"
        )
    return token


def kept(identity: str) -> str:
    """Return the token of the device with this identity; an empty one where none is known."""
    return _kept(identity, "token")


def teachers(identity: str) -> str:
    """Return the teacher's token of that device; an empty one where none is known."""
    return _kept(identity, "teacher")


def certificate(identity: str) -> str:
    """Return the certificate that was kept with the token, as `keep` was given it."""
    return str(_known(identity).get("certificate", ""))


def keep(identity: str, token: str, certificate: str = "", teacher: str = "") -> None:
    """Keep a device's token, and the certificate of its server if it has one; see links.trust.

    A teacher's token is kept beside it, until the device has another token. Raises BadValue for
    what is no token, IotkitError where it can't be kept.
    """
    checked(token)
    if not teacher and kept(identity) == token:
        teacher = teachers(identity)
    path = _path(identity)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)  # that only its owner can read
        with open(handle, "w", encoding="utf-8") as file:
            known = {"id": identity, "token": token}
            more = {"certificate": certificate, "teacher": teacher and checked(teacher)}
            json.dump(known | {key: text for key, text in more.items() if text}, file)
        os.replace(name, path)
        _tidy(path.parent)
    except OSError as error:
        raise IotkitError(f"the token can't be kept in {path.parent} ({error})") from error


def made(identity: str) -> str:
    """Return the token kept for a device that is served here, or a new one, kept from now on."""
    token = kept(identity)
    if not token:
        token = secrets.token_urlsafe(24)
        keep(identity, token)
    return token


def made_for_teachers(identity: str) -> str:
    """Return the teacher's token of a device that is served here, or a new one, as `made` does."""
    teacher = teachers(identity)
    if not teacher:
        teacher = secrets.token_urlsafe(24)
        keep(identity, made(identity), certificate(identity), teacher)
    return teacher


def _kept(identity: str, which: str) -> str:
    try:
        return checked(_known(identity)[which])
    except (ValueError, TypeError, KeyError):
        return ""


def _known(identity: str) -> dict[str, Any]:
    try:
        with _path(identity).open(encoding="utf-8") as file:
            known = json.loads(file.read(MAX_FILE))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and known.get("id") == identity else {}


def _tidy(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MAX_KEPT]:
        file.unlink(missing_ok=True)


def _path(identity: str) -> Path:
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    return user_state_path("iotkit") / "tokens" / f"{name}.json"
