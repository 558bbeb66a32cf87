from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotkit.description import Argument, Attribute, Description, Function
from iotkit.errors import BadValue
from iotkit.protocol import (
    MAX_LINE,
    Banner,
    Call,
    DeviceEnd,
    Garbage,
    Get,
    HostEnd,
    News,
    Reply,
    Set,
)
from iotkit.protocol import lines as protocol_lines
from iotkit.protocol.host_end import MAX_V1_COMMAND
from iotkit.types import Type

PONG = Reply(200, "OK", "pong")

ROBOT = Description.of(
    "robot:red",
    [
        Attribute("speed", Type.INT, "How fast [0..255]"),
        Attribute("ratio", Type.FLOAT, "A ratio"),
        Attribute("led", Type.BOOL),
        Attribute("name", Type.STR),
        Attribute("distance", Type.INT, "To the wall [cm; read-only]"),
        Attribute("any", Type.ANY),
    ],
    [
        Function("stop", help="Stop at once"),
        Function("forward", (Argument("ms", Type.INT),), help="Drive [ms 0..5000 ms]"),
        Function("say", (Argument("text", Type.STR),), Argument("heard", Type.STR)),
        Function(
            "add", (Argument("a", Type.INT), Argument("b", Type.INT)), Argument("s", Type.INT)
        ),
    ],
)


# What the host makes of bytes

LINES = st.sampled_from(
    [
        *(b"200:OK:pong\r\n", b"200:Found:1:2\n", b"404:Attribute Not Found:-\r\n", b"\r\n", b"\n"),
        *(b"200:DEV READY:robot:red\r\n", b"20200:DEV READY:robot\r\n", b"103:speed:5\r\n"),
        *(b"404:No help found:~aa\r\n", b"200:OK", b":::\n", b"\xff\xfe\x00", b"x" * 70),
        *(b"200:DEV READY iotoy/2 abcd:robot\r\n", "200:Found:schön\r\n".encode()),
    ]
)
STREAMS = st.lists(LINES | st.binary(max_size=12), max_size=12).map(b"".join)
PIECES = st.lists(st.integers(1, 7), min_size=1)


def pieces(data, sizes):
    """Cut `data` into pieces of these sizes, again and again."""
    at = 0
    while at < len(data):
        for size in sizes:
            yield data[at : at + size]
            at += size


def host_that(state):
    host = HostEnd()
    if state == "asks devinfo":
        host.ask("devinfo")
    elif state == "asks ping":
        host.ask("ping")
    elif state == "finds its place":
        host.barrier("aa")
    return host


STATES = ["is idle", "asks ping", "asks devinfo", "finds its place"]


@given(st.sampled_from(STATES), STREAMS, PIECES, st.booleans())
def test_any_bytes_in_any_pieces_give_the_same_events(state, stream, sizes, small):
    with pytest.MonkeyPatch.context() as patch:
        if small:  # so that overlong lines are met as well
            patch.setattr(protocol_lines, "MAX_LINE", 20)
        whole, cut = host_that(state), host_that(state)
        events = whole.receive(stream)
        assert [e for piece in pieces(stream, sizes) for e in cut.receive(piece)] == events
        assert whole.waiting == cut.waiting
        assert all(isinstance(event, (Reply, Banner, News, Garbage)) for event in events)


@given(st.sampled_from(STATES), STREAMS)
def test_at_most_one_reply_comes_for_one_command(state, stream):
    replies = [e for e in host_that(state).receive(stream) if isinstance(e, Reply)]
    assert len(replies) <= (state != "is idle")


@given(st.binary(), PIECES)
def test_whatever_came_before_a_line_end_the_reply_after_it_is_understood(garbage, sizes):
    host = HostEnd()
    host.barrier("aa")
    stream = garbage + b"\n404:No help found:~aa\r\n"
    events = [e for piece in pieces(stream, sizes) for e in host.receive(piece)]
    assert events[-1] == Reply(404, "No help found", "~aa")
    host.ask("ping")
    assert host.receive(b"200:OK:pong\r\n") == [PONG]


def test_a_reply_after_garbage_is_the_last_event():
    host = HostEnd()
    host.ask("ping")
    assert host.receive(b"\x00\xff garbage\n200:OK:pong\r\n")[-1] == PONG


NO_SUCCESS = ["2005", "200:OK", ":::", "99:x:y", "", "200", "2000:OK:pong", " 200:OK:pong"]
NO_SUCCESS += ["600:OK:pong", "-200:OK:pong", "٢٠٠:OK:pong", "2e2:OK:pong", "\0200:OK:pong"]


