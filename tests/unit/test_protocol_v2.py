from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotkit.description import Argument, Attribute, Description, Event, Function
from iotkit.errors import BadValue
from iotkit.protocol import (
    Banner,
    Call,
    Damaged,
    DeviceEnd,
    Garbage,
    Get,
    HostEnd,
    News,
    Rename,
    Reply,
    Watch,
    described,
    dialect,
    fingerprint,
)
from iotkit.protocol.describing import describe
from iotkit.protocol.frames import TAGS, frame, unframe
from iotkit.types import Type

ROBOT = Description.of(
    "robot:red",
    [
        Attribute("speed", Type.INT, "How fast [0..255]"),
        Attribute("gear", Type.STR, "Which one [slow|fast]"),
        Attribute("distance", Type.INT, "To the wall [cm; read-only]"),
    ],
    [
        Function("stop", help="Stop at once"),
        Function("forward", (Argument("ms", Type.INT),), help="Drive [ms 0..5000 ms]"),
        Function("name", (), Argument("result", Type.STR)),
        Function("add", (Argument("a", Type.INT), Argument("b", Type.INT))),
    ],
    [Event("bump", Argument("side", Type.STR), "Hit something"), Event("lap")],
    "A robot",
    500,
)


def framed_host(**options):
    host = HostEnd()
    host.use_frames(**options)
    return host


def tag_of(data):
    return unframe(data[:-1])[0]


# The host end


@given(st.permutations(range(6)))
def test_answers_in_any_order_are_given_to_their_commands(order):
    host = framed_host(room=1000)
    asked = [host.ask(f"get a{n}") for n in range(6)]
    for n in order:
        (reply,) = host.receive(frame(tag_of(asked[n][1]), f"200:Found:{n}"))
        assert (reply.key, reply.data) == (asked[n][0], str(n))
    assert not host.waiting


def test_a_late_answer_is_dropped_and_never_given_to_another():
    host = framed_host()
    key, data = host.ask("get a")
    late = frame(tag_of(data), "200:Found:late")
    host.give_up(key)
    assert not host.waiting
    other, again = host.ask("get a")
    assert host.receive(late) == []
    (reply,) = host.receive(frame(tag_of(again), "200:Found:new"))
    assert (reply.key, reply.data) == (other, "new")


def test_a_tag_without_its_answer_is_not_used_while_there_are_others():
    host = framed_host()
    key, lost = host.ask("get a")
    host.give_up(key)
    for _ in range(3 * len(TAGS)):
        _, data = host.ask("get a")
        assert tag_of(data) != tag_of(lost)
        host.receive(frame(tag_of(data), "200:Found:1"))


def test_a_line_that_loses_answers_never_uses_up_the_tags():
    host = framed_host()
    for _ in range(3 * len(TAGS)):
        host.give_up(host.ask("lost")[0])
        for _ in range(len(TAGS)):
            assert host.has_room_for("ping")
            _, sent = host.ask("ping")
            host.receive(frame(tag_of(sent), "200:Success:pong"))
    assert not host.unheard


def test_a_device_that_was_held_up_never_answers_for_another_command():
    host, late = framed_host(), []
    while host.has_room_for("ping"):
        assert not host.unheard
        key, sent = host.ask("ping")
        late.append(frame(tag_of(sent), "200:Success:pong"))
        host.give_up(key)
    assert host.unheard
    assert host.receive(late.pop(0)) == []
    assert not host.unheard
    assert host.has_room_for("double 4")
    key, sent = host.ask("double 4")
    assert host.receive(b"".join(late)) == []
    assert host.receive(frame(tag_of(sent), "200:Success:8")) == [Reply(200, "Success", "8", key)]


def test_no_more_bytes_are_out_than_the_smallest_board_keeps():
    host = framed_host()
    sent = 0
    while host.has_room_for("get distance"):
        sent += len(host.ask("get distance")[1])
    assert 40 < sent <= 63


