"""Give a token to who knows the code that is shown where the device is served."""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import BadValue
from ..links.proof import LENGTH, NONCE, plain_code, proofs
from .bodies import json_in
from .gate import Tries
from .messages import Refused, Request, Response, ok
from .served import Served

# Without vowels nobody gets a rude word; without 0, 1 and their like nobody gets it wrong.
ALPHABET = "23456789BCDFGHJKMNPQRTVWXZ"
CODE_LENGTH = 8  # 26**8 codes are 2e11: at one try in a second, a year finds one in 6,600 of them
LIFETIME = 600.0  # seconds
MAX_WRONG = 5  # tries; then there is a new code

_ANYBODY = ""  # tries are counted for all addresses together: one may have many of them


class Pairing:
    """The code of this program, for all devices that it serves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._code, self._made_at, self._wrong = "", 0.0, 0
        self._tries = Tries(MAX_WRONG)
        self._tell: Callable[[str], None] | None = None

    def tell(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with each code that takes the place of one that is used up."""
        self._tell = callback

    def code(self) -> str:
        """Return the code to show, as `BCDF-2345`; it is good for LIFETIME."""
        with self._lock:
            if not self._code or self._is_old():
                self._renew()
            return _shown(self._code)

    def redeem(self, typed: str) -> None:
        """Raise Refused where `typed` is not the code."""
        given = plain_code(typed).encode()
        self._redeem(lambda code: hmac.compare_digest(given, code.encode()))

    def prove(self, nonce: bytes, proof: bytes, certificate: str) -> bytes:
        """Return what proves that this knows the code; raise Refused where `proof` doesn't.

        See links.proof. It takes a while, and one after the other.
        """
        known = [b"", b""]

        def is_right(code: str) -> bool:
            known[:] = proofs(code, nonce, certificate)
            return hmac.compare_digest(proof, known[0])

        self._redeem(is_right)
        return known[1]

    def _redeem(self, is_right: Callable[[str], bool]) -> None:
        with self._lock:
            self._tries.check(_ANYBODY)
            if not self._code or self._is_old():
                self._tries.count(_ANYBODY)
                self._end()
                raise Refused(403, "NotAllowed", "the code is too old: ask for a new one")
            if is_right(self._code):
                return
            self._tries.count(_ANYBODY)
            self._wrong += 1
            if self._wrong >= MAX_WRONG:
                self._end()
            raise Refused(403, "NotAllowed", "that is not the code: look again where it is shown")

    def _is_old(self) -> bool:
        return time.monotonic() > self._made_at + LIFETIME

    def _end(self) -> None:
        """Let the code be good no more; where nobody is told a new one, there is none."""
        if self._tell is None:
            self._code = ""
            return
        self._renew()
        self._tell(_shown(self._code))

    def _renew(self) -> None:
        self._code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        self._made_at, self._wrong = time.monotonic(), 0


the_pairing = Pairing()


async def pair(served: Served, request: Request, _: Any) -> Response:
    """Give the token of the device to who knows the code."""
    if not served.gate.token:
        raise Refused(404, "UnknownName", f"{served.known.id} lets everybody in: no need to pair")
    given = json_in(request)
    given = given if isinstance(given, dict) else {}
    value = {"id": served.gate.identity, "token": served.gate.token}
    if served.certificate:
        nonce, proof = _bytes(given, "nonce", NONCE), _bytes(given, "proof", LENGTH)
        # It takes too long for the event loop.
        answer = await asyncio.to_thread(the_pairing.prove, nonce, proof, served.certificate)
        value["proof"] = answer.hex()
    else:
        code = given.get("code")
        the_pairing.redeem(code if isinstance(code, str) else "")
    return ok(value, {"Cache-Control": "no-store"})


def _bytes(given: dict[str, Any], name: str, length: int) -> bytes:
    text = given.get(name)
    if not isinstance(text, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", text):
        raise BadValue(
            f"pairing takes a {name} of {2 * length} hexadecimal digits: the code itself is never"
            " sent to an encrypted service"
        )
    return bytes.fromhex(text)


def _shown(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"
