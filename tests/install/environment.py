"""A fresh virtual environment, and programs that run in it as in a newcomer's terminal."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

ROOT = Path(__file__).parents[2]
PATIENCE = 15  # seconds for a program that was told to end, or asked
STARTING = Retry(
    connect=7, backoff_factor=0.1
)  # for 10 s: Jupyter prints its address, then listens


class Environment:
    """A virtual environment in `folder`, and a home folder that nobody has used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        self.home.mkdir()

    def install(self, what: str) -> None:
        """Have pip install `what`, from this machine's package index."""
        # With the user's own home: pip keeps what it has downloaded there.
        install = ["bin/python", "-m", "pip", "install", "--quiet", what]
        subprocess.run(install, cwd=self.folder, check=True, env=clean_variables())

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a program to its end and return its output; fails where the program does."""
        done = subprocess.run(
            command,
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.variables(),
            cwd=self.home,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    @contextmanager
    def start(self, *command: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Run a program until the end of the with block, and end it as closing a terminal does."""
        process = subprocess.Popen(
            command,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.variables(),
            cwd=cwd or self.home,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(PATIENCE)
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)

    def variables(self) -> dict[str, str]:
        """Return the environment variables for what runs in it."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return clean_variables() | {
            "PATH": path,
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "BROWSER": "true",  # the program that does nothing
            "JUPYTER_PORT": str(free_port()),
        }


def clean_variables() -> dict[str, str]:
    """Return this process's environment variables without those that lead to other packages."""
    ours = ("PYTHON", "VIRTUAL_ENV", "JUPYTER", "IPYTHON", "XDG_", "MAKE", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def assert_opens_the_first_notebook(lab: subprocess.Popen[str]) -> None:
    """Wait for the address that a starting JupyterLab prints, and look what is there."""
    seen = ""
    for line in lab.stdout or ():
        seen += line
        if found := re.search(r"(http://\S+?)/lab(\S*)\?token=(\w+)", line):
            server, page, token = found.groups()
            assert page == "/tree/01-first-steps.ipynb"
            with requests.Session() as session:
                session.mount(server, HTTPAdapter(max_retries=STARTING))
                notebook = f"{server}/api/contents/01-first-steps.ipynb?token={token}"
                assert session.get(notebook, timeout=PATIENCE).json()["type"] == "notebook"
            return
    raise AssertionError(f"JupyterLab has ended:\n{seen}")
