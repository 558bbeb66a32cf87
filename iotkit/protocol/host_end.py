"""The computer's end of the serial protocol."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from ..errors import BadValue
from ..types import shown
from .frames import NEWS_TAG, OVERHEAD, TAGS, frame, is_frame, unframe
from .lines import Lines, text

MAX_V1_COMMAND = 139  # bytes: original firmware is wedged until reset by a line of 140
SMALLEST_BUFFER = 63  # bytes that the smallest boards keep while their sketch does something else

_REPLY = re.compile(r"([1-5][0-9][0-9]):([^:]*):(.*)", re.DOTALL)
_BANNER = re.compile(r"200:(DEV READY[^:]*):([A-Za-z][A-Za-z0-9_:]*)$")
_DIALECT = re.compile(r"DEV READY iotoy/([0-9]+)(?: ([0-9A-Za-z]{1,32}))?")
_CUT_BY_RESET = re.compile(r"[^:]*:[^:]*200:DEV READY")  # no message ends in 200
_BREAKS = re.compile(r"[\n\r\x00]")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the command `key`: `status` with HTTP's meaning, `message`, `data`."""

    status: int
    message: str
    data: str
    key: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Banner:
    """The device started, or started anew: the commands that were out will not be answered."""

    message: str
    device_id: str


@dataclass(frozen=True, slots=True)
class News:
    """A line of status 1xx: part of the answer to the command `key`, or to none (0)."""

    status: int
    message: str
    data: str
    key: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A command arrived damaged, and was not executed: `key` where it can be only one, else 0."""

    key: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Garbage:
    """A line that is nothing of the protocol's, or a reply to nothing; `text` is its beginning."""

    text: str


Event = Reply | Banner | News | Damaged | Garbage


@dataclass(slots=True)
class _Out:
    """A command without its answer: what was `sent`, and the number of the command."""

    key: int
    sent: bytes
    given_up: bool = False
    answers: int = 0  # to others, when it was given up
    repeated: bool = False


