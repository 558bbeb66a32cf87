"""The one way by which values reach the browser, for all panels together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import anywidget
from ipywidgets import Widget

FRAME = 1 / 60  # seconds between two messages: as often as a screen shows anything new
SWEEP = 1.0  # seconds between two looks at who is still there

_log = logging.getLogger(__name__)


class Member(Protocol):
    """Who sends by the hub."""

    def sweep(self) -> None:
        """Forget those who have gone without a word; called every second, from a thread."""


class Hub(anywidget.AnyWidget):
    """A widget without a view; it sends at most one message a frame, with the latest values.

    A message is `{"news": {key: {part: {…}}}}`, where `key` is what panels of one device have
    in common. Its thread runs while it has members.
    """

    _esm = "export default { render() {} };\n"
    _the_one: Hub | None = None
    _the_lock = threading.Lock()

    def __init__(self) -> None:
        super().__init__()
        keep_subshell(self)
        self._news: dict[str, dict[str, dict[str, Any]]] = {}
        self._members: list[Member] = []
        self._due: dict[Callable[[], None], None] = {}  # what to call with the next frame
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @classmethod
    def get(cls) -> Hub:
        """Return the hub of this process."""
        with cls._the_lock:
            if cls._the_one is None or cls._the_one.comm is None:  # closed with all widgets
                cls._the_one = cls()
            return cls._the_one

    def join(self, member: Member) -> None:
        """Begin to send for `member`."""
        with self._changed:
            self._members.append(member)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="iotkit hub", daemon=True)
                self._thread.start()

    def leave(self, member: Member) -> None:
        """Send for `member` no more; a second time does nothing."""
        with self._changed:
            self._members = [other for other in self._members if other is not member]
            self._changed.notify_all()

    def publish(self, key: str, part: str, news: dict[str, Any]) -> None:
        """Send `news` with the next message, from any thread; the latest for each name wins."""
        with self._changed:
            self._news.setdefault(key, {}).setdefault(part, {}).update(news)
            self._changed.notify_all()

    def soon(self, work: Callable[[], None]) -> None:
        """Call `work` with the next frame, once however often this is asked, from any thread."""
        if work in self._due:
            return
        with self._changed:
            self._due[work] = None
            self._changed.notify_all()

    def _run(self) -> None:
        frame = threading.Event()  # never set: its wait is the time between two messages
        swept = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news or self._due or not self._members, SWEEP)
                news, self._news = self._news, {}
                due, self._due = self._due, {}
                members = list(self._members)
                if not (members or news or due):
                    self._thread = None
                    return
            begun = time.monotonic()
            try:
                if news:
                    self.send({"news": news})
                for work in due:
                    work()
                if begun - swept >= SWEEP:
                    swept = begun
                    for member in members:
                        member.sweep()
            except Exception:  # else all panels would stand still
                _log.exception("values could not be sent to the browser")
            frame.wait(max(begun + FRAME - time.monotonic(), 0))


def keep_subshell(widget: Widget) -> None:
    """Have messages from the browser handled where the browser says: beside a running cell.

    ipykernel 7.4 sends them to where the widget last spoke from instead, which is mostly the
    cell's thread, so that a panel's buttons would wait for the cell to end.
    """
    comm = widget.comm
    if comm is not None and callable(getattr(comm, "_reply_subshell_for", None)):
        comm._reply_subshell_for = _as_asked


def _as_asked(data: Any, default: Any) -> Any:  # noqa: ARG001 - ipykernel's signature
    return default
