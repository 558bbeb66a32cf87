"""The link to pair by: address and code in one, to copy, or for another computer's camera."""

from __future__ import annotations

import io
import sys

import click

from .common import say


def show_link(url: str, code: str) -> None:
    """Show on a terminal what `iotkit pair` takes in place of a name and a code."""
    if not sys.stdout.isatty():
        return
    import segno  # takes a while, and few commands need it

    link = f"{url}#{code}"
    say(f"Or with the address, to copy or for a camera: iotkit pair {link}")
    picture = io.StringIO()
    segno.make(link, micro=False).terminal(picture, compact=True)
    try:
        picture.getvalue().encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return
    for line in picture.getvalue().splitlines():
        click.secho(line, fg="bright_white", bg="black")  # on a light terminal too
