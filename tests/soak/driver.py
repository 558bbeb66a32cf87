"""Someone who drives the soak's device NAME until killed: `python driver.py NUMBER NAME`."""

from __future__ import annotations

import sys
import time

import iotkit

number, name = sys.argv[1:]
while True:
    try:
        robot = iotkit.find(name)
        break
    except iotkit.IotkitError:
        time.sleep(0.2)
while True:
    try:
        robot.drive(int(number))
        print("drives", flush=True)
    except iotkit.IotkitError:
        pass
    time.sleep(0.1)
