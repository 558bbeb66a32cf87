"""A pad to drive a device by hand, as one widget."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import Any

import traitlets

from iotkit.device import Device

from .assets import STYLE, joined
from .spec import link_behind
from .standing import standing, watch
from .steering import Steering, course
from .talk import Talking


class Pad(Talking):
    """A pad that drives a device as long as it is held: by mouse, by finger, or by arrow keys.

    `Pad(robot, "turn", "speed")` sets two attributes: the first goes to the right, the second
    up. `Pad(robot, "drive")` calls a function of two numbers instead, which should return at
    once; where they are called `left` and `right`, they are the wheels. The limits are what the
    edge stands for, 100 where there are none; the middle is 0. Let go, the pad goes back there.

    `close()` ends it; the device stays open. Raises UnknownName, ReadOnly and BadType.
    """

    _esm = joined("dom", "badge", "talk", "saved", "pad")
    _css = STYLE
    spec = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)  # how it stands with the device

    def __init__(self, device: Device, *names: str, **kwargs: Any) -> None:
        link = self._link = link_behind(device, "a pad")
        steered = course(link, *names)
        self._steering = Steering(steered, self._fail)
        self._unwatch: list[Callable[[], None]] = []
        what = ", ".join(names)
        title = f"{link.description.id}: {what}"
        super().__init__(
            spec={
                "title": title,
                "labels": steered.labels,
                "units": steered.units,
                "rest": steered.values(0, 0),
                "html": f"<p>A pad for <code>{escape(title)}</code></p>",
            },
            state=standing(link),
            **kwargs,
        )
        self._unwatch = watch(link, self._changed)
        self._changed()  # if it did meanwhile

    def close(self) -> None:
        """Let the device rest and end the pad, in every browser; a second time does nothing."""
        if hasattr(self, "_steering"):
            for end in self._unwatch:
                end()
            self._steering.close()
        super().close()

    def said(self, content: Any) -> None:
        """Do what a view said: where the hand is, or only that it is there; see Talking.said."""
        match content:
            case {"view": str(view), "id": int(number), "steer": [x, y], "at": at} if all(
                isinstance(n, int | float) and math.isfinite(n) for n in (x, y, at)
            ):
                self.answer(content, lambda: self._steering.steer(view, number, x, y, at / 1000))
            case {"view": str(view), "alive": True}:
                self._steering.alive(view)

    def __repr__(self) -> str:
        return f"<pad for {self.spec['title']}>" if self.comm else "<pad, closed>"

    def _changed(self) -> None:
        self.state = standing(self._link)

    def _fail(self, error: BaseException) -> None:
        self.send({"failed": str(error)})

    def elsewhere(self) -> dict[str, str]:
        """Return what stands for it as text; see Talking.elsewhere."""
        return {"text/plain": repr(self), "text/html": self.spec["html"]}
