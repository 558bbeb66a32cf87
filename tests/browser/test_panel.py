"""A panel in real JupyterLab: what a hand does reaches the device, and what it has is seen."""

from __future__ import annotations

import re
from typing import Any

from lab import Lab
from playwright.sync_api import Locator, expect

CONNECT = """
import iotkit, threading
from iotkit_widgets import Panel, Shelf, control
robot = iotkit.connect("sim:{name}")
"""


def open_panel(lab: Lab, name: str, *more: str, prelude: str = "") -> Locator:
    """Open a notebook that shows a panel of the simulation `name`; return the panel."""
    lab.open(CONNECT.format(name=name) + prelude, "Panel(robot)", *more)
    lab.run_all()
    panel = lab.panel()
    expect(panel.locator(".iotkit-badge")).to_have_text("connected")
    return panel


def slider(panel: Locator, name: str) -> Locator:
    return panel.locator(f"input[type=range][data-name={name}]")


def box(panel: Locator, name: str) -> Locator:
    return panel.locator(f"input[type=text][data-name={name}]")


def button(panel: Locator, name: str) -> Locator:
    return panel.locator(f"button[data-name={name}]")


def result(panel: Locator, name: str) -> Locator:
    return panel.locator(f".iotkit-action[data-name={name}] .iotkit-result")


def row(panel: Locator, name: str) -> Locator:
    return panel.locator(f".iotkit-row[data-name={name}]")


def cells(lab: Lab) -> int:
    return lab.page.locator(".jp-Notebook .jp-Cell").count()


