"""`iotkit name`: tell devices of one class apart, for good."""

from __future__ import annotations

import click

from ..commands import wait
from ..device import link_of
from ..errors import DeviceError
from ..text import kept
from .common import baud_option, reach, say

_NEW_EACH_TIME = ("sim:", "exec:")


@click.command()
@click.argument("target")
@click.argument("specifier", required=False)
@click.option("--clear", is_flag=True, help="Take the specifier away again.")
@baud_option
def name(target: str, specifier: str | None, clear: bool, baud: int | None) -> None:
    """Say which one of its class a board is.

    SPECIFIER is a word of letters, digits and _, such as red: a sumobot is sumobot:red then. The
    board keeps it without power, and is known by it wherever it is plugged in.
    """
    if bool(specifier) == clear or specifier == "":
        raise click.UsageError("Say either a SPECIFIER, such as red, or --clear.")
    if target.startswith(_NEW_EACH_TIME):
        raise DeviceError(f"{target} is a new device each time: it can't keep a name")
    with reach(target, baud) as device:
        link = link_of(device)
        wait(link.rename(specifier or ""))
        say(f"It is {link.description.id} now.")
        if lasts := kept(link.target, is_board=link.board is not None):
            say(lasts)
