"""What the commands have in common: options, output, and how they end."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..plain import printable
from ..targets import connect

if TYPE_CHECKING:
    from ..device import Device

PATIENCE = 1.0  # seconds after which a person in front of a terminal wonders

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


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say what is waited for, `what` following "Waiting for", if it takes more than a moment.

    Only to a person: where errors go to a file or a program, nothing is said.
    """
    if not sys.stderr.isatty():
        yield
        return
    words = f"Waiting for {what}; Ctrl-C ends that."
    timer = threading.Timer(PATIENCE, complain, [words])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def reach(target: str | None, baud: int | None) -> Device:
    """Connect to the device as `connect` does, and say so while that takes its time."""
    with waiting(f"{target} to answer" if target else "a device to be found"):
        return connect(target, baud=baud)


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
