"""TAB behind `%iotkit`."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING

from .. import host, sim
from ..device import Device, link_of
from ..errors import IotkitError
from ..types import Type

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
        if words[:1] == ["plot"] and "." in typed:
            return []  # IPython itself completes what is behind a variable
        return [c[known:] for c in self._candidates(words) if c.startswith(typed)]

    def _candidates(self, words: list[str]) -> Iterable[str]:
        match words:
            case [] | ["help"]:
                return self._commands
            case ["connect"]:
                return _targets()
            case ["simulate"]:
                return sim.DEVICES
            case ["plot", *_]:
                return self._attributes()
            case ["serve" | "disconnect" | "stop"]:
                kinds = (Device, host.Device)
                return [n for n, v in self._shell.user_ns.items() if isinstance(v, kinds)]
        return []

    def _attributes(self) -> Iterable[str]:
        """Yield what can be plotted of the devices that are variables."""
        for name, value in self._shell.user_ns.items():
            if isinstance(value, Device) and not name.startswith("_"):
                for attribute in link_of(value).description.attributes.values():
                    if attribute.type.is_number or attribute.type is Type.BOOL:
                        yield f"{name}.{attribute.name}"


def _targets() -> list[str]:
    from .. import discovery
    from ..transports.serial import usb_ports

    try:
        found = [one.name for one in discovery.known()]
    except IotkitError:
        found = []
    return [*(port for port, _ in usb_ports()), *found, *(f"sim:{name}" for name in sim.DEVICES)]
