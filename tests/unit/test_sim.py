from __future__ import annotations

import math
import queue
import threading
import time
from contextlib import contextmanager

import pytest
from fake_devices import SOON
from hypothesis import given
from hypothesis import strategies as st

import iotkit
from iotkit.host import Hosted
from iotkit.sim import DEVICES, simulate
from iotkit.sim.sumobot import RADIUS, TABLE, Pose, Sumobot
from iotkit.sim.weather import Weather


class Clock:
    """A clock that stands still until it is moved, and tells when it was looked at."""

    def __init__(self):
        self.now = 1000.0
        self._looks = 0
        self._looked = threading.Condition()

    def __call__(self):
        with self._looked:
            self._looks += 1
            self._looked.notify_all()
        return self.now

    @contextmanager
    def looked_at(self):
        """Leave when somebody has looked, since the beginning of the block."""
        before = self._looks
        yield
        with self._looked:
            assert self._looked.wait_for(lambda: self._looks > before, SOON)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def robot(clock):
    robot = Sumobot(clock)
    robot.drive_forward_time_ms = robot.turn_time_ms = 60_000  # until it is stopped
    return robot


def move(robot, clock, name, seconds):
    """Let the robot do `name` for so many seconds of its clock."""
    with clock.looked_at():
        moving = threading.Thread(target=getattr(robot, name))
        moving.start()
    _ = robot.x  # has it begun?
    clock.now += seconds
    robot.stop()
    moving.join(SOON)
    assert not moving.is_alive()


def pose(robot):
    return (robot.x, robot.y, robot.heading)


def test_it_begins_in_the_middle_and_looks_up(robot):
    assert pose(robot) == (100, 100, 90)
    assert robot.distance == 95


def test_forward_moves_it_the_way_it_looks(robot, clock):
    move(robot, clock, "forward", 1.5)  # at half of 40 cm/s
    assert pose(robot) == (100, 130, 90)
    assert robot.distance == 65


def test_backward_undoes_forward(robot, clock):
    move(robot, clock, "forward", 2)
    move(robot, clock, "backward", 2)
    assert pose(robot) == (100, 100, 90)


def test_half_a_second_at_half_speed_is_a_quarter_turn(robot, clock):
    move(robot, clock, "left", 0.5)
    assert pose(robot) == (100, 100, 180)
    move(robot, clock, "right", 1)
    assert pose(robot) == (100, 100, 0)
    assert robot.distance == 95


def test_drive_turns_the_wheels_until_told_otherwise(robot, clock):
    robot.speed = 0  # which is for the other movements
    robot.drive(50, 50)
    clock.now += 1
    assert pose(robot) == (100, 120, 90)
    robot.drive(-50, 50)
    clock.now += 0.5
    assert pose(robot) == (100, 120, 180)
    robot.drive(0, 0)
    clock.now += 1
    assert pose(robot) == (100, 120, 180)


def test_different_wheels_drive_a_circle(robot, clock):
    robot.drive(30, 60)
    turn = (60 - 30) / 100 * 40 / 2 / (40 / 2 / math.pi)  # radians in a second
    clock.now += math.pi / turn
    radius = (30 + 60) / 2 / 100 * 40 / turn
    assert pose(robot) == pytest.approx((100 - 2 * radius, 100, 270), abs=0.1)
    clock.now += math.pi / turn
    assert pose(robot) == pytest.approx((100, 100, 90), abs=0.1)
    robot.stop()


@pytest.mark.parametrize(
    ("first", "then", "side"),
    [
        ("forward", "", "front"),
        ("backward", "", "back"),
        ("left", "forward", "front"),
        ("right", "backward", "back"),
    ],
)
def test_hitting_a_wall_is_an_event_and_told_once(first, then, side):
    clock = Clock()
    sumobot = Sumobot(clock)
    sumobot.drive_forward_time_ms = sumobot.turn_time_ms = 60_000
    hits = queue.SimpleQueue()
    with iotkit.connect(sumobot) as robot, robot.on("bump", hits.put):
        move(sumobot, clock, first, 0.5)  # a quarter turn, or a little way
        move(sumobot, clock, then or first, 3600)
        assert hits.get(timeout=SOON) == side
        move(sumobot, clock, "left", 0.5)  # another side is at the same wall
        move(sumobot, clock, then or first, 3600)
        assert hits.get(timeout=SOON) == side  # the next wall


def test_a_square_leads_back(robot, clock):
    for _ in range(4):
        move(robot, clock, "forward", 1)
        move(robot, clock, "left", 0.5)
    assert pose(robot) == pytest.approx((100, 100, 90), abs=0.1)


def test_twice_the_speed_is_twice_the_way(robot, clock):
    robot.speed = 100
    move(robot, clock, "forward", 1)
    assert robot.y == 140
    robot.speed = 0
    move(robot, clock, "forward", 100)
    assert robot.y == 140


def test_a_change_of_speed_counts_from_then_on(robot, clock):
    with clock.looked_at():
        moving = threading.Thread(target=robot.forward)
        moving.start()
    _ = robot.x
    clock.now += 1
    robot.speed = 100
    clock.now += 1
    robot.stop()
    moving.join(SOON)
    assert robot.y == 160


def test_a_wall_ends_the_way(robot, clock):
    move(robot, clock, "forward", 3600)
    assert robot.y == TABLE - RADIUS
    assert robot.distance == 0
    move(robot, clock, "backward", 3600)
    assert robot.y == RADIUS
    assert robot.distance == TABLE - 2 * RADIUS


def test_standing_still_it_stays(robot, clock):
    clock.now += 1e6
    assert pose(robot) == (100, 100, 90)


