"""Keep a conversation over a transport: whose turn it is to read, and who is told what.

A caller's thread sends its command itself if the line is free; one thread reads, hands the
answers out, and sends what had to wait. A caller that waits for one answer after the other reads
them itself meanwhile, which spares handing each from thread to thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..errors import DeviceDisconnected, IotkitError
from ..protocol import Banner, News, Reply
from ..transports import TICK, Transport
from .conversation import Conversation, Told
from .interrupts import Deferred
from .questions import Answer, Question

_log = logging.getLogger(__name__)

LULL = 0.001  # seconds in which a caller that has its answer may ask, and read, once more


class Line:
    """The conversation with one device over `transport`; see Conversation."""

    def __init__(self, transport: Transport) -> None:
        self.name = transport.name
        # What the device says unasked; in the reading thread, so these must not wait.
        self.on_news: Callable[[News], None] = _nothing
        self.on_restart: Callable[[], None] = _nothing
        self.on_gone: Callable[[IotkitError], None] = _nothing
        self.heard = threading.Event()  # something has come
        self.started = threading.Event()  # a banner has come
        self._transport = transport
        self._talk = Conversation(self.name, self._write, lambda: transport.byte_time)
        self._reading = threading.Lock()  # whose turn it is to read
        self._lent = False  # a caller has read, or may want to
        self._back = threading.Event()  # but does no more
        self._lock = threading.Lock()  # who talks
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
        return self._talk.end.framed

    def use_frames(self, longest_line: int = 0, room: int = 0) -> None:
        """Speak version 2 from now on; see HostEnd.use_frames."""
        with self._lock:
            self._talk.end.use_frames(longest_line, room)

    def keep_room_for(self, command: str) -> None:
        """Leave room for `command`, so that it can be asked at once; see `ask_at_once`."""
        with self._lock:
            self._talk.end.keep_room_for(command)

    def ping_each(self, seconds: float, wanted: Callable[[], bool]) -> None:
        """Have the device hear something at least so often while that is `wanted`."""
        self._talk.pings_wanted, self._talk.ping_each = wanted, seconds

    def ping(self) -> None:
        """Have the device hear something now, unless it just has."""
        with self._lock:
            self._talk.keep_alive(self._talk.ping_each / 2)

    def hush(self, seconds: float) -> None:
        """Send nothing but what acts, until the device has heard nothing for so many seconds."""
        with self._lock:
            self._talk.hush(seconds)

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
        self._talk.end.encode(command)
        future = Answer(self._read_for)
        question = Question(command, decode, timeout, future, tries, once, acts, parts)
        with self._lock:
            if self._gone is None:
                self._talk.ask(question, background=background)
                return future
        self._tell([(question, self._gone)])
        return future

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
            key = 0 if self._gone or self._broken else self._talk.ask_alone(command)
        if not key:
            return self.ask(command, decode, timeout=timeout, tries=tries)
        try:
            data = self._transport.read()
        except IotkitError:
            data = b""  # the reading thread meets it too, and ends it all
        with self._lock:
            events = self._talk.end.receive(data)
            if len(events) == 1 and isinstance(events[0], Reply) and events[0].key == key:
                self._talk.send_next()
                return events[0]
            question = Question(command, decode, timeout, Answer(self._read_for), tries)
            told: Told = []
            if self._gone is None:
                self._talk.adopt(key, question)
            else:
                told.append((question, self._gone))
            told += self._talk.hear(events)
            self._talk.send_next()
        self._tell(told)
        return question.future

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
        question = Question(command, decode, timeout, Answer(self._read_for))
        with self._lock:
            told: Told = [(question, self._gone)]
            if self._gone is None:
                told = self._talk.ask_at_once(question, instead)
        self._tell(told)
        return question.future

    def close(self, reason: IotkitError | None = None) -> None:
        """End it, and the transport; what is unanswered ends with `reason`."""
        with self._lock:
            if self._gone is not None:
                return
            self._gone = reason or DeviceDisconnected(f"{self.name} is closed")
            told = self._talk.over(self._gone)
        self._transport.close()
        self.heard.set()  # nothing will be heard any more; who waits for that may go on
        self.started.set()
        self._tell(told)
        self.on_gone(self._gone)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._gone is None:
                if self._lent and not self._talk.out:
                    self._lent = False
                    self._back.wait(LULL)
                    self._back.clear()
                elif self._reading.acquire(timeout=TICK):
                    try:
                        if not self._lent or self._talk.out:
                            self._read()
                    finally:
                        self._reading.release()
        except IotkitError as error:
            self.close(error)
        except Exception as error:  # a fault of ours must not leave callers waiting for ever
            _log.exception("the conversation with %s failed", self.name)
            self.close(DeviceDisconnected(f"{self.name} is lost, by a fault in iotkit: {error}"))

    def _read_for(self, answer: Answer) -> None:
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

    def _hand_back(self) -> None:
        """Let others read."""
        self._lent = True
        self._reading.release()
        if self._talk.out:
            self._back.set()

    def _read(self) -> None:
        data = self._transport.read()
        if data and not self.heard.is_set():
            self.heard.set()
        with self._lock:
            if self._broken is not None:
                raise self._broken
            told = self._talk.receive(data)
        self._tell(told)

    def _write(self, data: bytes) -> None:
        try:
            self._transport.write(data)
        except IotkitError as error:
            self._broken = error  # the reading thread ends it all

    def _tell(self, told: Told) -> None:
        for question, outcome in told:
            if question is not None:
                self._lent = self._lent or question.future.waited_for
                question.answer(outcome)
            elif isinstance(outcome, Banner):
                self.started.set()
                self.on_restart()
            else:
                self.on_news(outcome)


def _nothing(*_: object) -> None:
    """Make nothing of it."""
