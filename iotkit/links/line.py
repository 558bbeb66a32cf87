"""Keep a conversation over a transport: who is asked next, until when, and what if not.

A caller's thread sends its command itself if the line is free; one thread reads, hands the
answers out, and sends what had to wait. A caller that waits for one answer after the other reads
them itself meanwhile, which spares handing each from thread to thread.
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
from dataclasses import dataclass
from typing import Any

from ..description import MAX_NAMES
from ..errors import (
    DeviceDisconnected,
    DeviceReset,
    DeviceTimeout,
    IotkitError,
    ProtocolError,
)
from ..protocol import Banner, Damaged, Garbage, HostEnd, News, Reply
from ..transports import TICK, Transport
from ..types import shown
from .interrupts import Deferred

_log = logging.getLogger(__name__)


MAX_PARTS = 2 * MAX_NAMES  # lines of an answer: what is beyond is no description
LULL = 0.001  # seconds in which a caller that has its answer may ask, and read, once more
MAX_REPEATS = 3  # of a frame that arrives damaged: a line that bad is of no use


class _Answer(Future[Any]):
    """The answer to come; who waits for it may read the line meanwhile."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self.waited_for = False

    def result(self, timeout: float | None = None) -> Any:
        """Return the answer; see Future.result."""
        if timeout is None and not self.done():
            self._line.read_for(self)
        return super().result(timeout)


@dataclass(slots=True, eq=False)
class _Question:
    """A command on its way: `tries` are left, one of which `deadline` ends.

    One to be sent `once` has several tries all the same, to find the place on the line first.
    One that `acts` changes something at the device.
    """

    command: str
    decode: Callable[[Reply], Any]
    timeout: float
    tries: int
    once: bool
    parts: list[News] | None
    future: _Answer
    acts: bool = False
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


