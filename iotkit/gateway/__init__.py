"""Serve whatever boards are plugged in, each for as long as it is: a household's gateway."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn

from ..closing import Closing
from .board import Board, Terms, Told
from .ports import USB, plugged_in

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

PERIOD = 0.5  # seconds between two looks at what is plugged in, if nothing happens
PAUSE = 0.02  # seconds at least between two
MANY_FILES = 8192
AT_ONCE = 32  # boards that are asked, or taken down, at a time

_log = logging.getLogger(__name__)


def allow_many_files() -> None:
    """Let this program have MANY_FILES, as far as the system does: a board takes about ten."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Gateway(Closing):
    """Serves the boards behind the ports that match `allowed`, see `ports.plugged_in`.

    `tell` is called with what happens, by one thread at a time. The rest is as in `iotkit.serve`,
    and `baud` the rate of all ports where it can't be found out.
    """

    def __init__(
        self,
        allowed: Sequence[str],
        tell: Callable[[Told], None],
        *,
        host: str,
        announce: bool = True,
        token: bool | None = None,
        tls: bool | None = None,
        teacher: bool = False,
        baud: int | None = None,
    ) -> None:
        self._allowed, self._told = allowed, tell
        self._telling, self._wake = threading.Lock(), threading.Event()
        self._terms = Terms(
            host, announce, token, tls, baud, self._tell, self._wake.set, self._is_left, teacher
        )
        self._boards: dict[str, Board] = {}  # by their ports
        self._steps: dict[str, Future[None]] = {}
        self._workers = ThreadPoolExecutor(AT_ONCE, "iotkit gateway")

    def run(self) -> NoReturn:
        """Serve what is plugged in, until this thread is interrupted."""
        while True:
            try:
                self._look()
            except Exception:  # the next look may do better
                _log.exception("the gateway can't see what is plugged in")
            self._rest()

    def close(self) -> None:
        """Let go of every port, and say goodbye for every device."""
        for board in self._boards.values():
            board.leave()
        while self._boards:
            self._step()
            self._rest()
        self._workers.shutdown()

    def _look(self) -> None:
        there = plugged_in(self._allowed)
        for key, board in self._boards.items():
            if key not in there or there[key].mark != board.port.mark:
                board.leave()
        for key, port in there.items():
            if key not in self._boards:  # one that is still leaving is followed later
                self._boards[key] = Board(port, self._terms)
        self._step()

    def _step(self) -> None:
        """Begin what is due, and forget the boards that have left."""
        for key, board in list(self._boards.items()):
            if key in self._steps and not self._steps[key].done():
                continue
            if board.has_left:
                del self._boards[key]
                self._steps.pop(key, None)
            elif board.is_due():
                self._steps[key] = self._workers.submit(board.step)
                self._steps[key].add_done_callback(lambda _: self._wake.set())

    def _rest(self) -> None:
        self._wake.wait(PERIOD)
        self._wake.clear()
        time.sleep(PAUSE)

    def _is_left(self, id_: str) -> bool:
        return any(board.is_left(id_) for board in list(self._boards.values()))

    def _tell(self, told: Told) -> None:
        with self._telling:
            try:
                self._told(told)
            except Exception as error:  # who keeps the log may have ended
                _log.warning("%s (this can't be told: %s)", told.words, error)


__all__ = ["USB", "Gateway", "Told", "allow_many_files"]
