"""The one way by which values reach the browser, for all panels together."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import anywidget
from ipywidgets import Widget

FRAME = 1 / 60  # seconds between two messages: as fast as a screen shows them
SWEEP = 1.0  # seconds between two looks at who is still there

_log = logging.getLogger(__name__)

News = dict[str, dict[str, Any]]  # by part and name


class Member(Protocol):
    """Who is looked after by the hub."""

    def sweep(self) -> None:
        """Forget those who have gone without a word; called every second, in the hub's thread."""


class Reporter(Protocol):
    """Who sends news by the hub."""

    key: str

    def collect(self) -> News:
        """Return what is new since the last time; called in the hub's thread."""


class Hub(anywidget.AnyWidget):
    """A widget without a view; it sends at most one message a frame, with the latest values.

    A message's buffer is the JSON text of `{key: {part: {…}}}`, where `key` is what panels of one
    device have in common. Its thread runs while it has members; a member's news is collected
    when it is sent, so that whoever brings it does no more than `mark`.
    """

    _esm = "export default { render() {} };\n"
    _the_one: Hub | None = None
    _the_lock = threading.Lock()

    def __init__(self) -> None:
        super().__init__()
        keep_subshell(self)
        self._marked: deque[Reporter] = deque()
        self._due: dict[Callable[[], None], None] = {}  # what to call with the next frame
        self._members: list[Member] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def get(cls) -> Hub:
        """Return the hub of this process."""
        with cls._the_lock:
            if cls._the_one is None or cls._the_one.comm is None:  # closed with all widgets
                cls._the_one = cls()
            return cls._the_one

    def join(self, member: Member) -> None:
        """Look after `member` every second, from now on."""
        with self._lock:
            self._members.append(member)
            self._begin()

    def leave(self, member: Member) -> None:
        """Look after `member` no more; a second time does nothing."""
        with self._lock:
            self._members = [other for other in self._members if other is not member]
        self._wake.set()

    def mark(self, reporter: Reporter) -> None:
        """Have the news of `reporter` collected for the next message, from any thread."""
        with self._lock:
            self._marked.append(reporter)
            self._begin()
        self._wake.set()

    def soon(self, work: Callable[[], None]) -> None:
        """Call `work` with the next frame, once however often this is asked, from any thread."""
        if work in self._due:
            return
        with self._lock:
            self._due[work] = None
            self._begin()
        self._wake.set()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="iotkit hub", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        frame = threading.Event()  # never set: its wait is the time between two messages
        swept = 0.0
        while True:
            self._wake.wait(SWEEP)
            self._wake.clear()
            began = time.monotonic()
            with self._lock:
                members = list(self._members)
                due, self._due = self._due, {}
                if not (members or due or self._marked):
                    self._thread = None
                    return
            try:
                self._send_news()
                for work in due:
                    work()
                if began - swept >= SWEEP:
                    swept = began
                    for member in members:
                        member.sweep()
            except Exception:  # else all panels would stand still
                _log.exception("values could not be sent to the browser")
            frame.wait(max(began + FRAME - time.monotonic(), 0))

    def _send_news(self) -> None:
        news: dict[str, News] = {}
        for _ in range(len(self._marked)):
            reporter = self._marked.popleft()
            try:
                collected = reporter.collect()
            except Exception:  # of one device: the others go on
                _log.exception("the news of a panel could not be collected")
                continue
            for part, fresh in collected.items():
                news.setdefault(reporter.key, {}).setdefault(part, {}).update(fresh)
        if news:  # as bytes, since what a message is made of otherwise is looked at piece by piece
            self.send({}, [json.dumps(news, separators=(",", ":")).encode()])


def keep_subshell(widget: Widget) -> None:
    """Have messages from the browser handled where the browser says: beside a running cell.

    ipykernel 7.4 sends them to where the widget last spoke from instead, which is mostly the
    cell's thread, so that a control's messages would wait for the cell to end.
    """
    comm = widget.comm
    if comm is not None and callable(getattr(comm, "_reply_subshell_for", None)):
        comm._reply_subshell_for = _as_asked


def _as_asked(data: Any, default: Any) -> Any:  # noqa: ARG001 - ipykernel's signature
    return default