def test_a_command_longer_than_that_goes_out_alone():
    host = framed_host(longest_line=200)
    long = "set gear " + "x" * 100
    assert host.has_room_for(long)
    host.ask(long)
    assert not host.has_room_for("ping")


def test_a_line_is_as_long_as_the_device_takes_with_its_frame():
    host = framed_host(longest_line=63)
    assert len(host.ask("x" * 56)[1]) == 63 + 1
    with pytest.raises(BadValue, match="a device takes 56"):
        host.ask("x" * 57)


def test_a_damaged_answer_is_garbage_and_its_question_stays_open():
    host = framed_host()
    _, data = host.ask("get a")
    answer = frame(tag_of(data), "200:Found:80")
    (event,) = host.receive(answer.replace(b"80", b"81"))
    assert isinstance(event, Garbage)
    assert host.waiting


def test_the_device_says_that_a_command_came_damaged_and_it_can_be_sent_again():
    host = framed_host()
    key, data = host.ask("get a")
    assert host.receive(frame("_", "400:Bad checksum:-")) == [Damaged()]
    assert host.again(key) == data
    assert host.again(key + 1) == b""


DAMAGE = frame("_", "400:Bad checksum:-")


def test_a_copy_that_is_on_its_way_is_not_taken_for_a_later_action():
    host = framed_host()
    key, data = host.ask("get a")
    host.receive(DAMAGE + DAMAGE)  # a frame that was cut in two is reported twice
    host.again(key)
    host.again(key)
    host.receive(frame(tag_of(data), "200:Found:80"))
    action, data = host.ask("forward 500")
    assert [event.key for event in host.receive(DAMAGE)] == [0]  # it may have been the second copy
    host.receive(frame(tag_of(data), "200:forward:-"))
    later, _ = host.ask("forward 500")
    assert later != action
    assert [event.key for event in host.receive(DAMAGE)] == [later]


def test_a_command_that_is_out_alone_is_surely_the_damaged_one():
    host = framed_host()
    key, _ = host.ask("forward 500")
    assert [event.key for event in host.receive(DAMAGE)] == [key]
    host.again(key)
    assert [event.key for event in host.receive(DAMAGE)] == [key]


def test_parts_of_an_answer_come_with_its_key_and_news_without():
    host = framed_host()
    key, data = host.ask("describe")
    events = host.receive(
        frame(tag_of(data), "102:INFO:help x")
        + frame("_", "103:speed:5")
        + b"104:bump:left\r\n"
        + frame(tag_of(data), "200:DESCRIBE OK:1,ab,63")
    )
    assert [(type(e), e.key, e.data) for e in events] == [
        (News, key, "help x"),
        (News, 0, "5"),
        (News, 0, "left"),
        (Reply, key, "1,ab,63"),
    ]


def test_after_a_banner_nothing_is_out():
    host = framed_host()
    host.ask("get a")
    assert host.receive(b"200:DEV READY iotoy/2 ab:robot\r\n") == [
        Banner("DEV READY iotoy/2 ab", "robot")
    ]
    assert not host.waiting


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("DEV READY", (1, "")),
        ("DEV READY iotoy/2 9f3c", (2, "9f3c")),
        ("DEV READY iotoy/2", (2, "")),
        ("DEV READY iotoy/x 9f3c", (1, "")),
        ("DEV READY or so iotoy/2", (1, "")),
        ("OK", (1, "")),
    ],
)
def test_a_banner_tells_the_dialect(message, meaning):
    assert dialect(message) == meaning


@given(st.lists(st.binary(max_size=30) | st.just(frame("0", "200:Found:1")), max_size=8))
def test_any_bytes_give_events_and_never_an_answer_to_nothing(stream):
    host = framed_host()
    key, _ = host.ask("get a")
    events = host.receive(b"".join(stream))
    replies = [e for e in events if isinstance(e, Reply)]
    assert [r.key for r in replies] in ([], [key])


# The device end


