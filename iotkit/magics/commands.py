"""The line magic `%iotkit`."""

from __future__ import annotations

import getpass
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

from .. import opened, sim
from ..commands import wait
from ..device import Device, link_of
from ..errors import BadValue, DeviceError, IotkitError, UnknownName, did_you_mean
from ..links import Link
from ..plain import printable
from ..text import columns, kept
from .completion import Completion
from .display import Display
from .faults import Faults
from .stopping import Stopping, halt
from .variables import Variables

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_AS = re.compile(r"(?:(?P<what>.*?)\s+)?as\s+(?P<name>\S+)")
_QUESTION = re.compile(r"^(\s*%iotkit)\s+(\w+)\s*\?{1,2}\s*$")
_LOOPBACK, _EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - what --lan asks for


@magics_class
class IotkitMagics(Magics):
    """`%iotkit`, and all that goes with it, in one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._commands: dict[str, Callable[[str], None]] = {
            "devices": self._devices,
            "connect": self._connect,
            "simulate": self._simulate,
            "plot": self._plot,
            "pad": self._pad,
            "serve": self._serve,
            "pair": self._pair,
            "name": self._name,
            "stop": self._stop,
            "disconnect": self._disconnect,
            "help": self._help,
        }
        self._transformers: list[object] = shell.input_transformers_cleanup
        self._variables = Variables(shell)
        self._completion = Completion(shell, self._commands)
        self._display = Display(shell)
        self._faults = Faults(shell)
        self._stopping = Stopping(shell)

    def start(self) -> None:
        """Begin: help, completion, and what a notebook shows."""
        self._transformers.append(_help_for_a_command)
        self._completion.start()
        self._display.start()
        self._faults.start()
        self._stopping.start()

    def stop(self) -> None:
        """End all of that, and close what was opened."""
        self._transformers[:] = [
            one for one in self._transformers if one is not _help_for_a_command
        ]
        self._completion.stop()
        self._stopping.stop()
        self._faults.stop()
        self._display.stop()
        self._variables.close()

    @line_magic
    def iotkit(self, line: str) -> None:
        """Devices as variables.

        %iotkit devices                      what there is
        %iotkit connect TARGET [as NAME]     make a device a variable
        %iotkit simulate WHICH [as NAME]     the same with a simulated one
        %iotkit plot NAME.ATTRIBUTE …        show a live chart
        %iotkit pad NAME.FUNCTION            drive it by hand
        %iotkit serve NAME [--lan]           put it on the web
        %iotkit pair NAME                    be let in by one on the network
        %iotkit name NAME SPECIFIER          say which one of its class it is
        %iotkit stop [NAME]                  stop what it does, or all
        %iotkit disconnect NAME              let go of it

        A question mark behind one of them explains it: %iotkit connect?
        """
        command, _, rest = line.strip().partition(" ")
        try:
            if command and command not in self._commands:
                near = did_you_mean(command, self._commands)
                there = ", ".join(self._commands)
                raise UnknownName(f"there is no %iotkit {command}{near} (there are: {there})")
            self._commands[command or "help"](rest.strip())
        except IotkitError as error:
            raise UsageError(printable(str(error))) from None

    def _devices(self, line: str) -> None:  # noqa: ARG002 - as all commands
        """List what there is.

        %iotkit devices

        The devices connected here with their variables, the boards on USB, the devices on the
        network, and those that can be simulated.
        """
        from ..inventory import on_network, on_usb

        rows = [(self._variables.names_of(one), _shown(link_of(one))) for one in opened.devices()]
        rows += [(one.target, one.what) for one in on_usb()]
        try:
            rows += [(one.target, one.what) for one in on_network()]
        except IotkitError as error:
            print(printable(str(error)))
        rows += [(f"sim:{name}", "to simulate") for name in sim.DEVICES]
        print(columns(rows))

    def _connect(self, line: str) -> None:
        """Connect to a device and make it a variable.

        %iotkit connect [TARGET] [as NAME]

        TARGET is a serial port (/dev/ttyUSB0, COM3), a name on the local network (robot),
        sim:sumobot, http://host:port, socket://host:port or exec:program args; without one it is
        the one device there is. Without a NAME the variable has the device's own name.
        """
        target, name = _with_name(line)
        self._put(target or None, name)

    def _simulate(self, line: str) -> None:
        """Simulate a device and make it a variable.

        %iotkit simulate WHICH [as NAME]

        WHICH is sumobot, weather or testhosttiny, or a sketch for a simulated Uno (path/Robot.ino).
        Without a NAME the variable has the device's own name. Once more with the same name, it
        begins anew.
        """
        which, name = _with_name(line)
        self._put(f"sim:{which}", name)

    def _put(self, target: str | None, name: str | None) -> None:
        name, device = self._variables.connect(target, name)
        print(printable(f"The variable {name} is {_shown(link_of(device))}."))

    def _plot(self, line: str) -> None:
        """Show a live chart.

        %iotkit plot NAME.ATTRIBUTE [NAME.ATTRIBUTE …]

        As in %iotkit plot robot.distance robot.speed, where robot is a variable. iotkit.plot does
        the same in a program.
        """
        what: list[Device | str] = []
        for word in line.split():
            name, _, attribute = word.partition(".")
            what += [self._variables.connected(name, f"{name} = iotkit.connect({name})"), attribute]
        if not what:
            raise BadValue("say what to plot, as in: %iotkit plot robot.distance robot.speed")
        self._display.plot(*what)

    def _pad(self, line: str) -> None:
        """Show a pad to drive a device by hand.

        %iotkit pad NAME.FUNCTION
        %iotkit pad NAME.ATTRIBUTE NAME.ATTRIBUTE

        As in %iotkit pad robot.drive, a function of two numbers, or %iotkit pad robot.turn
        robot.speed, where robot is a variable: the first goes to the right, the second up. The pad
        is held by mouse, finger or arrow keys, and goes back to zero when let go.
        """
        words = [word.partition(".") for word in line.split()]
        if not words or len({name for name, _, _ in words}) != 1:
            raise BadValue("say what to drive of one device, as in: %iotkit pad robot.drive")
        name = words[0][0]
        device = self._variables.connected(name, f"{name} = iotkit.connect({name})")
        self._display.pad(device, *(member for _, _, member in words))

    def _serve(self, line: str) -> None:
        """Put a device on the web, so that other programs can use it.

        %iotkit serve NAME [--lan [--open]]

        NAME is a variable. Only programs on this computer get at it, or with --lan those on the
        local network who know the code that is shown, encrypted. With --open, anyone on that
        network can read and drive it.
        """
        from ..discovery import python_name

        name, *options = line.split() or [""]
        if not name or options not in ([], ["--lan"], ["--lan", "--open"]):
            raise BadValue("write %iotkit serve NAME, or behind it --lan, or --lan --open")
        at = _EVERYWHERE if options else _LOOPBACK
        service = self._variables.serve(name, at, anyone="--open" in options)
        known_as = python_name(service.name)
        print(printable(f"{name} is at {service.url}: from iotkit.local import {known_as}"))
        if service.locked:
            print(printable(f"To use it elsewhere, once: %iotkit pair {known_as}"))
            print(f"The code is {service.code}")
        elif options:
            print("Anyone on this network can now read and drive it.")

    def _pair(self, line: str) -> None:
        """Be let in by a device on the network, once, and by all that are served with it.

        %iotkit pair NAME

        The code is shown where the device is served; what you type is not seen. A link that is
        shown there, https://…#…, may stand for NAME and code.
        """
        from ..pairing import find, pair, split, told

        if not line:
            raise BadValue("write %iotkit pair NAME")
        target, code = split(line)
        find(target)  # nobody types a code for what isn't there
        others = pair(target, code or getpass.getpass("The code: "))
        print(printable(f"{told(target, others)}: %iotkit connect {target}"))

    def _name(self, line: str) -> None:
        """Say which one of its class a device is.

        %iotkit name NAME SPECIFIER
        %iotkit name NAME --clear

        NAME is a variable. SPECIFIER is a word of letters, digits and _, such as red: a sumobot is
        sumobot:red then. A board keeps it without power, and is known by it wherever it is
        plugged in.
        """
        name, specifier = (*line.split(), "", "")[:2]
        if not specifier or len(line.split()) > 2:
            raise BadValue("write %iotkit name NAME SPECIFIER, as in: %iotkit name robot red")
        device = self._variables.connected(name, f"set its specifier, as in {name}.specifier")
        link = link_of(device)
        wait(link.rename("" if specifier == "--clear" else specifier))
        print(printable(f"{name} is {link.description.id} now."))
        if lasts := kept(link.target, is_board=link.board is not None):
            print(lasts)

    def _stop(self, line: str) -> None:
        """Stop a device, or all of them.

        %iotkit stop [NAME]

        NAME is a variable. What programs wanted of the device and was not sent yet is dropped,
        and until you run another cell, they can't drive it. The panel's Stop button does the
        same, also while a cell runs; interrupting a cell stops all that was driven.
        """
        devices = (
            [self._variables.connected(line, f"call {line}.stop()")] if line else opened.devices()
        )
        stoppable = [one for one in devices if link_of(one).can_halt and not link_of(one).closed]
        if not stoppable:
            known = f"{line} has no" if line else "no device here has a"
            raise DeviceError(f"{known} function called stop")
        failures = halt(stoppable)
        if failures:
            raise DeviceError(f"{'; '.join(failures)}. If it still moves, pull its plug")
        print(printable(f"Stopped: {', '.join(_shown(link_of(one)) for one in stoppable)}."))

    def _disconnect(self, line: str) -> None:
        """Let go of a device.

        %iotkit disconnect NAME

        NAME is a variable, which goes with it. It is no longer served either.
        """
        self._variables.disconnect(line)
        print(printable(f"{line} is disconnected."))

    def _help(self, line: str) -> None:
        """Explain one of the commands, or list them all.

        %iotkit help [COMMAND]
        """
        explained: object = self._commands.get(line, IotkitMagics.iotkit)
        print(inspect.getdoc(explained))


def _shown(link: Link) -> str:
    return f"{link.description.id} on {link.target}"


def _with_name(line: str) -> tuple[str, str | None]:
    """Return what stands before `as NAME`, and the name, or None where there is none."""
    found = _AS.fullmatch(line)
    return (found["what"] or "", found["name"]) if found else (line, None)


def _help_for_a_command(lines: list[str]) -> list[str]:
    """Make `%iotkit connect?` what shows its help; IPython would look for a `connect`."""
    return [_QUESTION.sub(r"\1 help \2", line) for line in lines]
