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
    is not seen. All that are served with it are paired with too.
    """
    from ..pairing import find, told
    from ..pairing import pair as pair_with

    find(target)  # nobody types a code for what isn't there
    by_hand = sys.stdin.isatty()
    others = pair_with(target, getpass("The code: ") if by_hand else sys.stdin.readline().strip())
    say(f"{told(target, others)}. Programs of yours on this computer may use it from now on.")
