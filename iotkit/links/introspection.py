"""Ask a device what it is and what it has."""

from __future__ import annotations

import re

from ..description import MAX_NAMES, V1_BUILTINS, Attribute, Description, Function
from ..errors import BadValue, DeviceError, DeviceTimeout, ProtocolError
from ..protocol import News, Reply, described, dialect
from ..types import Type
from . import known
from .line import Line

TRIES = 3  # of a question
MAX_SILENCES = 3  # requests for help, one after the other, without an answer: it has none


def introspect(line: Line, hello: Reply, timeout: float) -> Description:
    """Return what the device on `line` says of itself, and leave `line` in its dialect.

    `hello` is its answer to `devinfo`; `timeout` is for each question, in seconds. Raises
    DeviceTimeout, DeviceDisconnected, DeviceReset, ProtocolError.
    """
    return _Introspection(line, timeout).run(hello)


class _Introspection:
    def __init__(self, line: Line, timeout: float) -> None:
        self._line, self._timeout = line, timeout
        self._silences = 0

    def run(self, hello: Reply) -> Description:
        version, fingerprint = dialect(hello.message)
        if version < 2:
            return self._ask_for_each(hello.data)
        self._line.use_frames()
        place = self._line.name
        lines = known.recall(place, hello.data, fingerprint)
        if lines is not None:
            self._ask("ping")  # from here on, the device knows what is left of a damaged frame
        else:
            lines, its = self._describe()
            if its == fingerprint:
                known.remember(place, hello.data, fingerprint, lines)
        description, info = described(hello.data, lines)
        self._line.use_frames(_number(info, "longest_line"), _number(info, "buffer"))
        return description

    def _describe(self) -> tuple[known.Lines, str]:
        """Ask for everything at one go, again where a line is missing; its fingerprint is last."""
        before: known.Lines = []
        for left in reversed(range(TRIES)):
            parts: list[News] = []
            try:
                summary = self._ask("describe", tries=1, parts=parts).data.split(",")
            except (DeviceTimeout, ProtocolError):  # the parts of a new try must not join these
                if not left:
                    raise
                continue
            lines = [(part.message, part.data) for part in parts if part.status == 102]
            # Where the question was repeated, two answers may have mixed, each with lines missing.
            # A device that has a line twice says the same the next time.
            mixed = len(set(lines)) < len(lines) and lines != before
            before = lines
            if summary[0] == str(len(lines)) and not mixed:
                its, longest = (*summary[1:3], "", "")[:2]
                return [*lines, ("INFO", f"longest_line {longest}")], its
        raise ProtocolError(f"{self._line.name} loses lines of its description: is the cable good?")

    def _ask_for_each(self, device_id: str) -> Description:
        """Ask as version 1 does: a question for each name."""
        Description.of(device_id)  # before many questions to something that is no device
        funcs = [name for name in self._list("funcs") if name not in V1_BUILTINS]
        attrs = [entry.partition(":") for entry in self._list("attrs")]
        return Description.of(
            device_id,
            [Attribute(n, Type.named(t), _untyped(self._help(n), t)) for n, _, t in attrs],
            [Function.parse(name, self._help(name)) for name in funcs],
        )

    def _ask(self, command: str, tries: int = TRIES, parts: list[News] | None = None) -> Reply:
        asked = self._line.ask(command, _itself, timeout=self._timeout, tries=tries, parts=parts)
        reply: Reply = asked.result()
        return reply

    def _list(self, command: str) -> list[str]:
        reply = self._ask(command)
        if reply.status >= 300:
            raise DeviceError(f"{self._line.name} refused {command}: {reply.message}", reply.status)
        words = (word.strip() for word in reply.data.split(","))
        names = list(dict.fromkeys(filter(None, words)))
        return names[: len(V1_BUILTINS) + MAX_NAMES + 1]  # one too many, for Description to see

    def _help(self, name: str) -> str:
        """Return the help of `name`; empty where the device has none."""
        if self._silences == MAX_SILENCES:
            return ""
        try:
            reply = self._ask(f"help {name}", tries=1)
        except BadValue:
            return ""
        except (DeviceTimeout, ProtocolError):  # some firmware; the name is still usable
            self._silences += 1
            return ""
        self._silences = 0
        return reply.data if reply.status < 300 else ""


def _untyped(help_: str, type_name: str) -> str:
    """Return an attribute's help without its type: `int - How fast` is `How fast`."""
    return re.sub(rf"^\s*{re.escape(type_name)}\s*(-\s+|-?$)", "", help_)


def _number(info: dict[str, str], key: str) -> int:
    text = info.get(key, "")
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 0


def _itself(reply: Reply) -> Reply:
    return reply
