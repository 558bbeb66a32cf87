"""`iotkit devices`, `info`, `get`, `set`, `call`: one question to a device each."""

from __future__ import annotations

import click

from ..errors import DeviceError, IotkitError
from ..text import columns, described
from ..types import Value
from . import typed
from .common import (
    baud_option,
    complain,
    json_option,
    print_json,
    reach,
    say,
    target_argument,
    waiting,
)
from .translating import Mistyped, translated, translating

# So that a negative number is a value and not an option.
_TAKES_VALUES = {"ignore_unknown_options": True}


@click.command()
@json_option
def devices(as_json: bool) -> None:
    """List the boards on USB and the devices on the network."""
    from ..inventory import on_network, on_usb

    found = on_usb()
    try:
        found += on_network()
    except IotkitError as error:
        complain(str(error))
    if as_json:
        print_json([{"target": f.target, "kind": f.kind, "what": f.what} for f in found])
    elif found:
        click.echo(columns([("TARGET", "WHAT"), *((f.target, f.what) for f in found)]))
    else:
        say("There is no board on USB and no device on the network. Try: iotkit shell sim:sumobot")


@click.command()
@target_argument
@baud_option
@json_option
def info(target: str | None, baud: int | None, as_json: bool) -> None:
    """Tell what a device is and what it can do.

    Without a TARGET it is the one device there is.
    """
    with reach(target, baud) as device:
        if as_json:
            print_json(device.devinfo)
            return
        known = typed.description(device)
        say(f"{known.id} on {typed.target(device)}")
        if known.help:
            say(known.help)
        click.echo(f"\n{described(known)}")


@click.command()
@target_argument
@click.argument("names", nargs=-1, metavar="[NAME]...")
@baud_option
@json_option
def get(target: str | None, names: tuple[str, ...], baud: int | None, as_json: bool) -> None:
    """Print the values of attributes.

    Of all of them, where no NAME is given; of a single NAME it is the value alone.
    """
    values: dict[str, Value] = {}
    failed = False
    with translating("get", target, *names), reach(target, baud) as device:
        for name in names or typed.description(device).attributes:
            try:
                with waiting(f"{typed.target(device)} to say its {name}"):
                    values[name] = typed.read(device, name)
            except DeviceError as error:  # in this attribute; the others may be fine
                complain(str(error))
                failed = True
    if as_json:
        print_json(values)
    elif len(names) == 1:
        for value in values.values():
            say(str(value))
    elif values:
        click.echo(columns((name, str(value)) for name, value in values.items()))
    if failed:
        click.get_current_context().exit(1)


@click.command("set", context_settings=_TAKES_VALUES)
@click.argument("target")
@click.argument("name", required=False, metavar="NAME")
@click.argument("value", nargs=-1, metavar="VALUE")
@baud_option
def set_(target: str, name: str | None, value: tuple[str, ...], baud: int | None) -> None:
    """Give an attribute a value."""
    if name is None or len(value) != 1:
        right = translated("set", [target, *filter(None, [name]), *value])
        raise Mistyped(right or "write a name and one value, as in: iotkit set robot speed 80")
    with (
        translating("set", target, name, *value),
        reach(target, baud) as device,
        waiting(f"{typed.target(device)} to take that"),
    ):
        typed.write(device, name, value[0])


@click.command(context_settings=_TAKES_VALUES)
@click.argument("target")
@click.argument("function", required=False, metavar="FUNCTION")
@click.argument("args", nargs=-1)
@baud_option
@json_option
def call(
    target: str, function: str | None, args: tuple[str, ...], baud: int | None, as_json: bool
) -> None:
    """Call a function, and print its result where it has one."""
    if function is None:
        right = translated("call", [target])
        raise Mistyped(right or "write which function, as in: iotkit call robot stop")
    with (
        translating("call", target, function, *args),
        reach(target, baud) as device,
        waiting(f"{typed.target(device)} to end its {function}"),
    ):
        result = typed.call(device, function, args)
    if as_json:
        print_json(result)
    elif result is not None:
        say(str(result))
