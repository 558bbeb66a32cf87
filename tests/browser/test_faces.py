"""What a panel shows of a value, and what is left of it in a saved notebook, in JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab import Lab
from nbconvert import HTMLExporter
from playwright.sync_api import Locator, expect
from test_panel import CONTRAST

import iotkit
from iotkit import host

STATION = """
import iotkit, ipywidgets, threading
from typing import Annotated
from iotkit import host
from iotkit_widgets import Panel, Shelf

class Station(host.Device):
    gain: Annotated[int, "Gain [0..10]"] = 3
    mode: Annotated[str, "How [slow|fast|turbo]"] = "slow"
    label: str = "roof"
    def __init__(self):
        self.now = {"distance": 120.0, "count": 5, "sky": "blue", "state": "ok"}
    @property
    def distance(self) -> float:
        "To the wall [0..300 cm]"
        return self.now["distance"]
    @property
    def count(self) -> int:
        "Counts"
        return self.now["count"]
    @property
    def sky(self) -> str:
        "What the sky does"
        return self.now["sky"]
    @property
    def state(self) -> str:
        "How it is [ok|hot]"
        return self.now["state"]
    @host.function
    def reset(self) -> None:
        "Begin anew"
        self.now["count"] = 0

station = Station()
robot = iotkit.connect(station)
"""


def open_station(lab: Lab, *cells: str) -> Locator:
    """Open a notebook with a panel of a weather station; return the panel."""
    lab.open(STATION, *(cells or ("Panel(robot)",)))
    lab.run_all()
    expect(lab.panel().locator(".iotkit-badge")).to_have_text("connected")
    return lab.panel()


def tile(panel: Locator, name: str) -> Locator:
    return panel.locator(f".iotkit-reading[data-name={name}]")


def row(panel: Locator, name: str) -> Locator:
    return panel.locator(f".iotkit-row[data-name={name}]")


def become(lab: Lab, **values: Any) -> None:
    lab.execute(f"station.now.update({values!r})")


# Faces.


def test_a_limited_number_has_a_gauge_that_says_when_it_is_out_of_its_limits(lab: Lab) -> None:
    distance = tile(open_station(lab), "distance")
    expect(distance.locator(".iotkit-bar")).to_have_attribute("style", "--part: 40%;")
    expect(distance.locator(".iotkit-end")).to_have_text(["0", "300"])
    expect(distance.locator(".iotkit-beyond")).to_be_hidden()
    become(lab, distance=301.5)
    expect(distance.locator(".iotkit-beyond")).to_have_text("▲ above 300")
    become(lab, distance=-1)
    expect(distance.locator(".iotkit-beyond")).to_have_text("▼ below 0")
    become(lab, distance=0)
    expect(distance.locator(".iotkit-beyond")).to_be_hidden()


def test_a_choice_is_a_list_and_one_that_the_device_never_named_is_marked(lab: Lab) -> None:
    panel = open_station(lab)
    choice = panel.get_by_label("mode", exact=True)
    expect(choice.locator("option")).to_have_text(["slow", "fast", "turbo"])
    choice.select_option("turbo")
    lab.until("robot.mode", "'turbo'")
    become(lab, state="molten")
    expect(tile(panel, "state").locator(".iotkit-beyond")).to_contain_text("none of its choices")


def test_what_can_be_set_is_marked_too_when_it_is_out_of_its_limits(lab: Lab) -> None:
    gain = row(open_station(lab), "gain")
    lab.execute("station.gain = 11")
    expect(gain.locator(".iotkit-beyond")).to_have_text("▲ above 10")
    expect(gain.locator("input[type=text]")).to_have_value("11")


def test_a_number_without_limits_draws_its_last_half_minute(lab: Lab) -> None:
    count = tile(open_station(lab), "count")
    path, span = count.locator("path"), count.locator(".iotkit-scale")
    expect(path).to_have_attribute("d", re.compile(r"^M[\d.]+ 50\.0H"))  # a level line
    become(lab, count=9)
    expect(span).to_have_text("5 … 9")
    become(lab, count=7)
    expect(path).to_have_attribute("d", re.compile(r" 95\.0.*[ V]5\.0.*50\.0H"))


def test_the_line_has_a_gap_where_nobody_looked(lab: Lab) -> None:
    panel = open_station(lab)
    path = tile(panel, "count").locator("path")
    expect(path).to_have_attribute("d", re.compile("^M[^M]+$"))
    panel.evaluate("(panel) => (panel.style.display = 'none')")
    lab.until("any('poll' in t.name or 'watch' in t.name for t in threading.enumerate())", "False")
    become(lab, count=9)
    panel.evaluate("(panel) => (panel.style.display = '')")
    expect(path).to_have_attribute("d", re.compile("^M[^M]+M[^M]+$"))


def test_a_panel_that_nothing_happens_to_draws_nothing(lab: Lab) -> None:
    panel = open_station(lab)
    panel.evaluate(
        """(panel) => {
            window.changed = performance.now();
            const observer = new MutationObserver(() => (window.changed = performance.now()));
            const what = { subtree: true, childList: true, characterData: true, attributes: true };
            observer.observe(panel, what);
        }"""
    )
    lab.page.wait_for_function("() => performance.now() - window.changed > 1500")
    become(lab, count=6)
    lab.page.wait_for_function("() => performance.now() - window.changed < 1000")


def test_values_that_get_longer_move_nothing_around_them(lab: Lab) -> None:
    panel = open_station(lab)
    expect(tile(panel, "sky").locator("output")).to_have_text("blue")
    places = (
        "(p) => [...p.querySelectorAll('*')].filter((e) => !e.closest('.iotkit-figure, svg'))"
        + (
            ".filter((e) => !e.closest('.iotkit-scale')).map((e) => {"
            " const { x, y, width, height } = e.getBoundingClientRect();"
            " return [e.className, x, y, width, height].join(' ') })"
        )
    )
    expect(tile(panel, "count").locator("path")).to_have_attribute("d", re.compile("^M"))
    before = panel.evaluate(places)
    become(lab, count=-1234567890, distance=123.456789, sky="clouds and rain " * 30)
    expect(tile(panel, "sky").locator("output")).to_contain_text("rain")
    expect(tile(panel, "count").locator("output")).to_have_text("-1234567890")
    assert panel.evaluate(places) == before
    figure = tile(panel, "count").locator(".iotkit-value")
    assert figure.evaluate("(e) => e.scrollWidth <= e.clientWidth")  # all its digits can be seen


def test_what_is_out_of_its_limits_can_be_read_in_both_themes(lab: Lab) -> None:
    panel = open_station(lab)
    become(lab, distance=301.5, state="molten")
    lab.execute("station.gain = 11")
    expect(panel.locator(".iotkit-beyond").filter(visible=True)).to_have_count(3)
    try:
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            lab.theme(theme)
            lab.page.wait_for_timeout(300)  # transitions of colours
            contrasts: dict[str, Any] = panel.evaluate(CONTRAST)
            assert "iotkit-beyond" in contrasts
            assert {k: c for k, c in contrasts.items() if c < 4.5} == {}, theme  # WCAG AA
    finally:
        lab.theme("JupyterLab Light")


# Keys.


def test_all_of_a_panel_can_be_done_with_keys_alone(lab: Lab) -> None:
    panel = open_station(lab)
    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    press = lab.page.keyboard.press
    slider = panel.locator("input[type=range]")
    slider.focus()
    press("ArrowRight")
    press("ArrowRight")
    lab.until("robot.gain", "5")
    press("Home")
    lab.until("robot.gain", "0")
    press("Tab")
    lab.page.keyboard.type("8")
    press("Enter")
    lab.until("robot.gain", "8")
    press("Tab")
    press("ArrowDown")
    lab.until("robot.mode", "'fast'")
    press("Tab")
    lab.page.keyboard.type("cellar b")
    press("Enter")
    lab.until("robot.label", "'cellar b'")
    press("Tab")
    while lab.page.evaluate("() => document.activeElement.dataset.name") != "reset":
        press("Tab")  # a browser may stop at what scrolls
    press("Enter")
    lab.until("robot.count", "0")
    become(lab, count=3)
    press("Space")
    lab.until("robot.count", "0")
    press("Shift+Tab")
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_whatever_takes_keys_shows_that_it_has_them_has_a_name_and_keeps_them(lab: Lab) -> None:
    panel = open_station(lab)
    controls = panel.locator("input, button, select").filter(visible=True)
    assert controls.count() >= 5
    for control in controls.all():
        control.focus()
        lab.page.keyboard.press("Shift")  # so that it counts as reached by key
        seen = control.evaluate(
            """(e) => ({
                outline: getComputedStyle(e).outlineStyle,
                own: e.dataset.lmSuppressShortcuts,
                name: e.ariaLabel || e.labels?.[0]?.textContent || e.textContent,
            })"""
        )
        assert seen["outline"] == "solid", control
        assert seen["own"] == "true"
        assert seen["name"].strip()


# A saved notebook.


def path_of(lab: Lab) -> Path:
    """Return where the open notebook is on disk."""
    path = lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    return lab.folder / str(path)


def table_in(path: Path, cell: int = 1) -> dict[str, str]:
    """Return what the table in the output of the notebook's cell on disk says, by name."""
    html = "".join(nbformat.read(path, 4).cells[cell].outputs[0].data["text/html"])
    cells = re.findall(r"<tr><td><code>(.*?)</code></td><td[^>]*><code>(.*?)</code></td>", html)
    return dict(cells)


