"""Claim a device by plain HTTP: with a secret, which later requests carry in a header."""

from __future__ import annotations

from typing import Any

from ..errors import BadType, DeviceClaimed, OutOfRange
from ..links.claims import called
from .bodies import json_in
from .messages import Request, Response, ok
from .served import Served

SECONDS = 30.0  # of a claim that doesn't say for how long
LONGEST = 3600  # seconds


async def show(served: Served, _: Request, __: Any) -> Response:
    """Say who has claimed the device."""
    return ok({"claimed_by": served.link.wheel.claimed_by or None}, {"Cache-Control": "no-store"})


async def claim(served: Served, request: Request, _: Any) -> Response:
    """Claim the device, or renew that; the answer has the secret."""
    given = json_in(request) if request.body else {}
    if not isinstance(given, dict):
        raise BadType('a claim is an object, such as {"who": "ada", "seconds": 30}')
    who = given.get("who", "")
    seconds, take = given.get("seconds", SECONDS), given.get("take", False)
    if not isinstance(who, str) or not isinstance(take, bool):
        raise BadType('"who" is a text, and "take" is true or false')
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise BadType('"seconds" is a number')
    if not 0 < seconds <= LONGEST:
        raise OutOfRange(f"a claim lasts at most {LONGEST} seconds", f"1..{LONGEST}")
    secret, who = await served.claim(request, who and called(who), seconds, take=take)
    value = {"claim": secret, "claimed_by": who, "seconds": seconds}
    return ok(value, {"Cache-Control": "no-store"})


async def release(served: Served, request: Request, _: Any) -> Response:
    """Let others drive again."""
    if not await served.release(request) and (who := served.link.wheel.claimed_by):
        raise DeviceClaimed(f"only {who} can end this claim", who)
    return ok(None)
