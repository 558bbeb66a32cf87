"""TAB behind `%iotkit`."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING

from .. import host, sim
from ..device import Device
from ..errors import IotkitError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Completion:
    """Completes the words behind `%iotkit` in one shell; `commands` are the first of them."""

    def __init__(self, shell: InteractiveShell, commands: Iterable[str]) -> None:
        self._shell, self._commands = shell, list(commands)

    def start(self) -> None:
        """Begin."""
        self._shell.set_hook("complete_command", self._complete, str_key="%iotkit")

    def stop(self) -> None:
        """End."""
        self._shell.strdispatchers["complete_command"].strs.pop("%iotkit", None)

    def _complete(self, _: object, event: SimpleNamespace) -> list[str]:
        """Return what may stand at the cursor, from where IPython thinks that a word begins."""
        *before, typed = event.text_until_cursor.split(" ")
        known = len(typed) - len(event.symbol)
        words = [word for word in before[1:] if word]
        return [c[known:] for c in self._candidates(words) if c.startswith(typed)]

    def _candidates(self, words: list[str]) -> Iterable[str]:
        match words:
            case [] | ["help"]:
                return self._commands
            case ["connect"]:
                return _targets()
            case ["simulate"]:
                return sim.DEVICES
            case ["serve" | "disconnect" | "stop"]:
                kinds = (Device, host.Device)
                return [n for n, v in self._shell.user_ns.items() if isinstance(v, kinds)]
        return []


def _targets() -> list[str]:
    from .. import discovery
    from ..transports.serial import usb_ports

    try:
        found = [one.name for one in discovery.known()]
    except IotkitError:
        found = []
    return [*(port for port, _ in usb_ports()), *found, *(f"sim:{name}" for name in sim.DEVICES)]
