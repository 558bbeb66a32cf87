"""A cell drives a robot on a wire, and somebody presses Stop: in real JupyterLab, on old kernels
and new."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from lab import Lab
from playwright.sync_api import Locator, expect
from rover import Wire, rover_on_a_wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    with rover_on_a_wire() as wire:
        yield wire


DRIVE = "import time\nwhile True:\n    robot.forward()\n    time.sleep(0.05)"


def drive(lab: Lab, wire: Wire, kernel: str, *cells: str) -> Locator:
    """Run a cell that drives the robot for ever; return the panel."""
    lab.open(
        f"%load_ext iotkit\nimport iotkit\nrobot = iotkit.connect({wire.name!r})\n"
        "from iotkit_widgets import Panel",
        "Panel(robot)",
        *(cells or [DRIVE]),
        kernel=kernel,
    )
    lab.start_all()
    wire.wait_for(lambda commands: commands.count("forward") >= 3)
    panel = lab.page.locator(".jp-Cell:nth-child(2) .iotkit-panel")
    # News come to what can be seen; the shelf above has whatever is announced on this machine.
    panel.scroll_into_view_if_needed()
    expect(panel.locator(".iotkit-badge")).to_have_text("connected")
    return panel


def without_interrupts(lab: Lab) -> None:
    """Take away the second way, so that the first has to do alone, on the slowest machine too."""
    lab.page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt"
        " = async () => {}; }"
    )


def output(lab: Lab, nth: int) -> Locator:
    return lab.page.locator(f".jp-Cell:nth-child({nth}) .jp-OutputArea-output").last


def test_stop_reaches_the_robot_and_nothing_that_moves_it_follows(
    lab: Lab, wire: Wire, kernel: str
) -> None:
    panel = drive(lab, wire, kernel)
    without_interrupts(lab)
    panel.locator(".iotkit-stop").click()
    wire.wait_for(lambda commands: "stop" in commands)
    expect(panel.locator(".iotkit-badge")).to_have_text("stopped")
    words = "rover was stopped by hand: run a cell to drive it again"
    expect(panel.locator("> .iotkit-note:visible")).to_contain_text(words)
    expect(output(lab, 3)).to_contain_text(f"DeviceStopped: {words}")
    assert wire.commands()[-1] == "stop"
    lab.until("robot.forward() or 'done'", "'done'")  # which is a new cell
    wire.wait_for(lambda commands: commands[-1] == "forward")
    expect(panel.locator(".iotkit-badge")).to_have_text("connected")


def test_a_slider_works_while_the_cell_drives(lab: Lab, wire: Wire, kernel: str) -> None:
    panel = drive(lab, wire, kernel)
    panel.locator("input[type=range][data-name=speed]").fill("77")
    wire.wait_for(lambda commands: "set speed 77" in commands)
    expect(panel.locator("input[type=text][data-name=speed]")).to_have_value("77")
    lab.command("kernelmenu:interrupt")
    expect(output(lab, 3)).to_contain_text("KeyboardInterrupt")


def test_the_notebooks_own_interrupt_stops_the_robot_too(lab: Lab, wire: Wire, kernel: str) -> None:
    drive(lab, wire, kernel)
    lab.command("kernelmenu:interrupt")
    wire.wait_for(lambda commands: "stop" in commands)
    expect(output(lab, 3)).to_contain_text("KeyboardInterrupt")
    assert wire.commands()[-1] == "stop"


def test_escape_stops_unless_somebody_types(lab: Lab, wire: Wire) -> None:
    panel = drive(lab, wire, "python3")
    field = panel.locator("input[type=text][data-name=speed]")
    field.fill("12")
    field.press("Escape")
    expect(field).to_have_value("50")
    panel.locator(".iotkit-name").click()  # anywhere in the panel
    assert "stop" not in wire.commands()
    lab.page.keyboard.press("Escape")
    wire.wait_for(lambda commands: "stop" in commands)


def test_a_cell_that_waits_for_its_turn_does_not_drive_after_a_stop(
    lab: Lab, wire: Wire, kernel: str
) -> None:
    panel = drive(
        lab,
        wire,
        kernel,
        "import time\nfor _ in range(3): robot.forward()\n"
        "while robot.distance < 150: time.sleep(0.02)\nprint('over')",
        "robot.forward()",
    )
    without_interrupts(lab)
    panel.locator(".iotkit-stop").click()
    wire.wait_for(lambda commands: "stop" in commands)
    panel.locator("input[type=range][data-name=speed]").fill("99")
    wire.wait_for(lambda commands: commands[-1] == "set speed 99")  # the panel goes on
    wire.rover.far.set()
    expect(output(lab, 3)).to_contain_text("over")
    expect(output(lab, 4)).to_contain_text("DeviceStopped")
    assert "forward" not in wire.commands()[wire.commands().index("stop") :]


# Where one way fails, there is the next, and in the end there are words.


def test_a_kernel_that_does_not_hear_is_interrupted(lab: Lab, wire: Wire, kernel: str) -> None:
    deaf = "get_ipython().kernel.control_handlers['comm_msg'] = lambda *_: None\n"
    panel = drive(lab, wire, kernel, deaf + DRIVE)
    panel.locator(".iotkit-stop").click()
    wire.wait_for(lambda commands: "stop" in commands)
    expect(output(lab, 3)).to_contain_text("KeyboardInterrupt")
    assert wire.commands()[-1] == "stop"


def test_where_nothing_works_the_panel_says_so(lab: Lab, wire: Wire) -> None:
    deaf = "get_ipython().kernel.control_handlers['comm_msg'] = lambda *_: None\n"
    deaf += "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    panel = drive(lab, wire, "python3", deaf + DRIVE)
    panel.locator(".iotkit-stop").click()
    note = panel.locator(".iotkit-alarm")
    expect(note).to_have_text(
        re.compile("^The notebook did not confirm Stop. If it still moves, pull its plug.")
    )


def test_all_on_the_shelf_can_be_stopped_at_once(lab: Lab, wire: Wire, kernel: str) -> None:
    drive(lab, wire, kernel)
    without_interrupts(lab)
    lab.page.locator(".jp-Cell:nth-child(1)").get_by_role("button", name="Stop all").click()
    wire.wait_for(lambda commands: "stop" in commands)
    expect(output(lab, 3)).to_contain_text("DeviceStopped")
