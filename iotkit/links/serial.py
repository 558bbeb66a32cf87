"""Reach a device that speaks the serial protocol, over any transport."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from ..description import is_identifier
from ..errors import BadValue, DeviceError, DeviceStopped, IotkitError, ProtocolError
from ..futures import failed
from ..protocol import CLAIM_NEWS, EVENT_NEWS, NO_NEWS, VALUE_NEWS, News, Reply
from ..transports import TICK, Transport
from ..types import Type, Value, shown
from . import CALL_TIMEOUT, HALT, TIMEOUT, Hold, LosableLink, Newsroom, Wheel
from .claims import called
from .greeting import greet
from .introspection import introspect
from .line import Line
from .news import gone
from .polling import Poller
from .replies import failure, refusal
from .watches import Watches

TRIES = 3  # of what may be asked twice
POLL_PERIOD = 0.05  # seconds at least between two questions for the same attribute (version 1)
# Seconds, for each attribute that is followed, between two questions for the same one, to a device
# that pushes: so it is noticed when it falls silent, and news that arrived damaged is made up for.
HEARTBEAT = 1.0
LONGEST_WATCH = 65.535  # seconds

_log = logging.getLogger(__name__)


class SerialLink(LosableLink):
    """A device at the other end of `transport`, which this takes over and closes."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float = TIMEOUT,
        extra: float = 0.0,
    ) -> None:
        """Find out what the device is; it takes as long as the device takes to start.

        `timeout` is how long an answer may take, beside its time on the line; `extra` how much
        longer that of a function, where something is between; in seconds.

        Raises DeviceTimeout, DeviceDisconnected, or ProtocolError where what answers is no
        device.
        """
        self.target = transport.name
        self._timeout, self._extra = timeout, extra
        self._call_timeout = CALL_TIMEOUT + extra
        self._line = Line(transport)
        self.newsroom, self.hold = Newsroom(self), Hold()
        self.on_gone = self.newsroom.close
        self._claimed_beyond, self._knows_claims = "", True
        self._line.on_news = self._heard_of_claim
        try:
            self.description = introspect(self._line, greet(self._line, transport), timeout)
            if self.can_halt:
                self._line.keep_room_for(HALT)
            self.wheel = Wheel(self, taken=True)
            if self.description.deadman_ms:
                # Twice in the time, and a bit: one of them may be lost.
                each = max(self.description.deadman_ms / 1000 / 2.5, TICK)
                self._line.ping_each(each, lambda: self.wheel.steady)
            self._poller = Poller(
                f"iotkit poll {self.description.id}",
                lambda name: self.get(name, background=True),
                self.newsroom,
                period=POLL_PERIOD,
                found=self._found,
            )
            self._watches = Watches(self._watch, self._poller.hasten)
            self._pace = transport.pace
            self._periods: dict[str, float] = {}  # of what the device pushes
            self._line.on_news, self._line.on_restart = self._heard, self._restarted
            self._line.on_gone = self._gone
            if self._line.closed:
                self._gone(gone(self.target))
        except BaseException:
            self._line.close()
            raise

    def get(self, name: str, *, background: bool = False) -> Future[Value]:
        """Read an attribute; see Link.get."""
        return self._line.ask(
            f"get {name}",
            self._decoding(name),
            timeout=self._timeout,
            tries=TRIES,
            background=background,
        )

    def get_now(self, name: str) -> Value | Future[Value]:
        """Read an attribute; see Link.get_now."""
        found: Value | Future[Value] = self._line.ask_alone(
            f"get {name}", self._decoding(name), timeout=self._timeout, tries=TRIES
        )
        return found

    def set(self, name: str, value: Value) -> Future[None]:
        """Set an attribute; see Link.set."""
        text = self.description.attributes[name].type.format(value)

        def decode(reply: Reply) -> None:
            self._data(reply, f"to set {name} to {text}")

        return self._line.ask(
            f"set {name} {text}", decode, timeout=self._timeout, tries=TRIES, acts=True
        )

    def call(
        self, name: str, args: Sequence[Value], timeout: float | None = None
    ) -> Future[Value | None]:
        """Call a function; see Link.call."""
        function = self.description.functions[name]
        if timeout is None:
            timeout = function.within + self._extra if function.within else self._call_timeout
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

        return self._line.ask(command, decode, timeout=timeout, tries=TRIES, once=True, acts=True)

    def _halt(self, instead: DeviceStopped) -> Future[Any]:
        return self._line.ask_at_once(
            HALT,
            lambda reply: self._data(reply, f"{HALT}()"),
            timeout=self._call_timeout,  # it may be at work on a call
            instead=instead,
        )

    def rename(self, specifier: str) -> Future[None]:
        """Give the device a specifier; see Link.rename."""
        if not self._line.framed:
            return super().rename(specifier)
        if specifier and not is_identifier(specifier):
            raise BadValue(
                f"{shown(specifier)} is no specifier: write a letter, then letters, digits or _"
            )
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
    def claimed_beyond(self) -> str:
        """Who has claimed the device; see Link.claimed_beyond."""
        return self._claimed_beyond

    def _claim_beyond(self, who: str, seconds: float, *, take: bool) -> Future[None]:
        """Claim the device from who offers it; a board itself knows of no claims."""
        command = f"claim {'take ' * take}{round(1000 * seconds)} {who}".rstrip()

        def decode(reply: Reply) -> None:
            self._knows_claims = reply.status != 404
            if self._knows_claims:
                self._data(reply, "to be claimed")
            if not seconds:
                self._claimed_beyond = ""  # ahead of the news of it

        if self._line.framed and self._knows_claims:
            try:
                return self._line.ask(command, decode, timeout=self._timeout, tries=TRIES)
            except BadValue:  # the line is longer than a board takes
                self._knows_claims = False
        return super()._claim_beyond(who, seconds, take=take)

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._line.closed

    def close(self) -> None:
        """Close the transport; see Link.close."""
        self._line.close()

    def feed(self) -> None:
        """Let the device know that who drives it is there; see Driven.feed."""
        self._line.ping()

    def hush(self) -> None:
        """Say nothing that the device's deadman would take for a driver; see Driven.hush."""
        self._line.hush(self.description.deadman_ms / 1000 + TICK)

    silence = hush  # others may have asked for something meanwhile

    # The source of the newsroom: a device of version 2 pushes, one of version 1 is asked again
    # and again.

    def begin(self, name: str, period: float) -> None:
        """Begin to tell of an attribute; see Source.begin."""
        if not self._line.framed:
            self._poller.begin(name, period)
            return
        period = min(max(period, self._pace), LONGEST_WATCH)
        self._periods[name] = period
        self._watches.begin(name, round(period * 1000))
        beat = HEARTBEAT * len(self.newsroom.attributes())
        self._poller.begin(name, beat, beat)

    def end(self, name: str) -> None:
        """End it; see Source.end."""
        self._poller.end(name)
        if self._line.framed and not self.closed:
            self._watches.end(name)

    def refresh(self, name: str) -> None:
        """Ask for an attribute now; see Source.refresh."""
        self._poller.hurry(name)

    def _watch(self, name: str, milliseconds: int) -> Future[str]:
        try:
            return self._line.ask(
                f"watch {name} {milliseconds}",
                lambda reply: self._data(reply, f"to tell of {name}"),
                timeout=self._timeout,
                tries=TRIES,
            )
        except BadValue as error:  # the line is longer than the device takes
            return failed(DeviceError(str(error), 413))

    def _found(self, name: str) -> None:
        """Note that it took a question to learn what the device should have pushed.

        Then it has missed the wish, or restarted on the quiet. What it pushes seldom may just be
        due.
        """
        if self._line.framed and self._periods.get(name, HEARTBEAT) < HEARTBEAT:
            self._watches.again(name)

    def _restarted(self) -> None:
        if self._line.framed:
            # From here on, it knows again that there is a host for its events.
            self._line.ask("ping", lambda _: None, timeout=self._timeout, tries=TRIES)
        self.newsroom.renew()

    def report_to(self, newsroom: Newsroom) -> None:
        """Tell the news there; see LosableLink.report_to."""
        self.newsroom = self._poller.told = newsroom

    def _gone(self, reason: IotkitError) -> None:
        self._poller.close()
        self.on_gone(reason)

    def _heard_of_claim(self, news: News) -> None:
        """Take in who has claimed the device; before it is known what else it may tell of."""
        if news.status == CLAIM_NEWS:
            self._claimed_beyond = called(news.data) if news.data else ""
            if hasattr(self, "wheel"):
                self.wheel.changed()

    def _heard(self, news: News) -> None:
        """Take in what the device has said unasked; what makes no sense is dropped."""
        self._heard_of_claim(news)
        name, data = news.message, news.data
        known = self.description
        try:
            if news.status == VALUE_NEWS and name in known.attributes:
                self.newsroom.tell(name, self._value(name, known.attributes[name].type, data))
            elif news.status == EVENT_NEWS and name in known.events:
                value = known.events[name].value
                told = self._value(f"the event {name}", value.type, data) if value else None
                self.newsroom.tell(name, told)
            elif news.status == NO_NEWS and name in known.attributes:
                status, _, words = data.partition(" ")
                self.newsroom.tell(name, failure(int(status), words))
        except (IotkitError, ValueError) as error:
            _log.debug("%s sent odd news: %s", self.target, error)

    def _decoding(self, name: str) -> Callable[[Reply], Value]:
        """Return what makes an attribute's value of the reply to a get."""
        type_ = self.description.attributes[name].type
        return lambda reply: self._value(name, type_, self._data(reply, f"the value of {name}"))

    def _data(self, reply: Reply, wish: str) -> str:
        """Return the reply's data; raises what fits, in words, where it is an error."""
        if reply.status < 300:
            return reply.data
        raise refusal(reply, wish, self.description, framed=self._line.framed)

    def _value(self, what: str, type_: Type, data: str) -> Value:
        try:
            return type_.parse(data)
        except BadValue as error:
            raise ProtocolError(
                f"{self.description.id} gave nonsense for {what}: {error}"
            ) from None
