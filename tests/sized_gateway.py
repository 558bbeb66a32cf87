"""A gateway that can be asked how large it is: see plugging.SizedGateway.

`python sized_gateway.py SIZES serve --auto …` is `iotkit serve --auto …`, and at each SIGUSR1 adds
what it is made of to the file SIZES, as a line of JSON.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path

from iotkit.cli import main

OURS = ("iotkit.", "tornado.")  # whose objects are counted


class _Malloc(ctypes.Structure):
    """What glibc says of its memory: struct mallinfo2."""

    _names = "arena ordblks smblks hblks mapped usmblks fsmblks used fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


def _in_use() -> int:
    """Return the bytes that C code, and Python for what is large, has not given back."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Malloc
    known = mallinfo2()
    return int(known.used + known.mapped)


def _size() -> dict[str, int]:
    for _ in range(3):  # what a finalizer lets go of may be garbage itself
        gc.collect()
    return {
        "objects": sum(str(type(one).__module__).startswith(OURS) for one in gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "malloc": _in_use() // 1024,
        "files": len(os.listdir("/proc/self/fd")),
        # Those that take boards up and down are kept, as many as were ever needed at once.
        "threads": sum("iotkit gateway" not in one.name for one in threading.enumerate()),
    }


def _tell(path: Path, asked: threading.Event) -> None:
    while True:
        asked.wait()
        asked.clear()
        with path.open("a") as sizes:
            sizes.write(f"{json.dumps(_size())}\n")


_asked = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: _asked.set())
threading.Thread(target=_tell, args=(Path(sys.argv.pop(1)), _asked), daemon=True).start()
main()
