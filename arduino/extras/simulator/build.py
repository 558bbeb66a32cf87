"""Builds Arduino sketches with Debian's tool chain, and the tests' own C and C++ programs.

The flags are those of the AVR core's platform.txt. Nothing is built twice: an output that is newer
than all its sources is kept. `python arduino/extras/simulator/build.py SKETCH.ino [BOARD]` builds
one sketch and prints the ELF's path.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent.parent
ROOT = LIBRARY.parent
EXAMPLES = LIBRARY / "examples"
BUILD = ROOT / "build" / "firmware"
AVR = Path("/usr/share/arduino/hardware/arduino/avr")
CORE = AVR / "cores" / "arduino"
SIMAVR = Path("/usr/include/simavr")

#: Warnings for code of this project; the core is compiled without.
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
COMMON = ["-c", "-g", "-Os", "-ffunction-sections", "-fdata-sections", "-flto"]
CXX = [*COMMON, "-std=gnu++11", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics"]
C = [*COMMON, "-std=gnu11", "-fno-fat-lto-objects"]


@dataclass(frozen=True)
class Board:
    """What distinguishes one AVR board's build from another's."""

    mcu: str
    define: str
    variant: str
    flash: int
    ram: int
    extra: tuple[str, ...] = ()

    @property
    def flags(self) -> list[str]:
        """The defines and include paths of the board."""
        return [
            f"-mmcu={self.mcu}",
            "-DF_CPU=16000000L",
            "-DARDUINO=10819",
            f"-DARDUINO_{self.define}",
            "-DARDUINO_ARCH_AVR",
            # Debian's core and compiler disagree on this name.
            "-DDECIMAL_DIG=__DECIMAL_DIG__",
            *self.extra,
            "-I",
            str(CORE),
            "-I",
            str(AVR / "variants" / self.variant),
        ]


BOARDS = {
    "uno": Board("atmega328p", "AVR_UNO", "standard", 32256, 2048),
    "mega": Board("atmega2560", "AVR_MEGA2560", "mega", 253952, 8192),
    "leonardo": Board(
        "atmega32u4",
        "AVR_LEONARDO",
        "leonardo",
        28672,
        2560,
        (
            "-DUSB_VID=0x2341",
            "-DUSB_PID=0x8036",
            '-DUSB_MANUFACTURER="iotkit"',
            '-DUSB_PRODUCT="Leonardo"',
        ),
    ),
}


class BuildError(Exception):
    """A compiler's message, as it was."""


def missing_avr() -> list[str]:
    """What of the AVR tool chain is not installed; the names are Debian packages."""
    tools = {"avr-gcc": "gcc-avr", "avr-size": "binutils-avr"}
    packages = [package for tool, package in tools.items() if not shutil.which(tool)]
    if not CORE.is_dir():
        packages.append("arduino-core-avr")
    return packages


def missing_simulator() -> list[str]:
    """What the simulated Uno needs and is not installed."""
    packages = [] if SIMAVR.is_dir() else ["libsimavr-dev"]
    if not Path("/usr/include/libelf.h").is_file():
        packages.append("libelf-dev")
    return packages + ([] if shutil.which("gcc") else ["gcc"])


def sources(folder: Path, *suffixes: str) -> list[Path]:
    """All files below a folder with one of these suffixes, in order."""
    return sorted(p for p in folder.rglob("*") if p.suffix in suffixes)


def run(*command: object) -> str:
    """Run a tool; its output, or a BuildError with it."""
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise BuildError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def fresh(output: Path, inputs: list[Path]) -> bool:
    """True if the output is there and newer than all it is made from (this file too)."""
    if not output.exists():
        return False
    made = output.stat().st_mtime_ns
    return all(p.stat().st_mtime_ns <= made for p in [*inputs, Path(__file__)])


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold a build folder, against another test process that builds the same."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def compile_avr(source: Path, output: Path, board: Board, flags: list[str]) -> Path:
    """One object file; a sketch (.ino) is C++ that begins with Arduino.h."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".S":
        run(
            "avr-gcc", "-c", "-x", "assembler-with-cpp", "-flto", *board.flags, source, "-o", output
        )
    elif source.suffix == ".c":
        run("avr-gcc", *C, *board.flags, *flags, source, "-o", output)
    else:
        language = ["-x", "c++", "-include", "Arduino.h"] if source.suffix == ".ino" else []
        run("avr-g++", *CXX, *board.flags, *flags, *language, source, "-o", output)
    return output


def compile_all(files: list[Path], out: Path, board: Board, flags: list[str]) -> list[Path]:
    """Object files of all the sources, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda f: compile_avr(f, out / f"{f.name}.o", board, flags), files))


