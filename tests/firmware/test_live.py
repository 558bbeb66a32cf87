"""The simulated Uno in real time on a pty, as a host sees it through pyserial."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from board import LiveBoard, frame

serial = pytest.importorskip("serial")

DEADMAN_S = 0.5
#: What a loaded computer may add to a real-time measurement.
SLACK_S = 0.5

DRIVER = """
import sys, time, serial
port = serial.Serial(sys.argv[1], 115200, timeout=5)
assert port.readline().startswith(b"200:DEV READY iotoy/2")
port.write(bytes.fromhex(sys.argv[2]))
while True:
    port.write(bytes.fromhex(sys.argv[3]))
    port.readline()
    time.sleep(0.1)
"""


def test_opening_the_port_brings_the_banner_and_commands_are_answered(
    live: Callable[[str], LiveBoard],
) -> None:
    board = live("TestHost")
    with serial.Serial(board.port, 115200, timeout=5) as port:
        assert port.readline().endswith(b":testhosttiny\r\n")
        port.write(frame("a", "get turn_time_ms"))
        assert port.readline().startswith(b"$a200:Found:2000*")


def test_the_motor_stops_within_the_deadman_time_when_the_host_is_killed(
    live: Callable[[str], LiveBoard],
) -> None:
    board = live("Robot")
    driver = subprocess.Popen(
        [
            sys.executable,
            "-c",
            DRIVER,
            board.port,
            frame("a", "forward 5000").hex(),
            frame("b", "ping").hex(),
        ]
    )
    try:
        board.pin("B5", 1, timeout=10)
        with pytest.raises(LookupError):  # driven by its host it goes on beyond the deadman time
            board.pin("B5", 0, timeout=2 * DEADMAN_S)
        driver.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        board.pin("B5", 0, timeout=DEADMAN_S + SLACK_S)
        assert time.monotonic() - killed < DEADMAN_S + SLACK_S
    finally:
        driver.kill()
        driver.wait(10)
