"""The programs beside Python that the tests need: the one place that lists them.

`python tests/system_tools.py` gets those that are missing where it may, else says which they
are. pytest skips the tests of a missing one, and says why; with IOTKIT_REQUIRE=all in the
environment such a test fails instead.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Tool:
    """A program or a file: its name or path, Debian's package of it, the marker of its tests."""

    program: str
    package: str
    marker: str

    def is_there(self) -> bool:
        """Whether this machine has it."""
        return shutil.which(self.program) is not None or os.path.exists(self.program)


TOOLS = (
    Tool("chromium", "chromium", marker="browser"),
    Tool("avr-gcc", "gcc-avr", marker="firmware"),
    Tool("avr-size", "binutils-avr", marker="firmware"),
    Tool("/usr/lib/avr/include/avr/io.h", "avr-libc", marker="firmware"),
    Tool("/usr/share/arduino/hardware/arduino/avr", "arduino-core-avr", marker="firmware"),
    Tool("/usr/include/simavr", "libsimavr-dev", marker="firmware"),
    Tool("/usr/include/libelf.h", "libelf-dev", marker="firmware"),
    Tool("g++", "g++", marker="firmware"),
    Tool("ip", "iproute2", marker="hosts"),
    Tool("nsenter", "util-linux", marker="hosts"),
)


@cache
def missing() -> tuple[Tool, ...]:
    """Return the tools that are not on this machine."""
    return tuple(tool for tool in TOOLS if not tool.is_there())


def how_to_get(tools: tuple[Tool, ...]) -> str:
    """Return the command line that installs `tools` on Debian and its relatives."""
    return f"apt-get install {' '.join(sorted({tool.package for tool in tools}))}"


def main() -> int:
    """Install what is missing, as root on a Debian-like machine; else name it."""
    if not missing():
        return 0
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"Some tests will be skipped. To have them all: sudo {how_to_get(missing())}")
        return 0
    install = f"{how_to_get(missing())} --yes --no-install-recommends"
    print(f"The tests need more than Python: {install}", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ("apt-get update --quiet=2", f"{install} --quiet=2"):
        done = subprocess.run(shlex.split(command), env=quiet, stdin=subprocess.DEVNULL)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