def answers(device, *commands, value=None):
    """Send framed commands; return the answers as (tag, line)."""
    for number, command in enumerate(commands):
        device.receive(frame(TAGS[number], command))
    while request := device.next_request():
        device.answer(request, value)
    return [(tag, line.decode()) for tag, line in map(unframe, device.data_to_send().splitlines())]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("ping", "200:OK:pong"),
        ("set speed 256", "416:Out of range:0..255"),
        ("set gear warp", "416:Out of range:slow|fast"),
        ("set speed fast", "400:Bad Value:'fast' is not a whole number"),
        ("set distance 5", "405:Read only:-"),
        ("forward 5001", "416:Out of range:0..5000 ms"),
        ("forward", "400:Fail:forward ms:int ->"),
        ("add 1", "400:Fail:add a:int b:int ->"),
        ("nobody", "404:funcname Not Found:-"),
        ("", "404:funcname Not Found:-"),
        ("rename 9 lives", "400:Bad Value:a letter, then letters, digits and _"),
    ],
)
def test_a_framed_command_gets_exactly_one_answer_with_its_tag(command, answer):
    assert answers(DeviceEnd(ROBOT), command) == [("0", answer)]


def test_an_empty_result_is_empty_and_not_a_dash():
    assert answers(DeviceEnd(ROBOT), "name", value="") == [("0", "200:Success:")]
    assert answers(DeviceEnd(ROBOT), "stop") == [("0", "200:Success:-")]


def test_framed_requests_are_handed_out_at_once_and_answered_in_any_order():
    device = DeviceEnd(ROBOT)
    device.receive(frame("a", "forward 2000") + frame("b", "get speed") + frame("c", "stop"))
    forward, get, stop = iter(device.next_request, None)
    assert isinstance(forward, Call)
    assert isinstance(get, Get)
    device.answer(get, 80)
    device.answer(stop)
    device.answer(forward)
    lines = [unframe(line) for line in device.data_to_send().splitlines()]
    assert lines == [("b", b"200:Found:80"), ("c", b"200:Success:-"), ("a", b"200:Success:-")]


def test_a_plain_line_waits_for_the_one_before_it_but_a_frame_does_not():
    device = DeviceEnd(ROBOT)
    device.receive(b"forward 2000\n" + frame("b", "get speed") + b"ping\n")
    forward = device.next_request()
    get = device.next_request()
    assert get == Get(ROBOT.attributes["speed"], tag="b")
    assert device.next_request() is None
    assert device.data_to_send() == b""
    device.answer(forward)
    assert device.next_request() is None
    assert device.data_to_send() == b"200:Success:-\r\n200:OK:pong\r\n"


@pytest.mark.parametrize("cut", [3, 6, 8])
def test_a_frame_that_was_damaged_or_lost_its_head_is_not_run(cut):
    device = DeviceEnd(ROBOT)
    assert answers(device, "ping") == [("0", "200:OK:pong")]
    good = frame("a", "forward 5")
    for bad in (good[cut:], good[:cut] + good[cut + 1 :], good.replace(b"5", b"50")):
        device.receive(bad)
        assert device.next_request() is None
        assert unframe(device.data_to_send()[:-1]) == ("_", b"400:Bad checksum:-")


def test_before_the_first_frame_a_plain_line_may_end_like_one():
    device = DeviceEnd(ROBOT)
    device.receive(b"set gear *abcd\n")
    assert device.next_request() is None
    assert device.data_to_send() == b"416:Out of range:slow|fast\r\n"


def test_can_throws_away_half_a_line():
    device = DeviceEnd(ROBOT)
    device.receive(b"forward 50")
    device.receive(b"00\x18ping\n")
    assert device.next_request() is None
    assert device.data_to_send() == b"200:OK:pong\r\n"


def test_rename_asks_the_device():
    device = DeviceEnd(ROBOT)
    device.receive(frame("a", "rename blue") + frame("b", "rename"))
    assert list(iter(device.next_request, None)) == [
        Rename("blue", tag="a"),
        Rename("", tag="b"),
    ]


