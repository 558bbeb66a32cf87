"""`iotkit serve`: put devices on the web."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from ..device import Device
from ..targets import connect
from . import typed
from .common import baud_option, complain, end_on_signals, json_option, print_json, say

if TYPE_CHECKING:
    from ..server import Service

_LOOPBACK, _EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - what --lan asks for


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
@click.option("--announce/--no-announce", default=True, help="Announce the devices by mDNS. (Yes.)")
@baud_option
@json_option
def serve(
    targets: tuple[str, ...],
    port: int,
    lan: bool,
    anyone: bool,
    token: bool,
    announce: bool,
    baud: int | None,
    as_json: bool,
) -> None:
    """Put devices on the web, each with its own address, until Ctrl-C.

    Without a TARGET it is the one device there is.
    """
    from ..server import serve as start

    if anyone and (token or not lan):
        raise click.UsageError("--open goes with --lan, and not with --token.")
    end_on_signals()
    with ExitStack() as stack:
        services: list[tuple[Device, Service]] = []
        for number, target in enumerate(targets or (None,)):
            device = stack.enter_context(connect(target, baud=baud))
            service = start(
                device,
                port + number if port else 0,
                host=_EVERYWHERE if lan else _LOOPBACK,
                announce=announce,
                token=False if anyone else token or None,
            )
            services.append((device, stack.enter_context(service)))
        if anyone:
            complain("Anyone on this network can now read and drive what is served here.")
        if as_json:
            print_json([_facts(device, service) for device, service in services])
        else:
            for device, service in services:
                id_ = typed.description(device).id
                say(f"{id_}  {service.url}  {_in_python(service, announce)}")
            _show_code([service for _, service in services], announce)
            say("Ctrl-C ends it.")
        while True:
            threading.Event().wait(3600)  # with a limit, so that Ctrl-C works on Windows


def _show_code(services: list[Service], announced: bool) -> None:
    """Say how others get in, if they need the code, and what takes its place."""
    from ..discovery import python_name
    from ..server import on_new_code

    first, *more = services
    if not first.locked:
        return
    on_new_code(lambda code: say(f"The code is now {code}"))
    called = python_name(first.name) if announced else first.url
    say(f"To use it elsewhere, once: iotkit pair {'NAME' if more else called}")
    say(f"The code is {first.code}")


def _facts(device: Device, service: Service) -> dict[str, object]:
    return {
        "id": typed.description(device).id,
        "target": typed.target(device),
        "url": service.url,
        "port": service.port,
        "name": service.name,
        "code": service.code,
    }


def _in_python(service: Service, announced: bool) -> str:
    from ..discovery import python_name

    if announced:
        return f"from iotkit.local import {python_name(service.name)}"
    return f'iotkit.connect("{service.url}")'
