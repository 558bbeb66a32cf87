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
    is not seen.
    """
    from ..pairing import pair as pair_with

    by_hand = sys.stdin.isatty()
    pair_with(target, getpass("The code: ") if by_hand else sys.stdin.readline().strip())
    say(f"Paired with {target}. Programs of yours on this computer may use it from now on.")
