"""What the gateway of `iotkit serve --auto` does, in a log that a person can follow."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn

from ..gateway import USB, Gateway, Told, allow_many_files
from ..links.trust import is_private
from ..server import on_new_code, pairing_code
from .common import complain, print_json, say
from .link import show_link


def run_gateway(
    patterns: tuple[str, ...], warning: str, as_json: bool, *, teacher: bool, **how: Any
) -> NoReturn:
    """Be the gateway until the program ends, and keep a log of it; see Gateway for `how`."""
    log = _Log(as_json, teacher)
    on_new_code(log.show_code)
    on_new_code(log.show_teachers_code, teacher=True)
    allow_many_files()
    if warning:
        complain(warning)
    with Gateway(patterns or (USB,), log.tell, teacher=teacher, **how) as gateway:
        log.write("Waiting for boards to be plugged in; Ctrl-C ends it.", "ready")
        gateway.run()


class _Log:
    """Prints a line for all that happens, or JSON; codes as soon as there is what they are for."""

    def __init__(self, as_json: bool, teacher: bool) -> None:
        self._as_json, self._teacher = as_json, teacher
        self._url = ""
        self._code_is_shown = False

    def write(self, words: str, kind: str, **facts: object) -> None:
        if self._as_json:
            time = datetime.now().astimezone().isoformat(timespec="seconds")
            print_json({"time": time, "event": kind, "text": words, **facts})
        else:
            say(f"{datetime.now():%T}  {words}")

    def tell(self, told: Told) -> None:
        self.write(told.words, told.kind, **told.facts)
        if not told.facts.get("locked"):
            return
        self._url = url = str(told.facts["url"])  # the newest: others may have been pulled
        if not self._code_is_shown:
            called = told.facts["name"] if is_private(url) else url  # see iotkit.pair
            if not self._as_json:
                self.write(f"To use what is here elsewhere, once: iotkit pair {called}", "")
            self.show_code(pairing_code())
            if self._teacher:
                self.show_teachers_code(pairing_code(teacher=True))

    def show_code(self, code: str) -> None:
        now = "now " if self._code_is_shown else ""
        self.write(f"The code is {now}{code}", "code", code=code)
        if not self._as_json:
            show_link(self._url, code)
        self._code_is_shown = True

    def show_teachers_code(self, code: str) -> None:
        self.write(f"The code for teachers is {code}", "teachers_code", code=code)
