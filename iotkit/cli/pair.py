"""`iotkit pair`: be let in by a device that does not let everybody in."""

from __future__ import annotations

import sys
from getpass import getpass

import click

from .common import say


@click.command()
@click.argument("target")
def pair(target: str) -> None:
    """Pair with a device on the network, once.

    TARGET is its name, or https://host:port. The code is shown where it is served; what you type
    is not seen. All that are served with it are paired with too. Or TARGET is the link that is
    shown there, which has the code in it.
    """
    from ..pairing import find, split, told
    from ..pairing import pair as pair_with

    target, code = split(target)
    find(target)  # nobody types a code for what isn't there
    if not code:
        code = getpass("The code: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    others = pair_with(target, code)
    say(f"{told(target, others)}. Programs of yours on this computer may use it from now on.")
