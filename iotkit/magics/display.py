"""What a notebook shows: the shelf of all devices, and a device's panel in place of its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..device import Device
from ..errors import IotkitError
from ..plotting import plot

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from iotkit_widgets import Panel, Plot, Shelf


class Display:
    """The widgets in one shell; a shell without a notebook shows text alone."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._shelf: Shelf | None = None
        self._plots: list[Plot] = []
        self._panels: dict[int, Panel] = {}  # by the id of the device, which the panel keeps alive

    def start(self) -> None:
        """Show the shelf, or say in a line why there is none."""
        if not hasattr(self._shell, "kernel"):
            print("%iotkit lists what you can do with devices here.")
            return
        try:
            from iotkit_widgets import Shelf
        except ModuleNotFoundError as error:
            if str(error.name).startswith("iotkit"):
                raise
            print("Devices show no panels here. For those: pip install 'iotkit[lab]'")
            return
        from IPython.display import display

        self._bundles.for_type(Device, self._panel_of)
        self._shelf = Shelf()
        display(self._shelf)

    def stop(self) -> None:
        """Close the shelf, the panels and the plots; devices show as text again."""
        self._bundles.pop(Device, None)
        if self._shelf is not None:
            self._shelf.close()
        for widget in (*self._panels.values(), *self._plots):
            widget.close()

    def plot(self, *what: Device | str) -> None:
        """Show a live chart, as iotkit.plot does."""
        if not hasattr(self._shell, "kernel"):
            raise IotkitError("a plot needs a notebook: iotkit lab opens one")
        from IPython.display import display

        chart = plot(*what)
        self._plots.append(chart)
        display(chart)

    @property
    def _bundles(self) -> Any:
        formatter = self._shell.display_formatter
        assert formatter is not None
        return formatter.mimebundle_formatter

    def _panel_of(self, device: Device) -> Any:
        """Return what a notebook shows of `device`: the same panel each time."""
        from iotkit_widgets import Panel

        panel = self._panels.get(id(device))
        if panel is None or panel.comm is None:  # closed, with all widgets
            panel = self._panels[id(device)] = Panel(device)
        return panel._repr_mimebundle_()
