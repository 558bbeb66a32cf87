"""Devices in a notebook, as panels and controls.

    from iotkit_widgets import Panel, Shelf, control

`Panel(robot)` shows all of a device, `Shelf()` every device there is, and
`control(robot, "speed")` is one ordinary ipywidgets control, for a page of your own.
"""

from __future__ import annotations

from .controls import control
from .panel import Panel
from .shelf import Shelf

__all__ = ["Panel", "Shelf", "control"]
