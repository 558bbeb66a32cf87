"""Descriptions that devices gave before, kept in the user's cache folder.

A device whose id and fingerprint are known need not be asked again. What is kept came from a
device, and is read as strictly as if it came from one now.
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


def recall(device_id: str, fingerprint: str) -> Lines | None:
    """Return the lines that the device gave when it had this fingerprint; None if unknown."""
    try:
        with _path(device_id, fingerprint).open(encoding="utf-8") as file:
            kept = json.loads(file.read(MAX_KEPT))
        return [(str(message), str(data)) for message, data in kept["lines"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def remember(device_id: str, fingerprint: str, lines: Lines) -> None:
    """Keep the lines; where that can't be, they are asked for again the next time."""
    if not fingerprint:
        return
    path = _path(device_id, fingerprint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as file:
            json.dump({"id": device_id, "fingerprint": fingerprint, "lines": lines}, file)
        os.replace(file.name, path)  # so that nobody reads half of it
    except OSError:
        pass


def _path(device_id: str, fingerprint: str) -> Path:
    name = hashlib.sha256(f"{device_id} {fingerprint}".encode()).hexdigest()[:32]
    return user_cache_path("iotkit") / "descriptions" / f"{name}.json"
