"""The line that a person types at: completion from the device's description, and history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from platformdirs import user_state_path
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from ..description import Attribute, Description
from ..plain import printable
from ..text import called
from ..types import Type

_OWN = {"help": "all names, or about one", "quit": "end"}


def lines(known: Description) -> Iterator[str]:
    """Yield what the person types, until Ctrl-D; Ctrl-C begins the line anew."""
    session: PromptSession[str] = PromptSession(
        f"{known.name}> ",
        completer=DeviceCompleter(known),
        complete_while_typing=False,  # a menu that opens by itself gets in the way of TAB
        history=_history(),
    )
    while True:
        try:
            yield session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


class DeviceCompleter(Completer):
    """Completes the names of a device's attributes and functions, and the values it lists."""

    def __init__(self, known: Description) -> None:
        self._known = known
        self._names = {a.name: f"{a.type}  {a.help}" for a in known.attributes.values()}
        self._names |= {f.name: f"{called(f)}  {f.help}" for f in known.functions.values()}

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002 - prompt_toolkit's signature
    ) -> Iterable[Completion]:
        """Yield what may stand at the cursor."""
        words = document.text_before_cursor.replace("=", " ").split(" ")
        before, typed = [word for word in words[:-1] if word], words[-1]
        for text, meaning in self._candidates(before).items():
            if text.startswith(typed):
                yield Completion(text, -len(typed), display_meta=printable(meaning))

    def _candidates(self, before: list[str]) -> dict[str, str]:
        match before:
            case []:
                return self._names | _OWN
            case ["help"]:
                return self._names
            case [name] if name in self._known.attributes:
                return dict.fromkeys(_values(self._known.attributes[name]), "")
        return {}


def _values(attribute: Attribute) -> Iterable[str]:
    return ("True", "False") if attribute.type is Type.BOOL else attribute.limits.choices


def _history() -> History:
    """Return what was typed the last times, on a machine where that can be kept."""
    try:
        folder = user_state_path("iotkit")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / "shell-history"
        file.touch(0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
