"""`iotkit simulate`: be a device that there is no board for."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO, cast

import click

from ..errors import PortBusy
from ..host import Hosted
from ..links.interrupts import BLINK
from ..links.local import LocalLink
from ..offering import offer
from ..sim import simulate as simulated
from ..transports.process import Streams
from ..transports.tcp import Tcp
from .common import end_on_signals, json_option, print_json, say

_LOOPBACK = "127.0.0.1"
_HAS_PTY = os.name == "posix"


@click.command()
@click.argument("name", required=False)
@click.option(
    "--firmware",
    type=click.Path(path_type=Path),
    help="A sketch (.ino) or a program (.elf), on a simulated Uno.",
)
@click.option("--pty", is_flag=True, help="On a pseudo terminal. (So, except on Windows.)")
@click.option(
    "--tcp", type=click.IntRange(0, 65535), help="On a TCP port of this computer; 0: any."
)
@click.option("--stdio", is_flag=True, help="On the standard in- and output, until that ends.")
@click.option("--specifier", default="", help="Which one of its kind it is, such as red.")
@json_option
def simulate(
    name: str | None,
    firmware: Path | None,
    pty: bool,
    tcp: int | None,
    stdio: bool,
    specifier: str,
    as_json: bool,
) -> None:
    """Be a simulated device, until Ctrl-C.

    It speaks as a board on a serial port does. NAME is sumobot, weather or testhosttiny.
    """
    if (name is None) == (firmware is None):
        raise click.UsageError("Say either a NAME or a --firmware.")
    if firmware is not None and (stdio or specifier or tcp is not None):
        raise click.UsageError("A --firmware runs on a pseudo terminal, and has its own name.")
    if pty + stdio + (tcp is not None) > 1:
        raise click.UsageError("Only one of --pty, --tcp and --stdio is possible.")
    if pty and not _HAS_PTY:
        raise click.UsageError("There are no pseudo terminals on this system: take --tcp 0.")
    end_on_signals()
    if firmware is not None:
        _run(firmware, as_json)
        return
    device = simulated(name or "")
    device.specifier = specifier
    with ExitStack() as stack:
        link = LocalLink(Hosted(device), f"sim:{name}")
        stack.callback(link.close)
        if stdio:
            offer(link, stack.enter_context(_standard_streams()), may_take=True)
        elif tcp is not None or not _HAS_PTY:
            listener = stack.enter_context(_listener(tcp or 0))
            _tell(link.description.id, f"socket://{_LOOPBACK}:{listener.getsockname()[1]}", as_json)
            _offer_to_all(link, listener)
        else:
            from ..transports.pty import Pty

            terminal = stack.enter_context(Pty())
            _tell(link.description.id, terminal.name, as_json)
            offer(link, terminal, may_take=True)


def _run(firmware: Path, as_json: bool) -> None:
    from ..sim.firmware import SimulatedUno

    with closing(SimulatedUno(firmware)) as uno:
        _tell(firmware.name, uno.port, as_json)
        uno.wait()


def _tell(name: str, target: str, as_json: bool) -> None:
    if as_json:
        print_json({"id": name, "target": target})
        return
    say(f'{name} is on {target}, so in Python: iotkit.connect("{target}")')
    say("Ctrl-C ends it.")


def _standard_streams() -> Streams:
    # Not sys.stdin and sys.stdout: Python waits for those at its end, a pending read included.
    reader = open(0, "rb", closefd=False)  # noqa: SIM115 - of the whole program
    writer = open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return Streams(reader, cast("BinaryIO", writer), "the standard input")


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server((_LOOPBACK, port))
    except OSError as error:
        raise PortBusy(
            f"port {port} is taken, or kept for the system: choose another, or 0 for a free one"
        ) from error


def _offer_to_all(link: LocalLink, listener: socket.socket) -> None:
    """Be one device to all who connect, until the program is interrupted."""
    open_: set[Tcp] = set()

    def attend(client: Tcp) -> None:
        with client:
            offer(link, client, may_take=True)
        open_.discard(client)

    listener.settimeout(BLINK)
    try:
        while True:
            try:
                accepted, (address, port) = listener.accept()
            except TimeoutError:
                continue
            client = Tcp(accepted, f"{address}:{port}")
            open_.add(client)
            threading.Thread(target=attend, args=[client], name=client.name, daemon=True).start()
    finally:
        for client in list(open_):
            client.close()
