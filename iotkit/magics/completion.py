"""TAB behind `%iotkit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING

from .. import host, sim
from ..description import Attribute, Function
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
        if words[:1] in (["plot"], ["pad"]) and "." in typed:
            return []  # IPython itself completes what is behind a variable
        return [c[known:] for c in self._candidates(words) if c.startswith(typed)]

    def _candidates(self, words: list[str]) -> Iterable[str]:
        match words:
            case [] | ["help"]:
                return self._commands
            case ["connect"]:
                return _targets()
            case ["pair"]:
                return _on_network()
            case ["simulate"]:
                return sim.DEVICES
            case ["plot", *_]:
                return self._members(_plottable)
            case ["pad", *_]:
                return self._members(_drivable)
            case ["serve" | "disconnect" | "stop"]:
                kinds = (Device, host.Device)
                return [n for n, v in self._shell.user_ns.items() if isinstance(v, kinds)]
        return []

    def _members(self, usable: Callable[[Attribute | Function], bool]) -> Iterable[str]:
        """Yield what is usable of the devices that are variables."""
        for name, value in self._shell.user_ns.items():
            if isinstance(value, Device) and not name.startswith("_"):
                known = link_of(value).description
                members: dict[str, Attribute | Function] = {**known.attributes, **known.functions}
                for member in filter(usable, members.values()):
                    yield f"{name}.{member.name}"


def _plottable(member: Attribute | Function) -> bool:
    return isinstance(member, Attribute) and (member.type.is_number or member.type is Type.BOOL)


def _drivable(member: Attribute | Function) -> bool:
    if isinstance(member, Attribute):
        return member.type.is_number and not member.read_only
    return len(member.args) == 2 and all(a.type.is_number for a in member.args)


def _targets() -> list[str]:
    from ..transports.serial import usb_ports

    ports = [port for port, _ in usb_ports()]
    return [*ports, *_on_network(), *(f"sim:{name}" for name in sim.DEVICES)]


def _on_network() -> list[str]:
    from .. import discovery

    try:
        return [one.name for one in discovery.known()]
    except IotkitError:
        return []
