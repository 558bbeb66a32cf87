"""The command `iotkit`, run as a user does: as a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "iotkit"]
PATIENCE = 30.0  # seconds that a program may take on a busy machine


def environment() -> dict[str, str]:
    """Return the environment in which a program finds this very iotkit, from any folder."""
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def iotkit(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `iotkit` to its end."""
    return subprocess.run(
        [*COMMAND, *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(),
    )


@contextmanager
def running(*args: str) -> Iterator[subprocess.Popen[str]]:
    """Run `iotkit` beside the test, and end it after."""
    process = subprocess.Popen(
        [*COMMAND, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@contextmanager
def started(*args: str) -> Iterator[Any]:
    """Run `iotkit … --json` beside the test, and give what its first line says."""
    with running(*args, "--json") as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
