"""The newsroom: who is told what, in which order, and what is asked of the source."""

from __future__ import annotations

import itertools
import random
import threading
import time

import pytest
from fake_devices import SOON
from heard import Heard, settled
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from iotkit.errors import DeviceDisconnected, DeviceError, DeviceTimeout
from iotkit.links import timer
from iotkit.links.news import MAX_WAITING, Newsroom
from iotkit.links.timer import cancel, later

GONE = DeviceDisconnected("robot is closed")
PERIOD = 0.03  # seconds


class Source:
    """Keeps what it is asked, and fails if two ask at once."""

    def __init__(self):
        self.asked = []
        self._busy = threading.Lock()

    def begin(self, name, period):
        self._note("begin", name, period)

    def end(self, name):
        self._note("end", name)

    def refresh(self, name):
        self.asked.append(("refresh", name))

    def _note(self, *what):
        assert self._busy.acquire(blocking=False), "two speak with the source at once"
        self.asked.append(what)
        self._busy.release()


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def room(source):
    return Newsroom(source)


def follow(room, name="x", period=0.0, *, event=False):
    heard = Heard()
    return heard, room.follow(name, heard, period, event=event)


# Who is told what


def test_only_changes_are_told(room):
    heard, _ = follow(room)
    for value in (1, 1, 2, 2, 2, 1):
        room.tell("x", value)
    assert heard.changes == [1, 2, 1]


def test_a_value_of_another_type_is_a_change(room):
    heard, _ = follow(room)
    for value in (1, True, 1.0, "1"):
        room.tell("x", value)
    assert [type(change) for change in heard.changes] == [int, bool, float, str]


def test_news_of_another_name_and_of_nobodys_are_not_told(room):
    heard, following = follow(room)
    room.tell("y", 1)
    following.close()
    room.tell("x", 1)
    assert heard.changes == []


def test_one_who_comes_later_is_told_the_last_value_with_its_time_in_another_thread(room, source):
    first, _ = follow(room)
    room.tell("x", 5, 1234.5)
    second, _ = follow(room)
    assert second.wait(len) == [5]
    assert second.times == [1234.5]
    assert threading.current_thread() not in second.threads
    assert first.changes == [5]
    assert source.asked == [("begin", "x", 0.0)]


def test_one_who_comes_after_the_last_has_left_is_not_told_an_old_value(room):
    _, following = follow(room)
    room.tell("x", 5)
    following.close()
    heard, _ = follow(room)
    settled()
    assert heard.changes == []


def test_an_error_is_told_once_and_the_value_after_it_again(room):
    heard, _ = follow(room)
    room.tell("x", 1)
    for _ in range(3):
        room.tell("x", DeviceTimeout("no answer"))
    room.tell("x", DeviceError("no answer"))
    room.tell("x", 1)
    assert [type(change) for change in heard.changes] == [int, DeviceTimeout, DeviceError, int]


def test_a_refresh_tells_the_same_value_again(room, source):
    heard, following = follow(room)
    room.tell("x", 1)
    following.refresh()
    room.tell("x", 1)
    room.tell("x", 1)
    assert heard.changes == [1, 1]
    assert ("refresh", "x") in source.asked
    following.close()
    following.refresh()
    assert source.asked.count(("refresh", "x")) == 1


def test_a_name_that_is_followed_by_none_can_be_refreshed(room):
    room.refresh("x")


# Order


def test_what_was_read_before_newer_news_is_dropped(room):
    heard, _ = follow(room)
    mark = room.mark()
    assert room.tell("x", 2)
    assert not room.tell("x", 1, mark=mark)
    assert room.tell("x", 3, mark=room.mark())
    assert heard.changes == [2, 3]


def test_what_was_read_before_the_same_value_was_told_again_is_dropped(room):
    heard, _ = follow(room)
    room.tell("x", 1)
    early, late = room.mark(), room.mark()
    assert not room.tell("x", 1, mark=late)
    assert not room.tell("x", 0, mark=early)
    assert heard.changes == [1]


def test_nobody_ends_with_an_older_value_however_many_tell(room):
    """Each thread reads a counter and tells it, as the threads that set a device's value do."""
    counter = [0]
    many = [follow(room, period=period)[0] for period in (0.0, 0.001, PERIOD)]

    def work():
        for _ in range(300):
            counter[0] += 1
            mark = room.mark()
            room.tell("x", counter[0], mark=mark)

    together(work, work, work, work)
    for heard in many:
        changes = heard.wait(lambda changes: changes and changes[-1] == counter[0])
        assert changes == sorted(changes)


