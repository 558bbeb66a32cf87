"""Which program has a file open: for a port in use, so that one knows what to close."""

from __future__ import annotations

import os
from pathlib import Path

PROCESSES = Path("/proc")  # only Linux has it so
_PSEUDO = "/dev/pts/"


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
        # Who is the device at a pseudo terminal keeps it open, too, for it to stay.
        if wanted and (times := _times_open(process, wanted)) and times > _provides(process, path):
            who = "this very program" if process == os.getpid() else _name(process)
            return f"{who} (process {process})"
    return ""


def is_pseudo(path: str) -> bool:
    """Whether it is a pseudo terminal, such as a simulated board's, or a terminal window's."""
    return os.path.realpath(path).startswith(_PSEUDO)


def _times_open(process: int, device: int) -> int:
    """Return how often the process has the device of that number open."""
    try:
        files = list((PROCESSES / str(process) / "fd").iterdir())
    except OSError:
        return 0  # it has ended, or is another user's
    times = 0
    for file in files:
        try:
            # A file that is not in /dev is none, and one on a far disk may take its time.
            if os.readlink(file).startswith("/dev/"):
                times += os.stat(file).st_rdev == device
        except OSError:
            continue  # closed meanwhile
    return times


def _provides(process: int, path: str) -> bool:
    """Whether the process is the device behind `path`, a pseudo terminal: it has its other end."""
    try:
        number = os.path.realpath(path).removeprefix(_PSEUDO)
        files = list((PROCESSES / str(process) / "fdinfo").iterdir()) if number.isdigit() else []
    except OSError:
        return False
    for file in files:
        try:
            if f"tty-index:\t{number}\n" in file.read_text():
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
