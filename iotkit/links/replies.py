"""What it means where a device answers with an error."""

from __future__ import annotations

from ..description import Description
from ..errors import (
    BadValue,
    DeviceError,
    DeviceLost,
    DeviceTimeout,
    IotkitError,
    NotAllowed,
    OutOfRange,
    ReadOnly,
)
from ..protocol import Reply
from .claims import called, claimed

# Messages of what is between, which says in a whole sentence what is wrong.
_IN_WORDS = ("No answer", "Device gone", "Not allowed")


def refusal(reply: Reply, wish: str, known: Description, *, framed: bool) -> IotkitError:
    """Return what is wrong, in words, where the device `known` has refused the `wish`.

    What is not `framed` may be version 1, whose errors have no further meaning.
    """
    if (reply.status, reply.message) == (423, "Claimed"):
        return claimed(known, called(reply.data))
    reason = reply.message if reply.data in ("", "-") else f"{reply.message}: {reply.data}"
    reason = reason.removeprefix("Fail: ")  # which says no more than that it has failed
    words = f"{known.id} refused {wish}: {reason} ({reply.status})"
    if reply.message in _IN_WORDS and reply.data not in ("", "-"):
        words = f"{known.id}: {reply.data}"
    return _meant(reply, words) if framed else DeviceError(words, reply.status)


def failure(status: int, words: str) -> IotkitError:
    """Return the error of a device that is itself behind something that offers it."""
    if status == 504:
        return DeviceTimeout(words)
    if status == 503:
        return DeviceLost(words)
    return DeviceError(words, status)


def _meant(reply: Reply, words: str) -> IotkitError:
    """Return the error that a device of version 2 means."""
    if (reply.status, reply.message) == (504, "No answer"):
        return DeviceTimeout(words)
    if (reply.status, reply.message) == (503, "Device gone"):
        return DeviceLost(words)
    if reply.status == 416:
        return OutOfRange(words, reply.data)
    if reply.status == 405:
        return ReadOnly(words)
    if (reply.status, reply.message) == (403, "Not allowed"):
        return NotAllowed(words)
    if (reply.status, reply.message) == (400, "Bad Value"):
        return BadValue(words)
    return DeviceError(words, reply.status)