def test_one_who_is_slow_and_has_no_pace_gets_each_value(room):
    assert while_one_is_slow(room, 0.0) == list(range(1000))


def test_one_who_is_slow_and_has_a_pace_gets_the_newest(room):
    assert while_one_is_slow(room, 1e-9) == [0, 999]


def while_one_is_slow(room, period):
    """Return what is heard by one at work while values come."""
    at_work, go_on = threading.Event(), threading.Event()
    told = []

    def slow(name, change, at):
        told.append(change)
        at_work.set()
        assert go_on.wait(SOON)

    room.follow("x", slow, period, event=False)
    teller = threading.Thread(target=room.tell, args=("x", 0))
    teller.start()
    assert at_work.wait(SOON)
    for value in range(1, 1000):
        room.tell("x", value)  # which doesn't wait for the slow one
    go_on.set()
    teller.join(SOON)
    return told


# Pace


def test_a_pace_is_kept_and_the_last_value_comes(room):
    heard, _ = follow(room, period=PERIOD)
    began = time.monotonic()
    value = 0
    while time.monotonic() < began + 10 * PERIOD:
        value += 1
        room.tell("x", value)
    changes = heard.wait(lambda changes: changes[-1] == value)
    most = (time.monotonic() - began) / (PERIOD * 0.9) + 2
    assert 2 <= len(changes) <= most
    assert changes[0] == 1


def test_each_has_a_pace_of_their_own(room, source):
    slow, one = follow(room, period=60)
    quick, other = follow(room)
    for value in range(5):
        room.tell("x", value)
    assert quick.changes == [0, 1, 2, 3, 4]
    assert slow.changes == [0]
    other.close()
    one.close()
    assert source.asked == [
        *(("begin", "x", period) for period in (60, 0.0, 60)),
        ("end", "x"),
    ]


def test_what_has_become_again_what_it_was_is_not_told_in_its_time(room):
    heard, _ = follow(room, period=PERIOD)
    room.tell("x", 1)
    room.tell("x", 2)
    room.tell("x", 1)
    time.sleep(2 * PERIOD)
    room.tell("x", 3)
    assert heard.wait(lambda changes: changes[-1] == 3) == [1, 3]


def test_nothing_that_waits_for_its_time_comes_after_close(room):
    heard, following = follow(room, period=PERIOD)
    room.tell("x", 1)
    room.tell("x", 2)
    following.close()
    following.close()
    assert not any(work == following._due for _, _, work in timer._waiting)
    time.sleep(2 * PERIOD)
    assert heard.changes == [1]


# The end


@pytest.mark.parametrize("period", [0.0, 60.0])
def test_the_last_value_and_then_the_end_come_once(room, period):
    heard, following = follow(room, period=period)
    room.tell("x", 1)
    room.tell("x", 2)
    room.close(GONE)
    room.close(DeviceDisconnected("again"))
    room.tell("x", 3)
    assert heard.changes == [1, 2, GONE]
    assert timer._waiting == []
    following.close()


def test_who_comes_after_the_end_is_told_so_and_nothing_is_asked(room, source):
    room.close(GONE)
    heard, following = follow(room)
    assert heard.wait(len) == [GONE]
    following.close()
    assert source.asked == []


def test_all_who_follow_an_event_are_told_of_the_end(room):
    heard, _ = follow(room, "bump", event=True)
    room.close(GONE)
    assert heard.changes == [GONE]


# Events


def test_events_are_all_told_even_if_they_are_the_same_or_quick(room, source):
    heard, following = follow(room, "bump", period=60, event=True)
    for side in ("left", "left", "right", None, None):
        room.tell("bump", side)
    assert heard.changes == ["left", "left", "right", None, None]
    following.close()
    assert source.asked == []


