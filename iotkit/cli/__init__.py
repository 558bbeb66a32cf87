"""The command `iotkit`.

What a command needs is imported when it runs, so that `iotkit --help` is there at once.
"""

from __future__ import annotations

from typing import Any

import click

from .. import __version__
from ..errors import IotkitError, did_you_mean
from .common import complain
from .forget import forget
from .lab import lab
from .name import name
from .pair import pair
from .serve import serve
from .shell import shell
from .simulate import simulate
from .translating import Mistyped, translated
from .values import call, devices, get, info, set_
from .watch import watch

INTERRUPTED = 130  # the exit code that shells give a program which Ctrl-C ended
_USUAL = {"connect": "shell", "list": "devices", "ls": "devices"}  # what others call a command


class _Commands(click.Group):
    """The commands; a failure is one sentence and exit code 1, Ctrl-C just an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)  # in the order below, not the alphabet's

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        if right := translated("", args):
            raise Mistyped(right)
        meant = _USUAL.get(args[0])
        near = f", did you mean {meant!r}?" if meant else did_you_mean(args[0], self.commands)
        raise Mistyped(
            f"there is no command {args[0]!r}{near} (a command comes first, as in: iotkit get robot"
            " speed; iotkit --help lists them)"
        )

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IotkitError as error:
            complain(str(error))
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group("iotkit", cls=_Commands)
@click.version_option(__version__, prog_name="iotkit", message="%(prog)s %(version)s")
def _iotkit() -> None:
    """Talk to makers' boards: read them, drive them, share them, simulate them.

    A TARGET is a serial port (/dev/ttyUSB0, COM3), a name on the local network (robot),
    sim:sumobot, http://host:port, socket://host:port, or "exec:program args".
    """


for _command in (
    lab,
    devices,
    info,
    get,
    set_,
    call,
    watch,
    shell,
    serve,
    pair,
    forget,
    name,
    simulate,
):
    _iotkit.add_command(_command)


def main() -> None:
    """Be the program `iotkit`."""
    _iotkit(prog_name="iotkit")
