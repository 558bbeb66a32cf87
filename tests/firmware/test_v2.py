"""What v2 adds, on the simulated chip: description, limits, frames, long actions, deadman, news, events, rename."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from board import CAN, CYCLES_PER_MS, Board, crc, frame, unframe

BAD_CHECKSUM = "$_400:Bad checksum:-*" + crc(b"_400:Bad checksum:-").decode()
MOTOR = "B5"


# describe


def test_describe_says_everything_once_and_counts_it(robot: Board) -> None:
    *parts, end = robot.ask("describe")
    match = re.fullmatch(r"200:DESCRIBE OK:(\d+),([0-9a-f]{8}),63", end)
    assert match and int(match[1]) == len(parts)
    assert match[2] in robot.banner[0]
    assert parts[:2] == ["102:INFO:help A robot for tests", "102:INFO:deadman_ms 500"]
    assert "102:ATTR:speed:int - How fast [0..255]" in parts
    assert "102:FUNC:mix a:int b:float c:bool text:str -> - Four kinds" in parts
    assert "102:FUNC:add a:int b:int -> result:int - Add" in parts
    assert parts[-2:] == ["102:EVENT:bump side:str - Hit something", "102:EVENT:lap - Once round"]


def test_describe_says_what_attrs_and_help_say(robot: Board) -> None:
    *parts, _ = robot.ask("describe")
    for part in parts:
        kind, _, text = part.removeprefix("102:").partition(":")
        if kind == "ATTR":
            name, _, rest = text.partition(":")
            assert robot.ask(f"help {name}") == [f"200:Help found:{rest}"]
        if kind == "FUNC":
            assert robot.ask(f"help {text.split()[0]}") == [f"200:Help found:{text}"]


def test_what_can_only_be_read_says_so(robot: Board) -> None:
    assert robot.ask("help wheels") == ["200:Help found:int - A constant [read-only]"]
    assert robot.ask("help distance") == ["200:Help found:int - Measured [0..1023 mm; read-only]"]
    assert robot.ask("help changes") == ["200:Help found:int - Counted by a hook [read-only]"]


def test_the_fingerprint_tells_devices_apart_and_stays_over_a_reset(
    testhost: Board, robot: Board
) -> None:
    assert testhost.banner != robot.banner
    assert robot.reset() == robot.banner


# limits


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("set speed 0", "200:Success:-"),
        ("set speed 255", "200:Success:-"),
        ("set speed 256", "416:Out of range:0..255"),
        ("set speed -1", "416:Out of range:0..255"),
        ("set angle -90", "200:Success:-"),
        ("set angle -91", "416:Out of range:-90..90 step 5"),
        ("set volts -0.5", "200:Success:-"),
        ("set volts -0.5001", "416:Out of range:-0.5..5 V"),
        ("set volts 5", "200:Success:-"),
        ("set volts 5.01", "416:Out of range:-0.5..5 V"),
        ("set mode turbo", "200:Success:-"),
        ("set mode turb", "416:Out of range:slow|fast|turbo"),
        ("set mode ", "416:Out of range:slow|fast|turbo"),
        ("set mode slow|fast", "416:Out of range:slow|fast|turbo"),
        ("set note anything", "416:Out of range:at most 7 bytes"),
        ("set odd 70000", "200:Success:-"),
        ("set wheels 3", "405:Read only:-"),
        ("set changes 3", "405:Read only:-"),
        ("set distance 3", "405:Read only:-"),
        ("set far 2147483647", "200:Success:-"),
        ("set far 2147483648", "416:Out of range:-2147483648..2147483647"),
        ("set far -2147483648", "200:Success:-"),
        ("set steps 65535", "200:Success:-"),
        ("set steps -1", "416:Out of range:0..65535"),
        ("set small 255", "200:Success:-"),
        ("set small 256", "416:Out of range:0..255"),
        ("get huge", "200:Found:2147483647"),
        ("turn 90 left", "200:Success:-"),
        ("turn 361 left", "416:Out of range:degrees 0..360"),
        ("turn 90 up", "416:Out of range:side left|right"),
        ("turn 90", "400:Fail:turn degrees:int side:str ->"),
    ],
)
def test_limits_are_kept_on_the_device(robot: Board, command: str, reply: str) -> None:
    assert robot.ask(command) == [reply]


def test_a_refused_value_changes_nothing(robot: Board) -> None:
    robot.ask("set speed 300")
    assert robot.ask("get speed") == ["200:Found:80"]


def test_a_hook_runs_once_for_each_value_set(robot: Board) -> None:
    robot.ask("set speed 1")
    robot.ask("set speed 2")
    robot.ask("set speed 999")
    assert robot.ask("get changes") == ["200:Found:2"]


def test_an_attribute_can_be_measured_when_it_is_read(robot: Board) -> None:
    robot.command("adc 0 2500")
    (reply,) = robot.ask("get distance")
    assert int(reply.removeprefix("200:Found:")) == pytest.approx(512, abs=2)


# functions


def test_several_arguments_and_a_text_with_blanks_at_the_end(robot: Board) -> None:
    assert robot.ask("add 2 -5") == ["200:Success:-3"]
    assert robot.ask("mix 7 1.5 True some words") == ["200:Success:-"]
    assert robot.ask("get speed") == ["200:Found:7"]
    assert robot.ask("add 2  5") == ["400:Bad Value:int"]
    assert robot.ask("mix 7 x True t") == ["400:Bad Value:float"]


def test_a_result_is_sent_as_it_is_and_stays_one_line(robot: Board) -> None:
    assert robot.ask("empty") == ["200:Success:"]
    assert robot.ask("lines") == ["200:Success:two  lines"]


def test_polling_inside_a_function_does_nothing(robot: Board) -> None:
    assert robot.ask(b"nap\nping\n") == ["200:Success:-", "200:OK:pong"]


# frames


def test_a_frame_is_answered_by_a_frame_with_its_tag(robot: Board) -> None:
    assert robot.ask(frame("a", "get speed")) == [
        "$a200:Found:80*" + crc(b"a200:Found:80").decode()
    ]
    assert robot.call("z", "nothing") == [("z", "404:funcname Not Found:-")]
    assert robot.ask("get speed") == ["200:Found:80"]


def test_upper_case_digits_and_carriage_return_are_taken(robot: Board) -> None:
    command = frame("a", "get speed").decode()
    head, _, tail = command.partition("*")
    assert robot.ask(f"{head}*{tail.strip().upper()}\r\n".encode())[0].startswith("$a200:Found:80")


def test_the_lines_of_a_framed_description_are_frames(robot: Board) -> None:
    *parts, end = robot.call("7", "describe")
    assert {tag for tag, _ in parts} == {"7"}
    plain = robot.ask("describe")
    assert [text for _, text in parts] + [end[1]] == plain


@pytest.mark.parametrize(
    "line",
    [
        b"$aget speed*0000\n",
        b"$aget speed\n",
        b"$\n",
        b"$a\n",
        b"$a*\n",
        b"$*" + crc(b"") + b"\n",
        frame("_", "get speed"),
        frame("A", "get speed"),
        frame("a", "set speed 100")[:-7] + b"9" + frame("a", "set speed 100")[-6:],
    ],
)
def test_a_damaged_frame_is_not_executed(robot: Board, line: bytes) -> None:
    assert robot.ask(line) == [BAD_CHECKSUM]
    assert robot.ask("get speed") == ["200:Found:80"]


def test_every_single_lost_or_changed_byte_of_a_frame_is_noticed(robot: Board) -> None:
    good = frame("a", "set speed 100")
    robot.call("b", "ping")
    for i in range(len(good) - 1):
        for damaged in (good[:i] + good[i + 1 :], good[:i] + b"~" + good[i + 1 :]):
            (reply,) = robot.ask(damaged)
            assert reply == BAD_CHECKSUM or reply.startswith("404:"), damaged
    assert robot.ask("get speed") == ["200:Found:80"]


def test_a_frame_that_lost_its_head_is_noticed_once_frames_were_seen(robot: Board) -> None:
    headless = frame("a", "set speed 100")[2:]
    assert robot.ask(headless) == ["400:Bad Value:int"]
    robot.call("a", "ping")
    assert robot.ask(headless) == [BAD_CHECKSUM]


def test_a_frame_that_is_too_long_gets_one_framed_answer(robot: Board) -> None:
    (reply,) = robot.ask(frame("a", "set note " + 80 * "x"))
    assert unframe(reply) == ("_", "413:Line too long:-")


def test_replies_do_not_drift_after_a_time_out_in_frames(robot: Board) -> None:
    robot.send(frame("a", "block 300"))
    assert robot.run(100) == []  # the host gives up here and goes on with another tag
    assert robot.call("b", "get speed") == [("a", "200:Success:-"), ("b", "200:Found:80")]
    assert robot.call("c", "no_such_name") == [("c", "404:funcname Not Found:-")]


# long actions


def test_a_long_action_answers_when_it_is_done_and_others_go_on(robot: Board) -> None:
    start = robot.command("run 0").cycle
    robot.send(frame("a", "forward 300"))
    assert robot.run(20) == []
    assert robot.pins[MOTOR] == 1
    assert robot.call("b", "get speed") == [("b", "200:Found:80")]
    (reply,) = robot.until_quiet(1000)
    assert unframe(reply) == ("a", "200:Success:-")
    assert robot.pins[MOTOR] == 0
    assert (robot.command("run 0").cycle - start) / CYCLES_PER_MS == pytest.approx(310, abs=20)


def test_stop_works_at_once_and_answers_the_pending_action_too(robot: Board) -> None:
    robot.send(frame("a", "forward 5000"))
    robot.run(20)
    assert robot.call("b", "stop") == [("a", "200:Success:-"), ("b", "200:Success:-")]
    assert robot.pins[MOTOR] == 0


def test_an_action_that_another_one_replaces_is_answered(robot: Board) -> None:
    robot.send(frame("a", "forward 5000"))
    robot.run(20)
    assert robot.call("b", "forward 100")[0] == ("a", "200:Success:-")
    assert [unframe(line) for line in robot.run(300)] == [("b", "200:Success:-")]


def test_plain_lines_wait_for_the_action_so_that_answers_stay_in_order(robot: Board) -> None:
    robot.send("forward 100\nget speed\nping\n")
    assert robot.run(50) == []
    assert robot.until_quiet() == ["200:Success:-", "200:Found:80", "200:OK:pong"]


def test_an_action_begun_twice_in_one_call_is_answered_once(robot: Board) -> None:
    robot.send(frame("a", "forward_twice 100"))
    assert [unframe(line) for line in robot.run(300)] == [("a", "200:Success:-")]
    assert robot.call("b", "get speed") == [("b", "200:Found:80")]


# deadman


def test_the_motor_stops_when_no_command_came_for_the_deadman_time(robot: Board) -> None:
    robot.send(frame("a", "forward 5000"))
    robot.run(20)
    assert robot.pins[MOTOR] == 1
    (reply,) = robot.until_quiet(1000)
    assert unframe(reply) == ("a", "200:Success:-")
    assert robot.pins[MOTOR] == 0


def test_the_deadman_fires_within_its_time(robot: Board) -> None:
    robot.send(frame("a", "forward 5000"))
    changes = robot.command("run 700").pins
    (_, on, _), (_, off, _) = changes
    assert (off - on) / CYCLES_PER_MS == pytest.approx(500, abs=2)


def test_ping_keeps_it_going_and_garbage_does_not(robot: Board) -> None:
    robot.send(frame("a", "forward 5000"))
    for _ in range(5):
        robot.run(300)
        robot.call("b", "ping")
    assert robot.pins[MOTOR] == 1
    for _ in range(2):
        robot.run(200)
        robot.ask("rubbish")
        robot.ask("$arubbish*0000")
    robot.run(200)
    assert robot.pins[MOTOR] == 0


def test_a_long_description_does_not_keep_the_motor_going(robot: Board) -> None:
    robot.send(frame("a", "forward 5000"))
    robot.run(450)
    robot.send(frame("b", "describe"))  # takes about 90 ms on the wire
    on = robot.command("run 400")
    # the description counts as a command only when its last line is out
    assert robot.pins[MOTOR] == 0
    assert on.overruns == 0


# watch, events


def test_news_comes_at_once_and_then_only_when_the_value_changed(robot: Board) -> None:
    assert robot.ask("watch speed 50") == ["200:Success:-", "103:speed:80"]
    assert robot.run(300) == []
    assert robot.ask("set speed 81") == ["200:Success:-"]
    assert robot.run(60) == ["103:speed:81"]
    assert robot.ask("watch speed 0") == ["200:Success:-"]
    robot.ask("set speed 82")
    assert robot.run(200) == []


def test_news_is_not_more_frequent_than_asked(robot: Board) -> None:
    robot.ask("watch distance 100")
    news = []
    for level in range(20):
        robot.command(f"adc 0 {level * 200}")
        news += robot.run(20)
    assert 3 <= len(news) <= 5


def test_a_framed_watch_gets_framed_news(robot: Board) -> None:
    assert robot.call("a", "watch speed 20") == [("a", "200:Success:-"), ("_", "103:speed:80")]


def test_watches_do_not_starve_each_other(robot: Board) -> None:
    for name in ("speed", "distance", "changes", "far"):
        robot.ask(f"watch {name} 1")
    assert robot.ask("watch led 1") == ["503:Too many watches:-"]
    robot.send("set far 5\n")
    assert "103:far:5" in robot.run(20)


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("watch nothing 5", "404:Attribute Not Found:-"),
        ("watch stop 5", "404:Attribute Not Found:-"),
        ("watch speed x", "400:Bad Value:int"),
        ("watch speed -1", "416:Out of range:0..65535"),
        ("watch speed", "400:Fail:watch name:str ms:int ->"),
    ],
)
def test_a_wrong_watch_is_refused(robot: Board, line: str, reply: str) -> None:
    assert robot.ask(line) == [reply]


def test_a_new_host_is_not_disturbed_by_the_news_of_the_one_before(robot: Board) -> None:
    robot.call("a", "watch distance 10")
    assert robot.ask(CAN + b"devinfo\n") == robot.banner
    robot.command("adc 0 3000")
    assert robot.run(100) == []
    assert robot.ask("bump") == ["200:Success:-"]


def test_events_go_to_hosts_that_know_of_them(robot: Board) -> None:
    assert robot.ask("bump") == ["200:Success:-"], "a v1 host hears nothing unasked"
    robot.ask("describe")
    assert robot.ask("bump") == ["104:bump:left", "200:Success:-"]
    assert robot.call("a", "lap") == [("_", "104:lap:-"), ("a", "200:Success:-")]


# rename


def name(board: Board) -> str:
    (reply,) = board.ask("devinfo")
    return reply.split(":", 2)[2]


def test_a_new_name_outlives_a_reset_and_a_power_cycle(
    boot: Callable[..., Board], tmp_path: Path
) -> None:
    eeprom = tmp_path / "eeprom"
    board = boot("Robot", eeprom=eeprom)
    assert name(board) == "robot:red"
    assert board.ask("rename blue_2") == ["200:Success:-"]
    assert name(board) == "robot:blue_2"
    assert board.reset()[0].endswith(":robot:blue_2")
    board.close()
    again = boot("Robot", eeprom=eeprom)
    assert again.banner[0].endswith(":robot:blue_2")
    assert again.ask("rename") == ["200:Success:-"]
    assert name(again) == "robot:red"


def test_a_device_without_a_specifier_can_be_given_one(testhost: Board) -> None:
    testhost.ask("rename desk3")
    assert name(testhost) == "testhosttiny:desk3"


@pytest.mark.parametrize("specifier", ["", "9", "a-b", "a b", "x" * 16, "é", "a:b"])
def test_what_is_no_specifier_is_refused(testhost: Board, specifier: str) -> None:
    (reply,) = testhost.ask(f"rename {specifier}")
    if specifier == "":
        assert (reply, name(testhost)) == ("200:Success:-", "testhosttiny")
    else:
        assert reply.startswith("400:")
    assert name(testhost) == "testhosttiny"