def test_a_saved_notebook_holds_the_last_values_and_the_panel_stays_as_it_is(lab: Lab) -> None:
    panel = open_station(lab)
    path = path_of(lab)
    panel.evaluate("(panel) => (panel.isTheSame = true)")
    for count, label in ((17, "<b>$x$ & co</b>"), (18, "roof"), (17, "<i>")):
        lab.execute(f"robot.label = {label!r}")
        become(lab, count=count, distance=12.25)
        expect(tile(panel, "count").locator("output")).to_have_text(str(count))
        expect(row(panel, "label").locator("input")).to_have_value(label)
        lab.command("docmanager:save")
        table = table_in(path)
        assert (table["count"], table["distance"], table["gain"]) == (str(count), "12.25", "3")
        assert "<" not in table["label"]
        assert panel.evaluate("(panel) => panel.isTheSame")
    # What is copied or moved on the page is the widget.
    lab.see(
        "() => window.jupyterapp.shell.currentWidget.context.model.cells.get(1).sharedModel"
        ".getOutputs()[0].data['application/vnd.jupyter.widget-view+json'] !== undefined",
        True,
    )


@pytest.mark.parametrize("cell", ["ipywidgets.VBox([Panel(robot)])", "Shelf()"])
def test_panels_inside_other_widgets_are_saved_too(lab: Lab, cell: str) -> None:
    panel = open_station(lab, cell)
    path = path_of(lab)
    become(lab, count=18)
    expect(tile(panel, "count").locator("output")).to_have_text("18")
    lab.command("docmanager:save")
    assert table_in(path)["count"] == "18"


