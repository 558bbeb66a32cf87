"""Short texts that are kept from one start to the next, in the user's state folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from platformdirs import user_state_path

MAX_KEPT = 1000  # texts; of more, the oldest go
MAX_FILE = 10_000  # bytes


class Stored:
    """The texts in one folder, each under a key; each in its own file, so programs share them."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def get(self, key: str) -> str:
        """Return the text; an empty one where there is none."""
        try:
            with self._path(key).open(encoding="utf-8") as file:
                known = json.loads(file.read(MAX_FILE))
            return str(known["text"]) if known["key"] == key else ""
        except (OSError, ValueError, TypeError, KeyError):
            return ""

    def put(self, key: str, text: str) -> None:
        """Keep a text, an empty one to forget it; where that can't be, nothing is kept."""
        path = self._path(key)
        try:
            if not text:
                path.unlink(missing_ok=True)
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent)
            with open(handle, "w", encoding="utf-8") as file:
                json.dump({"key": key, "text": text}, file)
            os.replace(name, path)  # so that nobody reads half of it
            known = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
            for old in known[:-MAX_KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            pass

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return user_state_path("iotkit") / self._folder / f"{name}.json"
