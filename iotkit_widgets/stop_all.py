"""The button that stops everything on the shelf."""

from __future__ import annotations

from typing import Any

from iotkit import opened
from iotkit.device import link_of
from iotkit.links import Link

from .assets import STYLE, joined
from .talk import Talking


class StopAll(Talking):
    """A button that stops all open devices which can be stopped."""

    _esm = joined("dom", "talk", "stop", "all")
    _css = STYLE

    def said(self, content: Any) -> None:
        """Stop them; see Talking.said."""
        match content:
            case {"view": str(), "id": int(), "stop": int() | float()}:
                self.halt(content, stoppable())

    def elsewhere(self) -> dict[str, str]:
        """Return what stands for it as text; see Talking.elsewhere."""
        return {"text/plain": "Stop all: %iotkit stop"}


def stoppable() -> list[Link]:
    """Return the links of all open devices that can be stopped."""
    links = [link_of(device) for device in opened.devices()]
    return [link for link in links if link.can_halt and not link.closed]
