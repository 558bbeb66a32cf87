"""Reach a device: over a serial line, over the web API, or in this process.

A link speaks in Python values and answers with futures, which serve a plain caller
(`.result()`), asyncio (`asyncio.wrap_future`) and a notebook alike.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from ..description import HALT, Description
from ..errors import DeviceClaimed, DeviceError, DeviceStopped, IotkitError, NotAllowed
from ..futures import done, failed
from ..types import Value
from .hold import Hold
from .news import Change, Following, Heard, Newsroom, is_last
from .states import State
from .wheel import Driver, Wheel

if TYPE_CHECKING:
    from ..transports.serial import UsbBoard

Result = TypeVar("Result")

TIMEOUT = 2.0  # seconds for a get or a set: a long line at 9600 baud, and as much again
CALL_TIMEOUT = 30.0  # seconds for a function: v1 firmware answers when the robot has arrived
# Seconds, over the network. A server may itself ask its device three times, and should be the one
# to say that it doesn't answer.
WEB_TIMEOUT = 3 * TIMEOUT + 1
WEB_EXTRA = 5.0  # more than for the device itself, for a function

_identifying = threading.Lock()


class Link(ABC):
    """A way to one device.

    `target` is what a person typed to get here; `description` is what the device says of
    itself; `identity` tells this very device from others of its class, as far as that is known.
    `asked_as` is another text by which a person asks for it, if there is one; `board` is what USB
    says of it.

    Values given to a link are those that `Attribute.check` or `Function.check` returned, under
    a name in the description. Each method returns at once; each future ends with a result or
    an IotkitError. With `background`, it waits until nobody else has something to ask.

    `never_waits` promises that asking takes no time even if the device has stopped listening;
    a serial port that takes no more data can hold up who writes to it.
    """

    target: str
    description: Description
    newsroom: Newsroom
    hold: Hold
    wheel: Wheel
    identity: str = ""
    asked_as: str = ""
    board: UsbBoard | None = None
    never_waits: bool = False

    def identify(self) -> str:
        """Return `identity`; where none is known, give it the one that it had last time.

        See identities. It lasts as long as this link, even if the device is renamed meanwhile.
        """
        with _identifying:
            if not self.identity:
                from . import identities

                self.identity, let_go = identities.claim(self.description, self.board)
                self.newsroom.states.watch(lambda now: let_go() if now == "closed" else None)
                if self.closed:
                    let_go()
        return self.identity

    @abstractmethod
    def get(self, name: str, *, background: bool = False) -> Future[Value]:
        """Read an attribute; asked again, at most twice, where no answer comes."""

    def get_now(self, name: str) -> Value | Future[Value]:
        """Do as `get` does, for one who will wait: return the value if it comes at once.

        Raises what the future would; otherwise returns that.
        """
        return self.get(name)

    @abstractmethod
    def set(self, name: str, value: Value) -> Future[None]:
        """Set an attribute; sent again, at most twice, where no answer comes."""

    @abstractmethod
    def call(
        self, name: str, args: Sequence[Value], timeout: float | None = None
    ) -> Future[Value | None]:
        """Call a function; sent once and never again, whatever happens.

        `timeout` is how long to wait for the answer, in seconds: if it is not given, what the
        function says of itself (Function.within), or else CALL_TIMEOUT. In this process, there
        is none.
        """

    def drive(self, begin: Callable[[], Future[Result]]) -> Future[Result]:
        """Return what `begin` does, which is to give the device a program's command.

        Raises DeviceStopped while programs may not (see Hold), DeviceClaimed while others drive.
        """
        return self.hold.drive(lambda: self.wheel.drive(begin))

    def steer(self, begin: Callable[[], Future[Result]]) -> Future[Result]:
        """Return what `begin` does, which is to give the device a command by a person's hand.

        Raises DeviceClaimed while others drive.
        """
        self.hold.driven = True
        return self.wheel.drive(begin)

    def claim(
        self, who: str, seconds: float, *, take: bool = False, holder: Driver | None = None
    ) -> Future[None]:
        """Let nobody drive for so many seconds but `holder`, or this process; or renew that.

        Others are told that `who` has it, as far as this link leads. To `take` it from others is
        for teachers; see Wheel.claim. The future's errors are that one's, and those of asking.
        """
        holder = holder or self.wheel.own
        renews, claimed = self.wheel.is_held_by(holder), Future[None]()

        def answered(asked: Future[None]) -> None:
            error = asked.exception()
            if renews and not isinstance(error, DeviceClaimed | NotAllowed):
                error = None  # the device is away, and may come back
            try:
                if error is not None:
                    raise error
                self.wheel.claim(holder, who, seconds, take=take)
            except Exception as raised:
                self.wheel.release(holder)
                claimed.set_exception(raised)
            else:
                claimed.set_result(None)

        claimed.set_running_or_notify_cancel()
        try:
            self.wheel.check_claim(holder, take=take)
        except IotkitError as error:
            claimed.set_exception(error)
        else:
            self._claim_beyond(who, seconds, take=take).add_done_callback(answered)
        return claimed

    def release(self, holder: Driver | None = None) -> Future[None]:
        """Let others drive again, if `holder`, or this process, has claimed the device."""
        holder = holder or self.wheel.own
        if not self.wheel.is_held_by(holder):
            return done()
        self.wheel.release(holder)
        return self._claim_beyond("", 0.0, take=False)

    @property
    def claimed_beyond(self) -> str:
        """Who has claimed the device where this leads to; empty where nobody has."""
        return ""

    def _claim_beyond(self, who: str, seconds: float, *, take: bool) -> Future[None]:  # noqa: ARG002
        """Claim the device there; done at once where it leads to nobody else's."""
        return done()

    @property
    def can_halt(self) -> bool:
        """Whether the device can be stopped."""
        return self.description.can_halt

    def halt(self, since: float = 0.0) -> Future[Any]:
        """Stop the device by hand, if it can halt; the future ends when it has said so.

        That goes ahead of all that waits, and out at once even if the device is busy. Of the
        rest, what was to set or call something ends with DeviceStopped. From now on, until
        `hold.end()`, programs can't drive the device: see Hold, also for `since`.
        """
        name = self.description.name
        why = f"{name} was stopped by hand: run a cell to drive it again"
        self.hold.begin(why, since)
        return self._halt(DeviceStopped(why))

    def _halt(self, instead: DeviceStopped) -> Future[Any]:  # noqa: ARG002
        """Call `stop` at once; what would act and was not sent ends with a copy of `instead`."""
        return self.call(HALT, ())

    def rename(self, specifier: str) -> Future[None]:  # noqa: ARG002
        """Tell the device which one of its class it is (`red`); an empty text clears that.

        It keeps this over a power cycle where it can. DeviceError for one that has no such thing.
        """
        known = self.description.id
        why = f"{known} can't keep another name: its program has to give it one"
        return failed(DeviceError(why, 404))

    def follow(self, name: str, heard: Heard, period: float = 0.0) -> Following:
        """Have `heard` called with the news of an attribute or event, until `close()`.

        `heard(name, change, time)` is called in a thread of the link's: it must be quick, and
        never wait for the device. `change` is a value (None for an event without one), or the
        IotkitError why there is none; `time` is when it came here, in seconds since the epoch.
        Of an attribute, the first call comes as soon as the value is known, then one for each
        change, but at most one in `period` seconds: the newest wins, and the last one always
        comes. While the device is lost and looked for, that is DeviceLost; when it is gone for
        good, the last call has DeviceDisconnected.

        However many follow, the device itself is asked once. What doesn't push is asked
        for again and again, at a rate that leaves the line free for others.
        """
        event = name in self.description.events and name not in self.description.attributes
        return self.newsroom.follow(name, heard, period, event=event)

    # What is driven; see Driven, and `wheel` for who drives.

    def feed(self) -> None:  # noqa: B027 - most have nothing to do
        """Let the device know that who drives it is there; see Driven.feed."""

    def hush(self) -> None:  # noqa: B027
        """Let the device hear nothing for a while; see Driven.hush."""

    def silence(self) -> None:  # noqa: B027
        """Do what is to be done when nobody drives any more; see Driven.silence."""

    @property
    def state(self) -> State:
        """How it stands with the link: `newsroom.states` also says why, and when that changes."""
        return self.newsroom.states.now

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether the device can't be reached by this link any more."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; what is unanswered ends with DeviceDisconnected."""


class LosableLink(Link):
    """A link that ends when it loses the device, and may then be replaced by a new one.

    `on_gone` is called with the reason, in any thread. By itself a link has a newsroom of
    its own, which ends with it; `report_to` another one, which then is to be told in `on_gone`.
    """

    on_gone: Callable[[IotkitError], None]

    @abstractmethod
    def report_to(self, newsroom: Newsroom) -> None:
        """Tell the news there from now on."""

    # The source of that newsroom.

    @abstractmethod
    def begin(self, name: str, period: float) -> None:
        """Begin to tell of an attribute; see Source.begin."""

    @abstractmethod
    def end(self, name: str) -> None:
        """End it; see Source.end."""

    @abstractmethod
    def refresh(self, name: str) -> None:
        """Ask for an attribute now; see Source.refresh."""


__all__ = [
    "CALL_TIMEOUT",
    "HALT",
    "TIMEOUT",
    "WEB_EXTRA",
    "WEB_TIMEOUT",
    "Change",
    "Driver",
    "Following",
    "Heard",
    "Hold",
    "Link",
    "LosableLink",
    "Newsroom",
    "State",
    "Wheel",
    "is_last",
]
