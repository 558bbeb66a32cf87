"""A robot whose cable is pulled, or whose server is killed: until that is told, until it is back.

The simulated boards need no time to start, so what is measured comes on top of a real board's.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import iotkit
from iotkit import host
from iotkit.device import link_of
from iotkit.errors import DeviceDisconnected
from iotkit.transports.pty import Pty

ROUNDS = 8
AWAY = (0.5, 6.0)  # seconds; for a while it is looked for more often
SERVER = """
import iotkit, sys, threading
from bench_lasting import Sleeper
print(iotkit.serve(Sleeper(), int(sys.argv[1]), announce=False).url, flush=True)
threading.Event().wait()
"""

Plug = Callable[[], Callable[[], None]]  # plugs it in, and returns what pulls it again


class Sleeper(host.Device):
    """A robot."""

    @host.function
    def sleep(self) -> None:
        """Take long"""
        threading.Event().wait(5)


def rows() -> Iterator[str]:
    """Measure, and give the figures in lines."""
    yield f"\n{'a device that is lost, and comes back':<58} {'median':>9} {'most':>9}"
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder, "ttyUSB0")
        yield from _measured("a cable is pulled", str(port), lambda: _board(port))
    number = _free_port()
    url = f"http://127.0.0.1:{number}"
    yield from _measured("a server is killed", url, lambda: _server(number))


def _measured(what: str, target: str, plug: Plug) -> Iterator[str]:
    pull = plug()
    robot = iotkit.connect(target)
    told: list[float] = []
    for away in AWAY:
        back: list[float] = []
        for _ in range(ROUNDS):
            pending = link_of(robot).call("sleep", ())
            time.sleep(0.1)  # so that it is under way
            begun = time.monotonic()
            pull()
            _ends(pending)
            told.append(time.monotonic() - begun)
            time.sleep(away)
            ready = threading.Event()
            end = link_of(robot).newsroom.states.watch(
                lambda state, ready=ready: ready.set() if state == "ready" else None
            )
            pull = plug()
            begun = time.monotonic()
            ready.wait()
            back.append(time.monotonic() - begun)
            end()
        yield _line(f"{what} for {away} s: until it is back", back, "≤ 2 s")
    yield _line(f"{what}: until a call that waits has its error", told, "≤ 1 s")
    robot.close()
    pull()


def _ends(pending: Future[object]) -> None:
    if not isinstance(pending.exception(), DeviceDisconnected):
        raise SystemExit(f"it should have been disconnected: {pending}")


def _line(what: str, took: list[float], goal: str) -> str:
    figures = [f"{1e3 * one:.0f} ms" for one in (statistics.median(took), max(took))]
    return f"{what:<58} {figures[0]:>9} {figures[1]:>9} {'':>7}  {goal}"


def _board(port: Path) -> Callable[[], None]:
    terminal = Pty()

    def run() -> None:
        try:
            host.run(Sleeper(), terminal)
        except DeviceDisconnected:
            pass

    threading.Thread(target=run, daemon=True).start()
    port.symlink_to(terminal.name)

    def pull() -> None:
        port.unlink()
        terminal.close()

    return pull


def _free_port() -> int:
    with iotkit.serve(Sleeper(), announce=False) as service:
        return service.port


def _server(port: int) -> Callable[[], None]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent,
    )
    assert process.stdout is not None
    process.stdout.readline()

    def kill() -> None:
        process.kill()
        process.communicate()

    return kill