def test_no_event_is_lost_where_many_threads_raise_them(room):
    heard, _ = follow(room, "bump", event=True)

    def raise_all(thread):
        for number in range(200):
            room.tell("bump", 1000 * thread + number)

    together(*(lambda thread=thread: raise_all(thread) for thread in range(8)))
    changes = heard.wait(lambda changes: len(changes) == 1600)
    for thread in range(8):
        own = [change for change in changes if change // 1000 == thread]
        assert own == sorted(own)
    assert len(set(changes)) == 1600


def test_an_event_of_before_is_not_told_to_one_who_comes(room):
    follow(room, "bump", event=True)
    room.tell("bump", "left")
    heard, _ = follow(room, "bump", event=True)
    settled()
    assert heard.changes == []


def test_events_that_wait_for_one_who_never_hears_are_bounded(room):
    at_work, go_on = threading.Event(), threading.Event()
    told = []

    def stuck(name, change, at):
        told.append(change)
        at_work.set()
        assert go_on.wait(SOON)

    room.follow("bump", stuck, 0.0, event=True)
    teller = threading.Thread(target=room.tell, args=("bump", -1))
    teller.start()
    assert at_work.wait(SOON)
    for number in range(MAX_WAITING + 5):
        room.tell("bump", number)
    go_on.set()
    teller.join(SOON)
    assert told == [-1, *range(5, MAX_WAITING + 5)]


# Callbacks that do more than hear


def test_one_who_fails_is_reported_and_disturbs_nobody(room, caplog):
    def fail(name, change, at):
        raise RuntimeError("a broken follower")

    room.follow("x", fail, 0.0, event=False)
    heard, _ = follow(room)
    room.tell("x", 1)
    room.tell("x", 2)
    assert heard.changes == [1, 2]
    assert caplog.text.count("RuntimeError: a broken follower") == 2


def test_one_who_is_interrupted_hears_the_next_news(room):
    told = []

    def interrupted(name, change, at):
        told.append(change)
        if change == 1:
            raise KeyboardInterrupt

    room.follow("x", interrupted, 0.0, event=False)
    with pytest.raises(KeyboardInterrupt):
        room.tell("x", 1)
    room.tell("x", 2)
    assert told == [1, 2]


def test_one_may_close_in_the_callback(room, source):
    told = []

    def once(name, change, at):
        told.append(change)
        following.close()

    following = room.follow("x", once, 0.0, event=False)
    room.tell("x", 1)
    room.tell("x", 2)
    assert told == [1]
    assert source.asked == [("begin", "x", 0.0), ("end", "x")]


def test_one_may_follow_in_the_callback(room):
    later_one = Heard()

    def more(name, change, at):
        if change == 1:
            room.follow("x", later_one, 0.0, event=False)

    room.follow("x", more, 0.0, event=False)
    room.tell("x", 1)
    room.tell("x", 2)
    assert later_one.wait(lambda changes: changes[-1] == 2)[-1] == 2


def test_news_that_a_callback_brings_is_told_after_what_it_was_called_with(room):
    told = []

    def counting(name, change, at):
        if change < 100:
            room.tell("x", change + 1)
        told.append(change)

    room.follow("x", counting, 0.0, event=False)
    room.tell("x", 0)
    assert told == list(range(101))


def test_followers_that_come_and_go_while_news_comes_lock_nobody_up(room, source):
    """Callbacks close and follow, others tell, follow and close: who waits for whom?"""
    until = time.monotonic() + 0.5

    def busy(name, change, at):
        mine = room.follow(name, lambda *_: None, random.choice([0.0, 0.001]), event=False)
        room.tell("xy"[name == "x"], change)
        mine.close()

    def come_and_go():
        while time.monotonic() < until:
            mine = room.follow(random.choice("xy"), busy, random.choice([0.0, 0.001]), event=False)
            room.tell("x", random.random())
            mine.close()

    def tell():
        while time.monotonic() < until:
            room.tell(random.choice("xy"), random.random())

    together(*[come_and_go] * 3, tell)
    for name in "xy":
        assert not room.follows(name)
    settled()
    assert [asked for asked in source.asked if asked[1] == "x"][-1] == ("end", "x")


# What the source is asked


def test_the_source_is_asked_once_however_many_follow_and_ends_with_the_last(room, source):
    many = [follow(room)[1] for _ in range(20)]
    assert source.asked == [("begin", "x", 0.0)]
    for following in many[1:]:
        following.close()
    assert source.asked == [("begin", "x", 0.0)]
    many[0].close()
    many[0].close()
    assert source.asked == [("begin", "x", 0.0), ("end", "x")]


def test_many_who_come_and_go_at_random_leave_the_source_in_peace(room, source):
    def come_and_go():
        mine = []
        for _ in range(100):
            if mine and random.random() < 0.5:
                mine.pop(random.randrange(len(mine))).close()
            else:
                mine.append(follow(room, random.choice("xyz"), random.choice([0.0, 1.0]))[1])
        for following in mine:
            following.close()

    together(*[come_and_go] * 16)
    for name in "xyz":
        asked = [what[0] for what in source.asked if what[1] == name]
        assert asked[0] == "begin"
        assert asked[-1] == "end"
        assert all(one == "begin" for one, two in itertools.pairwise(asked) if two == "end")
    assert room.attributes() == []


def test_what_the_device_has_forgotten_is_asked_for_again(room, source):
    follow(room, "x", 1.0)
    follow(room, "y", 0.0)
    follow(room, "bump", event=True)
    source.asked.clear()
    room.renew()
    assert sorted(source.asked) == [("begin", "x", 1.0), ("begin", "y", 0.0)]


# The timer


def test_the_timer_works_in_the_order_of_time_and_then_ends():
    done, told = threading.Event(), []
    later(0.04, done.set)
    later(0.02, lambda: told.append("late"))
    later(0.0, lambda: told.append("at once"))
    later(0.0, lambda: told.append("next"))
    assert done.wait(SOON)
    assert told == ["at once", "next", "late"]
    for thread in threading.enumerate():
        if thread.name == "iotkit timer":
            thread.join(SOON)
            assert not thread.is_alive()


def test_what_fails_in_the_timer_is_reported_and_the_rest_goes_on(caplog):
    def fail():
        raise RuntimeError("a broken work")

    later(0.0, fail)
    settled()
    assert "a broken work" in caplog.text


def test_what_is_cancelled_is_not_done():
    told = []
    later(PERIOD, told.clear)
    later(PERIOD, works := lambda: told.append(1))
    cancel(works)
    cancel(works)
    cancel(told.clear)
    assert timer._waiting == []
    settled()
    assert told == []


def test_times_beyond_what_python_can_wait_for_stop_nobody():
    later(1e12, forever := lambda: None)
    settled()
    cancel(forever)


# All together, against a model


class Rooms(RuleBasedStateMachine):
    """Follow, tell, refresh and close in any order; each has heard exactly what was to be heard."""

    def __init__(self):
        super().__init__()
        self.source = Source()
        self.room = Newsroom(self.source)
        self.open = []  # name, who hears, following, what is expected
        self.all = []
        self.latest = {}
        self.marks = {}
        self.told_since = set()
        self.gone = False

    @rule(name=st.sampled_from(["x", "y", "bump"]))
    def follow(self, name):
        heard = Heard()
        expected = []
        following = self.room.follow(name, heard, 0.0, event=name == "bump")
        if self.gone:
            expected.append(GONE)
        elif name in self.latest:
            expected.append(self.latest[name])
        one = (name, heard, following, expected)
        self.open.append(one)
        self.all.append(one)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def close(self, data):
        one = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        settled()
        one[2].close()
        one[2].close()
        if not any(other[0] == one[0] for other in self.open):
            self.latest.pop(one[0], None)

    @rule(name=st.sampled_from(["x", "y"]), value=st.integers(0, 2))
    def tell(self, name, value):
        self.room.tell(name, value)
        self._told(name, value)

    @rule(value=st.one_of(st.none(), st.integers(0, 1)))
    def tell_event(self, value):
        self.room.tell("bump", value)
        for _, _, _, expected in self._followers("bump"):
            expected.append(value)

    @rule(name=st.sampled_from(["x", "y"]))
    def begin_to_read(self, name):
        self.marks[name] = self.room.mark()
        self.told_since.discard(name)

    @rule(name=st.sampled_from(["x", "y"]), value=st.integers(0, 2))
    def end_reading(self, name, value):
        if name not in self.marks:
            return
        self.room.tell(name, value, mark=self.marks.pop(name))
        if name not in self.told_since:
            self._told(name, value)

    @rule(name=st.sampled_from(["x", "y"]))
    def refresh(self, name):
        settled()
        self.room.refresh(name)
        self.latest.pop(name, None)

    @rule()
    def end(self):
        settled()
        self.room.close(GONE)
        if not self.gone:
            for _, _, _, expected in self.open:
                expected.append(GONE)
        self.gone = True

    @invariant()
    def each_has_heard_what_was_to_be_heard(self):
        settled()
        for _, heard, _, expected in self.all:
            assert heard.changes == expected

    @invariant()
    def the_source_is_asked_for_what_is_followed(self):
        if not self.gone:
            asked = {}
            for what, name, *_ in self.source.asked:
                asked[name] = what if what != "refresh" else asked.get(name, "end")
            begun = {name for name, what in asked.items() if what == "begin"}
            assert begun == {name for name, *_ in self.open} - {"bump"}

    def _followers(self, name):
        return [] if self.gone else [one for one in self.open if one[0] == name]

    def _told(self, name, value):
        if not (followers := self._followers(name)):
            return
        self.told_since.add(name)
        if self.latest.get(name) != value:
            self.latest[name] = value
            for _, _, _, expected in followers:
                expected.append(value)


TestRooms = Rooms.TestCase
TestRooms.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def together(*works):
    """Do all of these at once, each in a thread; fails where one does, or doesn't end."""
    failed = []

    def run(work):
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()
    assert failed == []