def test_the_distance_changes_as_it_drives(robot, clock):
    with clock.looked_at():
        moving = threading.Thread(target=robot.forward)
        moving.start()
    _ = robot.x
    seen = []
    for _ in range(4):
        seen.append(robot.distance)
        clock.now += 1
    robot.stop()
    moving.join(SOON)
    assert seen == [95, 75, 55, 35]


MOVES = st.lists(
    st.tuples(
        st.sampled_from([(1, 1), (-1, -1), (-1, 1), (1, -1), (0, 0)]),
        st.floats(0, 40),
        st.floats(0, 20),
    ),
    max_size=20,
)


@given(MOVES)
def test_whatever_it_does_it_stays_on_the_table_and_sees_a_wall(moves):
    pose = Pose()
    for (left, right), speed, seconds in moves:
        pose.advance(seconds, left * speed, right * speed)
        assert RADIUS <= pose.x <= TABLE - RADIUS
        assert RADIUS <= pose.y <= TABLE - RADIUS
        assert 0 <= pose.heading <= math.tau
        assert 0 <= pose.ahead() <= TABLE * math.sqrt(2)


@given(MOVES, st.integers(1, 7))
def test_looking_often_changes_nothing(moves, looks):
    once, often = Pose(), Pose()
    for (left, right), speed, seconds in moves:
        once.advance(seconds, left * speed, right * speed)
        for _ in range(looks):
            often.advance(seconds / looks, left * speed, right * speed)
    assert (often.x, often.y) == pytest.approx((once.x, once.y), abs=1e-6)
    assert math.cos(often.heading - once.heading) == pytest.approx(1)


def test_its_values_are_within_the_limits_it_declares(robot, clock):
    hosted = Hosted(robot)
    for name in ("forward", "left", "forward", "right", "right", "backward"):
        move(robot, clock, name, 7.3)
        for attribute in hosted.description.attributes.values():
            if attribute.name not in ("drive_forward_time_ms", "turn_time_ms"):
                attribute.limits.check(hosted.get(attribute.name))


# In real time


def test_a_movement_takes_the_time_that_is_set():
    with iotkit.connect("sim:sumobot") as robot:
        robot.drive_forward_time_ms = 100
        began = time.monotonic()
        robot.forward()
        assert 0.1 <= time.monotonic() - began < 5
        assert robot.y >= 102
        rested = robot.y
        assert robot.y == rested


def test_stop_ends_a_movement_at_once():
    with iotkit.connect("sim:sumobot") as robot:
        robot.drive_forward_time_ms = 10_000
        began = time.monotonic()
        moving = threading.Thread(target=robot.forward)
        moving.start()
        while robot.y == 100:
            assert time.monotonic() - began < SOON
        robot.stop()
        moving.join(SOON)
        assert time.monotonic() - began < 5


def test_closing_ends_a_movement():
    ended = threading.Event()
    sumobot = simulate("sumobot")
    robot = iotkit.connect(sumobot)
    robot.drive_forward_time_ms = 10_000

    def forward():
        with pytest.raises(iotkit.DeviceDisconnected):
            robot.forward()
        ended.set()

    moving = threading.Thread(target=forward)
    moving.start()
    while robot.y == 100:
        pass
    robot.close()
    assert ended.wait(SOON)
    moving.join(SOON)
    assert sumobot.y == sumobot.y < 190


# What is shipped


def test_the_sumobot_has_what_the_page_says():
    known = Hosted(simulate("sumobot")).description
    assert {"drive_forward_time_ms", "turn_time_ms", "speed", "led", "distance"} <= set(
        known.attributes
    )
    assert list(known.functions) == ["forward", "backward", "left", "right", "drive", "stop"]
    assert list(known.events) == ["bump"]
    assert str(known.attributes["speed"].limits) == "0..100 %"
    assert known.attributes["distance"].read_only


def test_the_weather_stations_sensors_change_by_themselves_within_their_limits():
    clock = Clock()
    station = Weather(clock)
    known = Hosted(station).description
    seen = {"temperature": set(), "light": set()}
    for _ in range(100):
        clock.now += 1
        for name, values in seen.items():
            values.add(getattr(station, name))
    for name, values in seen.items():
        assert len(values) > 5
        for value in values:
            known.attributes[name].limits.check(value)


def test_the_weather_stations_heater_warms_it_and_off_it_cools_down_again():
    clock = Clock()
    station = Weather(clock)
    mild = station.temperature
    station.heater = True
    clock.now += 30
    assert 12 < station.temperature - mild < 17
    station.heater = False
    clock.now += 2
    assert 6 < station.temperature - mild < 12
    clock.now += 28
    assert abs(station.temperature - mild) < 2


def test_the_weather_stations_button_is_an_event():
    with iotkit.connect(Weather()) as station, station.watch("pressed") as presses:
        station.press()
        assert next(presses).value is None


def test_testhosttiny_has_the_originals_defaults():
    tiny = Hosted(simulate("testhosttiny"))
    values = {name: tiny.get(name) for name in tiny.description.attributes}
    assert values == {
        "drive_forward_time_ms": 1500,
        "turn_time_ms": 2000,
        "str_id": "default",
        "ratio": 0.0,
        "some_flag": True,
    }


@pytest.mark.parametrize("name", DEVICES)
def test_every_simulation_explains_all_it_has(name):
    known = Hosted(simulate(name)).description
    assert known.id == name
    assert all(member.help for member in (*known.attributes.values(), *known.functions.values()))


def test_two_simulations_are_two_devices():
    one, two = simulate("sumobot"), simulate("sumobot")
    one.led = True
    assert two.led is False


def test_an_unknown_simulation_is_an_error_that_lists_what_there_is():
    with pytest.raises(ValueError, match=r"'sumbot', did you mean 'sumobot'\?.*testhosttiny"):
        simulate("sumbot")
