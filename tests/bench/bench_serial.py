"""`robot.ratio` over a pseudo terminal beside pyserial's bare write and readline.

The device is a process that answers from a table, so that what is measured is the computer's
end of the line.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import serial
from compare import Row, in_turn, per_call

import iotkit

CALLS = 500

DEVICE = """
import os, sys, tty
from iotkit.protocol import DeviceEnd, Get
from iotkit.host import Hosted
from iotkit.sim import simulate

hosted = Hosted(simulate("testhosttiny"))
def answer(line):
    end = DeviceEnd(hosted.description)
    end.receive(line)
    for request in iter(end.next_request, None):
        value = hosted.get(request.attribute.name) if isinstance(request, Get) else None
        end.answer(request, value)
    return end.data_to_send()

table = {}
master, slave = os.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)
while True:
    line = os.read(master, 4096)
    os.write(master, table.get(line) or table.setdefault(line, answer(line)))
"""


@contextmanager
def _device() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", DEVICE], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def rows() -> list[Row]:
    """Measure reads of an attribute."""
    with _device() as ours_port, _device() as plain_port:
        robot = iotkit.connect(ours_port)
        port = serial.Serial(plain_port, 115200, timeout=1)

        def plain() -> None:
            port.write(b"get ratio\n")
            assert port.readline() == b"200:Found:0.0\r\n"

        ours_s, plain_s = in_turn(
            lambda: per_call(lambda: robot.ratio, CALLS), lambda: per_call(plain, CALLS)
        )
        robot.close()
        port.close()
    return [Row("robot.ratio on a pty, beside pyserial", ours_s, plain_s, "≤ 1.3")]
