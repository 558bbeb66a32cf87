"""How a notebook shows an error of a device's: the learner's own lines, and the sentence."""

from __future__ import annotations

import linecache
import re
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import IotkitError
from ..values import READINGS

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_CALLED = re.compile(rf"'(?:{'|'.join(READINGS)})' object is not callable")


class Faults:
    """While it is on, a traceback of an IotkitError ends where iotkit's own code begins.

    In Python's development mode it is shown whole, see errors.briefly. Who calls a value, as in
    `robot.speed()`, is told how it is read and set; a value itself can't do that, since whoever
    is given something that can be called (tkinter, pandas) calls it.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell: Any = shell
        self._before = (shell.custom_exceptions, shell.CustomTB)

    def start(self) -> None:
        """Show them so from now on."""
        self._shell.set_custom_exc((IotkitError, TypeError), _show)

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
    if not isinstance(error, IotkitError):
        if _CALLED.match(str(error)) and traceback is not None:
            error.add_note(_not_called(traceback))
    elif not sys.flags.dev_mode:
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


def _not_called(traceback: TracebackType) -> str:
    """Return what to write in place of the call of a value that was the last thing done."""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    line, end_line, start, end = list(code.co_positions())[traceback.tb_lasti // 2]
    source = linecache.getline(code.co_filename, line) if line and line == end_line else ""
    called = source.encode()[start:end].decode()
    what, bracket, given = called.partition("(")
    if not bracket:
        what, given = "robot.speed", ")"
    given = given.removesuffix(")").strip()
    how = f"set it by {what} = {given}" if given else f"read it by {what}, without the ()"
    return f"{what} is a value, not a function: {how}"
