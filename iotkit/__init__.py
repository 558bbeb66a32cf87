"""A maker's board, as an object: plug it in, and it describes itself.

    import iotkit
    robot = iotkit.connect("sim:sumobot")
    robot.speed = 80
    robot.forward()

Importing this opens nothing and starts nothing; what it offers is loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    BadTarget,
    BadType,
    BadValue,
    DeviceClaimed,
    DeviceDisconnected,
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    DeviceReset,
    DeviceStopped,
    DeviceTimeout,
    IotkitError,
    NotAllowed,
    NotOnNetwork,
    OutOfRange,
    PortBusy,
    ProtocolError,
    ReadOnly,
    RecordingError,
    SomeFailed,
    UnknownName,
    WrongCertificate,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .device import Device, link_of
    from .discovery import discover
    from .groups import group
    from .pairing import pair
    from .plotting import plot
    from .recordings.reading import recording
    from .recordings.recorder import record
    from .recordings.replaying import replay
    from .server import serve
    from .targets import connect, find

__version__ = "0.1.0"

_LAZY = {
    "Device": "device",
    "connect": "targets",
    "discover": "discovery",
    "find": "targets",
    "group": "groups",
    "link_of": "device",
    "pair": "pairing",
    "plot": "plotting",
    "record": "recordings.recorder",
    "recording": "recordings.reading",
    "replay": "recordings.replaying",
    "serve": "server",
}

__all__ = [
    "BadTarget",
    "BadType",
    "BadValue",
    "Device",
    "DeviceClaimed",
    "DeviceDisconnected",
    "DeviceError",
    "DeviceLost",
    "DeviceNotFound",
    "DeviceReset",
    "DeviceStopped",
    "DeviceTimeout",
    "IotkitError",
    "NotAllowed",
    "NotOnNetwork",
    "OutOfRange",
    "PortBusy",
    "ProtocolError",
    "ReadOnly",
    "RecordingError",
    "SomeFailed",
    "UnknownName",
    "WrongCertificate",
    "connect",
    "discover",
    "find",
    "group",
    "link_of",
    "pair",
    "plot",
    "record",
    "recording",
    "replay",
    "serve",
]


def __getattr__(name: str) -> Any:
    if name == "local":
        return importlib.import_module(".local", __name__)
    if name not in _LAZY:
        raise AttributeError(f"module 'iotkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Do what `%load_ext iotkit` asks for."""
    from . import magics

    magics.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Do what `%unload_ext iotkit` asks for."""
    from . import magics

    magics.unload(shell)
