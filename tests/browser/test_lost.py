"""A device is lost and comes back, under all that shows it in a real JupyterLab."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import pytest
from lab import Lab
from playwright.sync_api import Locator, Page, expect
from program import running
from rover import Rover, Wire, rover_on_a_wire

LOST = "lost: reconnecting …"
CELL = """
import iotkit, ipywidgets
from iotkit_widgets import Map, Pad, Panel, Shelf, control
robot = iotkit.connect({target!r})
"""
ALL = """
ipywidgets.VBox([
    Panel(robot), Pad(robot, "turn", "speed"), Map(robot), iotkit.plot(robot, "distance"),
    control(robot, "speed"), control(robot, "forward"),
])
"""
BADGES = (".iotkit-panel", ".iotkit-pad", ".iotkit-map", ".iotkit-plot")


class Roamer(Rover, id="rover"):
    """A robot that knows where it is."""

    turn: Annotated[int, "To the right [-100..100]"] = 0
    x: Annotated[float, "From the left [0..200 cm; read-only]"] = 50.0
    y: Annotated[float, "From the front [0..100 cm; read-only]"] = 50.0


@contextmanager
def plugged(rover: Rover, port: Path) -> Iterator[Wire]:
    """Have the rover at that port, as a board is that is plugged in."""
    with rover_on_a_wire(rover) as wire:
        port.symlink_to(wire.name)
        try:
            yield wire
        finally:
            port.unlink()


@pytest.fixture(autouse=True)
def _tall(the_lab: Lab) -> Iterator[None]:
    """Have all in sight, since what is not rests."""
    the_lab.page.set_viewport_size({"width": 1280, "height": 2400})
    yield
    the_lab.page.set_viewport_size({"width": 1280, "height": 900})


def badges(page: Page) -> list[Locator]:
    return [page.locator(f"{one} .iotkit-badge") for one in BADGES]


def words(page: Page) -> list[Locator]:
    return [page.locator(f"{one} > .iotkit-note:visible") for one in BADGES]


def test_whatever_shows_a_robot_says_that_it_is_unplugged_and_is_live_again_after(
    lab: Lab, tmp_path: Path
) -> None:
    rover, port = Roamer(), tmp_path / "ttyUSB0"
    page = lab.page
    labels = page.locator(".widget-label, .jupyter-button")
    with plugged(rover, port):
        lab.open(CELL.format(target=str(port)) + ALL)
        lab.run_all()
        for badge, known in zip(badges(page), ["connected"] * 3 + ["live"], strict=True):
            expect(badge).to_have_text(known)
        expect(labels).to_have_text(["speed", "forward"])
    for badge, why in zip(badges(page), words(page), strict=True):
        expect(badge).to_have_text(LOST)
        expect(why).to_contain_text("unplugged: plug it in again, it comes back by itself")
    expect(labels).to_have_text(["⚠ speed: lost", "⚠ forward: lost"])
    rover.speed, rover.x = 77, 120.0
    with plugged(rover, port):
        for badge, known in zip(badges(page), ["connected"] * 3 + ["live"], strict=True):
            expect(badge).to_have_text(known)
        expect(page.locator(".iotkit-panel input[type=text][data-name=speed]")).to_have_value("77")
        expect(page.locator(".iotkit-map output").first).to_have_text("120.0")
        expect(labels).to_have_text(["speed", "forward"])
        for why in words(page):
            expect(why).to_have_count(0)


@contextmanager
def killed(port: int) -> Iterator[str]:
    """Run a robot's service, give its URL, and end it as a power cut does."""
    with running("serve", "sim:sumobot", "--port", str(port), "--json") as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())[0]["url"]
        server.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("shown", ["Panel(robot)", "Shelf()"])
def test_a_service_that_is_killed_and_started_again_is_told_of_as_that(
    lab: Lab, shown: str
) -> None:
    page = lab.page
    with killed(0) as url:
        # There may be others on the shelf.
        panel = page.locator(".iotkit-panel", has_text=url.removeprefix("http://"))
        badge, why = panel.locator(".iotkit-badge"), panel.locator("> .iotkit-why:visible")
        lab.open(CELL.format(target=url) + shown)
        lab.run_all()
        expect(badge).to_have_text("connected")
        lab.execute("robot.speed = 80")
        speed = panel.locator("input[type=text][data-name=speed]")
        expect(speed).to_have_value("80")
    expect(badge).to_have_text(LOST)
    expect(why).to_contain_text("out of reach: is it switched on, and still served?")
    expect(speed).to_have_value("80")  # what was known last
    with killed(int(url.rpartition(":")[2])):
        expect(badge).to_have_text("connected", timeout=15_000)
        expect(speed).to_have_value("50")  # as every sumobot has at first
        expect(why).to_have_count(0)


def test_a_board_that_is_unplugged_from_the_computer_that_serves_it_is_told_of_there_too(
    lab: Lab, tmp_path: Path
) -> None:
    rover, port = Roamer(), tmp_path / "ttyUSB0"
    page = lab.page
    badge = page.locator(".iotkit-panel .iotkit-badge")
    label = page.locator(".widget-label")
    with ExitStack() as stack:
        with plugged(rover, port):
            server = stack.enter_context(running("serve", str(port), "--json"))
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())[0]["url"]
            lab.open(
                CELL.format(target=url) + "ipywidgets.VBox([Panel(robot), control(robot, 'speed')])"
            )
            lab.run_all()
            expect(badge).to_have_text("connected")
            expect(label).to_have_text("speed")
        expect(badge).to_have_text(LOST)
        expect(page.locator(".iotkit-panel > .iotkit-why")).to_contain_text("plug it in again")
        expect(label).to_have_text("⚠ speed: lost")
        rover.speed = 77
        with plugged(rover, port):
            expect(badge).to_have_text("connected")
            speed = page.locator(".iotkit-panel input[type=text][data-name=speed]")
            expect(speed).to_have_value("77")
            expect(label).to_have_text("speed")
