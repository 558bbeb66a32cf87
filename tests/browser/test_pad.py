"""A pad in real JupyterLab: a hand drives, and whatever lets go, the device is told to rest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from lab import Lab
from playwright.sync_api import Locator, expect

CART = """
import iotkit, time
from typing import Annotated
from iotkit import host
from iotkit_widgets import Pad

class Cart(host.Device):
    "A cart with two wheels"
    turn: Annotated[int, "To the right [-100..100 %]"] = 0
    speed: Annotated[float, "How fast [-1..1 m/s]"] = 0.0
    def __init__(self):
        self.told = []
    @host.function
    def drive(self, left: int, right: int) -> None:
        "Turn the wheels [left -100..100 %; right -100..100 %]"
        self.told.append((time.monotonic(), left, right))

cart = Cart()
robot = iotkit.connect(cart)
"""
RESTS = "len(cart.told) > 1 and cart.told[-1][1:] == (0, 0)"


@pytest.fixture
def field(lab: Lab) -> Iterator[Locator]:
    """The field of a pad for the function `drive`."""
    lab.open(CART, "Pad(robot, 'drive')", "print('here')\n" * 3)
    lab.run_all()
    found = lab.page.locator(".iotkit-pad-field")
    expect(found).to_be_visible()
    yield found
    lab.page.mouse.up()
    for key in ("ArrowUp", "ArrowRight", "ArrowLeft", "ArrowDown"):
        lab.page.keyboard.up(key)


def hold(lab: Lab, field: Locator, x: float = 0.0, y: float = 0.0) -> None:
    """Press the mouse in the middle, and move it to x and y, each -1 to 1."""
    area = field.bounding_box()
    assert area
    middle = (area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    lab.page.mouse.move(*middle)
    lab.page.mouse.down()
    lab.page.mouse.move(middle[0] + x * area["width"] / 2, middle[1] - y * area["height"] / 2)


def drives(lab: Lab, field: Locator) -> None:
    """Hold it by key until the device is at full speed."""
    field.focus()
    lab.page.keyboard.down("ArrowUp")
    lab.until("cart.told[-1:] and cart.told[-1][1:]", "(100, 100)")


def told(lab: Lab) -> list[tuple[Any, ...]]:
    return list(ast.literal_eval(lab.execute("cart.told")))


def test_held_by_mouse_it_drives_and_let_go_it_rests(lab: Lab, field: Locator) -> None:
    hold(lab, field, y=1)
    lab.until("cart.told[-1][1:]", "(100, 100)")
    expect(lab.page.locator(".iotkit-pad output")).to_have_text(["100", "100"])
    area = field.bounding_box()
    assert area
    lab.page.mouse.move(area["x"] + 3 * area["width"], area["y"] + area["height"] / 2)  # far out
    lab.until("cart.told[-1][1:]", "(100, -100)")
    lab.page.mouse.up()
    lab.until(RESTS, "True")
    expect(lab.page.locator(".iotkit-pad output")).to_have_text(["0", "0"])
    lab.page.mouse.move(area["x"], area["y"])  # which means nothing now
    lab.page.wait_for_timeout(200)
    assert told(lab)[-1][1:] == (0, 0)


def test_held_by_finger_it_drives_and_let_go_it_rests(lab: Lab, field: Locator) -> None:
    area = field.bounding_box()
    assert area
    touch = lab.page.context.new_cdp_session(lab.page)
    at = {"x": area["x"] + area["width"] / 2, "y": area["y"] + area["height"] / 2}
    for kind, points in (
        ("touchStart", [at]),
        ("touchMove", [{**at, "y": at["y"] - area["height"] / 4}]),
    ):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    lab.until("cart.told[-1][1:]", "(50, 50)")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    lab.until(RESTS, "True")
    touch.detach()


def test_arrow_keys_drive_faster_and_faster_and_the_notebook_does_not_hear_them(
    lab: Lab, field: Locator
) -> None:
    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    drives(lab, field)
    forward = [left for _, left, _ in told(lab)]
    assert forward == sorted(forward)
    assert 0 < forward[0] < 100
    lab.page.keyboard.down("ArrowLeft")
    lab.until("cart.told[-1][1:]", "(0, 100)")
    lab.page.keyboard.up("ArrowUp")
    lab.until("cart.told[-1][1:]", "(-100, 100)")
    lab.page.keyboard.up("ArrowLeft")
    lab.until(RESTS, "True")
    lab.page.keyboard.press("b")
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells
    expect(field).to_be_focused()


LETTING_GO = {
    "Escape": "",
    "losing the focus": "() => document.activeElement.blur()",
    "hiding the page": """() => {
        Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
        delete document.visibilityState;
    }""",
    "closing the widget": """() => {
        window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs");
    }""",
    "leaving the page": "() => dispatchEvent(new PageTransitionEvent('pagehide'))",
}


@pytest.mark.parametrize("how", LETTING_GO)
def test_all_that_lets_go_of_it_makes_the_device_rest(lab: Lab, field: Locator, how: str) -> None:
    drives(lab, field)
    if LETTING_GO[how]:
        lab.page.evaluate(LETTING_GO[how])
    else:
        lab.page.keyboard.press(how)
    lab.until(RESTS, "True")
    lab.page.wait_for_timeout(300)  # the key is still down
    assert told(lab)[-1][1:] == (0, 0)


def test_a_page_that_stands_still_or_dies_lets_go(lab: Lab, field: Locator) -> None:
    drives(lab, field)
    lab.page.evaluate(
        "() => { const end = performance.now() + 2000; while (performance.now() < end); }"
    )
    now = float(lab.execute("time.monotonic()"))
    last = told(lab)[-1]
    assert last[1:] == (0, 0)
    assert now - last[0] > 1  # while the page stood still


def test_it_sends_the_newest_and_no_flood(lab: Lab, field: Locator) -> None:
    hold(lab, field, y=0.5)
    field.evaluate(
        """async (field) => {
            const { left, top, width, height } = field.getBoundingClientRect();
            const end = performance.now() + 1500;
            while (performance.now() < end) {
                for (let n = 0; n < 5; n++) {
                    const clientX = left + width * Math.random();
                    const clientY = top + height * Math.random();
                    const what = { pointerId: 1, clientX, clientY };
                    field.dispatchEvent(new PointerEvent("pointermove", what));
                }
                await new Promise((done) => setTimeout(done, 2));
            }
        }"""
    )
    lab.page.mouse.up()
    lab.until(RESTS, "True")
    times = [at for at, *_ in told(lab)[:-1]]
    assert len(times) > 2
    assert (len(times) - 1) / (times[-1] - times[0]) < 35


def test_it_drives_while_a_cell_runs(lab: Lab) -> None:
    lab.open(
        CART,
        "Pad(robot, 'drive')",
        f"end = time.monotonic() + 20\n"
        f"while time.monotonic() < end and not ({RESTS}): time.sleep(0.01)\n"
        f"print('rested' if {RESTS} else cart.told)",
    )
    lab.start_all()
    field = lab.page.locator(".iotkit-pad-field")
    field.focus()
    lab.page.keyboard.down("ArrowUp")
    expect(lab.page.locator(".iotkit-pad output")).to_have_text(["100", "100"])
    lab.page.keyboard.up("ArrowUp")
    expect(lab.page.locator(".jp-OutputArea-output pre")).to_have_text("rested\n")


def test_two_attributes_can_be_driven(lab: Lab) -> None:
    lab.open(CART, "Pad(robot, 'turn', 'speed')")
    lab.run_all()
    hold(lab, lab.page.locator(".iotkit-pad-field"), x=-1, y=0.5)
    lab.until("(robot.turn, robot.speed)", "(-100, 0.5)")
    lab.page.mouse.up()
    lab.until("(robot.turn, robot.speed)", "(0, 0.0)")


def test_an_error_of_the_device_is_told(lab: Lab, field: Locator) -> None:
    lab.execute("robot.close()")
    hold(lab, field, y=1)
    expect(lab.page.locator(".iotkit-pad .iotkit-badge")).to_have_text("gone")
    expect(lab.page.locator(".iotkit-pad > .iotkit-note").last).to_contain_text("closed")


def test_it_shows_that_it_has_the_focus_and_says_what_it_is(lab: Lab, field: Locator) -> None:
    field.focus()
    lab.page.keyboard.press("Shift")
    assert field.evaluate("(e) => getComputedStyle(e).outlineStyle") == "solid"
    expect(field).to_have_attribute("aria-roledescription", "pad")
    expect(field).to_have_attribute("data-lm-suppress-shortcuts", "true")
    expect(lab.page.get_by_label("cart: drive: drive with the arrow keys")).to_be_visible()
