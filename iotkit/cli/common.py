"""What the commands have in common: options, output, and how they end."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from ..plain import printable

Command = Callable[..., None]

target_argument = click.argument("target", required=False)
baud_option = click.option(
    "--baud", type=click.IntRange(min=1), help="Bits a second of a serial port. (Found out.)"
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for another program to read."
)


def say(text: str) -> None:
    """Print one line, whatever a device may have put into it."""
    click.echo(printable(text))


def complain(text: str) -> None:
    """Print one line to where errors go."""
    click.echo(printable(text), err=True)


def print_json(value: Any) -> None:
    """Print `value` in one line."""
    click.echo(json.dumps(value))


def end_on_signals() -> None:
    """Let SIGTERM, and the terminal's closing, end the program as `sys.exit()` would.

    So that what is open gets closed. A signal that is ignored (nohup) stays so, and a second one
    (as from `timeout`, which passes on what its whole group gets) is.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def end(*_: object) -> NoReturn:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        sys.exit(0)

    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
