"""A weather station on a window sill: sensors that change by themselves."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from ..host import Device, event, function

MILD = 21.0  # C, about which the temperature wanders
HEATED = 15.0  # C that the heater adds in the end
INERTIA = 4.0  # seconds after which it has added, or lost, two thirds of that
BRIGHT = 55.0  # %, about which the light wanders


class Weather(Device):
    """A weather station on a window sill, with a heater and a button."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._at = clock()
        self._heater = False
        self._warmth = 0.0  # C by the heater
        self._lock = threading.Lock()

    @property
    def temperature(self) -> float:
        """On the window sill [-20..60 °C]"""
        wander = _wave(self._age(), 11, 0.5) + _wave(self._age(), 3.7, 0.2)
        return round(MILD + wander + self._warm(), 1)

    @property
    def light(self) -> int:
        """How bright it is [0..100 %]"""
        return round(BRIGHT + _wave(self._age(), 17, 25) + _wave(self._age(), 4.3, 8))

    @property
    def heater(self) -> bool:
        """Whether the heater under the sensor is on"""
        return self._heater

    @heater.setter
    def heater(self, on: bool) -> None:
        self._warm()
        self._heater = on

    @function
    def press(self) -> None:
        """Press the button, as a finger would"""
        self.pressed()

    @event
    def pressed(self) -> None:
        """Somebody pressed the button"""

    def _age(self) -> float:
        return self._clock() - self._began

    def _warm(self) -> float:
        """Bring what the heater has done up to now, and return it."""
        with self._lock:
            now = self._clock()
            end = HEATED if self._heater else 0.0
            self._warmth = end + (self._warmth - end) * math.exp((self._at - now) / INERTIA)
            self._at = now
            return self._warmth


def _wave(at: float, period: float, height: float) -> float:
    return height * math.sin(math.tau * at / period)
