"""200 simulated boards on one gateway: how long until all are found, what each of them costs,
and what a call to one of them takes while the others are used.

The gateway is a process of its own, the boards are together another one, and so are those who
use the others.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("IOTKIT_INTERFACES", "127.0.0.1")

from compare import Row, per_call

import iotkit
from iotkit import discovery

BOARDS = 200
ROUNDS, ROUND = 7, 1.0  # how often each is measured, and for how many seconds
PAUSE = 0.002  # seconds between two calls
USES = 1.0  # of each of the others, in a second
PATIENCE = 120.0  # seconds until all are there

DEVICES = """
import os, select, sys, tty
from pathlib import Path
from iotkit.host import Hosted
from iotkit.protocol import DeviceEnd, Get
from iotkit.sim import simulate

folder, count = Path(sys.argv[1]), int(sys.argv[2])
poll, boards = select.epoll(), {}
for number in range(count):
    master, slave = os.openpty()
    tty.setraw(slave)
    device = simulate("testhosttiny")
    device.specifier = f"n{os.getpid()}_{number}"
    hosted = Hosted(device)
    boards[master] = hosted, DeviceEnd(hosted.description)
    poll.register(master, select.EPOLLIN)
    (folder / f"tty{os.getpid()}_{number}").symlink_to(os.ttyname(slave))
    print(number, flush=True)
while True:
    for master, _ in poll.poll():
        hosted, end = boards[master]
        end.receive(os.read(master, 4096))
        for request in iter(end.next_request, None):
            value = hosted.get(request.attribute.name) if isinstance(request, Get) else None
            end.answer(request, value)
        os.write(master, end.data_to_send())
"""

USERS = """
import sys, threading, time, iotkit
robots = [iotkit.connect(url) for url in sys.argv[2:]]
for robot in robots: robot.ratio
each = 1 / len(robots) / float(sys.argv[1])
used, uses = threading.Event(), 0
def use():
    global uses
    at = time.monotonic()
    while True:
        for robot in robots:
            if not used.is_set():
                used.wait()
                at = time.monotonic()
            robot.ratio
            uses += 1
            at += each
            time.sleep(max(at - time.monotonic(), 0))
threading.Thread(target=use, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    used.set() if line.strip() == "use" else used.clear()
    print(uses, flush=True)
"""


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, *command], **pipes) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def memory(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Return the process's own memory in KiB, and its threads."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    own = sum(int(one.split()[1]) for one in rollup.splitlines() if one.startswith("Private"))
    return own, len(list(Path(f"/proc/{process.pid}/task").iterdir()))


def plug_in(stack: ExitStack, folder: Path, count: int, gateway: subprocess.Popen[str]) -> set[str]:
    """Plug in so many boards; return their addresses when the gateway serves them all."""
    devices = stack.enter_context(running("-c", DEVICES, str(folder), str(count)))
    for _ in range(count):
        line(devices)
    urls = set()
    while len(urls) < count:
        told = json.loads(line(gateway))
        if told["event"] == "up":
            urls.add(told["url"])
    return urls


def all_found(urls: set[str]) -> float:
    """Return how long it takes to find these, from a start without any news."""
    discovery.stop()
    began = time.perf_counter()
    while not urls <= {found.url for found in iotkit.discover()}:
        assert time.perf_counter() < began + PATIENCE
    return time.perf_counter() - began


def rows() -> Iterator[object]:
    """Measure all of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = ["-m", "iotkit", "serve", "--auto", "--json", f"{folder}/tty*"]
        gateway = stack.enter_context(running(*command))
        line(gateway)
        few = plug_in(stack, folder, 1, gateway)
        time.sleep(2)
        before, _ = memory(gateway)
        began = time.perf_counter()
        urls = plug_in(stack, folder, BOARDS, gateway)
        yield f"{BOARDS} boards on one gateway: served after {time.perf_counter() - began:.1f} s"
        yield f"  found from another process after {all_found(urls | few):.1f} s"
        time.sleep(2)
        after, threads = memory(gateway)
        yield f"  memory of each: {(after - before) / BOARDS:.0f} KiB, threads of all: {threads}"

        mine, *others = sorted(urls)
        users = stack.enter_context(running("-c", USERS, str(USES), *others))
        line(users)
        used, threads = memory(gateway)
        yield f"  with a user each: {(used - before) / BOARDS:.0f} KiB, threads of all: {threads}"
        yield call_beside(users, mine)


def call_beside(users: subprocess.Popen[str], mine: str) -> Row:
    """Compare a call to one board while the others are used, and while they are not."""
    assert users.stdin is not None
    times: dict[str, list[float]] = {"rest": [], "use": []}
    with iotkit.connect(mine) as robot:
        for _ in range(ROUNDS):
            for what, taken in times.items():
                print(what, file=users.stdin, flush=True)
                before = int(line(users))
                began = time.monotonic()
                while time.monotonic() < began + ROUND:
                    taken.append(per_call(lambda: robot.ratio, 1))
                    time.sleep(PAUSE)
                print(what, file=users.stdin, flush=True)
                rate = (int(line(users)) - before) / (time.monotonic() - began)
                assert (rate > USES * (BOARDS - 1) / 2) == (what == "use"), rate
    beside, alone = (statistics.median(times[what]) for what in ("use", "rest"))
    what = f"  robot.ratio beside {BOARDS - 1} in use ({USES:g}/s each), and alone"
    return Row(what, beside, alone, "≤ 1.3")


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
