"""Computers of the test's own, on a network of their own: Linux's network namespaces, a bridge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from program import COMMAND, PATIENCE, REPOSITORY

# Does what it is told, line by line, and says in a line what comes of it.
OBEDIENT = """
import json, sys, threading, iotkit
from iotkit import discovery
for line in sys.stdin:
    try:
        try:
            result = eval(line)
        except SyntaxError:
            result = exec(line)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    print(json.dumps(result, default=repr), flush=True)
"""


class Host:
    """A computer: `address` is its own, `plug` and `unplug` are its network cable."""

    def __init__(self, process: subprocess.Popen[str], switch: Host | None, folder: Path) -> None:
        self._inside = ["nsenter", "--target", str(process.pid), "--user", "--net"]
        self._inside.append("--preserve-credentials")
        self._switch, self._folder = switch, folder
        self.address, self._port = "127.0.0.1", ""

    def do(self, command: str) -> None:
        """Run a program to its end, which has to be a good one."""
        done = subprocess.run(
            [*self._inside, *command.split()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=self.environment(),
        )
        assert done.returncode == 0, done.stderr

    def connect(self, pid: int, number: int) -> None:
        """Lay the cable to the switch; `pid` is of a process on this host."""
        assert self._switch is not None
        self._port, self.address = f"port{number}", f"10.77.0.{number}"
        pair = f"ip link add {self._port} type veth peer name eth0 netns {pid}"
        self._switch.do(pair)
        self._switch.do(f"ip link set {self._port} master bridge")
        for command in ("link set lo up", f"addr add {self.address}/24 dev eth0"):
            self.do(f"ip {command}")
        self.do("ip link set eth0 up")
        self.plug()

    def plug(self) -> None:
        """Put the cable into the switch."""
        assert self._switch is not None
        self._switch.do(f"ip link set {self._port} up")

    def unplug(self) -> None:
        """Pull the cable out of the switch."""
        assert self._switch is not None
        self._switch.do(f"ip link set {self._port} down")

    def environment(self) -> dict[str, str]:
        tests = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
        return os.environ | {
            "PYTHONPATH": tests,
            "IOTKIT_INTERFACES": self.address,
            "XDG_STATE_HOME": str(self._folder / "state"),
            "XDG_CACHE_HOME": str(self._folder / "cache"),
        }

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a program on this host beside the test, and end it after."""
        with subprocess.Popen(
            [*self._inside, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment(),
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.wait(PATIENCE)

    @contextmanager
    def serving(self, *args: str) -> Iterator[Any]:
        """Serve devices to everybody on the network, and give what is said of them."""
        options = ("--lan", "--open", "--json")
        with self.running(*COMMAND, "serve", *args, *options) as process:
            assert process.stdout is not None
            yield json_line(process)

    @contextmanager
    def python(self) -> Iterator[Python]:
        """Have a Python on this host."""
        with self.running(sys.executable, "-c", OBEDIENT) as process:
            yield Python(process)


class Python:
    """A Python on a host, to be told what to do."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, line: str) -> Any:
        """Return what comes of this line, or the error as a text."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return json_line(self._process)


def json_line(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@contextmanager
def network(folder: Path, size: int) -> Iterator[list[Host]]:
    """Have so many hosts on one network; skip the test where this machine can't have them."""
    with ExitStack() as stack:
        new = ["unshare", "--user", "--map-root-user", "--net"]
        switch = Host(_namespace(stack, new), None, folder)
        try:
            switch.do("ip link add bridge type bridge mcast_snooping 0")
            switch.do("ip link set bridge up")
        except AssertionError as error:
            _can_not(str(error))
        hosts = []
        for number in range(1, size + 1):
            process = _namespace(stack, [*switch._inside, "unshare", "--net"])
            host = Host(process, switch, folder / f"host{number}")
            host.connect(process.pid, number)
            hosts.append(host)
        yield hosts


def _namespace(stack: ExitStack, command: list[str]) -> subprocess.Popen[str]:
    """Start what keeps a namespace alive until the end; return when it is there."""
    process = stack.enter_context(
        subprocess.Popen(
            [*command, "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
    )
    assert process.stdout is not None
    assert process.stderr is not None
    if process.stdout.readline() != "ready\n":
        _can_not(process.stderr.read())
    return process


def _can_not(why: str) -> None:
    reason = f"this machine gives no network namespaces: {why.strip()}"
    if os.environ.get("IOTKIT_REQUIRE") == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
