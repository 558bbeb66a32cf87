"""What a device is asked, and in what words it is told that there is no answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass
from typing import Any

from ..errors import DeviceReset, DeviceTimeout, IotkitError, ProtocolError
from ..protocol import News, Reply
from ..types import shown


class Answer(Future[Any]):
    """The answer to come; who waits for it reads the line meanwhile, by `read_for`."""

    def __init__(self, read_for: Callable[[Answer], None]) -> None:
        super().__init__()
        self._read_for = read_for
        self.waited_for = False

    def read(self) -> None:
        """Read the line until it is there, unless another thread does that."""
        if not self.done():
            self._read_for(self)

    def result(self, timeout: float | None = None) -> Any:
        """Return the answer; see Future.result."""
        if timeout is None:
            self.read()
        return super().result(timeout)


@dataclass(slots=True, eq=False)
class Question:
    """A command on its way: `tries` are left, one of which `deadline` ends.

    One to be sent `once` has several tries all the same, to find the place on the line first.
    One that `acts` changes something at the device. `parts` takes the lines of status 1xx that
    belong to the answer.
    """

    command: str
    decode: Callable[[Reply], Any]
    timeout: float
    future: Answer
    tries: int = 1
    once: bool = False
    acts: bool = False
    parts: list[News] | None = None
    deadline: float = 0.0
    sent: bool = False
    behind: bool = False  # a barrier is out before it
    repeats: int = 0
    progress: int = 0  # parts of the answer that have come
    heard: str = ""  # what came in its time and was no answer

    def taken(self) -> bool:
        """Whether it is still wanted; its user can't take it back from now on."""
        self.sent = self.sent or self.future.set_running_or_notify_cancel()
        return self.sent

    def answer(self, outcome: Any) -> None:
        """Give its user the answer, or the error."""
        if not self.taken():
            return
        if isinstance(outcome, IotkitError):
            self.future.set_exception(copy(outcome))  # to raise one adds a traceback to it
        else:
            self.future.set_result(outcome)

    def ended(self, error: IotkitError) -> IotkitError:
        """Return `error`, and whether what was asked may have run all the same."""
        doubt = "; the call may have run" if self.once and self.sent else ""
        return type(error)(f"{error}{doubt}")

    def lost(self, name: str) -> IotkitError:
        """Return the error for one that the device `name` forgot when it restarted."""
        command, doubt = shown(self.command), self._doubt()
        return DeviceReset(f"{name} restarted before it answered {command}{doubt}")

    def late(self, name: str) -> IotkitError:
        """Return the error for one to which no answer came."""
        command, doubt = shown(self.command), self._doubt()
        if not self.sent:
            return DeviceTimeout(f"{name} is busy, or not there: {command} was not sent")
        if self.heard:
            said = f"{self.heard}, which is no reply"
            return ProtocolError(f"{name} answered {command} with {said}{doubt}")
        return DeviceTimeout(f"{name} did not answer {command} within {self.timeout:g} s{doubt}")

    def _doubt(self) -> str:
        return "; the call may have run, so it is not sent again" if self.once else ""
