"""`iotkit shell`: a conversation with a device, in its own words."""

from __future__ import annotations

import re
import sys

import click

from ..device import Device, link_of
from ..errors import IotkitError
from ..plain import printable
from ..text import columns, described, member_help
from . import typed
from .common import baud_option, complain, reach, say, target_argument

_CALL = re.compile(r"([^\s=()]+)\((.*)\)")  # as in Python
_LINE = re.compile(r"([^\s=]+)\s*(=?)\s*(.*)")
_TO_TYPE = (
    ("name", "read an attribute, or call a function that takes nothing"),
    ("name value", "set an attribute, or call a function; name = value sets as well"),
    ("help name", "tell about one of them"),
    ("quit", "end; so does Ctrl-D"),
)


class Quit(Exception):
    """The person has had enough."""


class Conversation:
    """What a person types to a device, a line at a time."""

    def __init__(self, device: Device) -> None:
        self.known = typed.description(device)
        self._device = device

    @property
    def over(self) -> bool:
        """Whether the device can't be reached any more."""
        return link_of(self._device).closed

    def answer(self, line: str) -> str:
        """Do what `line` says, and return what to print, or an empty text.

        Raises IotkitError, and Quit. A device's own `quit` goes before this one's. What Python
        would take, `robot.drive(50, 50)`, does here what it does there.
        """
        line = self._without_device(line.strip())
        if call := _CALL.fullmatch(line):
            name, text = call.groups()
            if name in self.known.functions or (text and name in self.known.attributes):
                return self._result(name, self._texts(name, text))
            line = f"{name} {text}".strip()
        found = _LINE.fullmatch(line)
        if found is None:
            return ""
        word, equals, rest = found.groups()
        if word in self.known.functions:
            return self._call(word, equals + rest)
        if word == "call" and rest:
            return self.answer(rest)
        if word in ("help", "?"):
            return self._help(rest)
        if word == "get":
            return self._read(rest)
        if word == "set":
            name, _, text = rest.partition(" ")
            return self._write(name, text.strip())
        if word in ("quit", "exit") and word not in self.known.attributes:
            raise Quit
        return self._write(word, rest) if equals or rest else self._read(word)

    def _read(self, name: str) -> str:
        return printable(str(typed.read(self._device, name)))

    def _write(self, name: str, text: str) -> str:
        typed.write(self._device, name, text)
        return ""

    def _without_device(self, line: str) -> str:
        """Return `line` without the `robot.` before a name."""
        owner, _, rest = line.partition(".")
        names = {*self.known.attributes, *self.known.functions}
        member = re.match(r"\w+", rest)
        is_owned = owner.isidentifier() and owner not in names and member and member[0] in names
        return rest if is_owned else line

    def _texts(self, name: str, text: str) -> list[str]:
        """Return the arguments that stand between the brackets of a call."""
        found = self.known.functions.get(name)
        texts = text.split(",") if found and len(found.args) > 1 else [text]
        return [_unquoted(one.strip()) for one in texts] if text.strip() else []

    def _call(self, name: str, text: str) -> str:
        several = max(len(self.known.functions[name].args), 1)
        return self._result(name, text.split(None, several - 1))

    def _result(self, name: str, texts: list[str]) -> str:
        result = typed.call(self._device, name, texts)
        return "" if result is None else printable(str(result))

    def _help(self, name: str) -> str:
        if name:
            return member_help(typed.member(self._device, name))
        return f"{described(self.known)}\n\nType\n{columns(_TO_TYPE, '  ')}"


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


@click.command()
@target_argument
@baud_option
def shell(target: str | None, baud: int | None) -> None:
    """Talk to a device: type its names, with completion and history.

    Without a TARGET it is the one device there is. Lines may also come from a pipe; the exit
    code is then 1 if one of them failed.
    """
    with reach(target, baud) as device:
        conversation = Conversation(device)
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            _with_pipe(conversation)
            return
        say(f"This is {conversation.known.id} on {typed.target(device)}. Try TAB, help, quit.")
        _with_person(conversation)


def _with_person(conversation: Conversation) -> None:
    from .prompt import lines

    for line in lines(conversation.known):
        try:
            if text := conversation.answer(line):
                click.echo(text)
        except Quit:
            return
        except IotkitError as error:
            if conversation.over:
                raise
            complain(str(error))
        except KeyboardInterrupt:
            complain("No longer waiting for the device, which may still be at it.")


def _with_pipe(conversation: Conversation) -> None:
    failed = False
    for line in sys.stdin:
        try:
            if text := conversation.answer(line):
                click.echo(text)
        except Quit:
            break
        except IotkitError as error:
            if conversation.over:
                raise
            complain(str(error))
            failed = True
    if failed:
        click.get_current_context().exit(1)
