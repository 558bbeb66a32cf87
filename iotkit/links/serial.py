"""Reach a device that speaks the serial protocol, over any transport."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from ..description import is_identifier
from ..errors import BadValue, DeviceError, IotkitError, OutOfRange, ProtocolError, ReadOnly
from ..protocol import Reply
from ..transports import TICK, Transport
from ..types import Type, Value, shown
from . import CALL_TIMEOUT, TIMEOUT, Link
from .greeting import greet
from .introspection import introspect
from .line import Line

TRIES = 3  # of what may be asked twice

_TEXTS = (Type.STR, Type.ANY)


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
        self._line = Line(transport)
        try:
            self.description = introspect(self._line, greet(self._line, transport), timeout)
            if self.description.deadman_ms:
                # Twice in the time, and a bit: one of them may be lost.
                self._line.ping_each(max(self.description.deadman_ms / 1000 / 2.5, TICK))
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
            if (
                data == "-"
                and not self._line.framed
                and function.result.type in (Type.STR, Type.ANY)
            ):
                return ""  # version 1 sends the same for an empty text as for none
            return self._value(f"the result of {name}()", function.result.type, data)

        return self._line.ask(command, decode, timeout=self._call_timeout, tries=TRIES, once=True)

    def rename(self, specifier: str) -> Future[None]:
        """Give the device a specifier; see Link.rename."""
        if not self._line.framed:
            return super().rename(specifier)
        if specifier and not is_identifier(specifier):
            raise BadValue(f"{shown(specifier)} is no specifier: a letter, then letters, digits, _")
        renamed: Future[None] = Future()

        def accepted(asked: Future[str]) -> None:
            if (error := asked.exception()) is not None:
                renamed.set_exception(error)
                return
            # A cleared specifier gives way to the sketch's own, which only the device knows.
            self._line.ask(
                "devinfo",
                lambda reply: self._data(reply, "its name"),
                timeout=self._timeout,
                tries=TRIES,
            ).add_done_callback(known)

        def known(told: Future[str]) -> None:
            if (error := told.exception()) is not None:
                renamed.set_exception(error)
                return
            self.description = replace(self.description, id=told.result())
            renamed.set_result(None)

        self._line.ask(
            f"rename {specifier}".rstrip(),
            lambda reply: self._data(reply, f"to be called {specifier}"),
            timeout=self._timeout,
            tries=TRIES,
        ).add_done_callback(accepted)
        return renamed

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._line.closed

    def close(self) -> None:
        """Close the transport; see Link.close."""
        self._line.close()

    def _data(self, reply: Reply, wish: str) -> str:
        """Return the reply's data; raises what fits, in words, where it is an error."""
        if reply.status < 300:
            return reply.data
        reason = reply.message if reply.data in ("", "-") else f"{reply.message}: {reply.data}"
        words = f"{self.description.id} refused {wish}: {reason} ({reply.status})"
        raise _refusal(reply, words) if self._line.framed else DeviceError(words, reply.status)

    def _value(self, what: str, type_: Type, data: str) -> Value:
        try:
            return type_.parse(data)
        except BadValue as error:
            raise ProtocolError(
                f"{self.description.id} gave nonsense for {what}: {error}"
            ) from None


def _refusal(reply: Reply, words: str) -> IotkitError:
    """Return the error that a device of version 2 means."""
    if reply.status == 416:
        return OutOfRange(words, reply.data)
    if reply.status == 405:
        return ReadOnly(words)
    if (reply.status, reply.message) == (400, "Bad Value"):
        return BadValue(words)
    return DeviceError(words, reply.status)
