"""From a pin's change on a simulated Uno to the pixel: `python tests/bench/bench_pixel.py`.

The sketch Pulse changes a pin and an attribute at the same moment; a panel in a real JupyterLab
shows the attribute. The pin's change is timed when the simulator prints it, the pixel's at the
beginning of the frame after the one that painted it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/browser"), str(ROOT / "arduino/extras/simulator")]
os.environ.setdefault("IOTKIT_INTERFACES", "127.0.0.1")

from lab import Lab, browser_page, server  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

import build  # noqa: E402

PIN = "B5"  # the Uno's pin 13
SKETCH = ROOT / "tests/firmware/sketches/Pulse/Pulse.ino"
WARM_UP = 3  # seconds

OBSERVE = """() => {
    window.shown = {};
    const value = document.querySelector('.iotkit-panel [data-name="pulse"] output');
    const note = () => {
        const number = value.textContent;
        requestAnimationFrame(() => {
            window.shown[number] ??= performance.timeOrigin + performance.now();
        });
    };
    new MutationObserver(note).observe(value, {
        subtree: true, childList: true, characterData: true,
    });
}"""


class Uno:
    """The board; `changes` are the times of the pin's changes since it was switched on."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [build.simulator(), "-p", build.sketch(SKETCH)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.port = self._process.stdout.readline().strip()
        self.changes: list[float] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout
        for row in self._process.stdout:
            if row.startswith(f"{PIN} "):
                self.changes.append(time.time() * 1000)
        self._process.stdout.close()


def main() -> None:
    """Measure, and print the distribution."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long to measure")
    seconds = parser.parse_args().seconds
    uno = Uno()
    try:
        took = _measure(uno, seconds)
    finally:
        uno.close()
    cuts = statistics.quantiles(took, n=100)
    print(f"pin on the chip → pixel, {len(took)} changes, ms (a frame is 16.7)")
    for what, value in (
        ("least", min(took)),
        ("median", statistics.median(took)),
        ("90 %", cuts[89]),
        ("99 %", cuts[98]),
        ("most", max(took)),
    ):
        print(f"  {what:<8}{value:8.1f}")


def _measure(uno: Uno, seconds: float) -> list[float]:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with server(folder) as url, browser_page(playwright) as page:
            lab = Lab(page, url, folder)
            lab.load()
            lab.open(
                f"import iotkit\npulse = iotkit.connect({uno.port!r})", "%load_ext iotkit", "pulse"
            )
            lab.run_all()
            lab.panel().wait_for()
            page.wait_for_timeout(WARM_UP * 1000)
            page.evaluate(OBSERVE)
            page.wait_for_timeout(seconds * 1000)
            shown: dict[str, float] = page.evaluate("() => window.shown")
            lab.close()
    return _paired({int(n): at for n, at in shown.items() if n.isdigit()}, uno.changes)


def _paired(shown: dict[int, float], changes: list[float]) -> list[float]:
    """Return how long each number was on its way.

    The board was reset when its port was opened, so the first number is not the first change:
    the latest first one that could be, with which nothing is shown before it happened.
    """
    for skipped in reversed(range(len(changes))):
        took = [
            at - changes[number - 1 + skipped]
            for number, at in shown.items()
            if number - 1 + skipped < len(changes)
        ]
        if len(took) == len(shown) and min(took) >= 0:
            return took
    raise SystemExit("what is shown is not what the pin did")


if __name__ == "__main__":
    main()
