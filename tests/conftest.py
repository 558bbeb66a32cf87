"""What all tests share: mDNS on loopback alone, nothing left behind, the programs they need."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from system_tools import how_to_get, missing

# Before a test imports iotkit or starts a process: no test is heard on a network, or leaves
# descriptions of its devices in the user's cache (where pip's may stay), or tokens among theirs.
os.environ["IOTKIT_INTERFACES"] = "127.0.0.1"
os.environ.setdefault("PIP_CACHE_DIR", str(platformdirs.user_cache_path("pip")))
_cache = tempfile.TemporaryDirectory(prefix="iotkit-tests-")
os.environ["XDG_CACHE_HOME"] = os.environ["XDG_STATE_HOME"] = _cache.name

GRACE = 5.0  # seconds for what a test has closed to be over


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # playwright keeps an event loop running in this thread, where no other can run after it.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    lacking = tuple(tool for tool in missing() if item.get_closest_marker(tool.marker))
    if not lacking:
        return
    reason = f"{lacking[0].program} is missing: {how_to_get(lacking)}"
    if os.environ.get("IOTKIT_REQUIRE") == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def unique_name() -> str:
    """A name for a device that no other test has, in this run or in one beside it."""
    return f"test_{secrets.token_hex(4)}"


@pytest.fixture(autouse=True, scope="session")
def _the_session_leaves_nothing() -> Iterator[None]:
    yield from _leaving_nothing()


@pytest.fixture(autouse=True)
def _each_test_leaves_nothing(_the_session_leaves_nothing: None) -> Iterator[None]:
    yield from _leaving_nothing()


def _stop_listening() -> None:
    """End the one mDNS browser of the process, which is meant to live as long as that."""
    if discovery := sys.modules.get("iotkit.discovery"):
        discovery.stop()


def _leaving_nothing() -> Iterator[None]:
    """Fail if threads or child processes that were not there before are there after."""
    threads, children = set(threading.enumerate()), _children()
    yield
    _stop_listening()
    deadline = time.monotonic() + GRACE
    for thread in set(threading.enumerate()) - threads:
        thread.join(max(deadline - time.monotonic(), 0))
    while _children() - children and time.monotonic() < deadline:
        time.sleep(0.02)
    left = [f"the thread {thread.name!r}" for thread in set(threading.enumerate()) - threads]
    left += [f"the process {_command(pid)!r}" for pid in _children() - children]
    if left:
        pytest.fail(f"left behind: {', '.join(left)}", pytrace=False)


def _children() -> set[int]:
    """Return the ids of this process's children; on Linux, elsewhere none are seen."""
    found: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            found.update(map(int, task.read_text().split()))
        except FileNotFoundError:
            pass  # the thread ended just now; another one has its children
    return found


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return str(pid)
    return b" ".join(words).decode(errors="replace").strip() or f"{pid}, ended but not waited for"
