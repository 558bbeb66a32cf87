"""A device of another process: its values and news, beside what else there is for that.

RPyC and Pyro5 are the usual ways to an object in another Python process. The original's way to a
device on the network is a new connection and a whole HTTP request for each value.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import Pyro5.api
import requests
import rpyc
from compare import Row, in_turn, per_call

import iotkit

CALLS = 300
THREADS = 16
NEWS = 100

# The news is a clock that all processes of the machine share, so its age is its way's time.
CLOCK = """
import threading, time
def tick(tell):
    def run():
        try:
            while True:
                time.sleep(0.004)
                tell(time.monotonic())
        except (EOFError, RuntimeError):
            pass  # nobody listens any more
    threading.Thread(target=run, daemon=True).start()
"""
SERVED = f"""{CLOCK}
import sys
import iotkit
from iotkit import host

class Bench(host.Device):
    ratio: float = 0.5
    clock: float = 0.0

    @host.function
    def start(self) -> None:
        tick(lambda now: setattr(self, "clock", now))

print(iotkit.serve(Bench(), announce=False, tls="tls" in sys.argv).url, flush=True)
threading.Event().wait()
"""
RPYC = f"""{CLOCK}
import rpyc
from rpyc.utils.server import ThreadedServer

class Bench(rpyc.Service):
    exposed_ratio = 0.5
    def exposed_follow(self, heard):
        tick(rpyc.async_(heard))

server = ThreadedServer(Bench, hostname="127.0.0.1")
print(server.port, flush=True)
server.start()
"""
PYRO = """
import Pyro5.api
@Pyro5.api.expose
class Bench:
    @property
    def ratio(self):
        return 0.5

daemon = Pyro5.api.Daemon(host="127.0.0.1")
print(daemon.register(Bench()), flush=True)
daemon.requestLoop()
"""


@contextmanager
def _process(program: str, *args: str) -> Iterator[str]:
    """Run `program` and give what it says first."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *args], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def _in_threads(work: Callable[[], object]) -> float:
    """Return the seconds for each call of `work` when several threads make them."""
    begin = threading.Barrier(THREADS + 1)

    def run() -> None:
        begin.wait()
        for _ in range(CALLS):
            work()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    begin.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - begun) / (THREADS * CALLS)


class _Ages:
    """How old news is when it gets here."""

    def __init__(self) -> None:
        self._ages: list[float] = []
        self._enough = threading.Event()

    def hear(self, clock: float) -> None:
        self._ages.append(time.monotonic() - clock)
        if len(self._ages) == NEWS:
            self._enough.set()

    def median(self) -> float:
        """Return the median age of the news that comes from now on."""
        self._enough.clear()
        self._ages.clear()
        self._enough.wait()
        return statistics.median(self._ages[:NEWS])


def rows() -> list[Row]:
    """Measure reads of an attribute, and its news."""
    with _process(SERVED) as url, _process(RPYC) as port, _process(PYRO) as uri:
        robot, remote = iotkit.connect(url), rpyc.connect("127.0.0.1", int(port))
        proxy, session = Pyro5.api.Proxy(uri), requests.Session()

        def beside(what: str, plain: Callable[[], object], goal: str) -> Row:
            measured = in_turn(
                lambda: per_call(lambda: robot.ratio, CALLS), lambda: per_call(plain, CALLS)
            )
            return Row(f"robot.ratio from another process, beside {what}", *measured, goal)

        found = [
            beside("RPyC", lambda: remote.root.ratio, "≤ 1"),
            beside("Pyro5", lambda: proxy.ratio, "≤ 1"),
            beside("requests", lambda: session.get(f"{url}/ratio").json()["value"], "≤ 0.2"),
            beside("the original", lambda: requests.get(f"{url}/ratio").json()["value"], "≤ 0.1"),
        ]
        measured = in_turn(
            lambda: _in_threads(lambda: robot.ratio), lambda: _in_threads(lambda: remote.root.ratio)
        )
        found.append(Row(f"the same, {THREADS} threads at once, beside RPyC", *measured, "≤ 1"))
        found.append(_news(robot, remote))
        found.append(_encrypted(robot))
        robot.close()
        remote.close()
        proxy._pyroRelease()
        session.close()
    return found


def _encrypted(plain: iotkit.Device) -> Row:
    with _process(SERVED, "tls") as url, iotkit.connect(url) as robot:
        measured = in_turn(
            lambda: per_call(lambda: robot.ratio, CALLS),
            lambda: per_call(lambda: plain.ratio, CALLS),
        )
    return Row("robot.ratio from another process, encrypted, beside plain", *measured, "≤ 2")


def _news(robot: iotkit.Device, remote: rpyc.Connection) -> Row:
    ours, plain = _Ages(), _Ages()
    robot.start()
    listening = rpyc.BgServingThread(remote, serve_interval=0.1, sleep_interval=0)
    remote.root.follow(plain.hear)
    with robot.on("clock", lambda value, _: ours.hear(value)):
        measured = in_turn(ours.median, plain.median)
    listening.stop()
    return Row("news from another process, beside RPyC's callback", *measured, "≤ 1 ms")
