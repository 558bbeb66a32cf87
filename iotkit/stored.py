"""What is kept from one start to the next, in small files that only their owner can read.

Each is written whole or not at all, so programs can share them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

MAX_KEPT = 1000  # records in a folder; of more, the oldest go
MAX_FILE = 1 << 20  # bytes of a record
LOCK_TIMEOUT = 5.0  # seconds; what it guards is done in a tenth of one

Record = dict[str, Any]

_log = logging.getLogger(__name__)


class Records:
    """Records in one folder, as JSON; each under a key, in a file of its own."""

    def __init__(self, folder: str, root: Callable[[str], Path] = user_state_path) -> None:
        """`root` gives iotkit's folder in which that one is, by its name."""
        self._folder, self._root = folder, root

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self._root("iotkit") / self._folder

    def path(self, key: str) -> Path:
        """Return the file of that record."""
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def get(self, key: str) -> Record:
        """Return the record; an empty one where there is none, or a damaged one."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                found = file.read(MAX_FILE)
        except OSError:
            return {}
        try:
            record = json.loads(found)
            if record.pop("key") == key:
                return dict(record)
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        _tell_of_damage(path)
        return {}

    def put(self, key: str, record: Record) -> None:
        """Keep a record, an empty one to forget it; raises OSError where it can't be kept."""
        path = self.path(key)
        if not record:
            path.unlink(missing_ok=True)
            return
        text = json.dumps({"key": key} | record).encode()
        if len(text) > MAX_FILE:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        _write(path, text)
        files = list(self.folder.glob("*.json"))
        if len(files) > MAX_KEPT:
            files.sort(key=lambda file: file.stat().st_mtime)
            for file in files[:-MAX_KEPT]:
                file.unlink(missing_ok=True)


class Texts:
    """The same for short texts; where one can't be kept, it is not."""

    def __init__(self, folder: str) -> None:
        self._records = Records(folder)

    def get(self, key: str) -> str:
        """Return the text; an empty one where there is none."""
        return str(self._records.get(key).get("text", ""))

    def put(self, key: str, text: str) -> None:
        """Keep a text, an empty one to forget it."""
        try:
            self._records.put(key, {"text": text} if text else {})
        except OSError:
            pass


def made(path: Path, make: Callable[[], bytes]) -> None:
    """Where there is no file at `path`, keep there what `make` returns, for good.

    Of programs that start at once, one makes it. Raises OSError where it can't be kept.
    """
    with locked(path):
        if not path.exists():
            _write(path, make(), sure=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let no other program, nor another thread, do the same with `path` meanwhile.

    Raises OSError where that can't be.
    """
    from filelock import FileLock  # takes a while to load

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        held = FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT).acquire()
    except NotImplementedError as error:  # by this file system
        raise OSError(errno.ENOLCK, str(error)) from error
    with held:
        yield


def _write(path: Path, text: bytes, *, sure: bool = False) -> None:
    """Put `text` into the file; if it is to be `sure`, even if the power fails the next moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # that only its owner can read
    with open(handle, "wb") as file:
        file.write(text)
        if sure:
            file.flush()
            os.fsync(handle)
    os.replace(name, path)


@lru_cache  # it is said once
def _tell_of_damage(path: Path) -> None:
    _log.warning("what was kept in %s is damaged, and counts as nothing", path)
