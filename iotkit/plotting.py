"""Live charts, for who has a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .device import Device
from .errors import IotkitError

if TYPE_CHECKING:
    from iotkit_widgets import Plot


def plot(*what: Device | str) -> Plot:
    """Show a live chart in a notebook: `iotkit.plot(robot, "distance", "speed")`.

    A device, then the names of the attributes to plot; then perhaps the next device:
    `iotkit.plot(robot, "distance", lamp, "brightness")`. Returns the widget, whose `close()` ends
    it. Raises BadType, BadValue or UnknownName for what can't be plotted, and IotkitError where
    there are no widgets.
    """
    try:
        from iotkit_widgets import Plot
    except ModuleNotFoundError as error:
        if str(error.name).startswith("iotkit"):
            raise
        raise IotkitError("plots need Jupyter's widgets: pip install 'iotkit[lab]'") from None
    return Plot(*what)