@pytest.mark.parametrize("line", NO_SUCCESS)
def test_what_is_no_reply_is_never_a_success(line):
    host = HostEnd()
    host.ask("ping")
    assert not any(isinstance(e, Reply) for e in host.receive(f"{line}\r\n".encode()))
    assert host.waiting


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200:Found:a:b:c", Reply(200, "Found", "a:b:c")),
        ("200:ATTRS OK:", Reply(200, "ATTRS OK", "")),
        ("404:Attribute Not Found:-", Reply(404, "Attribute Not Found", "-")),
        ("200::", Reply(200, "", "")),
        ("200:Found: schön  ", Reply(200, "Found", " schön  ")),
        ("200:Found:it is 200:DEV READY:here", Reply(200, "Found", "it is 200:DEV READY:here")),
    ],
)
def test_a_reply_has_three_fields_and_the_last_one_keeps_its_colons(line, reply, end):
    host = HostEnd()
    host.ask("get x")
    assert host.receive(line.encode() + end) == [reply]
    assert not host.waiting


def test_bytes_that_are_no_utf8_are_replaced():
    host = HostEnd()
    host.ask("get x")
    assert host.receive(b"200:Found:\xff\xfe\n") == [Reply(200, "Found", "\ufffd\ufffd")]


def test_a_line_of_status_1xx_is_never_the_answer():
    host = HostEnd()
    host.ask("ping")
    news = b"100:a:b\n103:speed:5\n199::\n"
    assert host.receive(news + b"200:OK:pong\n") == [
        News(100, "a", "b"),
        News(103, "speed", "5"),
        News(199, "", ""),
        PONG,
    ]


def test_a_reply_to_nothing_is_garbage():
    assert HostEnd().receive(b"200:OK:pong\n") == [Garbage("'200:OK:pong'")]


def test_a_second_reply_is_garbage():
    host = HostEnd()
    host.ask("ping")
    assert host.receive(b"200:OK:pong\n200:OK:pong\n") == [PONG, Garbage("'200:OK:pong'")]


@pytest.mark.parametrize("half", ["", "2", "20", "200", "200:", "200:Fou", "200:Found:12", "\xff"])
def test_a_banner_that_cuts_another_line_is_seen(half):
    host = HostEnd()
    host.ask("get x")
    line = half.encode("latin-1") + b"200:DEV READY:robot:red\r\n"
    if half == "200:Found:12":  # could be the value of a text: it stays one
        assert host.receive(line) == [Reply(200, "Found", "12200:DEV READY:robot:red")]
    else:
        assert host.receive(line) == [Banner("DEV READY", "robot:red")]
    assert not host.waiting


def test_a_v2_banner_is_a_banner():
    assert HostEnd().receive(b"200:DEV READY iotoy/2 9f3c:robot\r\n") == [
        Banner("DEV READY iotoy/2 9f3c", "robot")
    ]


def test_devinfo_gets_its_answer():
    host = HostEnd()
    host.ask("devinfo")
    assert host.receive(b"200:DEV READY:robot:red\r\n") == [Reply(200, "DEV READY", "robot:red")]


def test_before_the_barriers_answer_nothing_counts():
    host = HostEnd()
    host.ask("get x")
    assert host.barrier("aa")[1] == b"help ~aa\n"
    assert host.receive(b"200:Found:1\n404:No help found:~zz\n200:OK:~aab\n") == []
    assert host.receive(b"404:No help found:~aa\n") == [Reply(404, "No help found", "~aa")]
    host.ask("ping")
    assert host.receive(b"200:OK:pong\n") == [PONG]


@pytest.mark.parametrize("later", [b"200:OK:pong\n", b"404:No help found:~aa\n"])
def test_after_a_banner_the_barrier_before_it_counts_no_more(later):
    host = HostEnd()
    host.barrier("aa")
    assert host.receive(b"200:DEV READY:robot\n") == [Banner("DEV READY", "robot")]
    assert not host.waiting
    host.barrier("bb")
    assert host.receive(later) == []
    assert host.receive(b"404:No help found:~bb\n") == [Reply(404, "No help found", "~bb")]


def test_a_line_without_end_takes_bounded_memory_and_one_warning(caplog):
    host, piece = HostEnd(), b"x" * 1000
    host.ask("ping")
    tracemalloc.start()
    try:
        for _ in range(1000):
            assert host.receive(piece) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000
    assert len(caplog.records) == 1
    event, reply = host.receive(b"\n200:OK:pong\n")
    assert isinstance(event, Garbage)
    assert len(event.text) < 100
    assert reply == PONG


# What the host sends


@pytest.mark.parametrize("command", ["set x a\nforward", "set x a\r", "set x \0"])
def test_a_command_with_a_line_break_is_refused(command):
    host = HostEnd()
    with pytest.raises(BadValue):
        host.ask(command)
    assert not host.waiting


