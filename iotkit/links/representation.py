"""How the web API writes things down: what its server and its client have in common.

See docs/web-api.md. One table says which error is which HTTP status, both ways.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import (
    BadType,
    BadValue,
    DeviceClaimed,
    DeviceDisconnected,
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    DeviceReset,
    DeviceTimeout,
    IotkitError,
    NotAllowed,
    OutOfRange,
    PortBusy,
    ProtocolError,
    ReadOnly,
    UnknownName,
)
from ..plain import plain

MEDIA_TYPE = "application/json"  # version 1 clients want exactly this, with nothing behind it

# The spelling is version 1's: `type` for these two, `types` for all others.
DIRECTORY = "iotoy.org/type/dir"
DEVINFO = "iotoy.org/type/json"
FUNCTION = "iotoy.org/types/function"
NULL = "iotoy.org/types/null"
EXCEPTION = "iotoy.org/types/exception"
VALUE = "iotoy.org/types/"  # and the value's type behind it

# For a status of an error: the first class that fits. For an error of a status: the first row.
_STATUSES: tuple[tuple[type[IotkitError], int], ...] = (
    (OutOfRange, 416),
    (BadValue, 400),
    (BadType, 400),
    (BadValue, 413),
    (NotAllowed, 403),
    (NotAllowed, 401),
    (NotAllowed, 421),
    (NotAllowed, 429),
    (DeviceClaimed, 423),
    (ReadOnly, 405),
    (UnknownName, 404),
    (DeviceTimeout, 504),
    (DeviceDisconnected, 503),
    (DeviceLost, 503),
    (DeviceReset, 503),
    (DeviceNotFound, 503),
    (PortBusy, 503),
    (DeviceError, 502),
    (ProtocolError, 502),
)
_BY_NAME = {kind.__name__: kind for kind, _ in _STATUSES}
_BY_STATUS = {status: kind for kind, status in reversed(_STATUSES)}


def to_json(value: Any) -> bytes:
    """Return `value` as JSON; raises ValueError for nan and the infinities, which JSON lacks."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def from_json(body: bytes) -> Any:
    """Return what the JSON text `body` stands for; raises ValueError where it is none."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def status_of(error: IotkitError) -> int:
    """Return the HTTP status of `error`; 500 for one that no device causes."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def exception(name: str, message: str, href: str) -> dict[str, Any]:
    """Return the body of an error: `name` is its class, `message` a sentence for a person."""
    return {
        "type": EXCEPTION,
        "href": href,
        "help": message,
        "value": {"name": name, "message": message},
    }


def error_of(status: int, body: Any, otherwise: str) -> IotkitError:
    """Return the error that a server means with `status` and `body`.

    Its class is the one that the body names, if that is an error of a device's, else the one of
    the status; its message is the body's, or `otherwise` where it has none.
    """
    given = body.get("value") if isinstance(body, dict) and body.get("type") == EXCEPTION else None
    told: dict[str, Any] = given if isinstance(given, dict) else {}
    message = plain(str(told.get("message") or otherwise))
    kind = _BY_NAME.get(str(told.get("name"))) or _BY_STATUS.get(status, DeviceError)
    return DeviceError(message, status) if kind is DeviceError else kind(message)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")
