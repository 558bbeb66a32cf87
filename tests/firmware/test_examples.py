"""The examples do on the simulated Uno what they promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from board import CYCLES_PER_MS, Board, frame, unframe

LED = "B5"
LEFT_SERVO = "B1"


@pytest.mark.parametrize(
    "example", ["FirstDevice", "TestHost", "SumoBot", "WeatherStation", "BluetoothRobot"]
)
def test_an_example_says_who_it_is_and_describes_itself(
    boot: Callable[..., Board], example: str
) -> None:
    board = boot(example)
    (banner,) = board.banner
    assert banner.startswith("200:DEV READY iotoy/2 ")
    *parts, end = board.ask("describe")
    assert len(parts) > 1 and end.startswith(f"200:DESCRIBE OK:{len(parts)},")


def test_first_device_blinks_and_measures(boot: Callable[..., Board]) -> None:
    board = boot("FirstDevice")
    board.command("adc 0 2500")
    (reply,) = board.ask("get voltage")
    assert float(reply.removeprefix("200:Found:")) == pytest.approx(2.5, abs=0.02)
    board.ask("set pause 20")
    board.ask("set led True")
    levels = [level for name, _, level in board.command("run 200").pins if name == LED]
    assert len(levels) >= 8


def test_the_sumo_bot_drives_its_servos_until_it_is_told_to_stop(
    boot: Callable[..., Board],
) -> None:
    board = boot("SumoBot")
    board.send(frame("a", "forward 5000"))
    pulses = [
        (cycle, level) for name, cycle, level in board.command("run 200").pins if name == LEFT_SERVO
    ]
    width = (pulses[1][0] - pulses[0][0]) / CYCLES_PER_MS
    assert width == pytest.approx(1.6, abs=0.02)
    assert [unframe(line)[0] for line in board.ask(frame("b", "stop"))] == ["a", "b"]
    assert [p for p in board.command("run 100").pins if p[0] == LEFT_SERVO] == []


def test_the_weather_station_warns_of_frost_once(boot: Callable[..., Board]) -> None:
    board = boot("WeatherStation")
    board.command("adc 0 750")  # 25 degrees
    board.run(20)
    board.call("a", "ping")
    board.command("adc 0 450")  # 5 below zero
    (line,) = board.run(100)
    tag, event = unframe(line)
    assert tag == "_" and float(event.removeprefix("104:frost:")) == pytest.approx(-5, abs=0.5)
    assert board.ask("set temperature 3") == ["405:Read only:-"]


def test_the_bluetooth_robot_stands_still_without_its_host(boot: Callable[..., Board]) -> None:
    board = boot("BluetoothRobot")
    assert board.ask("drive 100 -100") == ["200:Success:-"]
    assert board.ask("get right") == ["200:Found:-100"]
    board.run(1100)
    assert board.ask("get left") == ["200:Found:0"]