def test_a_command_that_would_wedge_original_boards_is_refused():
    host = HostEnd()
    assert host.ask("x" * MAX_V1_COMMAND)[1] == b"x" * MAX_V1_COMMAND + b"\n"
    with pytest.raises(BadValue, match=r"'set name xxx.+ is 140 bytes long; a device takes 139"):
        host.encode("set name " + "x" * 131)
    with pytest.raises(BadValue):
        host.encode("é" * 70)


# The device's answers


def talk(end, line):
    """Send one line to a device that has 42 everywhere; return the lines it answers."""
    end.receive(line if isinstance(line, bytes) else f"{line}\n".encode())
    while request := end.next_request():
        match request:
            case Get(attribute) if attribute.type is Type.BOOL:
                end.answer(request, True)
            case Get(attribute):
                end.answer(request, attribute.type.parse("42"))
            case Call(function, args) if function.result:
                end.answer(request, sum(args) if function.name == "add" else args[0])
            case _:
                end.answer(request)
    *lines, rest = end.data_to_send().split(b"\r\n")
    assert rest == b""
    return [line.decode() for line in lines]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("ping", "200:OK:pong"),
        ("ping\r", "200:OK:pong"),
        ("devinfo", "200:DEV READY:robot:red"),
        ("funcs", "200:FUNCS OK:ping,devinfo,funcs,attrs,set,get,help,stop,forward,say,add"),
        (
            "attrs",
            "200:ATTRS OK:speed:int,ratio:float,led:bool,name:str,distance:int,any:T",
        ),
        (
            "help",
            "200:Help found:help -> helptext:str - try 'help help', 'funcs' and 'attrs'",
        ),
        ("help speed", "200:Help found:int - How fast [0..255]"),
        ("help led", "200:Help found:bool - "),
        ("help stop", "200:Help found:stop -> - Stop at once"),
        ("help forward", "200:Help found:forward ms:int -> - Drive [ms 0..5000 ms]"),
        ("help add", "200:Help found:add a:int b:int -> s:int - "),
        ("help nobody", "404:No help found:nobody"),
        ("help ~4f2a91c0", "404:No help found:~4f2a91c0"),
        ("help a b", "404:No help found:a b"),
        ("get speed", "200:Found:42"),
        ("get ratio", "200:Found:42.0"),
        ("get led", "200:Found:True"),
        ("get nobody", "404:Attribute Not Found:-"),
        ("get stop", "404:Attribute Not Found:-"),
        ("get", "404:Attribute Not Found:-"),
        ("set speed 80", "200:Success:-"),
        ("set name ", "200:Success:-"),
        ("set name two  words", "200:Success:-"),
        ("set led t", "200:Success:-"),
        ("set speed", "400:Fail:set attribute must be given a value"),
        ("set", "400:Fail:set attribute must be given a value"),
        ("set nobody 1", "404:Attribute Not Found:-"),
        ("set speed fast", "500:Bad Value:-"),
        ("set speed 1_0", "500:Bad Value:-"),
        ("set speed 256", "500:Bad Value:-"),
        ("set ratio nan", "500:Bad Value:-"),
        ("set led yes", "500:Bad Value:-"),
        ("set distance 5", "405:Read only:-"),
        ("stop", "200:Success:-"),
        ("forward 500", "200:Success:-"),
        ("say hello  you: all", "200:Success:hello  you: all"),
        ("say ", "200:Success:-"),
        ("add 1 2", "200:Success:3"),
        ("stop now", "400:Fail:stop ->"),
        ("stop ", "400:Fail:stop ->"),
        ("forward", "400:Fail:forward ms:int ->"),
        ("add 1", "400:Fail:add a:int b:int -> s:int"),
        ("add 1 2 3", "400:Bad Value:'2 3' is not a whole number"),
        ("forward soon", "400:Bad Value:'soon' is not a whole number"),
        ("forward 9999", "416:Out of range:0..5000 ms"),
        ("nobody", "404:funcname Not Found:-"),
        ("nobody 5", "404:funcname Not Found:-"),
        ("speed", "404:funcname Not Found:-"),
        (" ping", "404:funcname Not Found:-"),
        ("\x00", "404:funcname Not Found:-"),
    ],
)
def test_the_device_answers_each_command_with_exactly_one_line(command, answer):
    end = DeviceEnd(ROBOT, 1)
    assert talk(end, command) == [answer]
    assert talk(end, "ping") == ["200:OK:pong"]


def test_a_device_without_attributes_lists_none():
    assert talk(DeviceEnd(Description.of("bare"), 1), "attrs") == ["200:ATTRS OK:"]


@pytest.mark.parametrize("builtin", ["ping", "devinfo", "funcs", "attrs", "set", "get", "help"])
def test_every_builtin_has_help(builtin):
    (line,) = talk(DeviceEnd(ROBOT, 1), f"help {builtin}")
    assert line.startswith(f"200:Help found:{builtin}")
    assert Function.parse(builtin, line.removeprefix("200:Help found:")).help