class Line:
    """The conversation with one device over `transport`.

    It begins in version 1 and out of step, since nobody knows what the device has heard before:
    the first question waits for the answer to a barrier (docs/serial-protocol.md, "After a
    time-out"). After `use_frames` several questions are out at a time, and each answer tells
    whose it is.
    """

    def __init__(self, transport: Transport) -> None:
        self.name = transport.name
        # What the device says unasked; in the reading thread, so these must not wait.
        self.on_news: Callable[[News], None] = _nothing
        self.on_restart: Callable[[], None] = _nothing
        self.on_gone: Callable[[IotkitError], None] = _nothing
        self.heard = threading.Event()  # something has come
        self.started = threading.Event()  # a banner has come
        self._transport = transport
        self._end = HostEnd()
        self._in_step = False
        self._ping_each = 0.0  # seconds; 0: never
        self._pings: Callable[[], bool] = bool
        self._hushed_until = 0.0  # what doesn't act waits
        self._sent_at = 0.0
        self._reading = threading.Lock()  # whose turn it is to read
        self._lent = False  # a caller has read, or may want to
        self._back = threading.Event()  # but does no more
        self._lock = threading.Lock()
        self._waiting: tuple[deque[_Question], deque[_Question]] = (deque(), deque())
        self._out: dict[int, _Question] = {}  # what is on the line, a barrier for its question
        self._gone: IotkitError | None = None
        self._broken: IotkitError | None = None  # what a write met
        self._thread = threading.Thread(target=self._run, name=f"iotkit {self.name}", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._gone is not None

    @property
    def framed(self) -> bool:
        """Whether it speaks version 2."""
        return self._end.framed

    def use_frames(self, longest_line: int = 0, room: int = 0) -> None:
        """Speak version 2 from now on; see HostEnd.use_frames."""
        with self._lock:
            self._end.use_frames(longest_line, room)

    def keep_room_for(self, command: str) -> None:
        """Leave room for `command`, so that it can be asked at once; see `ask_at_once`."""
        with self._lock:
            self._end.keep_room_for(command)

    def ping_each(self, seconds: float, wanted: Callable[[], bool]) -> None:
        """Have the device hear something at least so often while that is `wanted`."""
        self._ping_each, self._pings = seconds, wanted

    def ping(self) -> None:
        """Have the device hear something now, unless it just has."""
        if time.monotonic() > self._sent_at + self._ping_each / 2:
            with self._lock:
                self._ping()

    def hush(self, seconds: float) -> None:
        """Send nothing but what acts, until the device has heard nothing for so many seconds."""
        with self._lock:
            if time.monotonic() < self._sent_at + seconds:
                self._hushed_until = time.monotonic() + seconds

    def ask(
        self,
        command: str,
        decode: Callable[[Reply], Any],
        *,
        timeout: float,
        tries: int = 1,
        once: bool = False,
        acts: bool = False,
        background: bool = False,
        parts: list[News] | None = None,
    ) -> Future[Any]:
        """Send `command` when its turn comes; the future gives what `decode` makes of the reply.

        `timeout` is in seconds, for each of the `tries`; what is to be sent `once` is never sent
        again; what `acts` changes something. The lines of status 1xx that belong to the answer
        are put into `parts`. The future's errors: what `decode` raises; DeviceTimeout;
        ProtocolError where only nonsense came; DeviceReset; DeviceDisconnected; DeviceStopped
        where it acts. Until its command is sent, the future can be cancelled. Raises BadValue
        for a command that doesn't fit into a line.
        """
        self._end.encode(command)
        question = _Question(command, decode, timeout, tries, once, parts, _Answer(self), acts)
        with self._lock:
            if self._gone is None:
                if acts:
                    self._hushed_until = 0.0  # somebody drives
                self._waiting[background].append(question)
                self._next()
                return question.future
        self._tell([(question, self._gone)])
        return question.future

    def ask_alone(
        self, command: str, decode: Callable[[Reply], Any], *, timeout: float, tries: int
    ) -> Any:
        """Do as `ask` does, for one who will wait: return the answer where it is the next to come.

        Otherwise, since others ask too, or it takes its time, return its future.
        """
        if threading.current_thread() is self._thread or not self._reading.acquire(blocking=False):
            return self.ask(command, decode, timeout=timeout, tries=tries)
        with Deferred():  # what was half read would be lost
            try:
                found = self._exchange(command, decode, timeout, tries)
            finally:
                self._hand_back()
        return decode(found) if isinstance(found, Reply) else found

    def _exchange(
        self, command: str, decode: Callable[[Reply], Any], timeout: float, tries: int
    ) -> Reply | Future[Any]:
        """Ask without the ado that several questions at a time need, as long as there is one."""
        with self._lock:
            waits = self._out or any(self._waiting) or self._hushed_until
            alone = not (waits or self._gone or self._broken)
            key, data = self._end.ask(command) if alone and self.framed else (0, b"")
            if key:
                self._write(data)
        if not key:
            return self.ask(command, decode, timeout=timeout, tries=tries)
        try:
            data = self._transport.read()
        except IotkitError:
            data = b""  # the reading thread meets it too, and ends it all
        with self._lock:
            events = self._end.receive(data)
            if len(events) == 1 and isinstance(events[0], Reply) and events[0].key == key:
                self._next()
                return events[0]
            question = _Question(command, decode, timeout, tries, False, None, _Answer(self))
            question.taken()
            question.deadline = time.monotonic() + timeout
            if self._gone is None:
                self._out[key] = question
            done: _Told = [(question, self._gone)] if self._gone else []
            done += [told for event in events for told in self._handle(event)]
            self._next()
        self._tell(done)
        return question.future

    def _hand_back(self) -> None:
        """Let others read."""
        self._lent = True
        self._reading.release()
        if self._out:
            self._back.set()

    def ask_at_once(
        self,
        command: str,
        decode: Callable[[Reply], Any],
        *,
        timeout: float,
        instead: IotkitError,
    ) -> Future[Any]:
        """Send `command` now, ahead of all that waits, even if the device is busy.

        It is taken to do no harm twice, but is sent again only if it arrived damaged. What acts
        and was not sent ends with the error `instead`; what was sent is not sent again. Version
        1, where only the order tells which answer is whose, gives none to what acts and is out,
        which ends the same; and the answer to `command` itself says only that it was read. The
        future is that of `ask`.
        """
        question = _Question(command, decode, timeout, 1, False, None, _Answer(self))
        question.deadline = time.monotonic() + timeout
        with self._lock:
            told: _Told = [(question, self._gone)]
            if self._gone is None:
                question.taken()
                told = [(dropped, _ended(instead, dropped)) for dropped in self._drop()]
                if self._end.framed:
                    key, data = self._end.ask(command)
                else:
                    key, data = self._end.barrier(secrets.token_hex(4))
                    data = self._end.encode(command) + b"\n" + data
                    question.decode, self._in_step = _nothing, False
                self._out[key] = question
                self._write(data)
        self._tell(told)
        return question.future

    def close(self, reason: IotkitError | None = None) -> None:
        """End it, and the transport; what is unanswered ends with `reason`."""
        with self._lock:
            if self._gone is not None:
                return
            self._gone = reason or DeviceDisconnected(f"{self.name} is closed")
            unanswered = [*self._out.values(), *self._waiting[0], *self._waiting[1]]
            self._out.clear()
            for queue in self._waiting:
                queue.clear()
        self._transport.close()
        self.heard.set()  # nothing will be heard any more; who waits for that may go on
        self.started.set()
        self._tell([(question, _ended(self._gone, question)) for question in unanswered])
        self.on_gone(self._gone)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._gone is None:
                if self._lent and not self._out:
                    self._lent = False
                    self._back.wait(LULL)
                    self._back.clear()
                elif self._reading.acquire(timeout=TICK):
                    try:
                        if not self._lent or self._out:
                            self._read()
                    finally:
                        self._reading.release()
        except IotkitError as error:
            self.close(error)
        except Exception as error:  # a fault of ours must not leave callers waiting for ever
            _log.exception("the conversation with %s failed", self.name)
            self.close(DeviceDisconnected(f"{self.name} is lost, by a fault in iotkit: {error}"))

    def read_for(self, answer: _Answer) -> None:
        """Read, in the caller's thread, until `answer` is there, unless another thread does."""
        if threading.current_thread() is self._thread:
            return
        if not self._reading.acquire(blocking=False):
            answer.waited_for = True
            return
        with Deferred() as interrupt:  # what was half read would be lost
            try:
                while not (answer.done() or interrupt.noted or self._gone):
                    self._read()
            except IotkitError:
                pass  # the reading thread meets it too, and ends it all
            finally:
                self._hand_back()

    def _read(self) -> None:
        data = self._transport.read()
        if data and not self.heard.is_set():
            self.heard.set()
        with self._lock:
            if self._broken is not None:
                raise self._broken
            done = [told for event in self._end.receive(data) for told in self._handle(event)]
            done += self._overdue()
            self._next()
            self._keep_alive()
        self._tell(done)

    def _tell(self, told: _Told) -> None:
        for what, outcome in told:
            if isinstance(what, _Question):
                self._lent = self._lent or what.future.waited_for
                _answer(what, outcome)
            else:
                what(outcome)

    # What follows is called with the lock held, and returns whom to tell what, to be told
    # without it: a future's callbacks may ask again.

    def _next(self) -> None:
        """Send what is next in turn, as far as there is room."""
        if self._hushed_until:
            if time.monotonic() < self._hushed_until:
                return
            self._hushed_until = 0.0
        while queue := self._waiting[0] or self._waiting[1]:
            if (self._out and not self._in_step) or not self._end.has_room_for(queue[0].command):
                return
            self._try(queue.popleft())

    def _try(self, question: _Question) -> None:
        question.deadline = time.monotonic() + question.timeout
        self._send(question)

    def _send(self, question: _Question) -> None:
        """Send the question, or the barrier before it; drop it where nobody wants it any more."""
        question.behind = not self._in_step
        if question.behind:
            key, data = self._end.barrier(secrets.token_hex(4))
        elif question.taken():
            key, data = self._end.ask(question.command)
        else:
            return
        self._out[key] = question
        self._write(data)

    def _drop(self) -> list[_Question]:
        """Take out what acts and was not sent; of what was, see to it that it isn't sent again."""
        dropped: list[_Question] = []
        if not self._end.framed:
            self._waiting[0].extendleft(self._out.values())
            self._out.clear()
        for queue in self._waiting:
            dropped += [question for question in queue if question.acts]
            left = [question for question in queue if not question.acts]
            queue.clear()
            queue.extend(left)
        for question in self._out.values():
            if question.acts:
                question.tries, question.repeats = 1, MAX_REPEATS
        return dropped

    def _write(self, data: bytes) -> None:
        self._sent_at = time.monotonic()
        try:
            self._transport.write(data)
        except IotkitError as error:
            self._broken = error  # the reading thread ends it all

    def _keep_alive(self) -> None:
        due = self._ping_each and time.monotonic() > self._sent_at + self._ping_each
        if due and self._pings():
            self._ping()

    def _ping(self) -> None:
        if self._end.has_room_for("ping"):  # a long action may be out meanwhile
            self._try(_Question("ping", _nothing, self._ping_each, 1, True, None, _Answer(self)))

    def _handle(self, event: object) -> _Told:
        match event:
            case Banner():
                self.started.set()
                return [*self._restarted(), (lambda _: self.on_restart(), None)]
            case Garbage(text):
                _log.debug("%s sent %s", self.name, text)
                for question in self._out.values():
                    question.heard = text
            case Damaged(key):
                self._repeat(key)
            case News(key=key) if key in self._out:
                self._part(self._out[key], event)
            case News(key=0):
                return [(self.on_news, event)]
            case Reply(key=key) if key in self._out:
                return self._answered(self._out.pop(key), event)
        return []

    def _part(self, question: _Question, part: News) -> None:
        question.progress += 1
        if question.progress > MAX_PARTS:
            return
        question.deadline = time.monotonic() + question.timeout  # it is still answering
        if question.parts is not None:
            question.parts.append(part)

    def _answered(self, question: _Question, reply: Reply) -> _Told:
        self._in_step = True
        if question.behind:
            self._try(question)
            return []
        try:
            return [(question, question.decode(reply))]
        except IotkitError as error:
            return [(question, error)]

    def _restarted(self) -> _Told:
        """Whatever was out is lost, be it questions or the barrier before one."""
        self._in_step = self._end.framed
        lost = list(self._out.values())
        self._out.clear()
        for question in lost:
            if question.behind:
                self._send(question)  # in the time it has: a board may restart again and again
        return [(question, _lost(self.name, question)) for question in lost if not question.behind]

    def _repeat(self, certain: int) -> None:
        """Send again what may have arrived damaged; of what may not run twice, only the `certain`.

        And that but once: a frame that was cut in two on its way is reported twice.
        """
        for key, question in self._out.items():
            if question.repeats < (int(key == certain) if question.once else MAX_REPEATS):
                question.repeats += 1
                self._write(self._end.again(key))

    def _overdue(self) -> _Told:
        now = time.monotonic()
        done: _Told = []
        for key, question in list(self._out.items()):
            if now < question.deadline:
                continue
            del self._out[key]
            self._end.give_up(key)
            self._in_step = self._end.framed
            question.tries -= 1
            if question.tries > 0 and not (question.once and question.sent):
                self._try(question)
            else:
                done.append((question, _late(self.name, question)))
        return done


_Told = list[tuple[_Question | Callable[[Any], None], Any]]


def _nothing(*_: object) -> None:
    """Make nothing of it."""


def _answer(question: _Question, outcome: Any) -> None:
    if not question.taken():
        return
    if isinstance(outcome, IotkitError):
        question.future.set_exception(copy(outcome))  # to raise one adds a traceback to it
    else:
        question.future.set_result(outcome)


def _ended(error: IotkitError, question: _Question) -> IotkitError:
    """Return `error`, and whether what was asked may have run all the same."""
    doubt = "; the call may have run" if question.once and question.sent else ""
    return type(error)(f"{error}{doubt}")


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
