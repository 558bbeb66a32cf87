"""The tokens of devices that don't let everybody in, in files that only their owner can read.

A device served on this computer has its token there too, so its owner's programs find it. Beside
it may be another one, with which a teacher takes the device from others.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from ..errors import BadValue, IotkitError, NotAllowed
from ..stored import Records, locked

PAIR_PATH = "/-/pair"  # where a service gives its token for a code that a person types
MIN_TOKEN, MAX_TOKEN = 16, 200  # characters

_TOKEN = re.compile(r"[!-~]+")
_CHALLENGE = re.compile(r'bearer +realm="([!#-\[\]-~]{0,600})"', re.IGNORECASE)
_tokens = Records("tokens")


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
    return str(_tokens.get(identity).get("certificate", ""))


def keep(identity: str, token: str, certificate: str = "", teacher: str = "") -> None:
    """Keep a device's token, and the certificate of its server if it has one; see links.trust.

    A teacher's token is kept beside it, until the device has another token. Raises BadValue for
    what is no token, IotkitError where it can't be kept.
    """
    checked(token)
    with _changing():
        if not teacher and kept(identity) == token:
            teacher = teachers(identity)
        more = {"certificate": certificate, "teacher": teacher and checked(teacher)}
        given = {"token": token} | {key: text for key, text in more.items() if text}
        _tokens.put(identity, given)


def made(identity: str) -> str:
    """Return the token kept for a device that is served here, or a new one, kept from now on.

    Raises IotkitError where it can't be kept.
    """
    return kept(identity) or _made(identity, "token")


def made_for_teachers(identity: str) -> str:
    """Return the teacher's token of a device that is served here, or a new one, as `made` does."""
    made(identity)
    return teachers(identity) or _made(identity, "teacher")


def _kept(identity: str, which: str) -> str:
    try:
        return checked(_tokens.get(identity)[which])
    except (ValueError, TypeError, KeyError):
        return ""


def _made(identity: str, which: str) -> str:
    """Make it, unless another program has just done so."""
    with _changing():
        token = _kept(identity, which)
        if not token:
            token = secrets.token_urlsafe(24)
            _tokens.put(identity, _tokens.get(identity) | {which: token})
        return token


@contextmanager
def _changing() -> Iterator[None]:
    try:
        with locked(_tokens.folder):
            yield
    except OSError as error:
        raise IotkitError(f"the token can't be kept in {_tokens.folder} ({error})") from None