class HostEnd:
    """The conversation as the computer sees it.

    In version 1, one command is out at a time. After `use_frames`, as many as the device has
    room for, with answers in any order.
    """

    def __init__(self) -> None:
        self.longest_line = MAX_V1_COMMAND
        self._room = SMALLEST_BUFFER
        self._kept = 0  # bytes of that, for what goes ahead
        self._lines = Lines()
        self._keys = 0
        self._plain: tuple[int, str] | None = None  # the plain command that is out
        self._barrier: str | None = None  # the nonce before which nothing counts
        self._tags: deque[str] | None = None  # those that are free; None in version 1
        self._out: dict[str, _Out] = {}
        self._answers = 0  # that have come
        self._certain = 0  # the command that came damaged, if it is sure which
        self._copied = 0  # the last command before a copy that may have been one too many

    @property
    def framed(self) -> bool:
        """Whether it speaks version 2."""
        return self._tags is not None

    @property
    def unheard(self) -> bool:
        """Whether so much was given up without an answer that nothing more can be asked."""
        if self._tags is None or self._tags or self._oldest() is not None:
            return False
        return all(out.given_up for out in self._out.values())

    @property
    def waiting(self) -> bool:
        """Whether an answer is out."""
        return self._plain is not None or any(not out.given_up for out in self._out.values())

    @property
    def unanswered(self) -> int:
        """The bytes that are out and have no answer."""
        plain = len(self._plain[1]) if self._plain else 0
        return plain + sum(len(out.sent) for out in self._out.values() if not out.given_up)

    def use_frames(self, longest_line: int = 0, room: int = 0) -> None:
        """Speak version 2 from now on.

        `longest_line` is what the device takes, `room` how much of it may be unanswered, both
        in bytes; what is 0 is as it was.
        """
        self._tags = deque(TAGS) if self._tags is None else self._tags
        self.longest_line = longest_line or self.longest_line
        self._room = room or self._room

    def keep_room_for(self, command: str) -> None:
        """From now on, in version 2, leave room for `command`, so that it can go ahead."""
        self._kept = len(command.encode()) + OVERHEAD + 1

    def encode(self, command: str) -> bytes:
        """Return `command` as bytes; raises BadValue where it doesn't fit into a line."""
        if _BREAKS.search(command):
            raise BadValue(f"{shown(command)} holds a line break, which can't be sent")
        line = command.encode("utf-8")
        longest = self.longest_line - OVERHEAD * self.framed
        if len(line) > longest:
            raise BadValue(f"{shown(command)} is {len(line)} bytes long; a device takes {longest}")
        return line

    def has_room_for(self, command: str) -> bool:
        """Whether `command` may be asked now, in its turn."""
        if self._tags is None:
            return self._plain is None
        if not self._out:
            return True
        if not self._tags and self._oldest() is None:
            return False
        waiting = sum(not out.given_up for out in self._out.values())
        size = len(command.encode()) + OVERHEAD + 1
        room = self._room - self._kept
        return waiting < len(TAGS) - 1 and (not waiting or self.unanswered + size <= room)

    def ask(self, command: str) -> tuple[int, bytes]:
        """Return what to send to ask `command`, and the key under which the answer comes.

        Raises BadValue, and nothing is out, where the command doesn't fit into a line.
        """
        line = self.encode(command)
        self._keys += 1
        if self._tags is None:
            assert self._plain is None, "version 1 takes one command at a time"
            self._plain = (self._keys, command)
            return self._keys, line + b"\n"
        tag = self._tags.popleft() if self._tags else self._oldest() or next(iter(self._out))
        self._out.pop(tag, None)
        self._out[tag] = _Out(self._keys, frame(tag, command))
        return self._keys, self._out[tag].sent

    def again(self, key: int) -> bytes:
        """Return what was sent for `key`, to be sent again: it was not executed."""
        out = next((out for out in self._out.values() if out.key == key), None)
        if out is None:
            return b""
        if out.repeated or key != self._certain:
            self._copied = self._keys
        out.repeated = True
        return out.sent

    def give_up(self, key: int) -> None:
        """Wait no more for the answer to `key`; in version 1, a barrier has to follow."""
        for out in self._out.values():
            if out.key == key:
                out.given_up, out.answers = True, self._answers
        if self._plain and self._plain[0] == key:
            self._plain = None

    def barrier(self, nonce: str) -> tuple[int, bytes]:
        """Return what to send, in version 1, to find the place again, and its key.

        `nonce` is a word never used before. All that comes is thrown away, up to the answer to
        this, which comes as a Reply.
        """
        self._plain = None
        asked = self.ask(f"help ~{nonce}")
        self._barrier = nonce
        return asked

    def receive(self, data: bytes) -> list[Event]:
        """Return what `data`, and what came before it, tells."""
        events = (self._event(line, whole) for line, whole in self._lines.feed(data))
        return [event for event in events if event is not None]

    def _event(self, line: bytes, whole: bool) -> Event | None:
        shown_line = text(line)
        if not whole:
            return Garbage(shown(shown_line))
        if self.framed and is_frame(line):
            return self._framed(line)
        found = _REPLY.fullmatch(shown_line)
        asked = self._plain is not None and self._plain[1] == "devinfo"
        started = found and found[2].startswith("DEV READY") and not asked
        if not found or started or _CUT_BY_RESET.match(shown_line):
            return self._banner(shown_line)
        status, message, data = int(found[1]), found[2], found[3]
        if status < 200:
            return News(status, message, data)
        if self._plain is None:
            return Garbage(shown(shown_line))
        if self._barrier is not None:
            if data != f"~{self._barrier}":
                return None
            self._barrier = None
        key, self._plain = self._plain[0], None
        return Reply(status, message, data, key)

    def _framed(self, line: bytes) -> Event | None:
        found = unframe(line)
        reply = _REPLY.fullmatch(text(found[1])) if found else None
        if not found or not reply:
            return self._banner(text(line))  # or garbage, and its question is asked again in time
        tag = found[0]
        status, message, data = int(reply[1]), reply[2], reply[3]
        if tag == NEWS_TAG:
            return self._damaged() if status >= 200 else News(status, message, data)
        out = self._out.get(tag)
        if out is None:
            return None  # a late answer, or a second one
        if status < 200:
            return None if out.given_up else News(status, message, data, out.key)
        self._free(tag)
        self._answers += 1
        if out.key > self._copied:
            self._copied = 0  # what was sent before has arrived
        return None if out.given_up else Reply(status, message, data, out.key)

    def _damaged(self) -> Damaged:
        keys = [out.key for out in self._out.values()]  # what was given up may be it
        # So may a copy that is still on its way, although its command has been answered.
        self._certain = keys[0] if len(keys) == 1 and not self._copied else 0
        return Damaged(self._certain)

    def _banner(self, line: str) -> Event | None:
        # A reset cuts the line that was on its way: the banner may follow half of another.
        if (found := _BANNER.search(line)) is None:
            return Garbage(shown(line)) if line else None
        # Of a barrier as well: it may still be answered, but whoever saw this asks anew.
        self._plain = self._barrier = None
        self._copied = 0
        for tag in list(self._out):
            self._free(tag)
        return Banner(found[1], found[2])

    def _free(self, tag: str) -> None:
        assert self._tags is not None
        del self._out[tag]
        self._tags.append(tag)

    def _oldest(self) -> str | None:
        """Return a tag whose answer is not to be expected any more, if there is one.

        A device that has said nothing since may have been held up, and still answer.
        """
        for tag, out in self._out.items():
            if out.given_up and self._answers >= out.answers + len(TAGS):
                return tag
        return None


def dialect(message: str) -> tuple[int, str]:
    """Return the version and the fingerprint in the message of a banner or of `devinfo`."""
    found = _DIALECT.match(message)
    return (int(found[1]), found[2] or "") if found else (1, "")
