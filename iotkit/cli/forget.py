"""`iotkit forget`: let a name on the network be another device's."""

from __future__ import annotations

import click

from .common import say


@click.command()
@click.argument("name")
def forget(name: str) -> None:
    """Forget which device of this NAME on the network was used.

    The next one of that name may be another one, as when its board was replaced.
    """
    from ..discovery import met

    known = met.forget(name)
    say(f"{name} may be another device now." if known else f"Nothing was known of {name}.")
