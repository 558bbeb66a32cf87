"""A line of the shelf: something that is no device yet, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from .assets import STYLE, joined
from .talk import Talking


class Line(Talking):
    """`title`, a `text` in words, and a button called `button` if that isn't empty.

    While it is `busy`, the button can't be pressed. `failed` tells that the text is an error.
    """

    _esm = joined("dom", "talk", "saved", "line")
    _css = STYLE
    title = traitlets.Unicode().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    button = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool().tag(sync=True)
    failed = traitlets.Bool().tag(sync=True)

    def __init__(self, on_press: Callable[[], None] = lambda: None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._on_press = on_press

    def said(self, content: Any) -> None:
        """Do what the button is for; see Talking.said."""
        if content == {"pressed": True} and not self.busy:
            self._on_press()

    def elsewhere(self) -> dict[str, str]:
        """Return what stands for it as text; see Talking.elsewhere."""
        return {"text/plain": f"{self.title}: {self.text}"}
