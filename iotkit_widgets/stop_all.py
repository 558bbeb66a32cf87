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

    def close(self) -> None:
        """End it; a second time does nothing."""
        self.layout.close()  # which ipywidgets leaves open
        super().close()

    def said(self, content: Any) -> None:
        """Stop them; see Talking.said."""
        match content:
            case {"view": str(), "id": int(), "stop": int() | float()}:
                self.halt(content, stoppable())

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": "Stop all: %iotkit stop"}, metadata


def stoppable() -> list[Link]:
    """Return the links of all open devices that can be stopped."""
    links = [link_of(device) for device in opened.devices()]
    return [link for link in links if link.can_halt and not link.closed]
