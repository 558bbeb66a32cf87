"""A sketch on a simulated Uno: built and run by the tools in arduino/extras/simulator."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BadTarget, IotkitError
from ..links.interrupts import BLINK
from ..protocol import RATES
from ..transports.serial import Serial

# Not part of the installed package: it needs Debian's AVR tool chain and libsimavr.
TOOLS = Path(__file__).parents[2] / "arduino" / "extras" / "simulator" / "build.py"


class SimulatedUno:
    """An Uno with a sketch (`.ino`, or a folder with one) or an ELF, its serial port on a pty.

    `port` is the pty's name. Raises IotkitError where the tools are missing, or with the
    compiler's words where the sketch doesn't compile; BadTarget where there is no such file.
    """

    def __init__(self, firmware: Path) -> None:
        tools = _tools()
        elf, simulator = _built(tools, firmware), tools.simulator()
        self._process = subprocess.Popen(
            [simulator, "-p", elf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().strip()
        if not self.port:
            assert self._process.stderr is not None
            why = self._process.stderr.read().strip()
            self.close()
            raise IotkitError(f"{firmware} can't be run on a simulated Uno: {why}")
        # Its pin changes are for tests; nobody reading them must not stop it.
        self._drain = threading.Thread(target=self._process.stdout.read, daemon=True)
        self._drain.start()

    def wait(self) -> None:
        """Return when the program ends."""
        while self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(BLINK)

    def close(self) -> None:
        """Switch it off; a second time does nothing."""
        self._process.terminate()
        self._process.wait()
        if self.port:
            self._drain.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


class SimulatedBoard(Serial):
    """The transport to a simulated Uno, which is switched off with it."""

    def __init__(self, firmware: Path) -> None:
        self._uno = SimulatedUno(firmware)
        try:
            super().__init__(self._uno.port, RATES[0])
        except BaseException:
            self._uno.close()
            raise
        self.name = f"sim:{firmware}"

    def close(self) -> None:
        """Close the port, and switch the board off."""
        super().close()
        self._uno.close()


def _tools() -> Any:
    if not TOOLS.exists():
        raise IotkitError(
            "the simulated Uno is not part of the installed package: run this in a clone of"
            " iotkit's source, after make lab"
        )
    spec = importlib.util.spec_from_file_location("iotkit_firmware_tools", TOOLS)
    assert spec is not None
    assert spec.loader is not None
    tools: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tools  # dataclasses look there
    spec.loader.exec_module(tools)
    missing = [*tools.missing_avr(), *tools.missing_simulator()]
    if missing:
        raise IotkitError(
            f"the simulated Uno needs more programs: sudo apt-get install {' '.join(missing)}"
        )
    return tools


def _built(tools: Any, firmware: Path) -> Path:
    if firmware.is_dir():
        firmware = firmware / f"{firmware.resolve().name}.ino"
    if not firmware.is_file():
        raise BadTarget(f"there is no file {firmware}: write the path of a sketch (.ino)")
    if firmware.suffix not in (".ino", ".elf"):
        raise BadTarget(f"{firmware} is neither a sketch (.ino) nor a program (.elf)")
    if firmware.suffix != ".ino":
        return firmware
    try:
        built: Path = tools.sketch(firmware.resolve(), warnings=False)
    except tools.BuildError as error:
        raise IotkitError(f"{firmware.name} does not compile:\n{_compilers_words(error)}") from None
    return built


def _compilers_words(error: Exception) -> str:
    """Return the compiler's message, without the command that led to it."""
    return str(error).partition("\n")[2].strip()