def test_a_device_that_starts_says_so():
    end = DeviceEnd(ROBOT, 1)
    end.start()
    assert end.data_to_send() == b"200:DEV READY:robot:red\r\n"
    assert end.data_to_send() == b""


def test_an_empty_line_gets_no_answer():
    assert talk(DeviceEnd(ROBOT, 1), b"\r\n\n\r\nping\r\n") == ["200:OK:pong"]


@pytest.mark.parametrize("length", [140, 141, 1000])
def test_a_long_line_is_answered_like_any_other(length):
    end = DeviceEnd(ROBOT, 1)
    assert talk(end, "x" * length) == ["404:funcname Not Found:-"]
    assert talk(end, "ping") == ["200:OK:pong"]


def test_a_line_longer_than_any_is_answered_once_and_not_run(caplog):
    end = DeviceEnd(ROBOT, 1)
    assert talk(end, "forward " + "9" * MAX_LINE) == ["413:Line too long:-"]
    assert talk(end, "ping") == ["200:OK:pong"]


def test_half_a_line_waits_for_the_other_half():
    end = DeviceEnd(ROBOT, 1)
    assert talk(end, b"get sp") == []
    assert talk(end, b"eed\n") == ["200:Found:42"]


def test_commands_are_answered_one_at_a_time_and_in_order():
    end = DeviceEnd(ROBOT, 1)
    end.receive(b"ping\n\nhelp led\nget speed\nset speed 5\nping\n")
    first = end.next_request()
    assert first == Get(ROBOT.attributes["speed"])
    assert end.data_to_send() == b"200:OK:pong\r\n200:Help found:bool - \r\n"
    assert end.next_request() is None
    assert end.data_to_send() == b""
    end.answer(first, 7)
    second = end.next_request()
    assert second == Set(ROBOT.attributes["speed"], 5)
    end.answer(second)
    assert end.next_request() is None
    assert end.data_to_send() == b"200:Found:7\r\n200:Success:-\r\n200:OK:pong\r\n"


@pytest.mark.parametrize("value", ["x", None, 2**31, True])
def test_a_value_that_its_type_cant_carry_is_the_devices_fault(value):
    end = DeviceEnd(ROBOT, 1)
    end.receive(b"get speed\n")
    end.answer(end.next_request(), value)
    assert end.data_to_send().startswith(b"500:Device fault:")


def test_not_a_number_never_gets_on_the_wire():
    end = DeviceEnd(ROBOT, 1)
    end.receive(b"get ratio\n")
    end.answer(end.next_request(), float("nan"))
    assert end.data_to_send().startswith(b"500:Device fault:")


def test_an_error_of_many_lines_and_colons_is_one_line_of_three_fields():
    end = DeviceEnd(ROBOT, 1)
    end.receive(b"stop\n")
    end.refuse(end.next_request(), 500, "a:b\nc", "d\r\ne:f")
    assert end.data_to_send() == b"500:a b c:d  e:f\r\n"


@given(STREAMS | st.binary(), PIECES)
def test_any_bytes_in_any_pieces_get_the_same_answers(stream, sizes):
    whole, cut = DeviceEnd(ROBOT, 1), DeviceEnd(ROBOT, 1)
    answers = talk(whole, stream)
    assert [a for piece in pieces(stream, sizes) for a in talk(cut, piece)] == answers
    assert len(answers) == len([t for t in stream.split(b"\n")[:-1] if t.removesuffix(b"\r")])


# Both ends, wired together

_VALUES = {
    "speed": st.integers(0, 255),
    "ratio": st.floats(allow_nan=False, allow_infinity=False),
    "led": st.booleans(),
    "name": st.text(
        st.characters(exclude_characters="\n\r\x00", exclude_categories=["Cs"]), max_size=20
    ),
}


@given(st.sampled_from(list(_VALUES)).flatmap(lambda n: st.tuples(st.just(n), _VALUES[n])), PIECES)
def test_a_value_set_is_the_value_got(named, sizes):
    (name, value), host, device = named, HostEnd(), DeviceEnd(ROBOT, 1)
    type_ = ROBOT.attributes[name].type

    def ask(command):
        for piece in pieces(host.ask(command)[1], sizes):
            device.receive(piece)
        request = device.next_request()
        device.answer(request, value)
        (reply,) = [e for p in pieces(device.data_to_send(), sizes) for e in host.receive(p)]
        return request, reply

    request, reply = ask(f"set {name} {type_.format(type_.check(value))}")
    assert request == Set(ROBOT.attributes[name], value)
    assert reply == Reply(200, "Success", "-")
    request, reply = ask(f"get {name}")
    assert request == Get(ROBOT.attributes[name])
    assert type_.parse(reply.data) == value
