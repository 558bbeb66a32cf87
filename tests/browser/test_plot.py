"""A plot in real JupyterLab: what is drawn follows the device, the hand, and the theme."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from lab import Lab
from playwright.sync_api import Locator, expect

DEVICE = """
import iotkit, threading, time
from typing import Annotated
from iotkit.host import Device

class Rig(Device):
    "A rig"
    a: Annotated[float, "First [0..100 cm]"] = 10.0
    b: Annotated[float, "Second [0..100 cm]"] = 20.0
    c: Annotated[float, "Third [0..100 cm]"] = 30.0
    d: Annotated[int, "Fourth [0..100 cm]"] = 40
    e: Annotated[float, "Fifth [V]"] = 50.0
    f: Annotated[float, "Sixth [V]"] = 60.0
    g: bool = False
    h: bool = True

rig = Rig()
robot = iotkit.connect(rig)
def ramp(name, count):
    for n in range(count):
        setattr(rig, name, float(n))
        time.sleep(0.01)
"""
EIGHT = 'iotkit.plot(robot, *"abcdefgh")'

# How many pixels of each trace's colour are on the canvases, by its name.
DRAWN = """(plot) => {
    const found = {};
    for (const strip of plot.querySelectorAll(".iotkit-strip")) {
        const canvas = strip.querySelector("canvas");
        if (!canvas?.width) continue;
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (const entry of strip.querySelectorAll(".iotkit-entry")) {
            const colour = getComputedStyle(entry.querySelector(".iotkit-swatch")).backgroundColor;
            const [red, green, blue] = colour.match(/[0-9]+/g).map(Number);
            let count = 0;
            for (let i = 0; i < data.length; i += 4) {
                const near = Math.abs(data[i] - red) + Math.abs(data[i + 1] - green)
                    + Math.abs(data[i + 2] - blue);
                if (data[i + 3] > 200 && near < 60) count += 1;
            }
            found[entry.dataset.name] = count;
        }
    }
    return found;
}"""
# What is on the canvases, to be compared.
PICTURE = """(plot) => [...plot.querySelectorAll("canvas")].map((c) => c.toDataURL()).join()"""


def open_plot(lab: Lab, cell: str = EIGHT, *more: str) -> Locator:
    lab.open(DEVICE, cell, *more)
    lab.run_all()
    plot = lab.page.locator(".iotkit-plot").first
    expect(plot.locator(".iotkit-badge")).to_have_text("live")
    return plot


def value(plot: Locator, name: str) -> Locator:
    return plot.locator(f".iotkit-entry[data-name={name}] .iotkit-legend-value")


def badge(plot: Locator) -> Locator:
    return plot.locator(".iotkit-badge")


def moves(lab: Lab, plot: Locator) -> bool:
    before = plot.evaluate(PICTURE)
    lab.page.wait_for_timeout(250)
    return bool(before != plot.evaluate(PICTURE))


def drag(lab: Lab, plot: Locator, begin: float, end: float) -> None:
    """Drag over the first chart, from one part of its width to another."""
    area = plot.locator(".u-over").first.bounding_box()
    assert area
    middle = area["y"] + area["height"] / 2
    lab.page.mouse.move(area["x"] + begin * area["width"], middle)
    lab.page.mouse.down()
    lab.page.mouse.move(area["x"] + end * area["width"], middle, steps=5)
    lab.page.mouse.up()


def test_eight_values_are_drawn_and_followed(lab: Lab) -> None:
    plot = open_plot(lab)
    expect(plot.locator(".iotkit-strip")).to_have_count(3)  # cm, V, on and off
    expect(value(plot, "a")).to_have_text("10.0")
    expect(value(plot, "d")).to_have_text("40")
    expect(value(plot, "h")).to_have_text("on")
    expect(plot.locator(".iotkit-entry[data-name=e] .iotkit-unit")).to_have_text("V")
    lab.page.wait_for_timeout(1000)  # in which lines get long that nothing changes
    drawn = plot.evaluate(DRAWN)
    assert {name for name, count in drawn.items() if count > 40} == set("abcdefgh"), drawn
    lab.execute("ramp('a', 50); rig.g = True; rig.d = 41")
    expect(value(plot, "a")).to_have_text("49.0")
    expect(value(plot, "g")).to_have_text("on")
    expect(value(plot, "d")).to_have_text("41")
    assert moves(lab, plot)


def test_pause_holds_the_picture_and_live_goes_on_without_a_hole(lab: Lab) -> None:
    plot = open_plot(lab)
    expect(value(plot, "a")).to_have_text("10.0")
    button = plot.locator(".iotkit-pause")
    button.click()
    expect(badge(plot)).to_have_text("paused, 10 s")
    lab.page.mouse.move(0, 0)
    lab.execute("ramp('a', 30)")
    assert not moves(lab, plot)
    expect(value(plot, "a")).to_have_text("10.0")  # what it was then
    expect(button).to_have_text("Back to live")
    button.click()
    expect(badge(plot)).to_have_text("live")
    expect(value(plot, "a")).to_have_text("29.0")
    assert sorted({float(row["value"]) for row in saved(lab, plot) if row["name"] == "a"}) == [
        float(n) for n in range(30)
    ]


def saved(lab: Lab, plot: Locator) -> list[dict[str, str]]:
    with lab.page.expect_download() as download:
        plot.get_by_role("button", name="Save CSV").click()
    assert download.value.suggested_filename.startswith("plot-")
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_drag_zooms_and_escape_goes_back_to_live(lab: Lab) -> None:
    plot = open_plot(lab)
    drag(lab, plot, 0.5, 0.7)
    expect(badge(plot)).to_have_text(re.compile(r"^paused, (1\.9\d*|2|2\.0\d) s$"))
    drag(lab, plot, 0.25, 0.75)
    expect(badge(plot)).to_have_text(re.compile(r"^paused, (0\.9\d*|1|1\.0\d) s$"))
    lab.page.mouse.move(0, 0)
    assert not moves(lab, plot)
    plot.locator(".iotkit-charts").press("Escape")
    expect(badge(plot)).to_have_text("live")
    drag(lab, plot, 0.5, 0.7)
    plot.locator(".u-over").nth(1).dblclick()
    expect(badge(plot)).to_have_text("live")


def test_the_pointer_shows_what_was_then(lab: Lab) -> None:
    plot = open_plot(lab)
    expect(value(plot, "a")).to_have_text("10.0")
    lab.page.wait_for_timeout(1000)
    lab.execute("rig.a = 77.0")
    expect(value(plot, "a")).to_have_text("77.0")
    area = plot.locator(".u-over").first.bounding_box()
    assert area
    lab.page.mouse.move(area["x"] + area["width"] * 0.93, area["y"] + 20)  # 0.7 s ago
    expect(value(plot, "a")).to_have_text("10.0")
    expect(plot.locator(".iotkit-readout")).to_contain_text(":")
    lab.page.mouse.move(area["x"] + area["width"] * 0.5, area["y"] + 20)  # before all
    expect(value(plot, "a")).to_have_text("–")  # noqa: RUF001


def test_the_keyboard_drives_it_and_the_notebooks_shortcuts_stay_quiet(lab: Lab) -> None:
    plot = open_plot(lab)
    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    charts = plot.locator(".iotkit-charts")
    charts.focus()
    for key, state in {
        " ": "paused, 10 s",
        "+": "paused, 5 s",
        "-": "paused, 10 s",
        "ArrowLeft": "paused, 10 s",
        "b": "paused, 10 s",
        "Escape": "live",
    }.items():
        lab.page.keyboard.press(key)
        expect(badge(plot)).to_have_text(state)
    expect(charts).to_be_focused()
    assert charts.evaluate("(e) => getComputedStyle(e).outlineStyle") == "solid"
    entry = plot.locator(".iotkit-entry[data-name=b]")
    entry.focus()
    lab.page.keyboard.press("Enter")
    expect(entry).to_have_attribute("aria-pressed", "false")
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert plot.evaluate(DRAWN)["b"] == 0


def test_the_time_that_is_shown_can_be_chosen(lab: Lab) -> None:
    plot = open_plot(lab)
    plot.get_by_label("How much time to show").select_option("1 min")
    plot.locator(".iotkit-pause").click()
    expect(badge(plot)).to_have_text("paused, 1 min")
    plot.get_by_label("How much time to show").select_option("5 min")
    expect(badge(plot)).to_have_text("paused, 5 min")


def test_a_change_of_theme_repaints_it_even_when_it_is_paused(lab: Lab) -> None:
    plot = open_plot(lab)
    lab.page.wait_for_timeout(1000)
    plot.locator(".iotkit-pause").click()
    try:
        lab.theme("JupyterLab Dark")
        expect(plot).to_have_attribute("data-dark", "true")
        lab.page.wait_for_timeout(300)
        drawn = plot.evaluate(DRAWN)  # in the colours that the legend has now
        assert {name for name, count in drawn.items() if count > 40} == set("abcdefgh"), drawn
    finally:
        lab.theme("JupyterLab Light")
    expect(plot).to_have_attribute("data-dark", "false")


def test_a_narrow_plot_has_everything_inside(lab: Lab) -> None:
    plot = open_plot(
        lab,
        f"import ipywidgets\nipywidgets.VBox([{EIGHT}], layout=ipywidgets.Layout(width='300px'))",
    )
    expect(value(plot, "a")).to_have_text("10.0")
    outside = plot.evaluate(
        """(plot) => {
            const { left, right } = plot.getBoundingClientRect();
            return [...plot.querySelectorAll("*")].filter((e) => {
                const box = e.getBoundingClientRect();
                return box.width && !e.closest(".u-over") && (box.left < left || box.right > right);
            }).map((e) => e.className);
        }"""
    )
    assert outside == []
    area = plot.bounding_box()
    assert area
    assert area["width"] <= 300


def test_a_device_that_is_gone_leaves_what_was_drawn_and_says_so(lab: Lab) -> None:
    plot = open_plot(lab)
    lab.execute("ramp('a', 30)")
    expect(value(plot, "a")).to_have_text("29.0")
    lab.execute("robot.close()")
    expect(badge(plot)).to_have_text("gone")
    expect(plot.locator(".iotkit-note")).to_contain_text("is closed")
    assert not moves(lab, plot)
    assert plot.evaluate(DRAWN)["a"] > 0


def test_a_page_loaded_again_shows_what_was_kept(lab: Lab) -> None:
    plot = open_plot(lab)
    lab.execute("ramp('a', 30)")
    name = lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    lab.command("docmanager:save")
    lab.load()
    lab.reopen(name)
    plot = lab.page.locator(".iotkit-plot").first
    expect(value(plot, "a")).to_have_text("29.0", timeout=15_000)
    plot.get_by_label("How much time to show").select_option("1 min")
    values = {float(row["value"]) for row in saved(lab, plot) if row["name"] == "a"}
    assert values == {float(n) for n in range(30)}


def test_a_restarted_kernel_is_noticed(lab: Lab) -> None:
    plot = open_plot(lab)
    lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    expect(badge(plot)).to_have_text("kernel stopped", timeout=15_000)
    expect(plot.locator(".iotkit-note")).to_contain_text("Run the cell again")


def test_a_cell_that_is_run_again_leaves_no_follower_behind(lab: Lab) -> None:
    open_plot(lab)
    lab.execute("from iotkit_widgets import plot\nplot.GONE = 1")
    lab.run_all()  # `robot` is another device then, and the first plot is on no page any more
    lab.execute("from iotkit_widgets.hub import Hub\nlen(Hub.get()._members)")
    lab.until("len(Hub.get()._members)", "1")


def test_the_magic_shows_a_plot(lab: Lab) -> None:
    plot = open_plot(lab, "%load_ext iotkit", "%iotkit plot robot.a robot.g")
    expect(plot.locator(".iotkit-entry")).to_have_count(2)
    plot.scroll_into_view_if_needed()
    expect(value(plot, "a")).to_have_text("10.0")


def test_a_plot_that_appears_while_a_cell_runs_shows_all(lab: Lab) -> None:
    lab.open(DEVICE, EIGHT, "ramp('a', 100)\nrig.f = 66.0\nthreading.Event().wait(50)")
    lab.start_all()
    plot = lab.page.locator(".iotkit-plot")
    expect(value(plot, "f")).to_have_text("66.0", timeout=15_000)
    rows = saved(lab, plot)
    assert {float(row["value"]) for row in rows if row["name"] == "a"} >= set(range(100))
    lab.command("kernelmenu:interrupt")


def test_a_saved_notebook_holds_a_table_of_the_last_values(lab: Lab) -> None:
    plot = open_plot(lab)
    expect(value(plot, "a")).to_have_text("10.0")
    lab.execute("rig.a = 42.5")
    expect(value(plot, "a")).to_have_text("42.5")
    name = lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    lab.command("docmanager:save")
    written = json.loads((lab.folder / name).read_text(encoding="utf-8"))
    html = "".join(written["cells"][1]["outputs"][0]["data"]["text/html"])
    assert "<td><code>rig.a</code></td>" in html
    assert "<code>42.5</code>" in html
    assert "<code>on</code>" in html
    expect(badge(plot)).to_have_text("live")
