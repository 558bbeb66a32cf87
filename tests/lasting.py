"""What the tests of links that last share."""

from __future__ import annotations

import threading

from fake_devices import SOON

from iotkit import Device, host
from iotkit.device import link_of

AT_ONCE = 1.0  # seconds in which who waits is told that the device is lost


class Robot(host.Device):
    """A robot."""

    speed: int = 80

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.go_on, self.stopped = threading.Event(), threading.Event()

    @host.function
    def forward(self, ms: int) -> None:
        """Drive"""
        self.calls.append(f"forward {ms}")

    @host.function
    def wait(self) -> None:
        """Take its time"""
        self.calls.append("wait")
        self.go_on.wait(SOON)

    @host.function
    def stop(self) -> None:
        """Stop"""
        self.calls.append("stop")
        self.stopped.set()

    @host.event
    def bump(self, side: str) -> None:
        """Hit something"""


def becomes(robot: Device, state: str) -> None:
    """Return when the state is that one."""
    reached = threading.Event()
    end = link_of(robot).newsroom.states.watch(lambda now: reached.set() if now == state else None)
    try:
        assert robot.state == state or reached.wait(SOON), robot.state
    finally:
        end()