def test_dragging_a_slider_sets_the_device_and_the_slider_stays_under_the_hand(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    handle = slider(panel, "speed")
    expect(handle).to_have_value("50")
    area = handle.bounding_box()
    assert area
    middle = area["y"] + area["height"] / 2
    mouse = lab.page.mouse
    mouse.move(area["x"] + area["width"] / 2, middle)
    mouse.down()
    mouse.move(area["x"] + area["width"] * 0.8, middle, steps=20)
    held = handle.input_value()
    assert 75 <= int(held) <= 85
    lab.until("robot.speed", held)  # while the button is still down
    lab.execute("robot.speed = 10")
    lab.page.wait_for_timeout(600)  # more than the time after a touch
    expect(handle).to_have_value(held)
    mouse.up()
    expect(handle).to_have_value("10")  # and then it follows the device again
    expect(box(panel, "speed")).to_have_value("10")


def test_a_function_button_shows_the_result(lab: Lab) -> None:
    panel = open_panel(lab, "testhosttiny")
    for name, shown in {
        "no_arg_result_int": "100",
        "no_arg_result_bool": "True",
        "no_arg_result_str": "hello",
        "no_arg_result_float": "1.1",
        "no_arg_result_T": "4j2",
    }.items():
        button(panel, name).click()
        expect(result(panel, name)).to_have_text(shown)
    box(panel.locator("[data-name=one_arg_int_result_int]"), "myarg").fill("-42")
    button(panel, "one_arg_int_result_int").click()
    expect(result(panel, "one_arg_int_result_int")).to_have_text("-42")


def test_what_python_sets_is_seen(lab: Lab) -> None:
    panel = open_panel(lab, "testhosttiny")
    lab.execute("robot.drive_forward_time_ms = 123")
    expect(slider(panel, "drive_forward_time_ms")).to_have_value("123")
    expect(box(panel, "drive_forward_time_ms")).to_have_value("123")
    lab.execute("robot.drive_forward_time_ms = 20_000")  # beyond the slider, which widens
    expect(slider(panel, "drive_forward_time_ms")).to_have_value("20000")
    lab.execute("robot.turn_time_ms = -300")
    expect(slider(panel, "turn_time_ms")).to_have_value("-300")
    lab.execute("robot.str_id = 'new'; robot.ratio = 3.25; robot.some_flag = False")
    expect(box(panel, "str_id")).to_have_value("new")
    expect(box(panel, "ratio")).to_have_value("3.25")
    expect(panel.get_by_role("switch", name="some_flag")).not_to_be_checked()


def test_every_kind_of_field_sets_the_device(lab: Lab) -> None:
    panel = open_panel(lab, "testhosttiny")
    for name, typed in {"drive_forward_time_ms": "700", "ratio": "2.5", "str_id": "a b"}.items():
        box(panel, name).fill(typed)
        box(panel, name).press("Enter")
    panel.get_by_role("switch", name="some_flag").click()
    lab.until("(robot.drive_forward_time_ms, robot.ratio)", "(700, 2.5)")
    lab.until("(robot.str_id, robot.some_flag)", "('a b', False)")
    expect(slider(panel, "drive_forward_time_ms")).to_have_value("700")


def test_two_panels_of_a_device_agree(lab: Lab) -> None:
    first = open_panel(lab, "sumobot", "Panel(robot)")
    second = lab.panel(1)
    expect(slider(second, "speed")).to_have_value("50")
    slider(first, "speed").fill("77")
    second.scroll_into_view_if_needed()
    expect(slider(second, "speed")).to_have_value("77")
    second.get_by_role("switch", name="led").click()
    first.scroll_into_view_if_needed()
    expect(first.get_by_role("switch", name="led")).to_be_checked()


def test_an_entry_that_cannot_be_is_explained_and_not_sent(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    field, note = box(panel, "speed"), row(panel, "speed").locator(".iotkit-note")
    for typed, words in {
        "500": "speed: it takes 0..100 %, not 500",
        "fast": "speed: 'fast' is not a whole number",
    }.items():
        field.fill(typed)
        field.press("Enter")
        expect(note).to_contain_text(words)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(slider(panel, "speed")).to_have_value("50")
        assert lab.execute("robot.speed") == "50"
    field.press("Escape")
    expect(note).to_be_hidden()
    expect(field).to_have_value("50")
    field.fill("600")
    field.press("Enter")
    row(panel, "speed").get_by_role("button", name="Dismiss").click()
    expect(note).to_be_hidden()
    expect(field).to_have_value("50")
    expect(field).to_have_attribute("aria-invalid", "false")


def test_a_function_that_runs_cannot_be_started_again_and_others_can(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    forward, stop = button(panel, "forward"), button(panel, "stop")
    forward.click()
    expect(forward).to_be_disabled()
    expect(forward).to_have_attribute("aria-busy", "true")
    expect(stop).to_be_enabled()
    distance = panel.locator(".iotkit-reading[data-name=distance] output")
    expect(distance).not_to_have_text("95.0")  # it drives, and that is seen
    stop.click()
    expect(forward).to_be_enabled()


def test_a_panel_works_while_a_cell_runs(lab: Lab, kernel: str) -> None:
    lab.open(
        CONNECT.format(name="testhosttiny"),
        "Panel(robot)",
        "import time\nrobot.str_id = 'begun'\ntime.sleep(60)\nrobot.str_id = 'ended'",
        kernel=kernel,
    )
    lab.start_all()
    panel = lab.panel()
    expect(box(panel, "str_id")).to_have_value("begun", timeout=10_000)
    button(panel, "no_arg_result_int").click()
    expect(result(panel, "no_arg_result_int")).to_have_text("100")
    box(panel, "ratio").fill("2.5")
    box(panel, "ratio").press("Enter")
    lab.command("kernelmenu:interrupt")
    lab.until("(robot.ratio, robot.str_id)", "(2.5, 'begun')")


def test_the_notebooks_shortcuts_do_not_fire_in_a_panel(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    before = cells(lab)
    for field in (slider(panel, "speed"), button(panel, "left"), box(panel, "speed")):
        field.focus()
        lab.page.keyboard.press("b")
        lab.page.keyboard.press("d")
        lab.page.keyboard.press("d")
    panel.get_by_role("switch", name="led").focus()
    lab.page.keyboard.press("b")
    assert cells(lab) == before


def test_a_control_is_labelled_and_says_what_it_is_for(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    field = panel.get_by_label("speed", exact=True)
    expect(field).to_have_attribute("title", "How fast the wheels turn [0..100 %]")
    field.focus()
    outline = field.evaluate(
        "(e) => { e.blur(); e.focus(); return getComputedStyle(e).outlineStyle }"
    )
    assert outline == "solid"
    expect(panel.locator(".iotkit-badge")).to_have_attribute("role", "status")


def test_a_panel_ends_with_its_device_and_says_so(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    lab.execute("robot.close()")
    expect(panel.locator(".iotkit-badge")).to_have_text("gone")
    expect(button(panel, "forward")).to_be_disabled()
    expect(slider(panel, "speed")).to_have_value("50")
    lab.until("[t.name for t in threading.enumerate() if 'iotkit watch' in t.name]", "[]")


def test_a_device_is_left_alone_while_its_panel_is_out_of_sight(lab: Lab) -> None:
    followed = "bool(iotkit.link_of(robot).newsroom.attributes())"
    open_panel(lab, "sumobot", "for n in range(100): print(n)")
    lab.until(followed, "True")
    lab.page.locator(".jp-Cell").last.locator(".jp-OutputArea-output").evaluate(
        "(e) => e.scrollIntoView({ block: 'end' })"
    )
    lab.until(followed, "False")
    lab.panel().scroll_into_view_if_needed()
    lab.until(followed, "True")


def test_fifty_panels_opened_and_closed_leave_nothing(lab: Lab) -> None:
    open_panel(lab, "sumobot")
    lab.execute(
        "names = lambda: sorted(t.name for t in threading.enumerate() if 'iotkit' in t.name)"
    )
    lab.until("'iotkit hub' in names()", "True")
    before = lab.execute("names()")
    lab.execute(
        "from IPython.display import display\n"
        "for n in range(50):\n    p = Panel(robot); display(p); p.close()"
    )
    lab.until("names()", before)
    assert lab.page.locator(".iotkit-panel").count() == 1


def test_a_page_loaded_again_shows_the_panel_again(lab: Lab) -> None:
    open_panel(lab, "sumobot")
    name = lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    lab.command("docmanager:save")
    lab.execute("robot.speed = 33")
    lab.load()
    lab.reopen(name)
    panel = lab.panel()
    expect(slider(panel, "speed")).to_have_value("33", timeout=15_000)
    slider(panel, "speed").fill("34")
    lab.until("robot.speed", "34")


def test_a_restarted_kernel_is_noticed(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    lab.page.wait_for_timeout(500)
    button(panel, "left").dispatch_event("click")  # if it hasn't noticed before
    expect(panel.locator(".iotkit-badge")).to_have_text("kernel stopped")
    expect(panel.locator("> .iotkit-note:visible")).to_contain_text("Run the cell again")


def test_the_shelf_follows_what_is_simulated(lab: Lab) -> None:
    lab.open("import iotkit\nfrom iotkit_widgets import Shelf", "Shelf()")
    lab.run_all()
    lab.execute("robot = iotkit.connect('sim:sumobot')")
    panel = lab.page.locator(".iotkit-panel", has_text="sim:sumobot")
    expect(panel.locator(".iotkit-badge")).to_have_text("connected")
    slider(panel, "speed").fill("12")
    lab.until("robot.speed", "12")
    lab.execute("robot.close()")
    expect(panel).to_have_count(0)


def test_stock_controls_work_both_ways(lab: Lab) -> None:
    lab.open(
        CONNECT.format(name="sumobot"),
        "import ipywidgets\nipywidgets.VBox([control(robot, n) for n in ('speed', 'led', 'stop')])",
    )
    lab.run_all()
    toggle = lab.page.locator(".widget-toggle-button")
    toggle.click()
    lab.until("robot.led", "True")
    lab.execute("robot.led = False; robot.speed = 61")
    expect(toggle).not_to_have_class(re.compile("mod-active"))
    expect(lab.page.locator(".widget-readout")).to_have_text("61")


# What the theme does.

CONTRAST = """(panel) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
    const ground = (element) => {
        if (!element) return [255, 255, 255];
        const own = rgba(getComputedStyle(element).backgroundColor);
        return own[3] === 1 ? own.slice(0, 3) : over(own, ground(element.parentElement));
    };
    const light = (colour) => {
        const [r, g, b] = colour.map((c) => c / 255)
            .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = {};
    for (const element of panel.querySelectorAll("span, label, output, input, button, div")) {
        const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        const box = element.matches("input[type=text]") && element.value;
        if (!(own || box) || !element.checkVisibility()) continue;
        const under = ground(element);
        const text = over(rgba(getComputedStyle(element).color), under);
        const two = [light(under), light(text)];
        const ratio = (Math.max(...two) + 0.05) / (Math.min(...two) + 0.05);
        const name = element.className || element.tagName;
        found[name] = Math.min(found[name] ?? 99, ratio);
    }
    return found;
}"""


def test_all_text_can_be_read_in_both_themes(lab: Lab) -> None:
    panel = open_panel(lab, "sumobot")
    box(panel, "speed").fill("500")
    box(panel, "speed").press("Enter")
    expect(row(panel, "speed").locator(".iotkit-note")).to_be_visible()
    try:
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            lab.theme(theme)
            lab.page.wait_for_timeout(300)  # transitions of colours
            contrasts: dict[str, Any] = panel.evaluate(CONTRAST)
            assert len(contrasts) >= 8
            assert {k: c for k, c in contrasts.items() if c < 4.5} == {}, theme  # WCAG AA
    finally:
        lab.theme("JupyterLab Light")


def test_a_narrow_panel_has_everything_inside(lab: Lab) -> None:
    lab.open(
        CONNECT.format(name="testhosttiny"),
        "import ipywidgets\n"
        "ipywidgets.VBox([Panel(robot)], layout=ipywidgets.Layout(width='300px'))",
    )
    lab.run_all()
    panel = lab.panel()
    expect(panel.locator(".iotkit-badge")).to_have_text("connected")
    outside = panel.evaluate(
        """(panel) => {
            const { left, right } = panel.getBoundingClientRect();
            return [...panel.querySelectorAll("*")].filter((e) => {
                const box = e.getBoundingClientRect();
                return box.width && (box.left < left || box.right > right);
            }).map((e) => e.className);
        }"""
    )
    assert outside == []
    area = panel.bounding_box()
    assert area
    assert area["width"] <= 300
