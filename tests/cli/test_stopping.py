"""What an interrupt, `%iotkit stop`, and the next cell do to what is driven from a shell."""

from __future__ import annotations

import datetime
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_devices import SOON
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import iotkit
from iotkit import host, opened
from iotkit.device import Device, device_over, link_of
from iotkit.links.local import LocalLink


class Rover(host.Device):
    """A rover."""

    speed: int = 0

    def __init__(self) -> None:
        self.log: list[str] = []
        self.stopped = threading.Event()

    @host.function
    def forward(self) -> None:
        """Go ahead"""
        self.log.append("forward")

    @host.function
    def stop(self) -> None:
        """Stop"""
        self.log.append("stop")
        self.stopped.set()


class Lamp(host.Device):
    """A lamp, which can't stop."""

    bright: int = 0


def opened_as(device: host.Device, name: str) -> Device:
    robot = device_over(LocalLink(host.Hosted(device), name))
    opened.add(robot)
    return robot


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    before = signal.getsignal(signal.SIGINT)
    shell.run_cell("%load_ext iotkit")
    shell.push({"rover": opened_as(Rover(), "sim:rover"), "os": os, "signal": signal})
    yield shell
    for device in opened.devices():
        device.close()
    shell.run_cell("%unload_ext iotkit")
    InteractiveShell.clear_instance()
    assert signal.getsignal(signal.SIGINT) == before


@pytest.fixture
def rover(shell: InteractiveShell) -> Any:
    return link_of(shell.user_ns["rover"])._hosted._device


def run(shell: InteractiveShell, cell: str) -> BaseException | None:
    """Run a cell; return what it raised."""
    result = shell.run_cell(cell)
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    return error


INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"


def test_an_interrupt_stops_what_was_driven_and_ends_the_cell(shell, rover):
    error = run(shell, f"rover.forward()\n{INTERRUPT}\nrover.forward()")
    assert isinstance(error, KeyboardInterrupt)
    assert rover.stopped.wait(SOON)
    assert rover.log == ["forward", "stop"]


def test_a_cell_that_catches_the_interrupt_cannot_go_on_driving(shell, rover):
    cell = f"try:\n    rover.forward(); {INTERRUPT}\nexcept KeyboardInterrupt:\n    rover.forward()"
    assert isinstance(run(shell, cell), iotkit.DeviceStopped)
    assert rover.stopped.wait(SOON)
    assert rover.log == ["forward", "stop"]


def test_an_interrupt_leaves_alone_what_nobody_drove(shell, rover):
    opened_as(Lamp(), "sim:lamp")
    shell.push({"lamp": opened.devices()[-1]})
    assert isinstance(run(shell, f"lamp.bright = 5; {INTERRUPT}"), KeyboardInterrupt)
    assert run(shell, "rover.forward(); assert lamp.bright == 5") is None
    assert rover.log == ["forward"]


def test_an_interrupt_while_the_thread_holds_the_devices_gate_does_not_wait_for_ever(shell, rover):
    cell = f"with iotkit.link_of(rover).hold._gate:\n    rover.speed; {INTERRUPT}"
    run(shell, "import iotkit; rover.forward()")
    began = time.monotonic()
    assert isinstance(run(shell, cell), KeyboardInterrupt)
    assert time.monotonic() - began < SOON
    assert rover.stopped.wait(SOON)


def test_an_interrupt_while_the_thread_changes_what_is_open_does_not_wait_for_ever(shell, rover):
    run(shell, "from iotkit import opened; rover.forward()")
    assert isinstance(run(shell, f"with opened._lock:\n    {INTERRUPT}"), KeyboardInterrupt)
    assert rover.stopped.wait(SOON)


def test_the_next_cell_may_drive_again(shell, rover):
    run(shell, f"rover.forward(); {INTERRUPT}")
    assert rover.stopped.wait(SOON)
    assert run(shell, "rover.forward()") is None
    assert rover.log == ["forward", "stop", "forward"]


def test_a_cell_that_was_waiting_when_stop_was_pressed_may_not_drive(shell, rover, monkeypatch):
    def asked(seconds: float) -> dict[str, Any]:
        date = datetime.datetime.fromtimestamp(pressed + seconds, datetime.UTC)
        return {"header": {"date": date}}

    pressed = time.time()
    link = link_of(shell.user_ns["rover"])
    run(shell, "rover.forward()")
    link.halt(pressed).result(SOON)
    monkeypatch.setattr(shell, "get_parent", lambda: asked(-3), raising=False)
    assert isinstance(run(shell, "rover.forward()"), iotkit.DeviceStopped)
    monkeypatch.setattr(shell, "get_parent", lambda: asked(1))
    assert run(shell, "rover.forward()") is None
    link.halt(pressed).result(SOON)
    monkeypatch.setattr(shell, "get_parent", lambda: asked(-3))
    monkeypatch.setattr("iotkit.magics.stopping.LULL", 0.0)  # the other computer's clock is wrong
    assert run(shell, "rover.forward()") is None


def test_between_cells_interrupts_are_as_they_were(shell):
    before = signal.getsignal(signal.SIGINT)
    run(shell, "handler = signal.getsignal(signal.SIGINT)")
    assert shell.user_ns["handler"] != before
    assert signal.getsignal(signal.SIGINT) == before


def test_a_handler_that_the_cell_sets_stays(shell):
    before = signal.getsignal(signal.SIGINT)
    run(shell, "signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    signal.signal(signal.SIGINT, before)


def test_unloaded_an_interrupt_stops_nothing_and_what_was_stopped_is_free(shell, rover):
    link = link_of(shell.user_ns["rover"])
    link.halt().result(SOON)
    run(shell, "%unload_ext iotkit")
    assert run(shell, "rover.forward()") is None
    assert isinstance(run(shell, INTERRUPT), KeyboardInterrupt)
    assert rover.log == ["stop", "forward"]


def test_a_cell_in_another_thread_runs_as_ever(shell, rover):
    errors: list[BaseException | None] = []
    thread = threading.Thread(target=lambda: errors.append(run(shell, "rover.forward()")))
    thread.start()
    thread.join(SOON)
    assert errors == [None]
    assert rover.log == ["forward"]


def test_the_magic_stops_one_device_or_all(shell, rover, capsys):
    assert run(shell, "%iotkit stop rover") is None
    assert rover.log == ["stop"]
    assert capsys.readouterr().out == "Stopped: rover on sim:rover.\n"
    other = Rover()
    opened_as(other, "sim:other")
    assert run(shell, "%iotkit stop") is None
    assert (rover.log, other.log) == (["stop"] * 2, ["stop"])
    assert isinstance(run(shell, "%iotkit stop\nrover.forward()"), iotkit.DeviceStopped)


def test_the_magic_says_what_cannot_be_stopped(shell, capsys):
    shell.push({"lamp": opened_as(Lamp(), "sim:lamp"), "raw": Rover()})
    for line, words in {
        "lamp": "lamp has no function called stop",
        "raw": "raw is written here, not connected to: call raw.stop()",
        "nobody": "'nobody' is no variable that holds a device",
    }.items():
        assert run(shell, f"%iotkit stop {line}") is not None
        assert words in capsys.readouterr().err
    shell.user_ns["rover"].close()
    assert run(shell, "%iotkit stop") is not None
    assert "no device here has a function called stop" in capsys.readouterr().err
