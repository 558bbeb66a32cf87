"""A plot of 8 values at 60 Hz in a real JupyterLab: `python tests/bench/bench_plot.py`.

The device is a process of its own that pushes its values, as a board would. All its values have
one unit, and so one chart: each frame is one drawing of it.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]
os.environ.setdefault("IOTKIT_INTERFACES", "127.0.0.1")

from lab import Lab, browser_page, server  # noqa: E402
from playwright.sync_api import CDPSession, sync_playwright  # noqa: E402

TRACES, RATE = 8, 60
WARM_UP = 3  # seconds

DEVICE = f"""
import math, sys, threading, time
from iotkit import host
from iotkit.transports.process import Streams

names = "abcdefgh"[:{TRACES}]
Rig = type("Rig", (host.Device,), {{"__annotations__": dict.fromkeys(names, float)}})
rig = Rig()

def run():
    due = time.monotonic()
    while True:
        for number, name in enumerate(names):
            setattr(rig, name, round(100 * math.sin(due * (1 + number / 4)), 3))
        due += 1 / {RATE}
        time.sleep(max(due - time.monotonic(), 0))

threading.Thread(target=run, daemon=True).start()
host.run(rig, Streams(sys.stdin.buffer, sys.stdout.buffer, "stdio"))
"""
PLOT = """
import iotkit, os, sys
rig = iotkit.connect(f"exec:{sys.executable} rig.py")
iotkit.plot(rig, *"abcdefgh")
"""
# Counts what comes by the kernel's sockets, and the frames that are drawn after something came.
COUNT = """(() => {
    window.counts = { frames: 0, drawn: 0 };
    let fresh = false;
    const Socket = window.WebSocket;
    window.WebSocket = class extends Socket {
        constructor(...args) {
            super(...args);
            this.addEventListener("message", () => (fresh = true));
        }
    };
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...args) {
        window.counts.frames += 1;
        if (fresh) window.counts.drawn += 1;
        fresh = false;
        return clear.apply(this, args);
    };
})()"""


@dataclass
class Seen:
    """What was counted up to now: seconds of CPU, bytes, frames."""

    at: float
    kernel_cpu: float
    kernel_memory: float
    page_cpu: float
    page_memory: float
    frames: int
    drawn: int


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=15, help="how long to measure (60: a minute)"
    )
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "rig.py").write_text(DEVICE)
        with server(folder) as url, browser_page(playwright) as page:
            page.add_init_script(COUNT)
            lab = Lab(page, url, folder)
            lab.load()
            lab.open(PLOT)
            kernel = int(lab.execute("import os; os.getpid()"))
            session = page.context.new_cdp_session(page)
            lab.run_all()
            page.wait_for_timeout(WARM_UP * 1000)
            before = _look(lab, session, kernel)
            page.wait_for_timeout(seconds * 1000)
            after = _look(lab, session, kernel)
            samples = _samples(lab, after.at - before.at)
            lab.close()
    _report(before, after, samples)


def _report(before: Seen, after: Seen, samples: list[int]) -> None:
    took = after.at - before.at
    rows: list[tuple[str, str, str]] = [
        ("samples of each value a second", f"{min(samples) / took:.1f}", f"≥ {RATE - 1}"),
        ("frames with news a second", f"{(after.drawn - before.drawn) / took:.1f}", ""),
        ("frames a second", f"{(after.frames - before.frames) / took:.1f}", "≥ 55"),
        ("kernel, CPU %", f"{(after.kernel_cpu - before.kernel_cpu) / took * 100:.1f}", "≤ 5"),
        ("page, CPU %", f"{(after.page_cpu - before.page_cpu) / took * 100:.1f}", ""),
        ("kernel, MB", f"{before.kernel_memory:.0f} → {after.kernel_memory:.0f}", ""),
        ("page, MB", f"{before.page_memory:.0f} → {after.page_memory:.0f}", ""),
    ]
    print(f"{f'a plot of {TRACES} values at {RATE} Hz for {took:.0f} s':<44} {'':>11}  goal")
    for what, figure, goal in rows:
        print(f"{what:<44} {figure:>11}  {goal}")


def _samples(lab: Lab, seconds: float) -> list[int]:
    """Return how many samples of each value the page has of the last seconds."""
    plot = lab.page.locator(".iotkit-plot")
    plot.get_by_label("How much time to show").select_option("1 min")
    with lab.page.expect_download() as download:
        plot.get_by_role("button", name="Save CSV").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = [(datetime.fromisoformat(row["time"]), row["name"]) for row in csv.DictReader(file)]
    first = rows[-1][0] - timedelta(seconds=seconds)
    return [sum(n == name and at > first for at, n in rows) for name in "abcdefgh"]


def _look(lab: Lab, session: CDPSession, kernel: int) -> Seen:
    page = _renderer()
    counts: dict[str, Any] = lab.page.evaluate("() => window.counts")
    session.send("HeapProfiler.collectGarbage")
    return Seen(
        time.monotonic(), _cpu(kernel), _memory(kernel), _cpu(page), _memory(page), **counts
    )


def _renderer() -> int:
    """Return the process of the browser's page: its busiest renderer."""
    found = [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if b"--type=renderer" in _read(folder / "cmdline") and _ours(folder)
    ]
    return max(found, key=_cpu)


def _ours(folder: Path) -> bool:
    """Whether a process is a descendant of this one."""
    while folder.name not in ("0", "1"):
        if folder.name == str(os.getpid()):
            return True
        folder = folder.parent / _read(folder / "stat").rpartition(b")")[2].split()[1].decode()
    return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b") 0 0"


def _cpu(process: int) -> float:
    """Return the seconds of CPU that a process has had."""
    fields = _read(Path(f"/proc/{process}/stat")).rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> float:
    """Return the memory that a process has, in MB."""
    pages = int(_read(Path(f"/proc/{process}/statm")).split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
