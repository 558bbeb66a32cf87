"""Devices in a notebook, as panels and controls.

    from iotkit_widgets import Map, Pad, Panel, Plot, Shelf, control

`Panel(robot)` shows all of a device, `Shelf()` every device there is, `Plot(robot, "distance")` is
a live chart, `Pad(robot, "drive")` drives it by hand, `Map(robot)` shows where it is, and
`control(robot, "speed")` is one ordinary ipywidgets control, for a page of your own.
"""

from __future__ import annotations

from .controls import control
from .map import Map
from .pad import Pad
from .panel import Panel
from .plot import Plot
from .shelf import Shelf

__all__ = ["Map", "Pad", "Panel", "Plot", "Shelf", "control"]
