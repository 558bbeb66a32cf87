"""The same Python object over the same device: simulated in Python, on a line, on the chip."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
from conftest import find
from heard import Heard

import iotkit
from iotkit.device import device_over, link_of
from iotkit.host import run
from iotkit.links.serial import SerialLink
from iotkit.sim import simulate
from iotkit.sim.firmware import SimulatedBoard
from iotkit.transports.memory import pair
from iotkit.transports.serial import Serial

SOON = 10.0


@contextmanager
def in_this_process():
    with iotkit.connect("sim:testhosttiny") as robot:
        yield robot


@contextmanager
def on_a_line(version):
    here, there = pair()
    board = threading.Thread(
        target=run, args=(simulate("testhosttiny"), there), kwargs={"version": version}
    )
    board.start()
    try:
        with device_over(SerialLink(here)) as robot:
            yield robot
    finally:
        here.close()
        board.join(SOON)


@contextmanager
def on_the_chip():
    with device_over(SerialLink(SimulatedBoard(find("TestHost")))) as robot:
        yield robot


@contextmanager
def on_the_web_from_the_chip():
    with (
        on_the_chip() as board,
        iotkit.serve(board, announce=False) as service,
        iotkit.connect(service.url) as robot,
    ):
        yield robot


CARRIERS = {
    "python": in_this_process,
    "version 1": lambda: on_a_line(1),
    "version 2": lambda: on_a_line(2),
    "chip": on_the_chip,
    "chip on the web": on_the_web_from_the_chip,
}


@pytest.fixture(params=CARRIERS.values(), ids=CARRIERS)
def device(request):
    with request.param() as device:
        yield device


def test_it_says_the_same_of_itself(device):
    with in_this_process() as model:
        assert device.devinfo == model.devinfo


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("drive_forward_time_ms", [0, -32768, 32767, 1500]),
        ("ratio", [0.0, 1.5, -2.25, 1e6, 0.015625, 3]),
        ("some_flag", [False, True]),
        ("str_id", ["", "a", "two  words", "1:2:3", "-", "x" * 31]),
    ],
)
def test_a_value_set_is_the_value_read(device, name, values):
    for value in values:
        setattr(device, name, value)
        assert getattr(device, name) == value


def test_functions_take_and_give_what_they_say(device):
    assert device.barecommand() is None
    assert device.one_arg_int_result_int(42) == 42
    assert device.one_arg_int_result_int(-32768) == -32768
    assert device.no_arg_result_int() == 100
    assert device.no_arg_result_bool() is True
    assert device.no_arg_result_float() == pytest.approx(1.1)
    assert device.no_arg_result_str() == "hello"
    assert device.no_arg_result_T() == "4j2"
    assert device.one_arg_str("a b  c") is None
    assert device.one_arg_T(3) is None


@pytest.mark.parametrize("value", ["x", True, 1.5, None])
def test_a_wrong_value_is_a_type_error_and_changes_nothing(device, value):
    device.turn_time_ms = 2000
    with pytest.raises(TypeError, match="turn_time_ms"):
        device.turn_time_ms = value
    assert device.turn_time_ms == 2000


def test_a_wrong_call_is_a_type_error(device):
    for wrong in (lambda: device.one_arg_int(), lambda: device.barecommand(1)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(AttributeError, match="did you mean 'ratio'"):
        device.ration = 1.0


# News


def heard_from(device, names, every=0.0):
    """Follow these; return what is heard of each."""
    all_heard = {name: Heard() for name in names}
    for name, heard in all_heard.items():
        link_of(device).follow(name, heard, every)
    return all_heard


def test_a_watch_gives_the_value_at_once_and_then_each_change(device):
    device.turn_time_ms = 2000
    with device.watch("turn_time_ms", keep=10) as watch:
        assert next(watch).value == 2000
        for value in (5, 6, 7):
            device.turn_time_ms = value
            assert next(watch).value == value


def test_all_attributes_at_once_are_news_even_if_there_are_more_than_a_board_can_watch(device):
    names = ["drive_forward_time_ms", "ratio", "some_flag", "str_id", "turn_time_ms"]
    all_heard = heard_from(device, names)
    for ratio, number, text in ((0.5, 1, "a"), (1.5, 2, "b"), (2.5, 3, "c")):
        device.ratio, device.str_id, device.some_flag = ratio, text, number == 2
        device.turn_time_ms = device.drive_forward_time_ms = number
        all_heard["ratio"].wait_last(ratio=ratio)
        all_heard["str_id"].wait_last(str_id=text)
        all_heard["some_flag"].wait_last(some_flag=number == 2)
        all_heard["turn_time_ms"].wait_last(turn_time_ms=number)
        all_heard["drive_forward_time_ms"].wait_last(drive_forward_time_ms=number)


def test_who_follows_no_more_is_told_no_more_and_the_device_goes_on(device):
    heard = Heard()
    following = link_of(device).follow("turn_time_ms", heard)
    heard.wait(len)
    following.close()
    before = list(heard.changes)
    device.turn_time_ms = 77
    again = heard_from(device, ["turn_time_ms"])["turn_time_ms"]
    again.wait_last(turn_time_ms=77)
    assert heard.changes == before


# What only firmware says


@pytest.fixture(scope="module")
def robot():
    with device_over(SerialLink(SimulatedBoard(find("Robot")))) as robot:
        yield robot


def test_limits_units_and_access_come_from_the_sketch(robot):
    known = link_of(robot).description
    assert known.id == "robot:red"
    assert known.help == "A robot for tests"
    assert known.deadman_ms == 500
    assert str(known.attributes["angle"].limits) == "-90..90 step 5"
    assert known.attributes["distance"].limits.unit == "mm"
    assert known.attributes["mode"].limits.choices == ("slow", "fast", "turbo")
    assert [a.name for a in known.attributes.values() if a.read_only] == [
        *("wheels", "changes", "distance", "huge")
    ]
    assert known.functions["turn"].args[1].limits.choices == ("left", "right")
    assert list(known.events) == ["bump", "lap"]


def test_several_arguments_reach_the_sketch(robot):
    assert robot.add(2, -3) == -1
    robot.mix(7, 1.5, True, "a text with blanks")
    assert robot.speed == 7
    robot.turn(90, "left")


def test_the_chip_refuses_what_a_host_let_through(robot):
    line = link_of(robot)._line

    def told(command):
        return line.ask(command, lambda reply: (reply.status, reply.data), timeout=2).result(SOON)

    assert told("set speed 256") == (416, "0..255")
    assert told("set speed fast") == (400, "int")
    assert told("set distance 5") == (405, "-")
    assert told("turn 90")[0] == 400


def test_a_long_action_holds_up_nothing_and_stop_ends_it(robot):
    link = link_of(robot)
    driving = link.call("forward", (5000,))
    assert robot.distance >= 0
    assert not driving.done()
    robot.stop()
    assert driving.result(SOON) is None


def test_the_deadman_of_a_device_that_is_held_does_not_end_a_long_action(robot):
    began = time.monotonic()
    robot.forward(1500)  # three times the deadman time
    assert time.monotonic() - began > 1.4


def test_a_board_knows_of_no_claims_so_it_is_claimed_where_it_is_held(robot):
    with iotkit.serve(robot, announce=False) as service, iotkit.connect(service.url) as far:
        with robot.claim(who="me"):
            robot.speed = 3
            with pytest.raises(iotkit.DeviceClaimed, match="me has claimed robot"):
                far.speed = 4
        far.speed = 4
        assert robot.speed == 4


@contextmanager
def robot_here(robot):
    yield robot


@contextmanager
def robot_on_the_web(robot):
    with (
        iotkit.serve(robot, announce=False) as service,
        iotkit.connect(service.url) as far,
    ):
        yield far


@pytest.mark.parametrize("way", [robot_here, robot_on_the_web])
def test_an_event_of_the_sketch_reaches_all_who_follow_it(robot, way):
    with way(robot) as device:
        bumps, laps = heard_from(device, ["bump"])["bump"], heard_from(device, ["lap"])["lap"]
        with device.watch("bump") as watch:
            for _ in range(3):
                device.bump()
            device.lap()
            assert bumps.wait(lambda changes: len(changes) == 3) == ["left"] * 3
            assert laps.wait(len) == [None]
            assert [next(watch).value for _ in range(3)] == ["left"] * 3


@pytest.fixture
def wired(live):
    """The tests' robot on a pty, and the object for it."""
    board = live("Robot")
    with device_over(SerialLink(Serial(board.port, 115200))) as device:
        yield board, device


