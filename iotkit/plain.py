r"""Text that somebody else wrote, made harmless before a person sees it.

What devices, servers and the network say is cleaned here and nowhere else: names, help and errors
by `plain` when they come in, values by `printable` when they are printed, since a program wants
them as they are. What is left is text: whoever puts it on a page uses text nodes or escapes it.
"""

from __future__ import annotations

import re

MAX_SENTENCE = 1000  # characters of an error, or of what somebody is called; no sentence is longer

_BLANK = re.compile(r"([^\S ]|[\x00-\x1f\x7f-\x9f])+")  # controls, and blanks that are no blank


def printable(text: str) -> str:
    r"""Return `text` without what a terminal would obey.

    Control characters, and those that hide or turn around what is beside them, are shown as
    escapes such as `\x1b`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plain(text: str, longest: int = MAX_SENTENCE) -> str:
    """Return `text` as one printable line of at most `longest` characters.

    Control characters and line breaks are blanks, however many there are together.
    """
    line = printable(_BLANK.sub(" ", text[: longest + 1]).strip())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
