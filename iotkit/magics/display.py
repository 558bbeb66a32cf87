"""What a notebook shows: the shelf of all devices, and a device's panel in place of its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..device import Device
from ..errors import IotkitError
from ..plotting import plot

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from iotkit_widgets import Pad, Panel, Plot, Shelf


class Display:
    """The widgets in one shell; a shell without a notebook shows text alone."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._shelf: Shelf | None = None
        self._displayed: list[Plot | Pad] = []
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
        """Close the shelf and all other widgets; devices show as text again."""
        self._bundles.pop(Device, None)
        if self._shelf is not None:
            self._shelf.close()
        for widget in (*self._panels.values(), *self._displayed):
            widget.close()

    def plot(self, *what: Device | str) -> None:
        """Show a live chart, as iotkit.plot does."""
        self._show("a plot", lambda: plot(*what))

    def pad(self, device: Device, *names: str) -> None:
        """Show a pad, as iotkit_widgets.Pad is one."""

        def make() -> Pad:
            try:
                from iotkit_widgets import Pad
            except ModuleNotFoundError as error:
                if str(error.name).startswith("iotkit"):
                    raise
                raise IotkitError(
                    "a pad needs Jupyter's widgets: pip install 'iotkit[lab]'"
                ) from None
            return Pad(device, *names)

        self._show("a pad", make)

    def _show(self, what: str, make: Callable[[], Plot | Pad]) -> None:
        if not hasattr(self._shell, "kernel"):
            raise IotkitError(f"{what} needs a notebook: iotkit lab opens one")
        from IPython.display import display

        widget = make()
        self._displayed.append(widget)
        display(widget)

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
