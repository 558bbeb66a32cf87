"""Descriptions that devices gave before, kept in the user's cache folder.

A device whose id and fingerprint are known need not be asked again. Another one could claim both of
them, so what is kept is used only where it came from, at that port. Over a network devices are
always asked: it is quick there, and an address may be another's the next time. What is kept came
from a device, and is read as strictly as if it came from one now.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

MAX_KEPT = 1 << 20  # bytes of one description

Lines = list[tuple[str, str]]


def recall(place: str, device_id: str, fingerprint: str) -> Lines | None:
    """Return the lines that the device at `place` gave with this fingerprint; None if unknown."""
    if not _may_keep(place, fingerprint):
        return None
    try:
        with _path(place, device_id).open(encoding="utf-8") as file:
            kept = json.loads(file.read(MAX_KEPT))
        if (kept["place"], kept["id"], kept["fingerprint"]) != (place, device_id, fingerprint):
            return None
        return [(str(message), str(data)) for message, data in kept["lines"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def remember(place: str, device_id: str, fingerprint: str, lines: Lines) -> None:
    """Keep the lines; where that can't be, they are asked for again the next time."""
    if not _may_keep(place, fingerprint):
        return
    path = _path(place, device_id)
    kept = {"place": place, "id": device_id, "fingerprint": fingerprint, "lines": lines}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as file:
            json.dump(kept, file)
        os.replace(file.name, path)  # so that nobody reads half of it
    except OSError:
        pass


def _may_keep(place: str, fingerprint: str) -> bool:
    return bool(fingerprint) and "://" not in place


def _path(place: str, device_id: str) -> Path:
    name = hashlib.sha256(f"{place} {device_id}".encode()).hexdigest()[:32]
    return user_cache_path("iotkit") / "descriptions" / f"{name}.json"
