"""The package as built, and environments that have it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from environment import ROOT, Environment


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working copy."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*build, folder, ROOT], check=True)
    (built,) = folder.glob("iotkit-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment after `pip install 'iotkit[lab]'`."""
    environment = Environment(tmp_path_factory.mktemp("installed"))
    environment.install(f"{wheel}[lab]")
    return environment
