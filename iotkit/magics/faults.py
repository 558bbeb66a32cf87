"""How a notebook shows an error of a device's: the learner's own lines, and the sentence."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import IotkitError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Faults:
    """While it is on, a traceback of an IotkitError ends where iotkit's own code begins."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell: Any = shell
        self._before = (shell.custom_exceptions, shell.CustomTB)

    def start(self) -> None:
        """Show them so from now on."""
        self._shell.set_custom_exc((IotkitError,), _show)

    def stop(self) -> None:
        """Show them as before."""
        self._shell.custom_exceptions, self._shell.CustomTB = self._before


def _show(
    shell: InteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    _cut(traceback)
    error.__cause__, error.__suppress_context__ = None, True
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)


def _cut(traceback: TracebackType | None) -> None:
    """End a traceback before the first frame that is iotkit's."""
    while traceback is not None and traceback.tb_next is not None:
        module = str(traceback.tb_next.tb_frame.f_globals.get("__name__"))
        if module.partition(".")[0] in ("iotkit", "iotkit_widgets"):
            traceback.tb_next = None
        traceback = traceback.tb_next
