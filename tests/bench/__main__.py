"""Run all benchmarks: `python tests/bench`."""

from __future__ import annotations

import os

os.environ.setdefault("IOTKIT_INTERFACES", "127.0.0.1")

import bench_channel
import bench_gateway
import bench_import
import bench_lasting
import bench_serial
import bench_web
from compare import HEADING

print(HEADING)
for bench in (bench_import, bench_serial, bench_web, bench_channel, bench_gateway):
    for row in bench.rows():
        print(row, flush=True)
for line in bench_lasting.rows():
    print(line, flush=True)
