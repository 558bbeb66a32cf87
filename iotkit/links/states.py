"""How it stands with a link, from its first connection to its close."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

from .listeners import Listeners

State = Literal["connecting", "ready", "lost", "reconnecting", "closed"]

NEXT: dict[State, frozenset[State]] = {
    "connecting": frozenset({"ready", "closed"}),
    "ready": frozenset({"lost", "closed"}),
    "lost": frozenset({"reconnecting", "closed"}),  # there is nothing to connect to
    "reconnecting": frozenset({"ready", "lost", "closed"}),  # there is, or there may be
    "closed": frozenset(),
}


class States:
    """The state of one link, and why it is that one; who watches hears of each, in order."""

    def __init__(self, first: State = "ready") -> None:
        self.now: State = first
        self.why = ""
        self._lock = threading.Lock()
        self._listeners: Listeners[State] = Listeners("a link's state")
        self._untold: deque[State] = deque()
        self._telling = False

    def become(self, state: State, why: str = "") -> bool:
        """Enter `state`, from any thread; return False where that can't follow the present one."""
        with self._lock:
            if state not in NEXT[self.now]:
                return False
            self.now, self.why = state, why
            self._untold.append(state)
            if self._telling:
                return True  # whoever tells just now tells this too
            self._telling = True
        self._tell()
        return True

    def watch(self, changed: Callable[[State], None]) -> Callable[[], None]:
        """Call `changed`, which must be quick, with each state to come; return what ends that."""
        return self._listeners.add(changed)

    def _tell(self) -> None:
        while True:
            with self._lock:
                if not self._untold:
                    self._telling = False
                    return
                state = self._untold.popleft()
            self._listeners.tell(state)
