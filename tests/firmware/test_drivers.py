"""The motor of a board behind a web service, whose driver goes away: its pin is low in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from program import environment

import iotkit
from board import LiveBoard
from iotkit import Device

DEADMAN = 0.5  # seconds
SLACK = 0.5  # seconds that a loaded computer may add to a measurement in real time

OVER_THE_CHANNEL = """
import sys, iotkit
iotkit.connect(sys.argv[1]).forward(5000)
"""
BY_HTTP = """
import sys, requests
with requests.Session() as session:
    session.post(sys.argv[1] + "/forward", "5000")
"""


@pytest.fixture
def board(live: Callable[[str], LiveBoard]) -> LiveBoard:
    return live("Robot")


@contextmanager
def looked_at(robot: Device) -> Iterator[None]:
    """Have the board asked for a value all the time, each of which it takes for a sign of life."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(DEADMAN / 10):
            assert robot.distance >= 0

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join(10)


@pytest.mark.parametrize("program", [OVER_THE_CHANNEL, BY_HTTP])
def test_a_client_that_is_killed_lets_the_motor_go(board: LiveBoard, program: str) -> None:
    with (
        closing(iotkit.connect(board.port, baud=115200)) as robot,
        iotkit.serve(robot, announce=False) as service,
        looked_at(robot),
        subprocess.Popen([sys.executable, "-c", program, service.url], env=environment()) as client,
    ):
        try:
            board.pin("B5", 1, timeout=20)
            with pytest.raises(LookupError):  # its driver lives: it goes on beyond that time
                board.pin("B5", 0, timeout=3 * DEADMAN)
            client.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            board.pin("B5", 0, timeout=DEADMAN + SLACK)
            assert time.monotonic() - killed < DEADMAN + SLACK
        finally:
            client.kill()
