"""A map of a robot in real JupyterLab."""

from __future__ import annotations

import nbformat
from lab import Lab
from playwright.sync_api import Locator, expect

ROVER = """
import iotkit
from typing import Annotated
from iotkit import host
from iotkit_widgets import Map

class Rover(host.Device):
    x: Annotated[float, "From the left [0..200 cm; read-only]"] = 50.0
    y: Annotated[float, "From the bottom [0..100 cm; read-only]"] = 50.0
    heading: Annotated[float, "Where it looks [0..360 deg; read-only]"] = 0.0

rover = Rover()
robot = iotkit.connect(rover)
"""

# Where there is something of the robot's colour, as parts of the canvas from the left and bottom.
PLACE = """(canvas) => {
    const { width, height } = canvas;
    const strong = document.createElement("canvas").getContext("2d");
    strong.fillStyle = getComputedStyle(canvas).color;
    strong.fillRect(0, 0, 1, 1);
    const wanted = strong.getImageData(0, 0, 1, 1).data;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const at = [];
    for (let i = 0; i < data.length; i += 4) {
        if ([0, 1, 2, 3].every((n) => Math.abs(data[i + n] - wanted[n]) < 3)) {
            at.push([((i / 4) % width) / width, 1 - Math.floor(i / 4 / width) / height]);
        }
    }
    if (!at.length) return null;
    return [0, 1].map((n) => at.reduce((sum, one) => sum + one[n], 0) / at.length);
}"""
PARTLY = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let blue = 0;
    for (let i = 0; i < data.length; i += 4) {
        blue += data[i + 2] > data[i] + 40 && data[i + 3] < 250;
    }
    return blue;
}"""


def open_map(lab: Lab) -> Locator:
    """Open a notebook with a map; return the canvas when the robot is there."""
    lab.open(ROVER, "Map(robot)")
    lab.run_all()
    expect(lab.page.locator(".iotkit-map output")).to_have_text(["50.0", "50.0", "0.0"])
    return lab.page.locator(".iotkit-map canvas")


def near(canvas: Locator, x: float, y: float) -> bool:
    place = canvas.evaluate(PLACE)
    return place is not None and abs(place[0] - x) < 0.05 and abs(place[1] - y) < 0.08


def until_near(lab: Lab, canvas: Locator, x: float, y: float) -> None:
    for _ in range(200):
        if near(canvas, x, y):
            return
        lab.page.wait_for_timeout(20)
    raise AssertionError(f"it is at {canvas.evaluate(PLACE)}, not at {x}, {y}")


def test_it_shows_where_the_robot_is_and_the_way_that_it_came(lab: Lab) -> None:
    canvas = open_map(lab)
    area = canvas.bounding_box()
    assert area
    assert 1.9 < area["width"] / area["height"] < 2.1  # as the table is
    until_near(lab, canvas, 0.27, 0.5)
    assert canvas.evaluate(PARTLY) < 200  # the robot's edge alone
    for x in range(60, 160, 10):
        lab.execute(f"rover.x = {x}.0")
    lab.execute("rover.y = 80.0; rover.heading = 90.0")
    expect(lab.page.locator(".iotkit-map output")).to_have_text(["150.0", "80.0", "90.0"])
    until_near(lab, canvas, 0.73, 0.75)
    assert canvas.evaluate(PARTLY) > 400  # the way, which fades


def test_it_is_drawn_in_the_colours_of_the_theme(lab: Lab) -> None:
    canvas = open_map(lab)
    until_near(lab, canvas, 0.27, 0.5)
    light = canvas.evaluate("(e) => getComputedStyle(e).color")
    try:
        lab.theme("JupyterLab Dark")
        assert canvas.evaluate("(e) => getComputedStyle(e).color") != light
        until_near(lab, canvas, 0.27, 0.5)  # though nothing moved
    finally:
        lab.theme("JupyterLab Light")


def test_it_rests_while_it_is_out_of_sight_and_says_when_the_robot_is_gone(lab: Lab) -> None:
    open_map(lab)
    lab.execute("from iotkit.device import link_of\nroom = link_of(robot).newsroom")
    lab.until("sorted(room.attributes())", "['heading', 'x', 'y']")
    lab.page.evaluate("() => (document.querySelector('.iotkit-map').style.display = 'none')")
    lab.until("room.attributes()", "[]")
    lab.page.evaluate("() => (document.querySelector('.iotkit-map').style.display = '')")
    lab.until("len(room.attributes())", "3")
    lab.execute("robot.close()")
    expect(lab.page.locator(".iotkit-map .iotkit-why")).to_contain_text("closed")


def test_a_saved_notebook_holds_where_it_was(lab: Lab) -> None:
    open_map(lab)
    lab.execute("rover.x = 75.5")
    expect(lab.page.locator(".iotkit-map output").first).to_have_text("75.5")
    lab.command("docmanager:save")
    name = lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    data = nbformat.read(lab.folder / name, 4).cells[1].outputs[0].data
    assert "<code>75.5</code>" in data["text/html"]