def test_a_version_1_device_knows_nothing_of_version_2():
    device = DeviceEnd(ROBOT, 1)
    device.start()
    device.receive(b"describe\nrename blue\n" + frame("a", "ping"))
    assert device.next_request() is None
    said = device.data_to_send().decode().splitlines()
    assert said == ["200:DEV READY:robot:red", *["404:funcname Not Found:-"] * 3]


# The description


def test_describe_says_how_many_lines_there_are_and_what_the_device_takes():
    *lines, (_, summary) = answers(DeviceEnd(ROBOT), "describe")
    assert {tag for tag, _ in lines} == {"0"}
    assert lines[0][1] == "102:INFO:help A robot"
    assert lines[1][1] == "102:INFO:deadman_ms 500"
    assert ("0", "102:ATTR:speed:int - How fast [0..255]") in lines
    assert ("0", "102:FUNC:forward ms:int -> - Drive [ms 0..5000 ms]") in lines
    assert ("0", "102:EVENT:bump side:str - Hit something") in lines
    assert summary == f"200:DESCRIBE OK:{len(lines)},{fingerprint(ROBOT)},4096"


def test_a_description_survives_the_wire():
    assert described("robot:red", describe(ROBOT))[0] == ROBOT


@given(st.lists(st.tuples(st.sampled_from(["INFO", "ATTR", "FUNC", "EVENT", "X"]), st.text())))
def test_any_lines_make_some_description(lines):
    description, _ = described("robot", lines)
    assert description.id == "robot"


@pytest.mark.parametrize("text", ["", "-5", "1.5", "٣", "1_0", "9" * 10, "9" * 5000])
def test_a_deadman_time_that_is_none_is_ignored(text):
    description, _ = described("robot", [("INFO", f"deadman_ms {text}")])
    assert description.deadman_ms == 0


def test_the_fingerprint_changes_with_the_description_and_not_with_the_specifier():
    other = Description.of(
        "robot:blue",
        ROBOT.attributes.values(),
        ROBOT.functions.values(),
        ROBOT.events.values(),
        "A robot",
        500,
    )
    assert fingerprint(other) == fingerprint(ROBOT)
    assert fingerprint(Description.of("robot", ROBOT.attributes.values())) != fingerprint(ROBOT)


# News, at the device's end


def talk(end, *lines):
    """Return what the device answers and what it is to do."""
    end.receive(
        b"".join(line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines)
    )
    requests = []
    while request := end.next_request():
        requests.append(request)
    return end.data_to_send(), requests


SPEED, GEAR = ROBOT.attributes["speed"], ROBOT.attributes["gear"]


def test_a_watch_is_answered_and_handed_out():
    end = DeviceEnd(ROBOT)
    answer, requests = talk(end, frame("a", "watch speed 200"))
    assert answer == frame("a", "200:Success:-")
    assert requests == [Watch(SPEED, 200, tag="a")]
    end.news(SPEED, 81)
    assert end.data_to_send() == frame("_", "103:speed:81")


def test_a_watch_in_a_plain_line_brings_plain_news():
    end = DeviceEnd(ROBOT)
    answer, requests = talk(end, "watch speed 200", "watch gear 1")
    assert answer == b"200:Success:-\r\n" * 2
    assert requests == [Watch(SPEED, 200), Watch(GEAR, 1)]
    end.news(SPEED, 81)
    end.no_news(GEAR, 504, "the robot does not answer")
    assert end.data_to_send() == b"103:speed:81\r\n105:gear:504 the robot does not answer\r\n"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("watch nothing 5", b"404:Attribute Not Found:-"),
        ("watch stop 5", b"404:Attribute Not Found:-"),
        ("watch speed x", b"400:Bad Value:"),
        ("watch speed 65536", b"416:Out of range:0..65535"),
        ("watch speed -1", b"416:Out of range:0..65535"),
        ("watch speed", b"400:Fail:watch name:str ms:int ->"),
    ],
)
def test_a_wrong_watch_is_refused_and_nothing_is_watched(line, answer):
    end = DeviceEnd(ROBOT)
    said, requests = talk(end, line)
    assert said.startswith(answer)
    assert requests == []
    end.news(SPEED, 1)
    assert end.data_to_send() == b""


