"""The tokens of devices that don't let everybody in, in files that only their owner can read.

A device served on this computer has its token there too, so its owner's programs find it.
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

    def token(self, challenge: str) -> str:
        """Return the token to give to a server that asks for one with `challenge`.

        Raises NotAllowed where there is none, or the server's is another device than is meant.
        """
        found = _CHALLENGE.match(challenge)
        if not found:
            raise NotAllowed(f"{self.name} asks for a password of a kind that iotkit doesn't know")
        identity = unquote(found[1])
        if self.identity and identity != self.identity:
            raise NotAllowed(f"what answers for {self.name} is another device: nothing was sent")
        token = kept(identity)
        if not token:
            raise NotAllowed(self._how(f"{self.name} lets in only who has paired with it"))
        return token

    def refused(self) -> NotAllowed:
        """Return the error for a token that the server does not take."""
        return NotAllowed(self._how(f"{self.name} no longer takes the token that was kept for it"))

    def _how(self, why: str) -> str:
        return f"{why}: type iotkit pair {self.name} in a terminal, or %iotkit pair in a notebook"


def checked(token: str) -> str:
    """Return `token` if it can be one; raises BadValue."""
    if not MIN_TOKEN <= len(token) <= MAX_TOKEN or not _TOKEN.fullmatch(token):
        raise BadValue(
            f"a token has {MIN_TOKEN} to {MAX_TOKEN} letters, digits and signs, and no spaces"
        )
    return token


def kept(identity: str) -> str:
    """Return the token of the device with this identity; an empty one where none is known."""
    try:
        with _path(identity).open(encoding="utf-8") as file:
            known = json.loads(file.read(MAX_FILE))
        return checked(known["token"]) if known["id"] == identity else ""
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def keep(identity: str, token: str) -> None:
    """Keep a device's token; raises BadValue for what is none, IotkitError where it can't be."""
    checked(token)
    path = _path(identity)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)  # that only its owner can read
        with open(handle, "w", encoding="utf-8") as file:
            json.dump({"id": identity, "token": token}, file)
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


def _tidy(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MAX_KEPT]:
        file.unlink(missing_ok=True)


def _path(identity: str) -> Path:
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    return user_state_path("iotkit") / "tokens" / f"{name}.json"
