"""Keep a conversation over a transport: who is asked next, until when, and what if not.

A caller's thread sends its command itself if the line is free; one thread reads, hands the
answers out, and sends what had to wait.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from ..errors import (
    DeviceDisconnected,
    DeviceReset,
    DeviceTimeout,
    IotkitError,
    ProtocolError,
)
from ..protocol import Banner, Garbage, HostEnd, Reply, encode
from ..transports import Transport
from ..types import shown

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Question:
    """A command on its way: `tries` are left, one of which `deadline` ends.

    One to be sent `once` has several tries all the same, to find the place on the line first.
    """

    command: str
    decode: Callable[[Reply], Any]
    timeout: float
    tries: int
    once: bool
    future: Future[Any] = field(default_factory=Future)
    deadline: float = 0.0
    sent: bool = False
    heard: str = ""  # what came in its time and was no answer

    def taken(self) -> bool:
        """Whether it is still wanted; its user can't take it back from now on."""
        self.sent = self.sent or self.future.set_running_or_notify_cancel()
        return self.sent


class Line:
    """The conversation with one device over `transport`.

    It begins out of step, since nobody knows what the device has heard before: the first
    question waits for the answer to a barrier (docs/serial-protocol.md, "After a time-out").
    """

    def __init__(self, transport: Transport) -> None:
        self.name = transport.name
        self.banner: Banner | None = None
        self.started = threading.Event()  # a banner has come
        self._transport = transport
        self._end = HostEnd()
        self._in_step = False
        self._lock = threading.Lock()
        self._waiting: tuple[deque[_Question], deque[_Question]] = (deque(), deque())
        self._current: _Question | None = None
        self._gone: IotkitError | None = None
        self._broken: IotkitError | None = None  # what a write met
        self._thread = threading.Thread(target=self._run, name=f"iotkit {self.name}", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._gone is not None

    def ask(
        self,
        command: str,
        decode: Callable[[Reply], Any],
        *,
        timeout: float,
        tries: int = 1,
        once: bool = False,
        background: bool = False,
    ) -> Future[Any]:
        """Send `command` when its turn comes; the future gives what `decode` makes of the reply.

        `timeout` is in seconds, for each of the `tries`; what is to be sent `once` is never sent
        again. The future's errors: what `decode` raises; DeviceTimeout; ProtocolError where only
        nonsense came; DeviceReset; DeviceDisconnected. Until its command is sent, the future can
        be cancelled. Raises BadValue for a command that doesn't fit into a line.
        """
        encode(command)
        question = _Question(command, decode, timeout, tries, once)
        with self._lock:
            if self._gone is None:
                self._waiting[background].append(question)
                self._next()
                return question.future
        _tell([(question, self._gone)])
        return question.future

    def close(self, reason: IotkitError | None = None) -> None:
        """End it, and the transport; what is unanswered ends with `reason`."""
        with self._lock:
            if self._gone is not None:
                return
            self._gone = reason or DeviceDisconnected(f"{self.name} is closed")
            unanswered = [*filter(None, [self._current]), *self._waiting[0], *self._waiting[1]]
            self._current = None
            for queue in self._waiting:
                queue.clear()
        self._transport.close()
        _tell([(question, self._gone) for question in unanswered])
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._gone is None:
                self._read()
        except IotkitError as error:
            self.close(error)
        except Exception as error:  # a fault of ours must not leave callers waiting for ever
            _log.exception("the conversation with %s failed", self.name)
            self.close(DeviceDisconnected(f"{self.name} is lost, by a fault in iotkit: {error}"))

    def _read(self) -> None:
        data = self._transport.read()
        with self._lock:
            if self._broken is not None:
                raise self._broken
            done = [told for event in self._end.receive(data) for told in self._handle(event)]
            done += self._overdue()
        _tell(done)

    # What follows is called with the lock held, and returns whom to tell what, to be told
    # without it: a future's callbacks may ask again.

    def _next(self) -> None:
        """Send what is next in turn, if the line is free."""
        while self._current is None and (queue := self._waiting[0] or self._waiting[1]):
            self._current = queue.popleft()
            self._try(self._current)

    def _try(self, question: _Question) -> None:
        question.deadline = time.monotonic() + question.timeout
        self._send(question)

    def _send(self, question: _Question) -> None:
        """Send the question, or the barrier before it; drop it where nobody wants it any more."""
        if not self._in_step:
            data = self._end.barrier(secrets.token_hex(4))
        elif question.taken():
            data = self._end.ask(question.command)
        else:
            self._current = None
            return
        try:
            self._transport.write(data)
        except IotkitError as error:
            self._broken = error  # the reading thread ends it all

    def _handle(self, event: object) -> _Told:
        question = self._current
        match event:
            case Banner():
                self.banner = event
                self.started.set()
                return self._restarted(question)
            case Garbage(text):
                _log.debug("%s sent %s", self.name, text)
                if question:
                    question.heard = text
            case Reply() if question and not self._in_step:
                self._in_step = True
                self._try(question)
                self._next()
            case Reply() if question:
                try:
                    return self._finish(question.decode(event))
                except IotkitError as error:
                    return self._finish(error)
        return []

    def _restarted(self, question: _Question | None) -> _Told:
        """Whatever was out is lost, be it the question or the barrier before it."""
        asked, self._in_step = self._in_step, False
        if question is None:
            return []
        if not asked:
            self._send(question)  # in the time it has: a board may restart again and again
            return []
        return self._finish(_lost(self.name, question))

    def _overdue(self) -> _Told:
        question = self._current
        if question is None or time.monotonic() < question.deadline:
            return []
        self._in_step = False
        question.tries -= 1
        if question.tries > 0 and not (question.once and question.sent):
            self._try(question)
            return []
        return self._finish(_late(self.name, question))

    def _finish(self, outcome: Any) -> _Told:
        question, self._current = self._current, None
        assert question is not None
        self._next()
        return [(question, outcome)]


_Told = list[tuple[_Question, Any]]


def _tell(told: _Told) -> None:
    for question, outcome in told:
        if not question.taken():
            continue
        if isinstance(outcome, IotkitError):
            question.future.set_exception(copy(outcome))  # to raise one adds a traceback to it
        else:
            question.future.set_result(outcome)


def _lost(name: str, question: _Question) -> IotkitError:
    command, doubt = shown(question.command), _doubt(question)
    return DeviceReset(f"{name} restarted before it answered {command}{doubt}")


def _late(name: str, question: _Question) -> IotkitError:
    command, doubt = shown(question.command), _doubt(question)
    if not question.sent:
        return DeviceTimeout(f"{name} is busy, or not there: {command} was not sent")
    if question.heard:
        said = f"{question.heard}, which is no reply"
        return ProtocolError(f"{name} answered {command} with {said}{doubt}")
    return DeviceTimeout(f"{name} did not answer {command} within {question.timeout:g} s{doubt}")


def _doubt(question: _Question) -> str:
    return "; the call may have run, so it is not sent again" if question.once else ""
