"""What can be wrong with a file, in one sentence."""

from __future__ import annotations

import difflib
import errno
from pathlib import Path

from ..errors import RecordingError
from ..plain import printable


def unreadable(path: Path, error: OSError | ValueError) -> RecordingError:
    """Return the error that says why a file can't be read."""
    code = getattr(error, "errno", None)  # a name with a NUL in it is a ValueError, without one
    if code == errno.ENOENT:
        near = difflib.get_close_matches(path.name, _names_beside(path), n=1)
        return _says(f"there is no {path}" + (f", did you mean {near[0]!r}?" if near else ""))
    if code == errno.EISDIR:
        return _says(f"{path} is a folder: name a file in it")
    if code in (errno.EACCES, errno.EPERM):
        return _says(f"you may not read {path}")
    return _says(f"{path} can't be read: {_why(error)}")


def unwritable(path: Path, error: OSError | ValueError) -> RecordingError:
    """Return the error that says why a file can't be written."""
    code = getattr(error, "errno", None)
    if code == errno.EEXIST:
        return _says(f"{path} is there already, and is not written over: take another name")
    if code == errno.ENOENT:
        return _says(f"there is no folder for {path}")
    if code == errno.EISDIR:
        return _says(f"{path} is a folder: name a file in it")
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _says(f"you may not write {path}: take a folder of your own")
    if code in (errno.ENOSPC, errno.EDQUOT):
        return _says(f"the disk is full: no more can be written to {path}")
    return _says(f"{path} can't be written: {_why(error)}")


def _says(sentence: str) -> RecordingError:
    return RecordingError(printable(sentence))


def _why(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _names_beside(path: Path) -> list[str]:
    try:
        return [one.name for one in path.absolute().parent.iterdir()]
    except OSError:
        return []
