"""Which program has a file open: for a port in use, so that one knows what to close."""

from __future__ import annotations

import os
from pathlib import Path

PROCESSES = Path("/proc")  # only Linux has it so


def holder(path: str) -> str:
    """Return which other program has the file open, as "minicom (process 4711)"; empty if unknown.

    Of another user's programs nothing is known.
    """
    try:
        wanted = os.stat(path).st_rdev or None
        ids = [int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit()]
    except OSError:
        return ""
    for process in ids:
        if wanted and _has_open(process, wanted):
            who = "this very program" if process == os.getpid() else _name(process)
            return f"{who} (process {process})"
    return ""


def _has_open(process: int, device: int) -> bool:
    """Whether the process has the device of that number open."""
    try:
        files = list((PROCESSES / str(process) / "fd").iterdir())
    except OSError:
        return False  # it has ended, or is another user's
    for file in files:
        try:
            # A file that is not in /dev is none, and one on a far disk may take its time.
            if os.readlink(file).startswith("/dev/") and os.stat(file).st_rdev == device:
                return True
        except OSError:
            continue  # closed meanwhile
    return False


def _name(process: int) -> str:
    try:
        words = (PROCESSES / str(process) / "comm").read_text(errors="replace").split()
    except OSError:
        return "a program"
    return "".join(letter for letter in " ".join(words) if letter.isprintable()) or "a program"
