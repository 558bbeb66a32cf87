"""A robot with two wheels, an LED and a distance sensor, on a table with walls."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from ..host import Device, event, function
from ..links.timer import later

TABLE = 200.0  # cm, each side
RADIUS = 5.0  # cm: how near to a wall the robot's middle can come
TOP_SPEED = 40.0  # cm/s of a wheel at 100 %
HALF_AXLE = TOP_SPEED / 2 / math.pi  # cm: so that at 50 % half a second is a quarter turn
TICK = 0.02  # seconds between two looks at whether it has hit a wall
ARC = 0.05  # radians of a curve that are rolled in one go: a wall may be in its way
MAX_ARCS = 2000

_SIDES = ("front", "left", "back", "right")


@dataclass
class Pose:
    """Where the robot is, in cm from the table's corner, and where it looks.

    `heading` is in radians, anticlockwise, 0 along x.
    """

    x: float = TABLE / 2
    y: float = TABLE / 2
    heading: float = math.pi / 2

    def advance(self, seconds: float, left: float, right: float) -> None:
        """Roll on with the wheels at these speeds in cm/s."""
        turn = (right - left) / 2 / HALF_AXLE * seconds
        way = (left + right) / 2 * seconds
        parts = min(math.ceil(abs(turn) / ARC), MAX_ARCS) if turn and way else 1
        for _ in range(parts):
            self._arc(way / parts, turn / parts)

    def _arc(self, way: float, turn: float) -> None:
        middle = self.heading + turn / 2
        chord = way * math.sin(turn / 2) / (turn / 2) if abs(turn) > 1e-9 else way
        self.heading = (self.heading + turn) % math.tau
        self.x = _on_table(self.x + chord * math.cos(middle))
        self.y = _on_table(self.y + chord * math.sin(middle))

    def walls(self) -> set[int]:
        """Return the walls it touches: right 0, top 1, left 2, bottom 3."""
        edge = TABLE - RADIUS
        at = (self.x >= edge, self.y >= edge, self.x <= RADIUS, self.y <= RADIUS)
        return {wall for wall, is_at in enumerate(at) if is_at}

    def side(self, wall: int) -> str:
        """Return with which of its sides it looks at a wall."""
        return _SIDES[round(wall - self.heading / (math.pi / 2)) % 4]

    def ahead(self) -> float:
        """Return how many cm are free between the robot and the wall it looks at."""
        ways = [
            (wall - at) / step
            for at, step in ((self.x, math.cos(self.heading)), (self.y, math.sin(self.heading)))
            for wall in (0.0, TABLE)
            if abs(step) > 1e-9 and (wall - at) / step > 0
        ]
        return max(min(ways) - RADIUS, 0.0)


class Sumobot(Device, deadman_ms=1000):
    """A small robot with two wheels on a table with walls."""

    drive_forward_time_ms: Annotated[int, "How long to move [0..10000 ms]"] = 1500
    turn_time_ms: Annotated[int, "How long to turn [0..10000 ms]"] = 500
    led: Annotated[bool, "The front light"] = False

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pose = Pose()
        self._speed = 50
        self._wheels = (0.0, 0.0)  # the part of `_full` at which each turns, -1 to 1
        self._full: int | None = None  # %, or None for the speed that is set
        self._touched: set[int] = set()  # the walls that it was at
        self._ticking = False
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
    def drive(self, left: int, right: int) -> None:
        """Turn the wheels so, until told otherwise [left -100..100 %; right -100..100 %]"""
        self._begin(left / 100, right / 100, 100)

    @function
    def stop(self) -> None:
        """Stop at once"""
        self._begin(0, 0)

    def on_silence(self) -> None:
        """Stop: whoever drove it is gone."""
        self.stop()

    @event
    def bump(self, side: str) -> None:
        """Hit a wall with its front, left, back or right"""

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

    def _begin(self, left: float, right: float, full: int | None = None) -> threading.Event:
        """Turn the wheels this way from now on; ends the movement before."""
        with self._lock:
            self._halt.set()
            self._halt = threading.Event()
            self._roll()
            self._wheels, self._full = (left, right), full
            if (left or right) and not self._ticking:
                self._ticking = True
                later(TICK, self._tick)
            return self._halt

    def _tick(self) -> None:
        """Tell of walls that have been hit, for as long as it moves."""
        with self._lock:
            self._roll()
            walls = self._pose.walls()
            hit = [self._pose.side(wall) for wall in sorted(walls - self._touched)]
            self._touched = walls
            self._ticking = any(self._wheels)
            if self._ticking:
                later(TICK, self._tick)
        for side in hit:
            self.bump(side)

    def _roll(self) -> None:
        """Bring the pose up to now; called with the lock held."""
        now = self._clock()
        full = self._speed if self._full is None else self._full
        left, right = (part * full / 100 * TOP_SPEED for part in self._wheels)
        self._pose.advance(now - self._at, left, right)
        self._at = now

    def _now(self) -> Pose:
        with self._lock:
            self._roll()
            return replace(self._pose)


def _on_table(at: float) -> float:
    return min(max(at, RADIUS), TABLE - RADIUS)
