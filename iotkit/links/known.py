"""Descriptions that devices gave before, kept in the user's cache folder.

A device whose id and fingerprint are known need not be asked again. Another one could claim both of
them, so what is kept is used only where it came from, at that port. Over a network devices are
always asked: it is quick there, and an address may be another's the next time. What is kept came
from a device, and is read as strictly as if it came from one now.
"""

from __future__ import annotations

from platformdirs import user_cache_path

from ..stored import Records

Lines = list[tuple[str, str]]

_descriptions = Records("descriptions", user_cache_path)


def recall(place: str, device_id: str, fingerprint: str) -> Lines | None:
    """Return the lines that the device at `place` gave with this fingerprint; None if unknown."""
    if not _may_keep(place, fingerprint):
        return None
    kept = _descriptions.get(_key(place, device_id))
    try:
        if kept["fingerprint"] == fingerprint:
            return [(str(message), str(data)) for message, data in kept["lines"]]
    except (ValueError, TypeError, KeyError):
        pass
    return None


def remember(place: str, device_id: str, fingerprint: str, lines: Lines) -> None:
    """Keep the lines; where that can't be, they are asked for again the next time."""
    if not _may_keep(place, fingerprint):
        return
    try:
        kept = {"fingerprint": fingerprint, "lines": lines}
        _descriptions.put(_key(place, device_id), kept)
    except OSError:
        pass


def _may_keep(place: str, fingerprint: str) -> bool:
    return bool(fingerprint) and "://" not in place


def _key(place: str, device_id: str) -> str:
    return f"{place} {device_id}"