def core(board: Board) -> Path:
    """The Arduino core as an archive, built once for a board."""
    with locked(BUILD / f"core-{board.define}") as out:
        archive = out / "core.a"
        if not fresh(archive, []):
            objects = compile_all(sources(CORE, ".c", ".cpp", ".S"), out, board, ["-w"])
            archive.unlink(missing_ok=True)
            run("avr-gcc-ar", "rcs", archive, *objects)
        return archive


def sketch(
    source: Path,
    board: str = "uno",
    *,
    library: bool = True,
    extra: tuple[str, ...] = (),
    warnings: bool = True,
) -> Path:
    """The ELF of a sketch with this library and those of the core that it includes.

    With `warnings`, one of the compiler's is an error, for the sketch as for the library.
    """
    kind = BOARDS[board]
    archive = core(kind)
    own = sources(LIBRARY / "src", ".cpp") if library else []
    used = [
        AVR / "libraries" / n / "src"
        for n in ("SoftwareSerial", "EEPROM")
        if f"<{n}.h>" in source.read_text()
    ]
    headers = [flag for folder in used for flag in ("-I", str(folder))]
    where = hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:8]
    with locked(BUILD / "".join([f"{source.stem}-{board}-{where}", *extra])) as out:
        elf = out / f"{source.stem}.elf"
        if fresh(
            elf,
            [source, archive, *sources(LIBRARY / "src", ".cpp", ".h"), *source.parent.glob("*.h")],
        ):
            return elf
        flags = [*headers, *extra, *([*WARNINGS, f"-I{LIBRARY / 'src'}"] if library else [])]
        lenient = flags if warnings else [flag for flag in flags if flag not in WARNINGS]
        objects = compile_all([source], out, kind, lenient) + compile_all(own, out, kind, flags)
        for folder in used:
            objects += compile_all(sources(folder, ".cpp"), out, kind, ["-w", *headers])
        link = [
            "-Os",
            "-g",
            "-flto",
            "-fuse-linker-plugin",
            "-Wl,--gc-sections",
            f"-mmcu={kind.mcu}",
            "-w",
            *extra,
        ]
        run("avr-gcc", *link, "-o", elf, *objects, archive, "-lm")
        return elf


def size(elf: Path) -> tuple[int, int]:
    """Flash and static RAM in bytes, as the Arduino IDE counts them."""
    sections = {}
    for row in run("avr-size", "-A", elf).splitlines():
        if row.startswith("."):
            name, length, _ = row.split()
            sections[name] = int(length)
    data = sections.get(".data", 0)
    return sections[".text"] + data, data + sections.get(".bss", 0) + sections.get(".noinit", 0)


def symbols(elf: Path) -> dict[str, int]:
    """The names in an ELF's flash and the bytes of each; equal names are added up."""
    sizes: dict[str, int] = {}
    for row in run("avr-nm", "-S", "-C", elf).splitlines():
        address, *rest = row.split(maxsplit=3)
        if len(rest) == 3 and rest[1] in "tTwW" and int(address, 16) < 0x800000:
            sizes[rest[2]] = sizes.get(rest[2], 0) + int(rest[0], 16)
    return sizes


def simulator() -> Path:
    """The simulated board (avrsim.c)."""
    source = HERE / "avrsim.c"
    with locked(BUILD / "avrsim") as out:
        program = out / "avrsim"
        if not fresh(program, [source]):
            run(
                "gcc",
                "-O2",
                *WARNINGS,
                f"-I{SIMAVR}",
                source,
                "-o",
                program,
                "-lsimavr",
                "-lelf",
                "-lutil",
            )
        return program


def host_program(source: Path) -> Path:
    """A program of the library and a test's C++ for this computer, with the sanitizers on."""
    fakes = ROOT / "tests" / "firmware" / "host"
    own = sources(LIBRARY / "src", ".cpp")
    with locked(BUILD / f"host-{source.stem}") as out:
        program = out / source.stem
        inputs = [
            source,
            *own,
            *sources(LIBRARY / "src", ".h"),
            *sources(source.parent, ".h", ".ino"),
        ]
        if not fresh(program, inputs):
            sanitize = [
                "-fsanitize=address,undefined",
                "-fno-sanitize-recover=all",
                "-std=c++11",
                "-O1",
                "-g",
            ]
            run(
                "g++",
                *sanitize,
                *WARNINGS,
                f"-I{fakes}",
                f"-I{LIBRARY / 'src'}",
                source,
                *own,
                "-o",
                program,
            )
        return program


if __name__ == "__main__":
    print(sketch(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
