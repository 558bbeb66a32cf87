"""The conversation with a device, without threads, over a line that does all that lines do.

Bytes come late, one by one, damaged or not at all; the device takes its time, answers in any
order and starts anew. Time is what the test says.
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from iotkit.description import Argument, Attribute, Description, Event, Function
from iotkit.errors import (
    BadValue,
    DeviceDisconnected,
    DeviceReset,
    DeviceStopped,
    DeviceTimeout,
    ProtocolError,
)
from iotkit.links import conversation
from iotkit.links.conversation import Conversation
from iotkit.links.questions import Answer, Question
from iotkit.protocol import Banner, Call, DeviceEnd, Get, News, Reply, Set
from iotkit.types import Type, Value

FIXED = {f"a{n}": 1000 + n for n in range(5)}  # what the device has, each with a value of its own
ROBOT = Description.of(
    "robot",
    [*(Attribute(name, Type.INT) for name in FIXED), Attribute("speed", Type.INT)],
    [
        Function("double", (Argument("n", Type.INT),), Argument("r", Type.INT)),
        Function("stop"),
    ],
    [Event("bump", Argument("n", Type.INT))],
)
TIMEOUT, CALL_TIMEOUT = 2.0, 5.0  # seconds, by the test's clock
TRIES = 3  # of what may be asked twice
MAX_HALTS = 4  # while nothing is heard; they go out even if no tag is left
ALL = 1 << 20  # bytes
SIZES = st.sampled_from([ALL, ALL, ALL, 1, 5, 20])
LONGER = 100.0  # seconds in which every question has ended


class Line(RuleBasedStateMachine):
    """One host and one device, and the bytes on their way between them."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.numbers = 0.0, itertools.count(1)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(conversation, "time", SimpleNamespace(monotonic=lambda: self.now))
        nonces = itertools.count(0x10000000)
        hex_ = SimpleNamespace(token_hex=lambda _: f"{next(nonces):x}")
        self.patch.setattr(conversation, "secrets", hex_)
        self.there, self.back = bytearray(), bytearray()  # on their way to the device, to the host
        self.whole_after = {id(self.there): 0, id(self.back): 0}
        self.values = {**FIXED, "speed": 0}
        self.ran: list[int | str] = []  # what the device did, in order
        self.was_set: list[int] = []
        self.raised: list[int] = []
        self.working: list[Any] = []  # calls that take long
        self.restarts = self.halts = self.connected_anew = 0
        self.asked: dict[Question, list[Any]] = {}  # each question with its outcomes
        self.expected: dict[Question, Any] = {}
        self.news: list[int] = []

    @initialize(version=st.sampled_from([1, 2]), deadman=st.booleans())
    def plug_in(self, version: int, deadman: bool) -> None:
        self.version, self.deadman = version, deadman
        self.plug()

    def plug(self) -> None:
        for line in (self.there, self.back):
            line.clear()
            self.whole_after[id(line)] = 0
        self.working.clear()
        self.device = DeviceEnd(ROBOT, self.version)
        self.talk = Conversation("robot", self.there.extend, lambda: 0.0)
        if self.version == 2:
            self.ask("devinfo", None)
            self.settle()
            self.talk.end.use_frames(4096, 200)
            self.talk.end.keep_room_for("stop")
        self.talk.ping_each, self.talk.pings_wanted = 0.3, lambda: self.deadman

    # The host

    def question(self, command: str, wanted: Value | None, timeout: float, **how: Any) -> Question:
        def decode(reply: Reply) -> Value | None:
            assert reply.status == 200, reply
            if wanted is None:
                return None
            try:
                return Type.INT.parse(reply.data)
            except BadValue:  # in version 1, a restart may cut a value
                assert "DEV READY" in reply.data, reply
                raise ProtocolError("nonsense") from None

        question = Question(command, decode, timeout, Answer(lambda _: None), **how)
        self.asked[question], self.expected[question] = [], wanted
        return question

    def ask(
        self, command: str, wanted: Value | None, timeout: float = TIMEOUT, **how: Any
    ) -> Question:
        background = how.pop("background", False)
        question = self.question(command, wanted, timeout, **{"tries": TRIES, **how})
        self.talk.ask(question, background=background)
        return question

    def tell(self, told: conversation.Told) -> None:
        for question, outcome in told:
            if question is None:
                assert isinstance(outcome, Banner | News)
                if isinstance(outcome, News):
                    self.news.append(int(outcome.data))
            elif question in self.asked:
                self.asked[question].append(outcome)
                question.answer(outcome)

    @rule(name=st.sampled_from(list(FIXED)), background=st.booleans())
    def get(self, name: str, background: bool) -> None:
        self.ask(f"get {name}", FIXED[name], background=background)

    @rule(name=st.sampled_from(list(FIXED)), size=st.just(0) | SIZES)
    def get_alone(self, name: str, size: int) -> None:
        """Ask as one who will read the answer, which then may or may not be what comes."""
        command = f"get {name}"
        key = self.talk.ask_alone(command)
        if not key:
            return
        self.device_hears(size)
        events = self.talk.end.receive(self.taken(self.back, size))
        question = self.question(command, FIXED[name], TIMEOUT, tries=TRIES)
        if len(events) == 1 and isinstance(events[0], Reply) and events[0].key == key:
            self.asked[question].append(question.decode(events[0]))
        else:
            self.talk.adopt(key, question)
            self.tell(self.talk.hear(events))
        self.talk.send_next()

    @rule()
    def set(self) -> None:
        self.ask(f"set speed {next(self.numbers)}", None, acts=True)

    @rule()
    def call(self) -> None:
        number = next(self.numbers)
        self.ask(f"double {number}", 2 * number, CALL_TIMEOUT, once=True, acts=True)

    @precondition(lambda self: self.halts < MAX_HALTS)
    @rule()
    def halt(self) -> None:
        self.halts += 1
        question = self.question("stop", None, CALL_TIMEOUT)
        self.tell(self.talk.ask_at_once(question, DeviceStopped("by hand")))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def take_back(self, data: Any) -> None:
        data.draw(st.sampled_from(list(self.asked))).future.cancel()

    @rule()
    def hush(self) -> None:
        self.talk.hush(0.5)

    @rule(seconds=st.sampled_from([0.1, 1.0, TIMEOUT, CALL_TIMEOUT]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.hear(b"")

    @rule(name=st.sampled_from(list(FIXED)), times=st.integers(10, 15))
    def ask_in_vain(self, name: str, times: int) -> None:
        for _ in range(times):
            self.get(name, background=False)
            for _ in range(TRIES):
                self.pass_time(TIMEOUT)

    @rule(size=SIZES)
    def host_hears(self, size: int) -> None:
        self.hear(self.taken(self.back, size))

    def hear(self, data: bytes) -> None:
        try:
            told = self.talk.receive(data)
        except DeviceDisconnected as error:  # silent for so long that it has to be connected anew
            self.connected_anew += 1
            self.tell(self.talk.over(error))
            self.plug()
        else:
            self.tell(told)

    # The device

    @rule(size=SIZES, at_once=st.booleans())
    def device_hears(self, size: int, at_once: bool = True) -> None:
        self.device.receive(self.taken(self.there, size))
        self.work(at_once)

    @rule(at_once=st.booleans())
    def all_is_well(self, at_once: bool) -> None:
        self.device_hears(ALL, at_once)
        self.host_hears(ALL)

    @precondition(lambda self: self.working)
    @rule(which=st.integers(0, 100))
    def finish(self, which: int) -> None:
        request = self.working.pop(which % len(self.working))
        self.device.answer(request, 2 * request.args[0])
        self.work(at_once=False)

    @precondition(lambda self: self.version == 2)
    @rule()
    def bump(self) -> None:
        self.raised.append(next(self.numbers))
        self.device.raised(ROBOT.events["bump"], self.raised[-1])
        self.back += self.device.data_to_send()

    def work(self, at_once: bool) -> None:
        while request := self.device.next_request():
            match request:
                case Get(attribute=attribute):
                    self.device.answer(request, self.values[attribute.name])
                case Set(value=value):
                    self.values["speed"] = value
                    self.was_set.append(value)
                    self.device.answer(request)
                case Call(args=args) if args:
                    self.ran.append(args[0])
                    if at_once:
                        self.device.answer(request, 2 * args[0])
                    else:
                        self.working.append(request)
                case Call():
                    self.device.answer(request)
        self.back += self.device.data_to_send()

    @rule(left=st.integers(0, 60), kept=st.integers(0, 60))
    def restart(self, left: int, kept: int) -> None:
        """Start anew: some of the last answer is lost, and all that came but the last bytes."""
        self.restarts += 1
        del self.back[max(len(self.back) - left, 0) :]
        del self.there[: max(len(self.there) - kept, 0)]
        self.device, self.working = DeviceEnd(ROBOT, self.version), []
        self.device.start()
        self.back += self.device.data_to_send()
        for line in (self.there, self.back):
            self.whole_after[id(line)] = min(self.whole_after[id(line)], len(line))

    # The line

    def taken(self, line: bytearray, size: int) -> bytes:
        data = bytes(line[:size])
        del line[:size]
        self.whole_after[id(line)] = max(self.whole_after[id(line)] - size, 0)
        return data

    @precondition(lambda self: self.version == 2)
    @rule(
        back=st.booleans(), at=st.integers(0, 999), bad=st.binary(max_size=2), n=st.integers(1, 2)
    )
    def damage(self, back: bool, at: int, bad: bytes, n: int) -> None:
        """Change or lose a byte or two, but only once on each frame: that is what a CRC is for."""
        line = self.back if back else self.there
        if room := len(line) - self.whole_after[id(line)]:
            at = len(line) - 1 - at % room
            line[at : at + n] = bad[:n]
            end = line.find(b"\n", at + n)
            self.whole_after[id(line)] = len(line) if end < 0 else end + 1

    @precondition(lambda self: self.version == 2)
    @rule(at=st.integers(0, 15), act=st.booleans())
    def ask_in_noise(self, at: int, act: bool) -> None:
        self.call() if act else self.get("a0", background=False)
        self.damage(False, at, b"", 1)
        self.all_is_well(at_once=False)

    @precondition(lambda self: self.version == 1)
    @rule(data=st.data())
    def lose_an_answer(self, data: Any) -> None:
        """Lose a whole line; version 1 has nothing by which a part of one would be noticed.

        Nor would a command cut by a restart be, if the banner were lost as well.
        """
        lines = bytes(self.back).splitlines(keepends=True)
        lost = data.draw(st.sampled_from(range(len(lines)))) if lines else -1
        if lines and b"DEV READY" not in lines[lost]:
            del lines[lost]
            self.back[:] = b"".join(lines)

    # What holds

    @invariant()
    def no_action_runs_twice(self) -> None:
        assert len(self.ran) == len(set(self.ran)), self.ran

    @invariant()
    def each_question_ends_once_with_its_own_answer(self) -> None:
        for question, outcomes in self.asked.items():
            assert len(outcomes) <= 1, (question, outcomes)
            for outcome in outcomes:
                self.is_right(question, outcome)

    def is_right(self, question: Question, outcome: Any) -> None:
        command, _, number = question.command.partition(" ")
        if not isinstance(outcome, Exception):
            assert outcome == self.expected[question], (question, outcome)
            assert command != "double" or int(number) in self.ran
            assert command != "set" or int(number.split()[1]) in self.was_set
            return
        allowed: tuple[type[Exception], ...] = (DeviceTimeout, ProtocolError)
        allowed += (DeviceReset,) if self.restarts else ()
        allowed += (DeviceDisconnected,) if self.connected_anew else ()
        allowed += (DeviceStopped,) if question.acts else ()
        assert isinstance(outcome, allowed), (question, outcome)
        if isinstance(outcome, ProtocolError):
            assert "is no reply" in str(outcome) or self.version == 1, outcome
        if command == "double" and "may have run" not in str(outcome):
            assert int(number) not in self.ran, (question, outcome)

    @invariant()
    def news_is_true_and_told_once(self) -> None:
        assert len(self.news) == len(set(self.news))
        assert set(self.news) <= set(self.raised)

    def settle(self) -> None:
        """Let all that is on its way arrive, in no time."""
        while self.there or self.back or self.working:
            while self.working:
                self.finish(0)
            self.all_is_well(at_once=True)

    def teardown(self) -> None:
        try:
            if hasattr(self, "talk"):
                self.comes_to_an_end()
        finally:
            self.patch.undo()

    def comes_to_an_end(self) -> None:
        """All is well from now on: what was asked ends, and what is asked now is answered."""
        until = self.now + LONGER
        while self.now < until:
            self.settle()
            self.pass_time(1.0)
        self.each_question_ends_once_with_its_own_answer()
        for question, outcomes in self.asked.items():
            assert outcomes or question.future.cancelled(), question
        last = self.ask("get a3", 1003)
        self.settle()
        assert self.asked[last] == [1003]
        never = self.ask("get a4", 1004)
        self.tell([(q, e) for q, e in self.talk.over(DeviceDisconnected("over")) if q is never])
        assert isinstance(never.future.exception(0), DeviceDisconnected)
        assert self.talk.idle


def test_each_question_ends_once_and_no_action_runs_twice_over_a_bad_line() -> None:
    run_state_machine_as_test(
        Line, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )


def test_after_a_long_silence_a_late_answer_is_taken_for_no_other() -> None:
    line = Line()
    try:
        line.plug_in(version=2, deadman=False)
        line.ask_in_vain("a0", 15)
        asked = line.ask("get a1", 1001)
        line.settle()
        assert line.asked[asked] == [1001]
        assert line.connected_anew == 1
    finally:
        line.teardown()


def test_a_question_whose_barrier_a_restart_has_lost_is_asked_and_not_given_up() -> None:
    written: list[bytes] = []
    talk = Conversation("robot", written.append, float)
    talk.end.use_frames()
    question = Question("ping", str, TIMEOUT, Answer(print))
    talk.ask(question, background=False)
    assert b"ping" not in written[-1]  # it waits for the barrier
    banner = Banner("robot", "")
    assert talk.hear([banner]) == [(None, banner)]
    assert list(talk.out.values()) == [question]
    assert b"ping" in written[-1]