@pytest.mark.parametrize("way", [robot_here, robot_on_the_web])
def test_a_level_on_a_pin_of_the_chip_is_news(wired, way):
    board, near = wired
    with way(near) as device:
        heard = heard_from(device, ["distance"])["distance"]
        heard.wait_last(distance=0)
        for millivolts, reading in ((5000, 1023), (2500, 512), (0, 0)):
            board.tell(f"adc 0 {millivolts}")
            heard.wait(lambda changes, reading=reading: abs(changes[-1] - reading) <= 1)


def test_a_chip_that_is_reset_is_watched_again(wired):
    board, device = wired
    all_heard = heard_from(device, ["distance", "bump"])
    all_heard["distance"].wait_last(distance=0)
    board.tell("reset")
    board.tell("adc 0 5000")
    all_heard["distance"].wait_last(distance=1023)
    while True:
        try:
            device.bump()  # which the reset may have swallowed
            break
        except iotkit.DeviceReset:
            continue
    assert set(all_heard["bump"].wait(len)) == {"left"}


def test_a_device_that_is_known_is_not_asked_to_describe_itself_again(monkeypatch):
    asked = []
    sent = Serial.write
    monkeypatch.setattr(Serial, "write", lambda self, data: (asked.append(data), sent(self, data)))
    for _ in range(2):
        asked.clear()
        with device_over(SerialLink(SimulatedBoard(find("Robot")))) as robot:
            assert robot.add(1, 1) == 2
    assert not any(b"describe" in data for data in asked)


def test_a_board_that_is_renamed_has_its_new_name_at_once(robot):
    link = link_of(robot)
    link.rename("blue").result(SOON)
    assert robot.devinfo["devicename"] == "robot:blue"
    link.rename("").result(SOON)
    assert robot.devinfo["devicename"] == "robot:red"  # the sketch's own
    with pytest.raises(iotkit.BadValue):
        link.rename("9 lives")
