"""A cell drives a robot on a wire, and somebody presses Stop: in real JupyterLab, on old kernels
and new."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from lab import Lab
from playwright.sync_api import Locator, expect

from iotkit import host
from iotkit.errors import DeviceDisconnected
from iotkit.transports import Transport
from iotkit.transports.pty import Pty

SOON = 10.0  # seconds in which what has to happen happens, on the slowest machine


class Rover(host.Device):
    """A robot that does as it is told."""

    speed: int = 50

    def __init__(self) -> None:
        self.far = threading.Event()

    @property
    def distance(self) -> float:
        """To the wall [0..300 cm]"""
        return 200.0 if self.far.is_set() else 100.0

    @host.function
    def forward(self) -> None:
        """Go ahead"""

    @host.function
    def stop(self) -> None:
        """Stop at once"""


class Wire(Transport):
    """A board's end of a line, which notes what comes, and when."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.rover = Rover()
        self.name = inner.name
        self.heard: list[tuple[float, str]] = []  # on the monotonic clock
        self._came = threading.Condition()
        self._rest = ""

    def read(self) -> bytes:
        data = self._inner.read()
        *lines, self._rest = (self._rest + data.decode()).split("\n")
        with self._came:
            now = time.monotonic()
            self.heard += [(now, re.sub(r"^\$.|\*[0-9a-f]{4}$", "", line)) for line in lines]
            self._came.notify_all()
        return data

    def write(self, data: bytes) -> None:
        self._inner.write(data)

    def close(self) -> None:
        self._inner.close()

    def commands(self) -> list[str]:
        """Return what has come that acts: the rest reads, watches or pings."""
        acts = r"forward|stop|set .*"
        return [line for _, line in list(self.heard) if re.fullmatch(acts, line)]

    def wait_for(self, ready: Callable[[list[str]], object]) -> None:
        """Return when the commands that have come are such."""
        with self._came:
            assert self._came.wait_for(lambda: ready(self.commands()), SOON), self.commands()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire(Pty())

    def be_the_board() -> None:
        try:
            host.run(wire.rover, wire)
        except DeviceDisconnected:
            pass

    board = threading.Thread(target=be_the_board)
    board.start()
    yield wire
    wire.close()
    board.join(SOON)


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
