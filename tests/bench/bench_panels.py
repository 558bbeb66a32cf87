"""Many live panels in a real JupyterLab: `python tests/bench/bench_panels.py`.

100 devices in the kernel change 12 values each, 60 times a second, in a page with a panel of each;
those that are in sight are live. One value of each device is the time, so its age is known when it
is written into the page. After that, a single panel of a device that changes now and then tells
how long a change takes up to the pixel: the beginning of the frame after the one that painted it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]
os.environ.setdefault("IOTKIT_INTERFACES", "127.0.0.1")

from lab import Lab, browser_page, server  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

PANELS, ATTRIBUTES, RATE = 100, 12, 60
WARM_UP = 3  # seconds
FRAME = 1000 / 60  # ms

DEVICES = """
import threading, time
from typing import Annotated
import ipywidgets
from iotkit import host
from iotkit.device import device_over
from iotkit.links.local import LocalLink
from iotkit_widgets import Panel

names = ["clock", *"abcdefghijklmnop"[:attributes - 1]]
hints = dict.fromkeys(names, Annotated[int, "[read-only]"])
Rig = type("Rig", (host.Device,), {"__annotations__": hints})
rigs = [Rig() for _ in range(panels)]
devices = [device_over(LocalLink(host.Hosted(rig), f"sim:{n}")) for n, rig in enumerate(rigs)]
going = threading.Event()

def run():
    due, number = time.monotonic(), 0
    while not going.wait(max(due - time.monotonic(), 0)):
        number += 1
        now = int(time.time() * 1000) % 2**31
        for rig in rigs:
            rig.clock = now
            for name in names[1:]:
                setattr(rig, name, number)
        due += period

threading.Thread(target=run, daemon=True).start()
"""
SHOW = """
ipywidgets.Box(
    [Panel(device) for device in devices],
    layout=ipywidgets.Layout(
        display="grid", grid_template_columns="repeat(auto-fill, 300px)", grid_gap="4px"
    ),
)
"""
OBSERVE = """(all) => {
    const panels = all.filter((panel) => {
        const { top, bottom } = panel.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    });
    window.seen = { ages: [], pixels: [], frames: 0 };
    const count = () => {
        window.seen.frames += 1;
        requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    for (const panel of panels) {
        const clock = panel.querySelector('[data-name="clock"] output');
        const note = () => {
            const age = () =>
                ((performance.timeOrigin + performance.now()) % 2 ** 31) - Number(set);
            const set = clock.textContent;
            window.seen.ages.push(age());
            requestAnimationFrame(() => window.seen.pixels.push(age()));
        };
        new MutationObserver(note).observe(clock, {
            subtree: true, childList: true, characterData: true,
        });
    }
    return panels.length;
}"""


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="how long to measure each")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with server(folder) as url, browser_page(playwright) as page:
            lab = Lab(page, url, folder)
            page.set_viewport_size({"width": 1920, "height": 1200})
            lab.load()
            many = _measure(lab, PANELS, 1 / RATE, seconds)
            one = _measure(lab, 1, 0.137, seconds)
    print(f"{f'{PANELS} panels of {ATTRIBUTES} values, {RATE} Hz':<44} {'':>11}  goal")
    rows: list[tuple[str, str, str]] = [
        ("of them in sight", f"{many['visible']:.0f}", ""),
        ("shown a second", f"{many['shown']:.1f}", "≥ 55"),
        ("age of what is shown, median, ms", f"{many['age']:.1f}", "≤ 25"),
        ("age, 99 %, ms", f"{many['late']:.1f}", ""),
        ("frames a second", f"{many['frames']:.1f}", ""),
        ("kernel, CPU %", f"{many['cpu']:.0f}", ""),
        ("of it what changes the values, CPU %", f"{many['idle']:.0f}", ""),
        ("one panel: a change → pixel, median, frames", f"{one['pixel']:.2f}", "≤ 2"),
    ]
    for what, figure, goal in rows:
        print(f"{what:<44} {figure:>11}  {goal}")


def _measure(lab: Lab, panels: int, period: float, seconds: float) -> dict[str, float]:
    devices = f"panels, period, attributes = {panels}, {period}, {ATTRIBUTES}\n{DEVICES}"
    lab.open(devices, SHOW)
    kernel = int(lab.execute("import os; os.getpid()"))
    lab.execute(devices)
    idle = _busy(kernel, 3)  # nobody looks
    lab.execute("going.set()")
    lab.run_all()
    lab.page.wait_for_function(
        "(n) => document.querySelectorAll('.iotkit-panel[data-state=connected]').length === n",
        arg=panels,
    )
    shown = lab.page.locator(".iotkit-panel")
    lab.page.wait_for_timeout(WARM_UP * 1000)
    visible = shown.evaluate_all(OBSERVE)
    began = time.monotonic()
    busy = _busy(kernel, seconds)
    seen: dict[str, Any] = lab.page.evaluate("() => window.seen")
    took = time.monotonic() - began
    lab.close()
    cuts = statistics.quantiles(seen["ages"], n=100)
    return {
        "pixel": statistics.median(seen["pixels"]) / FRAME,
        "shown": len(seen["ages"]) / visible / took,
        "age": cuts[49],
        "late": cuts[98],
        "frames": seen["frames"] / took,
        "visible": visible,
        "cpu": busy,
        "idle": idle,
    }


def _busy(process: int, seconds: float) -> float:
    """Return how much CPU a process uses in so many seconds, in percent."""
    before = _cpu(process)
    time.sleep(seconds)
    return (_cpu(process) - before) / seconds * 100


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
