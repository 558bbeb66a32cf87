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
from .gate import Gate, Tries
from .messages import Refused, Request, Response, ok
from .served import Served

# Without vowels nobody gets a rude word; without 0, 1 and their like nobody gets it wrong.
ALPHABET = "23456789BCDFGHJKMNPQRTVWXZ"
CODE_LENGTH = 8  # 26**8 codes are 2e11: at one try in a second, a year finds one in 6,600 of them
LIFETIME = 600.0  # seconds
MAX_WRONG = 5  # tries; then there is a new code
TOO_OLD = "the code is too old: ask for a new one"

_ANYBODY = ""  # tries are counted for all addresses together: one may have many of them


class _Code:
    """A code that is shown, or none; `tell` is called with each that takes its place."""

    def __init__(self) -> None:
        self.text, self._made_at = "", 0.0
        self.tell: Callable[[str], None] | None = None

    @property
    def is_good(self) -> bool:
        return bool(self.text) and time.monotonic() <= self._made_at + LIFETIME

    @property
    def shown(self) -> str:
        return f"{self.text[:4]}-{self.text[4:]}"

    def renew(self) -> None:
        self.text = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        self._made_at = time.monotonic()

    def end(self) -> None:
        """Be good no more; where nobody is told a new one, there is none."""
        if self.text and self.tell is not None:
            self.renew()
            self.tell(self.shown)
        else:
            self.text = ""


class Pairing:
    """The codes of this program, for all devices that it serves: one for all, one for teachers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes = {False: _Code(), True: _Code()}  # by whether it is a teacher's
        self._wrong = 0
        self._tries = Tries(MAX_WRONG)
        self._gates: list[Gate] = []  # of the devices that are let in to

    def add(self, gate: Gate) -> None:
        """Let in to one more device who knows a code."""
        with self._lock:
            self._gates.append(gate)

    def remove(self, gate: Gate) -> None:
        """Let nobody in to it any more; one that was not added does no harm."""
        with self._lock:
            self._gates = [other for other in self._gates if other is not gate]

    def others(self, gate: Gate, *, teacher: bool) -> list[dict[str, str]]:
        """Return what is given beside the token of this gate: those of all others."""
        with self._lock:
            return [_keys(other, teacher=teacher) for other in self._gates if other is not gate]

    def tell(self, callback: Callable[[str], None], *, teacher: bool = False) -> None:
        """Call `callback` with each code that takes the place of one that is used up."""
        self._codes[teacher].tell = callback

    def code(self, *, teacher: bool = False) -> str:
        """Return the code to show, as `BCDF-2345`; it is good for LIFETIME."""
        with self._lock:
            code = self._codes[teacher]
            if not code.is_good:
                code.renew()
                self._wrong = 0
            return code.shown

    def redeem(self, typed: str) -> bool:
        """Return whether `typed` is the teachers' code; raise Refused where it is no code."""
        given = plain_code(typed).encode()
        return self._redeem(lambda code: hmac.compare_digest(given, code.encode()))

    def prove(self, nonce: bytes, proof: bytes, certificate: str) -> tuple[bytes, bool]:
        """Return what proves that this knows the code, and whether it is the teachers'.

        Raises Refused where `proof` is of no code. See links.proof. It takes a while, and one
        after the other.
        """
        known = [b"", b""]

        def is_right(code: str) -> bool:
            known[:] = proofs(code, nonce, certificate)
            return hmac.compare_digest(proof, known[0])

        teacher = self._redeem(is_right)
        return known[1], teacher

    def _redeem(self, is_right: Callable[[str], bool]) -> bool:
        with self._lock:
            self._tries.check(_ANYBODY)
            good = [(teacher, code) for teacher, code in self._codes.items() if code.is_good]
            for teacher, code in good:
                if is_right(code.text):
                    return teacher
            self._tries.count(_ANYBODY)
            self._wrong += 1
            why = "that is not the code: look again where it is shown"
            if self._wrong >= MAX_WRONG or not good:
                why = "that was wrong too often: ask for the new code" if good else TOO_OLD
                self._wrong = 0
                for code in self._codes.values():
                    code.end()
            raise Refused(403, "NotAllowed", why)


the_pairing = Pairing()


async def pair(served: Served, request: Request, _: Any) -> Response:
    """Give the token of the device, and of all that are served with it, to who knows the code."""
    if not served.gate.token:
        raise Refused(404, "UnknownName", f"{served.known.id} lets everybody in: no need to pair")
    given = json_in(request)
    given = given if isinstance(given, dict) else {}
    gate = served.gate
    proven = b""
    if served.certificate:
        nonce, proof = _bytes(given, "nonce", NONCE), _bytes(given, "proof", LENGTH)
        # It takes too long for the event loop.
        proven, teacher = await asyncio.to_thread(
            the_pairing.prove, nonce, proof, served.certificate
        )
    else:
        code = given.get("code")
        teacher = the_pairing.redeem(code if isinstance(code, str) else "")
    value: dict[str, Any] = _keys(gate, teacher=teacher)
    value["others"] = the_pairing.others(gate, teacher=teacher)
    if proven:
        value["proof"] = proven.hex()
    return ok(value, {"Cache-Control": "no-store"})


def _keys(gate: Gate, *, teacher: bool) -> dict[str, str]:
    keys = {"id": gate.identity, "token": gate.token}
    return keys | {"teacher": gate.teacher} if teacher and gate.teacher else keys


def _bytes(given: dict[str, Any], name: str, length: int) -> bytes:
    text = given.get(name)
    if not isinstance(text, str) or not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", text):
        raise BadValue(
            f"pairing takes a {name} of {2 * length} hexadecimal digits: the code itself is never"
            " sent to an encrypted service"
        )
    return bytes.fromhex(text)
