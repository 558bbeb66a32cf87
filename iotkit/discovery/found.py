"""A device found on the network, and the name it goes by in Python."""

from __future__ import annotations

import keyword
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from zeroconf import IPVersion, ServiceInfo

from ..plain import plain
from .naming import SERVICE_TYPE

HEALTH_TIMEOUT = 0.5  # seconds to accept a connection on a local network
MAX_TEXT = 64  # characters of a name or id from the network
NO_DEVICES = ("all", "annotations")  # what iotkit.local has beside devices


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A device on the network.

    `name` is its name in Python (`from iotkit.local import name`), `instance` the one it is
    announced under, `url` where its web service is, `id` which very device it is (empty where
    it doesn't say), `plain_id` its class.
    """

    name: str
    instance: str
    url: str
    id: str = ""
    plain_id: str = ""


def reachable(found: Found) -> bool:
    """Whether something accepts a connection at the device's address."""
    parts = urlsplit(found.url)
    try:
        socket.create_connection((parts.hostname, parts.port), HEALTH_TIMEOUT).close()
    except OSError:
        return False
    return True


def named(infos: list[ServiceInfo]) -> list[Found]:
    """Return the services under distinct names of Python's, by name."""
    found: list[Found] = []
    taken: set[str] = set()
    for info in sorted(infos, key=lambda info: (info.name, _text(info, "id"))):
        instance = instance_of(info.name)
        name = plain = python_name(instance)
        number = 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        address = info.parsed_addresses(IPVersion.V4Only)[0]
        scheme = "https" if _text(info, "scheme") == "https" else "http"
        url = f"{scheme}://{address}:{info.port}"
        found.append(Found(name, instance, url, _text(info, "id"), _text(info, "class")))
    return sorted(found)


def instance_of(name: str) -> str:
    """Return what is shown of a service's full name."""
    return plain(name.removesuffix(f".{SERVICE_TYPE}"), MAX_TEXT)


def python_name(instance: str) -> str:
    """Return a device's name in Python: `sumobot_2` for the announced `sumobot-2`."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", instance).lstrip("_") or "device"
    if name[0].isdigit():
        name = f"device_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in NO_DEVICES else name


def _text(info: ServiceInfo, key: str) -> str:
    value = info.properties.get(key.encode()) or b""
    return plain(value.decode("utf-8", "replace"), MAX_TEXT)
