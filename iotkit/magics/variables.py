"""Devices as variables of the user's, and what is to be closed with them."""

from __future__ import annotations

import builtins
import keyword
from typing import TYPE_CHECKING, Any

from .. import host, opened
from ..device import Device, link_of
from ..errors import BadValue, UnknownName
from ..targets import connect

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..server import Service


class Variables:
    """The variables that the magics have made in one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._made: dict[str, Device] = {}
        self._opened: list[Device] = []  # by the magics, and so theirs to close
        self._services: dict[int, tuple[object, str, Service]] = {}  # by the device's id

    def connect(self, target: str | None, name: str | None) -> tuple[str, Device]:
        """Connect to a device and make it the variable `name`, or one of its own name.

        A device under that name which the magics have made before is let go of; a name of its
        own is never one that means something else. Raises BadValue for what can't be a
        variable's name, and as `iotkit.connect` does.
        """
        if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
            raise BadValue(f"{name!r} can't be a variable's name")
        before = opened.devices()
        device = connect(target)
        if not any(device is other for other in before):
            self._opened.append(device)
        name = name or self._free_name(device)
        replaced = self._made.get(name)
        self._made[name] = device
        self._shell.push({name: device}, interactive=False)
        if replaced is not None and not any(replaced is one for one in self._made.values()):
            self._let_go(replaced)
        return name, device

    def serve(self, name: str, host_: str, *, anyone: bool = False) -> Service:
        """Serve the device `name`, on the network to `anyone` or to who has paired with it.

        One that is served at that host and in that way already stays as it is.
        """
        from ..server import serve

        device = self._device(name)
        how = f"{host_} open" if anyone else host_
        _, served_how, service = self._services.get(id(device), (None, "", None))
        if service is not None and served_how == how:
            return service
        self._end_service(device)
        service = serve(device, host=host_, token=False if anyone else None)
        self._services[id(device)] = (device, how, service)
        return service

    def disconnect(self, name: str) -> None:
        """Let go of the device `name` and of its variables."""
        device = self._device(name)
        ours = {other for other, made in self._made.items() if made is device}
        self._shell.drop_by_id(dict.fromkeys({name, *ours}, device))
        for other in ours:
            del self._made[other]
        self._end_service(device)
        if isinstance(device, Device):
            device.close()
            self._opened = [one for one in self._opened if one is not device]

    def connected(self, name: str, instead: str) -> Device:
        """Return the device `name`, as it is reached from here; raises UnknownName.

        `instead` is what to do with one that is written here.
        """
        device = self._device(name)
        if not isinstance(device, Device):
            raise UnknownName(f"{name} is written here, not connected to: {instead}")
        return device

    def names_of(self, device: Device) -> str:
        """Return the names of the user's variables that are `device`, with commas between."""
        return ", ".join(
            n for n, v in self._shell.user_ns.items() if v is device and not n.startswith("_")
        )

    def close(self) -> None:
        """Let go of all that the magics have made."""
        self._shell.drop_by_id(self._made)
        self._made.clear()
        for device, _, _ in list(self._services.values()):
            self._end_service(device)
        for device in self._opened:
            device.close()
        self._opened.clear()

    def _device(self, name: str) -> Any:
        value = self._shell.user_ns.get(name)
        if not isinstance(value, Device | host.Device):
            raise UnknownName(f"{name!r} is no variable that holds a device")
        return value

    def _free_name(self, device: Device) -> str:
        plain = link_of(device).description.name
        name = plain = f"{plain}_" if keyword.iskeyword(plain) else plain
        number = 1
        while not self._may_be(name, device):
            number += 1
            name = f"{plain}_{number}"
        return name

    def _may_be(self, name: str, device: Device) -> bool:
        """Whether `name` is free, or a former device's that was reached as `device` is."""
        user_ns = self._shell.user_ns
        if name not in user_ns:
            return not hasattr(builtins, name)
        made = self._made.get(name)
        same = made is not None and link_of(made).target == link_of(device).target
        return same and user_ns[name] is made

    def _let_go(self, device: Device) -> None:
        self._end_service(device)
        if any(device is one for one in self._opened):
            device.close()
            self._opened = [one for one in self._opened if one is not device]

    def _end_service(self, device: object) -> None:
        _, _, service = self._services.pop(id(device), (None, "", None))
        if service is not None:
            service.close()
