"""What a device says is text, wherever it is shown: never markup, script, or a formula."""

from __future__ import annotations

import json

import nbformat
from lab import Lab
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
    def call(self, name, args):
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

# Nothing ran, nothing was made of the text, and what is seen is the text.
CHECK = """(element) => ({
    hacked: window.hacked ?? 0,
    made: element.querySelectorAll("img, script, a, mjx-container, .MathJax, math").length,
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
