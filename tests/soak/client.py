"""Someone who uses the soak's devices: `python client.py NUMBER JOURNAL LIMIT LOOK_AT NAME…`.

JOURNAL gets a line for each action that is asked for and one for what became of it, and one for
all that is wrong. LIMIT is how long a call may take, in seconds; the device LOOK_AT is only read.
A line on the standard input asks for last calls to each device, which have to work.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable

import iotkit
from iotkit.device import link_of

FIRST = 10_000  # actions of each user, at most

_since: dict[str, float] = {}


class Journal:
    """What happens, in a file that outlives this process."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, *words: object) -> None:
        os.write(
            self._file, f"{' '.join(' '.join(str(word).split()) for word in words)}\n".encode()
        )


class User(threading.Thread):
    """Uses one device, at random."""

    def __init__(self, name: str, first: int, journal: Journal, *, acts: bool) -> None:
        super().__init__(name=name, daemon=True)
        self._journal, self._acts, self._number = journal, acts, first
        self._random = random.Random(first)
        self.robot: iotkit.Device | None = None
        self.last = threading.Event()  # asked for

    def run(self) -> None:
        while self.robot is None:
            try:
                self.robot = iotkit.find(self.name)
            except iotkit.IotkitError:
                time.sleep(0.2)
        link_of(self.robot).follow("even", self._hear)
        self._journal.note("uses", self.name)
        while True:
            last = self.last.is_set()
            if last and self.robot.state == "ready" and self._well():
                self._journal.note("done", self.name)
                return
            self._use()
            time.sleep(self._random.uniform(0.0, 0.2))

    def _hear(self, _: str, change: object, at: float) -> None:
        if not isinstance(change, iotkit.IotkitError):
            self._check(change % 2 == 0, f"news of even: {change}")

    def _well(self) -> bool:
        """Make the last calls, which have to work."""
        robot = self.robot
        return all(
            self._timed(what, work)
            for what, work in (
                ("even", lambda: self._check(robot.even % 2 == 0, "even")),
                ("odd", lambda: self._check(robot.odd % 2 == 1, "odd")),
                *([("act", self._act)] if self._acts else []),
            )
        )

    def _use(self) -> None:
        robot, dice = self.robot, self._random.random()
        if dice < 0.3:
            self._timed("even", lambda: self._check(robot.even % 2 == 0, "even is odd"))
        elif dice < 0.6 or not self._acts:
            self._timed("odd", lambda: self._check(robot.odd % 2 == 1, "odd is even"))
        elif dice < 0.75:
            self._timed("level", self._set)
        else:
            self._timed("act", self._act)

    def _set(self) -> None:
        if self._random.random() < 0.5:
            self.robot.level = 7 * self._random.randrange(1000)
        self._check(self.robot.level % 7 == 0, "level is none that anybody has set")

    def _act(self) -> None:
        self._number += 1
        number, ms = self._number, self._random.choice([0, 0, 0, 20, 100, 300])
        self._journal.note("asked", number, self.name)
        try:
            result = self.robot.act(number, ms)
        except iotkit.IotkitError as error:
            self._journal.note("failed", number, type(error).__name__, error)
            raise
        self._journal.note("answered", number)
        self._check(result == 2 * number, f"act({number}) was {result}")

    def _timed(self, what: str, work: Callable[[], object]) -> bool:
        """Do it; return whether that went well."""
        _since[self.name] = time.monotonic()
        try:
            work()
        except iotkit.IotkitError as error:
            self._journal.note("error", type(error).__name__, what, error)
            return False
        except Exception as error:
            self._journal.note("wrong", f"{what} raised {error!r}")
            return False
        finally:
            _since.pop(self.name, None)
        self._journal.note("well", what)
        return True

    def _check(self, right: bool, what: str) -> None:
        if not right:
            self._journal.note("wrong", f"{self.name}: {what}")


def watch(limit: float, journal: Journal) -> None:
    """Notice calls that never end."""
    told: set[float] = set()
    while True:
        time.sleep(0.5)
        for name, since in list(_since.items()):
            if time.monotonic() > since + limit and since not in told:
                told.add(since)
                journal.note("stuck", name)


def main(number: str, path: str, limit: str, look_at: str, *names: str) -> None:
    journal = Journal(path)
    threading.Thread(target=watch, args=(float(limit), journal), daemon=True).start()
    users = [
        User(name, (int(number) * 20 + at) * FIRST, journal, acts=name != look_at)
        for at, name in enumerate(names)
    ]
    for user in users:
        user.start()
    sys.stdin.readline()
    for user in users:
        user.last.set()
    for user in users:
        user.join()


main(*sys.argv[1:])
