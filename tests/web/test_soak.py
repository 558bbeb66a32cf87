"""A short soak: see tests/soak, of which `make soak` runs an hour."""

from __future__ import annotations

import subprocess
import sys

import pytest
from program import REPOSITORY, environment


@pytest.mark.skipif(sys.platform != "linux", reason="it stops processes, and reads /proc")
@pytest.mark.timeout(240)
def test_a_gateway_withstands_faults_at_random():
    command = [sys.executable, str(REPOSITORY / "tests" / "soak")]
    options = ["--minutes", "0.35", "--boards", "4", "--pause", "0.5"]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=220, env=environment()
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
