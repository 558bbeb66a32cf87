"""From a device in one process to a panel in a notebook, with everybody seeing the same."""

from __future__ import annotations

import subprocess
import sys

import requests
from lab import Lab
from program import PATIENCE, environment, started

from iotkit.discovery import python_name

# The panel in the second cell's output; those on the shelf are in the first one's.
PANEL = ".jp-Cell:nth-child(2) .iotkit-panel input[type=range]"
SLIDER = f"() => document.querySelector({PANEL!r})?.value"


def test_the_web_an_import_and_the_panel_all_show_the_same_value(lab: Lab) -> None:
    with started("serve", "sim:testhosttiny") as start:
        url, name = start[0]["url"], python_name(start[0]["name"])
        lab.open("%load_ext iotkit", f"from iotkit.local import {name} as robot\nrobot")
        lab.run_all()
        lab.page.locator(PANEL).first.scroll_into_view_if_needed()  # unseen, it rests
        requests.put(f"{url}/drive_forward_time_ms", data="2750", timeout=PATIENCE)
        lab.see(SLIDER, "2750")
        told = subprocess.run(
            [
                *(sys.executable, "-c"),
                f"from iotkit.local import {name} as robot; print(robot.drive_forward_time_ms)",
            ],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=PATIENCE,
        )
        assert told.stdout == "2750\n", told.stderr
        shown = requests.get(f"{url}/drive_forward_time_ms", timeout=PATIENCE).json()
        assert shown["value"] == 2750
