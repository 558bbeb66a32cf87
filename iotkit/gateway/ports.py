"""The ports that are there, and which of them may be asked what is behind them.

Opening a port restarts many a board, and a 3D printer at work with it. So only boards of makers
are asked by themselves; what is behind a generic adapter, only its owner knows.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from serial.tools import list_ports

from ..plain import plain

USB = "usb"  # stands for the boards of MAKERS, wherever they are plugged in

# By the number that each has from the makers of USB.
MAKERS = {
    0x0D28: "micro:bit",
    0x16C0: "Teensy",
    0x1B4F: "SparkFun",
    0x2341: "Arduino",
    0x239A: "Adafruit",
    0x2886: "Seeed Studio",
    0x2A03: "Arduino",
    0x2E8A: "Raspberry Pi",
    0x303A: "Espressif",
}
ADAPTERS = {0x0403: "FTDI", 0x067B: "PL2303", 0x10C4: "CP210x", 0x1A86: "CH340"}


@dataclass(frozen=True, slots=True)
class Plugged:
    """A port that is there: `what` it is, in words, and whether it `may_be_asked`.

    `mark` is another one after it has been away.
    """

    name: str
    mark: object
    what: str
    may_be_asked: bool


def plugged_in(allowed: Sequence[str]) -> dict[str, Plugged]:
    """Return the ports that match `allowed`, by what tells one from the other.

    These are patterns of names, and USB, with which those are listed too that may not be asked.
    """
    found: dict[str, Plugged] = {}
    patterns = [pattern for pattern in allowed if pattern != USB]
    for name in _matching(patterns):
        _add(found, name, "a port", may_be_asked=True)
    if USB in allowed:
        for port in list_ports.comports():
            if port.vid is not None:
                maker = MAKERS.get(port.vid)
                adapter = ADAPTERS.get(port.vid)
                what = (
                    f"a {adapter} adapter"
                    if adapter
                    else plain(port.product or "") or "something on USB"
                )
                _add(found, port.device, what, may_be_asked=maker is not None)
    return found


def _matching(patterns: Iterable[str]) -> list[str]:
    if os.name != "nt":
        return [name for pattern in patterns for name in sorted(glob.glob(pattern))]
    names = [port.device for port in list_ports.comports()]  # which are no files there
    return [name for pattern in patterns for name in names if fnmatch(name, pattern)]


def _add(found: dict[str, Plugged], name: str, what: str, *, may_be_asked: bool) -> None:
    key, mark = name, None
    if os.name != "nt":
        try:
            key, link, port = os.path.realpath(name), os.lstat(name), os.stat(name)
        except OSError:
            return  # it has just gone
        if not stat.S_ISCHR(port.st_mode):
            return
        made = link.st_mtime_ns if stat.S_ISLNK(link.st_mode) else 0
        mark = (link.st_ino, made, port.st_ino, port.st_rdev)
    found.setdefault(key, Plugged(name, mark, what, may_be_asked))
