"""From a click on Stop to the wire, while a cell runs: `python tests/bench/bench_stop.py`.

A cell in a real JupyterLab drives a robot on a pseudo terminal without a pause, on each version of
ipykernel that the tests know. The click is timed by the browser, the line when the robot's process
has read it; both have the machine's clock.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]
os.environ.setdefault("IOTKIT_INTERFACES", "127.0.0.1")

import kernels  # noqa: E402
from lab import Lab, browser_page, server  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from rover import Wire, rover_on_a_wire  # noqa: E402

CONNECT = """
%load_ext iotkit
import iotkit, time
from iotkit_widgets import Panel
robot = iotkit.connect({port!r})
"""
DRIVE = """
while True:
    try:
        robot.forward()
        time.sleep(0.01)
    except iotkit.DeviceStopped:
        iotkit.link_of(robot).hold.end()
    except KeyboardInterrupt:  # the second way, where the first took too long
        iotkit.link_of(robot).hold.end()
"""
NOTE = """() => {
    window.pressed = [];
    window.interrupts = 0;
    document.addEventListener("pointerdown", (event) => {
        window.pressed.push((performance.timeOrigin + event.timeStamp) / 1000);
    }, true);
}"""
COUNT = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const interrupt = kernel.interrupt.bind(kernel);
    kernel.interrupt = () => {
        window.interrupts += 1;
        return interrupt();
    };
}"""


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=60, help="how many, on each version")
    clicks = parser.parse_args().clicks
    print(f"{'click on Stop → line on the wire, ms':<40}  median    99 %    most  interrupts")
    print(f"{'goal':<40}   ≤ 100   ≤ 200")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with server(folder) as url, browser_page(playwright) as page:
            lab = Lab(page, url, folder)
            lab.load()
            page.evaluate(NOTE)
            for version in kernels.VERSIONS:
                with rover_on_a_wire() as wire:
                    took = _measure(lab, wire, kernels.name(version), clicks)
                interrupts = page.evaluate("() => window.interrupts")
                page.evaluate("() => { window.interrupts = 0; }")
                _report(f"ipykernel {version}, {clicks} clicks", took, interrupts)


def _measure(lab: Lab, wire: Wire, kernel: str, clicks: int) -> list[float]:
    """Return how many seconds each click took."""
    lab.open(CONNECT.format(port=wire.name), "Panel(robot)", DRIVE, kernel=kernel)
    lab.page.evaluate(COUNT)
    lab.start_all()
    wire.wait_for(lambda commands: len(commands) > 10)
    stop = lab.page.locator(".jp-Cell:nth-child(2) .iotkit-stop")
    took: list[float] = []
    for _ in range(clicks):
        before = len(wire.heard)
        stop.click()
        wire.wait_for(lambda commands, before=before: "stop" in commands[before:])
        arrived = next(at for at, command in wire.heard[before:] if command == "stop")
        took.append(arrived - lab.page.evaluate("() => window.pressed.at(-1)"))
        lab.page.wait_for_timeout(200 + 100 * random.random())
    lab.close()
    return took


def _report(what: str, took: list[float], interrupts: int) -> None:
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    figures = "".join(f"{1000 * one:>8.0f}" for one in (cuts[49], cuts[98], max(took)))
    print(f"{what:<40}{figures}{interrupts:>12}", flush=True)


if __name__ == "__main__":
    main()
