"""A robot with two wheels, an LED and a distance sensor, on a table with walls."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from ..host import Device, function

TABLE = 200.0  # cm, each side
RADIUS = 5.0  # cm: how near to a wall the robot's middle can come
TOP_SPEED = 40.0  # cm/s of a wheel at 100 %
HALF_AXLE = TOP_SPEED / 2 / math.pi  # cm: so that at 50 % half a second is a quarter turn


@dataclass
class Pose:
    """Where the robot is, in cm from the table's corner, and where it looks.

    `heading` is in radians, anticlockwise, 0 along x.
    """

    x: float = TABLE / 2
    y: float = TABLE / 2
    heading: float = math.pi / 2

    def advance(self, seconds: float, left: float, right: float) -> None:
        """Roll on with the wheels at these speeds in cm/s, both alike or opposite."""
        way = (left + right) / 2 * seconds
        self.heading = (self.heading + (right - left) / 2 / HALF_AXLE * seconds) % math.tau
        self.x = _on_table(self.x + way * math.cos(self.heading))
        self.y = _on_table(self.y + way * math.sin(self.heading))

    def ahead(self) -> float:
        """Return how many cm are free between the robot and the wall it looks at."""
        ways = [
            (wall - at) / step
            for at, step in ((self.x, math.cos(self.heading)), (self.y, math.sin(self.heading)))
            for wall in (0.0, TABLE)
            if abs(step) > 1e-9 and (wall - at) / step > 0
        ]
        return max(min(ways) - RADIUS, 0.0)


class Sumobot(Device):
    """A small robot with two wheels on a table with walls."""

    drive_forward_time_ms: Annotated[int, "How long to move [0..10000 ms]"] = 1500
    turn_time_ms: Annotated[int, "How long to turn [0..10000 ms]"] = 500
    led: Annotated[bool, "The front light"] = False

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pose = Pose()
        self._speed = 50
        self._wheels = (0, 0)  # the direction of each: -1, 0, 1
        self._at = clock()  # when the pose was true
        self._lock = threading.Lock()
        self._halt = threading.Event()  # ends the movement that is going on

    @property
    def speed(self) -> int:
        """How fast the wheels turn [0..100 %]"""
        return self._speed

    @speed.setter
    def speed(self, value: int) -> None:
        with self._lock:
            self._roll()
            self._speed = value

    @property
    def distance(self) -> float:
        """To the wall ahead [0..300 cm]"""
        return round(self._now().ahead(), 1)

    @property
    def x(self) -> float:
        """Where it is, from the left [0..200 cm]"""
        return round(self._now().x, 1)

    @property
    def y(self) -> float:
        """Where it is, from the bottom [0..200 cm]"""
        return round(self._now().y, 1)

    @property
    def heading(self) -> float:
        """Where it looks, anticlockwise, 0 is right [0..360 deg]"""
        return round(math.degrees(self._now().heading), 1)

    @function
    def forward(self) -> None:
        """Move forward for drive_forward_time_ms"""
        self._move(1, 1, self.drive_forward_time_ms)

    @function
    def backward(self) -> None:
        """Move backward for drive_forward_time_ms"""
        self._move(-1, -1, self.drive_forward_time_ms)

    @function
    def left(self) -> None:
        """Turn left for turn_time_ms"""
        self._move(-1, 1, self.turn_time_ms)

    @function
    def right(self) -> None:
        """Turn right for turn_time_ms"""
        self._move(1, -1, self.turn_time_ms)

    @function
    def stop(self) -> None:
        """Stop at once"""
        self._begin(0, 0)

    def on_close(self) -> None:
        """Stop, and let the function that moves it return."""
        self.stop()

    def _move(self, left: int, right: int, milliseconds: int) -> None:
        halt = self._begin(left, right)
        if not halt.wait(milliseconds / 1000):
            with self._lock:
                if halt is self._halt:
                    self._roll()
                    self._wheels = (0, 0)

    def _begin(self, left: int, right: int) -> threading.Event:
        """Turn the wheels this way from now on; ends the movement before."""
        with self._lock:
            self._halt.set()
            self._halt = threading.Event()
            self._roll()
            self._wheels = (left, right)
            return self._halt

    def _roll(self) -> None:
        """Bring the pose up to now; called with the lock held."""
        now = self._clock()
        left, right = (wheel * self._speed / 100 * TOP_SPEED for wheel in self._wheels)
        self._pose.advance(now - self._at, left, right)
        self._at = now

    def _now(self) -> Pose:
        with self._lock:
            self._roll()
            return replace(self._pose)


def _on_table(at: float) -> float:
    return min(max(at, RADIUS), TABLE - RADIUS)
