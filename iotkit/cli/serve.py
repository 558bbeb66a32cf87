"""`iotkit serve`: put devices on the web."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..device import Device
from ..links.interrupts import BLINK
from . import typed
from .common import baud_option, complain, end_on_signals, json_option, print_json, reach, say
from .link import show_link

if TYPE_CHECKING:
    from ..server import Service

Targets = tuple[str, ...]

_LOOPBACK, _EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - what --lan asks for
_OPEN = "Anyone on this network can now read and drive what is served here."
_READABLE = "Others on this network can read what is sent, the code too: see SECURITY.md."


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The first device's port, the next one's is one higher. (Any that are free.)",
)
@click.option("--lan", is_flag=True, help="Let in those on the network who know a code, too.")
@click.option(
    "--open", "anyone", is_flag=True, help="With --lan: let in everybody there, without a code."
)
@click.option("--token", is_flag=True, help="Let nobody in without a code, on this machine too.")
@click.option(
    "--teacher",
    is_flag=True,
    help="Show a second code, for who may take a device from others that have claimed it.",
)
@click.option(
    "--auto",
    is_flag=True,
    help="Serve what is plugged in, for as long as it is. A TARGET is a pattern of ports then.",
)
@click.option("--tls/--no-tls", default=None, help="Encrypt. (With --lan, if not --open.)")
@click.option("--announce/--no-announce", default=True, help="Announce the devices by mDNS. (Yes.)")
@baud_option
@json_option
def serve(
    targets: Targets,
    port: int,
    lan: bool,
    anyone: bool,
    token: bool,
    teacher: bool,
    auto: bool,
    tls: bool | None,
    announce: bool,
    baud: int | None,
    as_json: bool,
) -> None:
    """Put devices on the web, each with its own address, until Ctrl-C.

    Without a TARGET it is the one device there is; with --auto, each board of a known maker that
    is on USB or comes there. A pattern, such as '/dev/ttyUSB*', has all ports asked that match it.
    """
    _refuse_contradictions(lan, anyone, token, teacher, auto, port, targets)
    end_on_signals()
    warning = _OPEN if anyone else _READABLE if lan and tls is False else ""
    how: dict[str, Any] = {
        "host": _EVERYWHERE if lan else _LOOPBACK,
        "token": False if anyone else token or None,
        "tls": tls,
        "teacher": teacher,
        "announce": announce,
        "baud": baud,
    }
    if auto:
        from .gateway_log import run_gateway

        run_gateway(targets, warning, as_json, **how)
    _serve_each(targets or (None,), port, warning, as_json, **how)


def _refuse_contradictions(
    lan: bool, anyone: bool, token: bool, teacher: bool, auto: bool, port: int, targets: Targets
) -> None:
    if anyone and (token or not lan):
        raise click.UsageError("--open goes with --lan, and not with --token.")
    if teacher and (anyone or not (lan or token)):
        raise click.UsageError("--teacher goes with --lan or --token, and not with --open.")
    if auto and port:
        raise click.UsageError("--port doesn't go with --auto: each device has its own.")
    for one in targets if auto else ():
        if one.partition(":")[0] in ("sim", "exec", "http", "https", "socket"):
            raise click.UsageError(f"--auto is for ports: leave it out to serve {one}.")


def _serve_each(
    targets: Sequence[str | None],
    port: int,
    warning: str,
    as_json: bool,
    *,
    baud: int | None,
    announce: bool,
    teacher: bool,
    **how: Any,
) -> NoReturn:
    """Serve the devices until the program ends."""
    from ..server import serve as start

    with ExitStack() as stack:
        services: list[tuple[Device, Service]] = []
        for number, target in enumerate(targets):
            device = stack.enter_context(reach(target, baud))
            its_port = port + number if port else 0
            service = start(device, its_port, announce=announce, teacher=teacher, **how)
            services.append((device, stack.enter_context(service)))
        for words in (warning, *(service.doubled for _, service in services)):
            if words:
                complain(words)
        if as_json:
            print_json([_facts(device, service, teacher) for device, service in services])
        else:
            for device, service in services:
                id_ = typed.description(device).id
                say(f"{id_}  {service.url}  {_in_python(service, announce)}")
            _show_code([service for _, service in services], announce, teacher)
            say("Ctrl-C ends it.")
        while True:
            threading.Event().wait(BLINK)


def _show_code(services: list[Service], announced: bool, teacher: bool) -> None:
    """Say how others get in, if they need the code, and what takes its place."""
    from ..discovery import python_name
    from ..links.trust import is_private
    from ..server import on_new_code

    first, *more = services
    if not first.locked:
        return

    def show_new_code(code: str) -> None:
        say(f"The code is now {code}")
        show_link(first.url, code)

    on_new_code(show_new_code)
    called = python_name(first.name) if announced and is_private(first.url) else first.url
    say(f"To use it elsewhere, once: iotkit pair {'NAME' if more else called}")
    say(f"The code is {first.code}")
    show_link(first.url, first.code)
    if teacher:
        on_new_code(lambda code: say(f"The code for teachers is now {code}"), teacher=True)
        say(f"The code for teachers is {first.teachers_code}")


def _facts(device: Device, service: Service, teacher: bool) -> dict[str, object]:
    return {
        "id": typed.description(device).id,
        "target": typed.target(device),
        "url": service.url,
        "port": service.port,
        "name": service.name,
        "code": service.code,
        "teachers_code": service.teachers_code if teacher else "",
        "certificate": service.certificate,
    }


def _in_python(service: Service, announced: bool) -> str:
    from ..discovery import python_name

    if announced:
        return f"from iotkit.local import {python_name(service.name)}"
    return f'iotkit.connect("{service.url}")'