OPEN = """async ([path, kernel]) => {
    const what = { path, factory: "Notebook", ...kernel };
    await window.jupyterapp.commands.execute("docmanager:open", what);
}"""
NO_KERNEL = {"kernelPreference": {"shouldStart": False, "canStart": False}}


@pytest.mark.parametrize("kernel", [NO_KERNEL, {}], ids=["none", "a fresh one"])
def test_a_saved_notebook_without_its_kernel_shows_the_table(
    lab: Lab, kernel: dict[str, Any]
) -> None:
    panel = open_station(lab)
    name = path_of(lab).name
    become(lab, count=19)
    expect(tile(panel, "count").locator("output")).to_have_text("19")
    lab.command("docmanager:save")
    lab.close()
    lab.page.evaluate(OPEN, [name, kernel])
    output = lab.page.locator(".jp-OutputArea-output")
    expect(output.locator("table tr", has_text="count")).to_contain_text("19")
    expect(output).to_have_count(1)
    lab.page.wait_for_timeout(1000)  # whatever a kernel changes
    expect(output).to_have_text(re.compile("station.*count.*19.*reset"))


class Beside(host.Device):
    """A device that another program serves."""


def test_a_saved_shelf_says_what_was_on_it(lab: Lab, unique_name: str) -> None:
    beside = Beside()
    beside.specifier = unique_name
    lab.open("from iotkit_widgets import Shelf", "Shelf()")
    with iotkit.serve(beside):  # others may serve on this machine, too
        lab.run_all()
        panels = lab.page.locator(".iotkit-panel")
        expect(panels.filter(has_text=unique_name)).to_be_visible(timeout=15_000)
        lab.execute("import iotkit; robot = iotkit.connect('sim:sumobot')")
        expect(lab.page.locator(".iotkit-stop-all")).to_be_visible()
        badge = panels.filter(has_text="drive_forward_time_ms").locator(".iotkit-badge")
        expect(badge).to_have_text("connected")
        lab.command("docmanager:save")
        (output,) = nbformat.read(path_of(lab), 4).cells[1].outputs
        assert f"<code>beside:{unique_name}</code>" in output.data["text/html"]
        assert table_in(path_of(lab))["speed"] == "50"


def test_a_page_made_of_a_saved_notebook_shows_the_table(lab: Lab) -> None:
    open_station(lab)
    lab.command("docmanager:save")
    page, _ = HTMLExporter().from_filename(str(path_of(lab)))
    assert "<td><code>gain</code></td>" in page
    assert "widget-view+json" not in page


@pytest.mark.parametrize("cell", ["Panel(robot)", "ipywidgets.VBox([Panel(robot)])"])
def test_a_saved_notebook_whose_kernel_still_runs_shows_the_panel_again(
    lab: Lab, cell: str
) -> None:
    open_station(lab, cell)
    lab.command("docmanager:save")
    name = path_of(lab).name
    lab.load()
    lab.reopen(name)
    panel = lab.panel()
    expect(panel.locator(".iotkit-badge")).to_have_text("connected", timeout=15_000)
    become(lab, count=20)
    expect(tile(panel, "count").locator("output")).to_have_text("20")
    dirty = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
    assert lab.page.evaluate(dirty) is False
