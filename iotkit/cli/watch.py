"""`iotkit watch`: a device's news, line by line."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator

import click

from ..device import Device, link_of
from ..errors import DeviceLost, IotkitError, UnknownName, did_you_mean
from ..links import Change, is_last
from ..links.interrupts import BLINK
from . import typed
from .common import baud_option, complain, json_option, reach, say, target_argument
from .translating import translating

MAX_WAITING = 10_000  # news that wait for whoever reads the output; beyond, the oldest go


@click.command()
@target_argument
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--every",
    type=click.FloatRange(min=0, max=86400),
    default=0.0,
    metavar="SECONDS",
    help="Of each attribute, one value in so many seconds at most.",
)
@baud_option
@json_option
def watch(
    target: str | None, names: tuple[str, ...], every: float, baud: int | None, as_json: bool
) -> None:
    """Print what changes and what happens, until Ctrl-C.

    All attributes and events, where no NAME is given. A line for each: time, name, value. Goes on
    when a device that was unplugged, switched off or out of reach is back.
    """
    away = ""
    with translating("watch", target, *names), reach(target, baud) as device:
        for name, change, at in _news(device, names, every):
            if is_last(change):
                assert isinstance(change, IotkitError)
                raise change
            before, away = away, str(change) if isinstance(change, DeviceLost) else ""
            if as_json:
                click.echo(_as_json(name, change, at))
            elif away:
                if away != before:  # all of them say the same
                    complain(away)
            elif isinstance(change, IotkitError):
                complain(f"{name}: {change}")
            else:
                say(f"{_clock(at)}  {name}  {'' if change is None else change}".rstrip())


def _news(
    device: Device, names: tuple[str, ...], every: float
) -> Iterator[tuple[str, Change, float]]:
    """Yield name, change and time of all news of these, or of all there is."""
    known = typed.description(device)
    there = [*known.attributes, *known.events]
    for name in names:
        if name not in there:
            raise UnknownName(f"{known.id} tells nothing of {name!r}{did_you_mean(name, there)}")
    waiting: deque[tuple[str, Change, float]] = deque(maxlen=MAX_WAITING)
    arrived = threading.Condition()

    def heard(name: str, change: Change, at: float) -> None:
        with arrived:
            waiting.append((name, change, at))
            arrived.notify()

    for name in dict.fromkeys(names or there):
        link_of(device).follow(name, heard, every)
    while True:
        with arrived:
            while not waiting:
                arrived.wait(BLINK)
            news = waiting.popleft()
        yield news


def _clock(at: float) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(at))}.{int(at % 1 * 1000):03}"


def _as_json(name: str, change: Change, at: float) -> str:
    told = {"error": str(change)} if isinstance(change, IotkitError) else {"value": change}
    return json.dumps({"time": at, "name": name, **told})
