"""To a v1 host, the new firmware is a v1 device: each command of the protocol's table, in plain lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from board import Board

ATTRIBUTES = "drive_forward_time_ms:int,turn_time_ms:int,str_id:str,ratio:float,some_flag:bool"
FUNCTIONS = (
    "ping,devinfo,funcs,attrs,set,get,help,barecommand,one_arg_int,one_arg_bool,one_arg_str,one_arg_float,one_arg_T,"
    "no_arg_result_int,no_arg_result_bool,no_arg_result_str,no_arg_result_float,no_arg_result_T,one_arg_int_result_int"
)
WALK = [
    ("ping", "200:OK:pong"),
    ("funcs", f"200:FUNCS OK:{FUNCTIONS}"),
    ("attrs", f"200:ATTRS OK:{ATTRIBUTES}"),
    ("help", "200:Help found:help -> helptext:str - try 'help help', 'funcs' and 'attrs'"),
    ("help turn_time_ms", "200:Help found:int - How long to turn"),
    ("help ratio", "200:Help found:float - Sample float attribute"),
    ("help barecommand", "200:Help found:barecommand -> - test, basic command, no arg/result"),
    ("help one_arg_T", "200:Help found:one_arg_T attr:T -> - test, one arg, generic type"),
    (
        "help no_arg_result_bool",
        "200:Help found:no_arg_result_bool -> result:bool - test, one arg, boolean",
    ),
    (
        "help one_arg_int_result_int",
        "200:Help found:one_arg_int_result_int myarg:int -> result:int - test, one arg, one result, both ints",
    ),
    ("help ~nonce", "404:No help found:~nonce"),
    ("get drive_forward_time_ms", "200:Found:1500"),
    ("get turn_time_ms", "200:Found:2000"),
    ("get str_id", "200:Found:default"),
    ("get ratio", "200:Found:0"),
    ("get some_flag", "200:Found:True"),
    ("get nothing", "404:Attribute Not Found:-"),
    ("set turn_time_ms 5", "200:Success:-"),
    ("get turn_time_ms", "200:Found:5"),
    ("set str_id two words", "200:Success:-"),
    ("get str_id", "200:Found:two words"),
    ("set str_id ", "200:Success:-"),
    ("get str_id", "200:Found:"),
    ("set some_flag False", "200:Success:-"),
    ("get some_flag", "200:Found:False"),
    ("set nothing 1", "404:Attribute Not Found:-"),
    ("set ratio", "400:Fail:set attribute must be given a value"),
    ("barecommand", "200:Success:-"),
    ("one_arg_int 7", "200:Success:-"),
    ("one_arg_str a b:c", "200:Success:-"),
    ("no_arg_result_int", "200:Success:100"),
    ("no_arg_result_bool", "200:Success:True"),
    ("no_arg_result_str", "200:Success:hello"),
    ("no_arg_result_float", "200:Success:1.1"),
    ("no_arg_result_T", "200:Success:4j2"),
    ("one_arg_int_result_int -12", "200:Success:-12"),
    ("nothing", "404:funcname Not Found:-"),
    ("nothing 1", "404:funcname Not Found:-"),
]


def test_the_walk_through_of_the_protocol(testhost: Board) -> None:
    (banner,) = testhost.banner
    assert banner.startswith("200:DEV READY iotoy/2 ") and banner.endswith(":testhosttiny")
    assert testhost.ask("devinfo") == [banner]
    for command, reply in WALK:
        assert testhost.ask(command) == [reply], command


@pytest.mark.parametrize("builtin", FUNCTIONS.split(",")[:7])
def test_each_built_in_has_a_help_that_parses(testhost: Board, builtin: str) -> None:
    (reply,) = testhost.ask(f"help {builtin}")
    assert reply.startswith(f"200:Help found:{builtin} ")
    assert " -> " in reply and " - " in reply


def test_v2_built_ins_are_not_listed(testhost: Board) -> None:
    (reply,) = testhost.ask("funcs")
    assert not {"describe", "watch", "rename"} & set(reply.partition(":")[2].split(","))


def test_carriage_return_and_line_feed_end_a_line_as_line_feed_does(testhost: Board) -> None:
    assert testhost.ask(b"ping\r\nget str_id\r\n") == ["200:OK:pong", "200:Found:default"]


def test_an_empty_line_gets_no_answer(testhost: Board) -> None:
    assert testhost.ask(b"\n\r\n\nping\n") == ["200:OK:pong"]


@pytest.mark.parametrize("length", [63, 64, 65, 139, 140, 141, 255, 256, 257, 1000])
def test_a_line_of_any_length_gets_one_answer_and_ping_works_after_it(
    testhost: Board, length: int
) -> None:
    (reply,) = testhost.ask(b"x" * length + b"\n")
    assert reply == ("413:Line too long:-" if length > 63 else "404:funcname Not Found:-")
    assert testhost.ask("ping") == ["200:OK:pong"]


def test_cancel_throws_away_the_half_line_without_an_answer(testhost: Board) -> None:
    assert testhost.ask(b"set str_id x\x18ping\n") == ["200:OK:pong"]
    assert testhost.ask(b"y" * 300 + b"\x18ping\n") == ["200:OK:pong"]
    assert testhost.ask("get str_id") == ["200:Found:default"]


def test_half_a_line_and_then_a_command_is_one_wrong_line(testhost: Board) -> None:
    assert testhost.ask(b"get rat" + b"ping\n") == ["404:Attribute Not Found:-"]
    assert testhost.ask("ping") == ["200:OK:pong"]


def test_a_nul_does_not_hide_what_follows_it(testhost: Board) -> None:
    assert testhost.ask(b"ping\0x\n") == ["404:funcname Not Found:-"]


@pytest.mark.parametrize(
    "value", ["abc", "1.9", "0x10", "", " 1", "1 ", "+", "-", "1e2", "--1", "1_000", "٣"]
)
def test_what_is_no_int_is_refused(testhost: Board, value: str) -> None:
    assert testhost.ask(f"set turn_time_ms {value}") == ["400:Bad Value:int"]
    assert testhost.ask("get turn_time_ms") == ["200:Found:2000"]
    (reply,) = testhost.ask(f"one_arg_int {value}")
    # a blank behind it starts a second argument
    assert reply in ("400:Bad Value:int", "400:Fail:one_arg_int myarg:int ->")


@pytest.mark.parametrize(
    "value", ["32768", "-32769", "65536", "99999", "4294967296", "99999999999999999999"]
)
def test_an_int_that_does_not_fit_is_refused_and_not_wrapped(testhost: Board, value: str) -> None:
    assert testhost.ask(f"set turn_time_ms {value}") == ["416:Out of range:-32768..32767"]
    assert testhost.ask(f"one_arg_int_result_int {value}") == ["416:Out of range:-32768..32767"]


@pytest.mark.parametrize("value", ["32767", "-32768", "0", "+5", "-0", "007"])
def test_an_int_comes_back_as_it_went(testhost: Board, value: str) -> None:
    assert testhost.ask(f"set turn_time_ms {value}") == ["200:Success:-"]
    assert testhost.ask("get turn_time_ms") == [f"200:Found:{int(value)}"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1.5", "1.5"),
        ("-0.1", "-0.1"),
        ("3.1415927", "3.141593"),
        ("1234567", "1234567"),
        ("1e6", "1000000"),
        ("2.5E-3", "0.0025"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("9.123457", "9.123457"),
        ("999999", "999999"),
        ("1e-7", "0.0000001"),
    ],
)
def test_a_float_comes_back_with_its_digits(testhost: Board, value: str, shown: str) -> None:
    assert testhost.ask(f"set ratio {value}") == ["200:Success:-"]
    assert testhost.ask("get ratio") == [f"200:Found:{shown}"]


@pytest.mark.parametrize("value", ["1e20", "-3.4e38", "123456789012", "1.17e-30"])
def test_a_huge_or_tiny_float_comes_back_without_an_exponent(testhost: Board, value: str) -> None:
    assert testhost.ask(f"set ratio {value}") == ["200:Success:-"]
    (reply,) = testhost.ask("get ratio")
    shown = reply.removeprefix("200:Found:")
    assert "e" not in shown and not shown.endswith(".")
    assert float(shown) == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize("value", ["nan", "inf", "1.2.3", "1e", "e5", "", ".", "1,5"])
def test_what_is_no_float_is_refused(testhost: Board, value: str) -> None:
    assert testhost.ask(f"set ratio {value}") == ["400:Bad Value:float"]


def test_a_float_beyond_its_range_is_refused(testhost: Board) -> None:
    assert testhost.ask("set ratio 1e39") == ["416:Out of range:float"]


@pytest.mark.parametrize("value", ["1", "true", "True", "t", "T", "0", "false", "False", "f", "F"])
def test_every_way_to_write_a_bool_is_taken(testhost: Board, value: str) -> None:
    assert testhost.ask(f"set some_flag {value}") == ["200:Success:-"]
    assert testhost.ask("get some_flag") == [
        f"200:Found:{value in ('1', 'true', 'True', 't', 'T')}"
    ]


@pytest.mark.parametrize("value", ["", "yes", "TRUE", "2", "tr", "True "])
def test_what_is_no_bool_is_refused(testhost: Board, value: str) -> None:
    assert testhost.ask(f"set some_flag {value}") == ["400:Bad Value:bool"]


def test_a_text_that_does_not_fit_is_refused_and_not_cut(testhost: Board) -> None:
    assert testhost.ask("set str_id " + "x" * 31) == ["200:Success:-"]
    assert testhost.ask("set str_id " + "y" * 32) == ["416:Out of range:at most 31 bytes"]
    assert testhost.ask("get str_id") == ["200:Found:" + "x" * 31]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("one_arg_int", "400:Fail:one_arg_int myarg:int ->"),
        ("one_arg_int 1 2", "400:Fail:one_arg_int myarg:int ->"),
        ("barecommand 1", "400:Fail:barecommand ->"),
        ("no_arg_result_int ", "400:Fail:no_arg_result_int -> result:int"),
        ("get", "400:Fail:get name:str -> value:T"),
        ("get a b", "400:Fail:get name:str -> value:T"),
        ("help a b", "400:Fail:help name:str -> text:str"),
        ("ping 1", "400:Fail:ping -> pong:str"),
        ("watch ratio", "400:Fail:watch name:str ms:int ->"),
    ],
)
def test_a_wrong_number_of_arguments_is_answered_with_the_signature(
    testhost: Board, line: str, reply: str
) -> None:
    assert testhost.ask(line) == [reply]


def test_the_names_of_attributes_and_functions_are_not_mixed_up(testhost: Board) -> None:
    assert testhost.ask("ratio") == ["404:funcname Not Found:-"]
    assert testhost.ask("get barecommand") == ["404:Attribute Not Found:-"]
    assert testhost.ask("get rati") == ["404:Attribute Not Found:-"]
    assert testhost.ask("get ratios") == ["404:Attribute Not Found:-"]


def test_lines_sent_ahead_are_answered_in_order(testhost: Board) -> None:
    # 60 bytes at once: as many as a host may have out
    assert testhost.ask(b"ping\nget turn_time_ms\n" * 2 + b"get some_flag\n") == [
        "200:OK:pong",
        "200:Found:2000",
        "200:OK:pong",
        "200:Found:2000",
        "200:Found:True",
    ]
    assert testhost.overruns == 0


def test_a_function_that_blocks_loses_only_what_the_buffer_cannot_hold(
    boot: Callable[..., Board],
) -> None:
    robot = boot("Robot")
    assert robot.ask(b"block 200\n" + b"ping\n" * 10) == ["200:Success:-"] + ["200:OK:pong"] * 10


def test_replies_do_not_drift_after_a_time_out_in_plain_lines(boot: Callable[..., Board]) -> None:
    robot = boot("Robot")
    robot.send("block 300\n")
    assert robot.run(100) == []  # the host gives up here, and looks for its place with a barrier
    before, barrier = robot.ask("help ~x1", ms=1000)
    assert (before, barrier) == ("200:Success:-", "404:No help found:~x1")
    assert robot.ask("get speed") == ["200:Found:80"]
    assert robot.ask("get speed") == ["200:Found:80"]
