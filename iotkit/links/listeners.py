"""Who wants to be told of something that changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, ParamSpec

What = ParamSpec("What")

_log = logging.getLogger(__name__)


class Listeners(Generic[What]):
    """Functions, all quick, that are called with each change of `subject` until they are ended."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._lock = threading.Lock()
        self._all: tuple[Callable[What, None], ...] = ()

    def add(self, changed: Callable[What, None]) -> Callable[[], None]:
        """Call `changed` from now on; return what ends that."""
        with self._lock:
            self._all = (*self._all, changed)

        def end() -> None:
            with self._lock:
                self._all = tuple(one for one in self._all if one is not changed)

        return end

    def tell(self, *args: What.args, **kwargs: What.kwargs) -> None:
        """Call them all, one after the other, whichever of them fails."""
        for changed in self._all:
            try:
                changed(*args, **kwargs)
            except Exception:
                _log.exception("who listens to %s failed", self._subject)
