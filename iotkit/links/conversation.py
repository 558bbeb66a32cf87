"""A conversation with a device: who is asked next, until when, and what if there is no answer.

It has no thread and waits for nothing. Its methods return whom to tell what: for the caller,
who holds a lock meanwhile, to do without it, since a future's callbacks may ask again.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..description import MAX_NAMES
from ..errors import DeviceDisconnected, IotkitError
from ..protocol import Banner, Damaged, Garbage, HostEnd, News, Reply
from ..protocol.host_end import Event
from .questions import Answer, Question

_log = logging.getLogger(__name__)

MAX_PARTS = 2 * MAX_NAMES  # lines of an answer: what is beyond is no description
MAX_REPEATS = 3  # of a frame that arrives damaged: a line that bad is of no use

# A question and its outcome, or None and what the device said unasked.
Told = list[tuple[Question | None, Any]]


class Conversation:
    """The questions to the device `name`, those that wait and those that are out.

    It begins in version 1 and out of step, since nobody knows what the device has heard before:
    the first question waits for the answer to a barrier (docs/serial-protocol.md, "After a
    time-out"). With frames several questions are out at a time, and each answer tells whose it
    is. `end` is the protocol; `write` sends bytes, and must not raise; `byte_time` says how long
    the line takes for one, in seconds.
    """

    def __init__(
        self, name: str, write: Callable[[bytes], None], byte_time: Callable[[], float]
    ) -> None:
        self.end = HostEnd()
        self.ping_each = 0.0  # seconds; 0: never
        self.pings_wanted: Callable[[], bool] = bool
        self.out: dict[int, Question] = {}  # what is on the line, a barrier for its question
        self._name, self._send_bytes, self._byte_time = name, write, byte_time
        self._in_step = False
        self._sent_at = 0.0
        self._hushed_until = 0.0  # what doesn't act waits
        self._waiting: tuple[deque[Question], deque[Question]] = (deque(), deque())

    @property
    def idle(self) -> bool:
        """Whether nothing is out, and nobody waits."""
        return not (self.out or self._waiting[0] or self._waiting[1])

    def ask(self, question: Question, *, background: bool) -> None:
        """Send `question` when its turn comes; in the `background`, after all others."""
        if question.acts:
            self._hushed_until = 0.0  # somebody drives
        self._waiting[background].append(question)
        self.send_next()

    def ask_alone(self, command: str) -> int:
        """Send a command whose answer the caller reads; return its key, 0 where others ask too."""
        if not self.end.framed or not self.idle or self._hushed_until:
            return 0
        if not self.end.has_room_for(command):
            return 0
        key, data = self.end.ask(command)
        self._write(data)
        return key

    def adopt(self, key: int, question: Question) -> None:
        """Take over the question that was asked alone, since something else came."""
        question.taken()
        question.deadline = self._deadline(question)
        self.out[key] = question

    def ask_at_once(self, question: Question, instead: IotkitError) -> Told:
        """Send `question` now; what acts and was not sent ends with `instead`."""
        question.deadline = self._deadline(question)
        question.taken()
        told: Told = [(dropped, dropped.ended(instead)) for dropped in self._drop()]
        if self.end.framed:
            key, data = self.end.ask(question.command)
        else:
            key, data = self.end.barrier(secrets.token_hex(4))
            data = self.end.encode(question.command) + b"\n" + data
            question.decode, self._in_step = _nothing, False
        self.out[key] = question
        self._write(data)
        return told

    def receive(self, data: bytes) -> Told:
        """Take in what has come, and go on: it is to be called now and then even without data.

        Raises DeviceDisconnected where the device has been silent for so long that its late answers
        could be taken for those to come.
        """
        events = self.end.receive(data)
        if self.end.unheard and not events:
            raise DeviceDisconnected(f"{self._name} does not answer any more")
        told = self.hear(events)
        told += self._overdue()
        self.send_next()
        if self.ping_each and self.pings_wanted():
            self.keep_alive(self.ping_each)
        return told

    def keep_alive(self, seconds: float) -> None:
        """Have the device hear something if it has not for so long, for its deadman."""
        due = time.monotonic() > self._sent_at + seconds
        if due and self.end.has_room_for("ping"):  # a long action may be out meanwhile
            self._try(Question("ping", _nothing, self.ping_each, Answer(_nothing), once=True))

    def hush(self, seconds: float) -> None:
        """Send nothing but what acts, until the device has heard nothing for so long."""
        now = time.monotonic()
        if now < self._sent_at + seconds:
            self._hushed_until = now + seconds

    def hear(self, events: list[Event]) -> Told:
        """Take in what has come."""
        return [told for event in events for told in self._heard(event)]

    def send_next(self) -> None:
        """Send what is next in turn, as far as there is room."""
        if self._hushed_until:
            if time.monotonic() < self._hushed_until:
                return
            self._hushed_until = 0.0
        while queue := self._waiting[0] or self._waiting[1]:
            if (self.out and not self._in_step) or not self.end.has_room_for(queue[0].command):
                return
            self._try(queue.popleft())

    def over(self, reason: IotkitError) -> Told:
        """End all that is unanswered with `reason`."""
        unanswered = [*self.out.values(), *self._waiting[0], *self._waiting[1]]
        self.out.clear()
        for queue in self._waiting:
            queue.clear()
        return [(question, question.ended(reason)) for question in unanswered]

    def _try(self, question: Question) -> None:
        question.deadline = self._deadline(question)
        self._send(question)

    def _deadline(self, question: Question) -> float:
        """Return when to give up: a slow line has its time for what is out, and for an answer."""
        ahead = self.end.unanswered + len(question.command) + self.end.longest_line
        return time.monotonic() + question.timeout + ahead * self._byte_time()

    def _send(self, question: Question) -> None:
        """Send the question, or the barrier before it; drop it where nobody wants it any more."""
        question.behind = not self._in_step
        if question.behind:
            key, data = self.end.barrier(secrets.token_hex(4))
        elif question.taken():
            key, data = self.end.ask(question.command)
        else:
            return
        self.out[key] = question
        self._write(data)

    def _drop(self) -> list[Question]:
        """Take out what acts and was not sent; of what was, see to it that it isn't sent again."""
        dropped: list[Question] = []
        if not self.end.framed:
            self._waiting[0].extendleft(self.out.values())
            self.out.clear()
        for queue in self._waiting:
            dropped += [question for question in queue if question.acts]
            left = [question for question in queue if not question.acts]
            queue.clear()
            queue.extend(left)
        for question in self.out.values():
            if question.acts:
                question.tries, question.repeats = 1, MAX_REPEATS
        return dropped

    def _write(self, data: bytes) -> None:
        self._sent_at = time.monotonic()
        self._send_bytes(data)

    def _heard(self, event: Event) -> Told:
        match event:
            case Banner():
                return [*self._restarted(), (None, event)]
            case Garbage(text):
                _log.debug("%s sent %s", self._name, text)
                for question in self.out.values():
                    question.heard = text
            case Damaged(key):
                self._repeat(key)
            case News(key=key) if key in self.out:
                self._part(self.out[key], event)
            case News(key=0):
                return [(None, event)]
            case Reply(key=key) if key in self.out:
                return self._answered(self.out.pop(key), event)
        return []

    def _part(self, question: Question, part: News) -> None:
        question.progress += 1
        if question.progress > MAX_PARTS:
            return
        question.deadline = self._deadline(question)  # it is still answering
        if question.parts is not None:
            question.parts.append(part)

    def _answered(self, question: Question, reply: Reply) -> Told:
        self._in_step = True
        if question.behind:
            self._try(question)
            return []
        try:
            return [(question, question.decode(reply))]
        except IotkitError as error:
            return [(question, error)]

    def _restarted(self) -> Told:
        """Whatever was out is lost, be it questions or the barrier before one."""
        self._in_step = self.end.framed
        out = list(self.out.values())
        self.out.clear()
        told: Told = []
        for question in out:
            if question.behind:
                self._send(question)  # in the time it has: a board may restart again and again
            else:
                told.append((question, question.lost(self._name)))
        return told

    def _repeat(self, certain: int) -> None:
        """Send again what may have arrived damaged; of what may not run twice, only the `certain`.

        And that but once: a frame that was cut in two on its way is reported twice.
        """
        for key, question in self.out.items():
            if question.repeats < (int(key == certain) if question.once else MAX_REPEATS):
                question.repeats += 1
                self._write(self.end.again(key))

    def _overdue(self) -> Told:
        now = time.monotonic()
        done: Told = []
        for key, question in list(self.out.items()):
            if now < question.deadline:
                continue
            del self.out[key]
            self.end.give_up(key)
            self._in_step = self.end.framed
            question.tries -= 1
            again = question.tries > 0 and not (question.once and question.sent)
            if again and self.end.has_room_for(question.command):
                self._try(question)
            else:
                done.append((question, question.late(self._name)))
        return done


def _nothing(_: object) -> None:
    """Make nothing of it."""
