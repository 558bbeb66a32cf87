"""Reach a device that speaks the serial protocol, over any transport."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ..description import MAX_NAMES, V1_BUILTINS, Attribute, Description, Function
from ..errors import BadValue, DeviceError, DeviceTimeout, ProtocolError
from ..protocol import Reply
from ..transports import Transport
from ..types import Type, Value
from . import CALL_TIMEOUT, TIMEOUT, Link
from .line import Line

BOOT_TIME = 2.0  # seconds: a boot loader listens for 1.7 s, and takes for itself what comes then
HELLO_TIMEOUT, HELLO_TRIES = 1.0, 5  # so that a port on which nobody speaks fails within 8 s
TRIES = 3  # of what may be asked twice
MAX_SILENCES = 3  # requests for help, one after the other, without an answer: it has none


class SerialLink(Link):
    """A device at the other end of `transport`, which this takes over and closes."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float = TIMEOUT,
        call_timeout: float = CALL_TIMEOUT,
    ) -> None:
        """Find out what the device is; it takes as long as the device takes to start.

        Raises DeviceTimeout, DeviceDisconnected, or ProtocolError where what answers is no
        device.
        """
        self.target = transport.name
        self._timeout, self._call_timeout = timeout, call_timeout
        self._silences = 0
        self._line = Line(transport)
        try:
            if transport.resets:
                self._line.started.wait(BOOT_TIME)
            self.description = self._introspect()
        except BaseException:
            self._line.close()
            raise

    def get(self, name: str, *, background: bool = False) -> Future[Value]:
        """Read an attribute; see Link.get."""
        type_ = self.description.attributes[name].type

        def decode(reply: Reply) -> Value:
            return self._value(name, type_, self._data(reply, f"the value of {name}"))

        return self._line.ask(
            f"get {name}",
            decode,
            timeout=self._timeout,
            tries=TRIES,
            background=background,
        )

    def set(self, name: str, value: Value) -> Future[None]:
        """Set an attribute; see Link.set."""
        text = self.description.attributes[name].type.format(value)

        def decode(reply: Reply) -> None:
            self._data(reply, f"to set {name} to {text}")

        return self._line.ask(f"set {name} {text}", decode, timeout=self._timeout, tries=TRIES)

    def call(self, name: str, args: Sequence[Value]) -> Future[Value | None]:
        """Call a function; see Link.call."""
        function = self.description.functions[name]
        command = f"{name} {function.format_args(args)}" if function.args else name

        def decode(reply: Reply) -> Value | None:
            data = self._data(reply, f"{name}()")
            if function.result is None:
                return None
            if data == "-" and function.result.type in (Type.STR, Type.ANY):
                return ""  # version 1 sends the same for an empty text as for none
            return self._value(f"the result of {name}()", function.result.type, data)

        return self._line.ask(command, decode, timeout=self._call_timeout, tries=TRIES, once=True)

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._line.closed

    def close(self) -> None:
        """Close the transport; see Link.close."""
        self._line.close()

    def _data(self, reply: Reply, wish: str) -> str:
        """Return the reply's data; raises DeviceError, in words, where it is an error."""
        if reply.status < 300:
            return reply.data
        reason = reply.message if reply.data in ("", "-") else f"{reply.message}: {reply.data}"
        name = self.description.id
        raise DeviceError(f"{name} refused {wish}: {reason} ({reply.status})", reply.status)

    def _value(self, what: str, type_: Type, data: str) -> Value:
        try:
            return type_.parse(data)
        except BadValue as error:
            raise ProtocolError(
                f"{self.description.id} gave nonsense for {what}: {error}"
            ) from None

    def _introspect(self) -> Description:
        """Ask the device what it is and what it has, as version 1 does: a question for each."""
        device_id = self._ask("devinfo", HELLO_TIMEOUT, HELLO_TRIES).data
        self.description = Description.of(device_id)
        funcs = [name for name in self._list("funcs") if name not in V1_BUILTINS]
        attrs = [entry.partition(":") for entry in self._list("attrs")]
        return Description.of(
            device_id,
            [Attribute(n, Type.named(t), _untyped(self._help(n), t)) for n, _, t in attrs],
            [Function.parse(name, self._help(name)) for name in funcs],
        )

    def _ask(self, command: str, timeout: float | None = None, tries: int = TRIES) -> Reply:
        decode: Callable[[Reply], Reply] = _itself
        asked = self._line.ask(command, decode, timeout=timeout or self._timeout, tries=tries)
        reply: Reply = asked.result()
        return reply

    def _list(self, command: str) -> list[str]:
        words = (word.strip() for word in self._data(self._ask(command), command).split(","))
        names = list(dict.fromkeys(filter(None, words)))
        return names[: len(V1_BUILTINS) + MAX_NAMES + 1]  # one too many, for Description to see

    def _help(self, name: str) -> str:
        """Return the help of `name`; empty where the device has none."""
        if self._silences == MAX_SILENCES:
            return ""
        try:
            reply = self._ask(f"help {name}", tries=1)
        except BadValue:
            return ""
        except (DeviceTimeout, ProtocolError):  # some firmware; the name is still usable
            self._silences += 1
            return ""
        self._silences = 0
        return reply.data if reply.status < 300 else ""


def _untyped(help_: str, type_name: str) -> str:
    """Return an attribute's help without its type: `int - How fast` is `How fast`."""
    return re.sub(rf"^\s*{re.escape(type_name)}\s*(-\s+|-?$)", "", help_)


def _itself(reply: Reply) -> Reply:
    return reply
