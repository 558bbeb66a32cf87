"""The IPython extension, `%load_ext iotkit`: the magic `%iotkit`, and panels in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .commands import IotkitMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Add `%iotkit` to `shell`; in a notebook, show the shelf, and a device as its panel."""
    unload(shell)
    magics = IotkitMagics(shell)
    shell.register_magics(magics)
    magics.start()


def unload(shell: InteractiveShell) -> None:
    """Undo `load`, and close what the magics and the shelf have opened since."""
    magics = shell.magics_manager.registry.pop(IotkitMagics.__name__, None)
    if magics is not None:
        del shell.magics_manager.magics["line"]["iotkit"]
        magics.stop()
