"""What a device says is text, wherever it is shown: never markup, script, or a formula."""

from __future__ import annotations

import json

import nbformat
from lab import Lab
from nbconvert import HTMLExporter
from playwright.sync_api import expect

IMAGE = "<img src=x onerror='window.hacked=1'>"
FORMULA = "$\\href{javascript:window.hacked=1}{x}$"
ARGUMENT = "<img/src=x/onerror=window.hacked=1>$x$"
HOSTILE = f"{IMAGE} {FORMULA}"

DEVICE = f"""
from iotkit.description import Argument, Attribute, Description, Function
from iotkit.device import device_over
from iotkit.errors import DeviceError
from iotkit.links.local import LocalLink
from iotkit.types import Type
from iotkit_widgets import Panel, control

text = {HOSTILE!r}

class Hostile:
    description = Description(
        text,
        {{
            text: Attribute(text, Type.STR, text),
            "number": Attribute("number", Type.INT, "costs [0..9 $x$]"),
            "seen": Attribute("seen", Type.STR, text + " [read-only]"),
            "bad": Attribute("bad", Type.FLOAT, text),
            "choice": Attribute("choice", Type.STR, "[" + text.replace("|", "") + "|b]"),
        }},
        {{
            text: Function(text, (), Argument("r", Type.STR), text),
            "f": Function("f", (Argument({ARGUMENT!r}, Type.STR),), None, text),
        }},
        help=text,
    )
    def get(self, name):
        if name == "bad":
            raise DeviceError(text)
        return 3 if name == "number" else text
    def set(self, name, value):
        raise DeviceError(text)
    def call(self, name, args, timeout=None):
        if name == "f":
            raise DeviceError(text)
        return text
    def pushes(self, name):
        return False
    def listen(self, link):
        pass
    def close(self):
        pass

device = device_over(LocalLink(Hostile(), text))
"""

OTHERS = """
import ipywidgets
from iotkit.errors import DeviceError
from iotkit_widgets import Map, Pad, Plot
from iotkit_widgets.line import Line

class Rover(Hostile):
    description = Description(text, {
        text: Attribute(text, Type.FLOAT, text + " [0..9 $x$]"),
        "x": Attribute("x", Type.FLOAT, "[0..9 $x$]"),
        "y": Attribute("y", Type.FLOAT, "[0..9 $y$]"),
    })
    def get(self, name):
        raise DeviceError(text)

rover = device_over(LocalLink(Rover(), text))
line = Line(title=text, text=text, button=text)
"""

# Nothing ran, nothing was made of the text, and what is seen is the text.
CHECK = """(element) => ({
    hacked: window.hacked ?? 0,
    made: element.querySelectorAll(
        "img, script, a[href^=javascript], mjx-container, .MathJax, math"
    ).length,
})"""
CLEAN = {"hacked": 0, "made": 0}


def test_it_stays_text_in_a_live_panel(lab: Lab) -> None:
    lab.open(DEVICE, "Panel(device)")
    lab.run_all()
    panel = lab.panel()
    expect(panel.locator(".iotkit-badge")).to_have_text("connected")
    for button in panel.locator(".iotkit-button").all():
        button.click()
    expect(panel.locator(".iotkit-short .iotkit-result")).to_have_text(HOSTILE)
    field = panel.locator(".iotkit-text-row input").first
    field.fill("x")
    field.press("Enter")
    expect(panel.locator(".iotkit-text-row .iotkit-note").first).to_contain_text(HOSTILE)
    expect(panel.locator(".iotkit-wide .iotkit-note")).to_contain_text(HOSTILE)
    expect(panel.locator(".iotkit-header .iotkit-name")).to_have_text(HOSTILE)
    expect(panel.locator(".iotkit-reading .iotkit-value")).to_have_text(HOSTILE)
    expect(panel.locator(".iotkit-argument label")).to_have_text(ARGUMENT)
    lab.page.wait_for_timeout(300)  # a formula is typeset after a while
    assert panel.evaluate(CHECK) == CLEAN


def test_it_stays_text_in_stock_controls(lab: Lab) -> None:
    lab.open(
        DEVICE,
        "import ipywidgets\nipywidgets.VBox([control(device, n) for n in"
        " (text, 'number', 'seen', 'bad', 'f')])",
    )
    lab.run_all()
    output = lab.page.locator(".jp-OutputArea-output .widget-vbox").first
    expect(output.locator("input[type=text]").first).to_have_value(HOSTILE)
    output.locator("button").last.click()
    lab.page.wait_for_timeout(300)
    assert output.evaluate(CHECK) == CLEAN


