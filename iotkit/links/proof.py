"""Show that one knows the code of a pairing, to who shows the same, without saying it.

Both mix the code with the server's certificate as they see it. So what somebody between the two
has heard from one is of no use with the other: they see different certificates.
"""

from __future__ import annotations

import hashlib

NONCE = 16  # random bytes of the client's, so that nobody can have tried all codes beforehand
LENGTH = 32  # bytes of a proof
_WORK = {"n": 2**14, "r": 8, "p": 1}  # a twentieth of a second and 16 MiB for each code tried


def plain_code(typed: str) -> str:
    """Return the code as it is meant, however a person has typed it."""
    return typed.upper().replace("-", "").replace(" ", "")


def proofs(code: str, nonce: bytes, certificate: str) -> tuple[bytes, bytes]:
    """Return what the client shows, and what the server answers; `certificate` is a fingerprint."""
    salt = nonce + bytes.fromhex(certificate)
    known = hashlib.scrypt(plain_code(code).encode(), salt=salt, dklen=2 * LENGTH, **_WORK)
    return known[:LENGTH], known[LENGTH:]