def test_what_is_watched_no_more_is_not_told():
    end = DeviceEnd(ROBOT)
    _, requests = talk(end, "watch speed 200", "watch speed 0")
    assert [request.milliseconds for request in requests] == [200, 0]
    end.news(SPEED, 81)
    end.no_news(SPEED, 504, "no answer")
    assert end.data_to_send() == b""


def test_a_value_that_its_type_cannot_carry_is_told_as_a_fault():
    end = DeviceEnd(ROBOT)
    talk(end, "watch speed 200")
    end.news(SPEED, "fast")
    assert end.data_to_send().startswith(b"105:speed:500 ")


def test_a_text_of_several_lines_is_news_in_one():
    end = DeviceEnd(ROBOT)
    talk(end, "watch gear 1")
    end.news(GEAR, "one\r\ntwo")
    assert end.data_to_send().count(b"\n") == 1


def test_events_go_to_a_host_that_has_sent_a_frame_or_a_watch():
    bump, lap = ROBOT.events["bump"], ROBOT.events["lap"]
    end = DeviceEnd(ROBOT)
    talk(end, "ping")
    end.raised(lap, None)
    assert end.data_to_send() == b""
    talk(end, "watch speed 1")
    end.raised(lap, None)
    end.raised(bump, "left: 2")
    assert end.data_to_send() == b"104:lap:-\r\n104:bump:left: 2\r\n"
    talk(end, frame("a", "ping"))
    end.raised(lap, None)
    assert end.data_to_send() == frame("_", "104:lap:-")


def test_a_new_host_hears_nothing_that_the_one_before_has_asked_for():
    end = DeviceEnd(ROBOT)
    talk(end, frame("a", "watch speed 1"), frame("b", "watch gear 1"))
    answer, requests = talk(end, b"$half a fr\x18devinfo\n", "get speed")
    assert answer.startswith(b"200:DEV READY iotoy/2")
    assert requests[:2] == [Watch(SPEED, 0), Watch(GEAR, 0)]
    assert isinstance(requests[2], Get)
    end.news(SPEED, 1)
    end.raised(ROBOT.events["lap"], None)
    assert end.data_to_send() == b""


def test_a_framed_devinfo_forgets_nothing():
    end = DeviceEnd(ROBOT)
    talk(end, frame("a", "watch speed 1"))
    _, requests = talk(end, frame("b", "devinfo"))
    assert requests == []
    end.news(SPEED, 1)
    assert end.data_to_send() == frame("_", "103:speed:1")


def test_a_version_1_device_knows_no_watch():
    answer, requests = talk(DeviceEnd(ROBOT, version=1), "watch speed 1")
    assert answer.startswith(b"404:")
    assert requests == []


def test_good_commands_are_counted_and_what_is_unasked_is_not():
    end = DeviceEnd(ROBOT)
    end.start()
    talk(end, "rubbish", frame("a", "set speed 999"), b"$aping*0000\n")
    assert end.good_commands == 0
    talk(end, "ping", frame("a", "watch speed 1"))
    end.news(SPEED, 5)
    end.raised(ROBOT.events["lap"], None)
    assert end.good_commands == 2


@given(st.lists(st.sampled_from(["watch speed 5", "watch speed 0", "devinfo", "watch gear 7"])))
def test_what_is_told_is_what_is_watched(commands):
    end = DeviceEnd(ROBOT)
    watched = set()
    for command in commands:
        talk(end, command)
        if command == "devinfo":
            watched.clear()
        else:
            _, name, milliseconds = command.split()
            (watched.discard if milliseconds == "0" else watched.add)(name)
    for attribute, value in ((SPEED, 1), (GEAR, "slow")):
        end.news(attribute, value)
        assert bool(end.data_to_send()) == (attribute.name in watched)