def test_it_stays_text_in_plots_pads_maps_and_the_shelf(lab: Lab) -> None:
    lab.open(
        DEVICE + OTHERS,
        "ipywidgets.VBox([Plot(rover, text), Pad(rover, text, 'x'), Map(rover), line])",
    )
    lab.run_all()
    output = lab.page.locator(".jp-OutputArea-output .widget-vbox").first
    expect(output.locator(".iotkit-name")).to_have_text(
        [HOSTILE, f"{HOSTILE}: {HOSTILE}, x", HOSTILE, HOSTILE]
    )
    for one in (".iotkit-plot", ".iotkit-map", ".iotkit-pad", ".iotkit-line"):
        output.locator(one).scroll_into_view_if_needed()
        expect(output.locator(one)).to_contain_text(FORMULA)
    lab.page.wait_for_timeout(300)
    assert output.evaluate(CHECK) == CLEAN


def test_it_stays_text_in_a_cells_own_output(lab: Lab) -> None:
    lab.open(f"{DEVICE}\ndevice[text]", "help(device)", "print(device[text])", "device['bad']")
    lab.run_all()
    outputs = lab.page.locator(".jp-OutputArea-output")
    expect(outputs).to_have_count(4)
    for output in outputs.all():
        expect(output).to_contain_text("window.hacked=1")
    expect(outputs.last).to_contain_text(f"DeviceError: {HOSTILE}")
    lab.page.wait_for_timeout(300)
    for output in outputs.all():
        assert output.evaluate(CHECK) == CLEAN


def test_it_stays_text_on_a_page_made_of_the_notebook(lab: Lab) -> None:
    name = lab.open(DEVICE, "Panel(device)", "device['bad']")
    lab.run_all()
    expect(lab.panel().locator(".iotkit-reading .iotkit-value")).to_have_text(HOSTILE)
    expect(lab.page.locator(".jp-OutputArea-output").last).to_contain_text("DeviceError")
    lab.command("docmanager:save")
    made, _ = HTMLExporter(template_name="lab").from_filename(str(lab.folder / name))
    browser = lab.page.context.browser
    assert browser
    page = browser.new_page()
    try:
        page.route("**/*", lambda route: route.abort())  # what it would fetch from elsewhere
        page.set_content(made)
        outputs = page.locator(".jp-OutputArea-output")
        expect(outputs.first).to_contain_text(HOSTILE)
        expect(outputs.last).to_contain_text(f"DeviceError: {HOSTILE}")
        page.wait_for_timeout(300)
        for output in outputs.all():
            assert output.evaluate(CHECK) == CLEAN
    finally:
        page.close()


def test_what_hides_or_turns_around_is_seen_as_that(lab: Lab) -> None:
    lab.open(
        "import iotkit\nfrom iotkit import host\nfrom iotkit_widgets import Panel\n"
        "class Sly(host.Device):\n"
        "    @property\n"
        "    def word(self) -> str:\n"
        "        return 'a\\u202eb\\u200bc\\x1b[31md'\n"
        "    @host.function\n"
        "    def fail(self) -> None:\n"
        "        raise host.DeviceError('x\\u202ey')\n"
        "Panel(iotkit.connect(Sly()))",
    )
    lab.run_all()
    panel = lab.panel()
    expect(panel.locator(".iotkit-value")).to_have_text(r"a\u202eb\u200bc\x1b[31md")
    panel.locator("button[data-name=fail]").click()
    expect(panel.locator(".iotkit-body .iotkit-note:visible")).to_contain_text(r"x\u202ey")


def test_it_stays_text_in_a_notebook_opened_without_its_kernel(lab: Lab) -> None:
    lab.open(f"{DEVICE}\nimport json\nprint(json.dumps(Panel(device)._repr_mimebundle_()[0]))")
    lab.run_all()
    printed = lab.page.locator(".jp-OutputArea-output").inner_text()
    lab.close()
    output = nbformat.v4.new_output("display_data", data=json.loads(printed))
    lab.open("Panel(device)", outputs=[output])
    table = lab.page.locator(".jp-OutputArea-output table")
    expect(table).to_contain_text(HOSTILE)
    lab.page.wait_for_timeout(300)
    assert table.evaluate(CHECK) == CLEAN
