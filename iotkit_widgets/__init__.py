"""Devices in a notebook, as panels and controls.

    from iotkit_widgets import Pad, Panel, Plot, Shelf, control

`Panel(robot)` shows all of a device, `Shelf()` every device there is, `Pad(robot, "drive")`
drives it by hand, `Plot(robot, "distance")` is a live chart, and `control(robot, "speed")` one
ordinary ipywidgets control, for a page of your own.
"""

from __future__ import annotations

from .controls import control
from .pad import Pad
from .panel import Panel
from .plot import Plot
from .shelf import Shelf

__all__ = ["Pad", "Panel", "Plot", "Shelf", "control"]
