"""The soak itself: what runs, what is done to it, and what must be true of it."""

from __future__ import annotations

import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from plugging import SizedGateway
from program import environment

HERE = Path(__file__).parent
LIMIT = 45.0  # seconds: a call over the network gives up after 35
BACK = 30.0  # seconds in which all are back when the faults have ended
DEADMAN = 0.5  # seconds, of device.py
STOPPED = DEADMAN + 2.0  # seconds after its driver's death in which a device must have stopped
SAMPLE = 5.0  # seconds between two looks at the gateway's memory
WARM = 0.3  # of the time, after which the gateway has all that it needs
# What it may have at the end and not then, both times with all boards and nobody who uses them.
# What each board left behind would be hundreds of times that; a program that looks in has a few.
MORE = {
    "objects": 50,
    # Of Python's, of 160,000. What is known of one board is about a thousand; sixty are what mDNS
    # keeps, for up to 75 minutes, of each device that another program announced without a goodbye.
    "blocks": 2000,
    "malloc": 1024,  # KiB: the table of all names in Python grows once, by half of it
    "memory": 4096,  # KiB, with what malloc keeps for later
    "files": 8,
    "threads": 4,
}
USERS = 2
HALF_OPEN = 20  # connections


class Process:
    """A program of the soak's, whose standard input takes commands."""

    def __init__(self, program: str, *args: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / program), *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin, flush=True)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        """Kill it; return what it complained of."""
        self.process.kill()
        return self.process.communicate()[1]


class Soak:
    """`boards` boards that are used, and one more that is driven."""

    def __init__(self, folder: Path, seed: int, boards: int, pause: float) -> None:
        self._random, self._seed, self._pause = random.Random(seed), seed, pause
        self._folder, self._ports = folder, folder / "dev"
        self._ports.mkdir()
        self._class = f"soak_{random.SystemRandom().randrange(16**6):06x}"
        self._names = [f"b{number}" for number in range(boards)]
        self._boards: dict[str, Process] = {}
        self._busy: dict[str, tuple[float, Callable[[], None]]] = {}  # until when, and then what
        self._users: dict[int, Process] = {}
        self._next = 0  # number of a user, a driver or an incarnation
        self._sockets: list[socket.socket] = []
        self._faults: Counter[str] = Counter()
        self._wrong: list[str] = []
        self._samples: list[tuple[float, int, int]] = []
        self._sizes: list[dict[str, int]] = []  # at rest, see MORE
        self._gateway: SizedGateway | None = None
        self._began = time.monotonic()

    def run(self, seconds: float) -> list[str]:
        """Do it all for so long; return what was wrong."""
        print(f"seed {self._seed}, {seconds / 60:g} minutes, {len(self._names)} boards", flush=True)
        self._gateway = SizedGateway(self._folder / "sizes", str(self._ports / "*"))
        for name in [*self._names, "driven"]:
            self._start_board(name)
        for _ in [*self._names, "driven"]:
            self._gateway.next("up")
        self._start_users()
        self._faults_for(seconds * WARM)
        self._end_all_faults()
        self._rest()
        self._start_users()
        self._faults_for(seconds * (1 - WARM))
        self._calm_down()
        self._rest()
        self._judge()
        return self._wrong

    def close(self) -> None:
        """End every process."""
        for sock in self._sockets:
            sock.close()
        for name, process in [*self._users.items(), *self._boards.items()]:
            if complaints := process.end():
                self._wrong.append(f"{name} complained: {complaints[-2000:]}")
        if self._gateway is not None:
            code, complaints = self._gateway.end()
            if code or complaints:
                self._wrong.append(f"the gateway ended with {code}: {complaints[-3000:]}")

    # The processes

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _start_board(self, name: str) -> None:
        self._boards[name] = Process(
            "device.py",
            self._class,
            name,
            self._ports / name,
            self._folder / f"{name}.journal",
            self._random.randrange(10**6),
        )

    def _start_user(self) -> None:
        number = self._number()
        names = [f"{self._class}_{name}" for name in [*self._names, "driven"]]
        journal = self._folder / f"user{number}.journal"
        self._users[number] = Process("client.py", number, journal, LIMIT, names[-1], *names)

    def _start_users(self) -> None:
        for _ in range(USERS):
            self._start_user()
        self._wait_for_users()

    def _end_users(self) -> None:
        for number, user in self._users.items():
            if complaints := user.end():
                self._wrong.append(f"user {number} complained: {complaints[-2000:]}")
        self._users.clear()

    def _wait_for_users(self) -> None:
        deadline = time.monotonic() + 2 * BACK
        for number in self._users:
            while self._count(f"user{number}", "uses") <= len(self._names):
                if time.monotonic() > deadline:
                    raise SystemExit("the users don't find all boards")
                time.sleep(0.1)

    # The faults

    def _faults_for(self, seconds: float) -> None:
        began, sampled = time.monotonic(), 0.0
        while (now := time.monotonic()) < began + seconds:
            self._end_faults()
            self._one_fault()
            if now > sampled + SAMPLE:
                sampled = now
                self._sample()
            time.sleep(self._pause * self._random.uniform(0.5, 1.5))

    def _end_all_faults(self) -> None:
        while self._busy:
            self._end_faults()
            time.sleep(0.1)
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        self._plug_in_anew()

    def _one_fault(self) -> None:
        free = [name for name in self._names if name not in self._busy]
        faults: dict[Callable[..., None], int] = {
            self._noise: 5,
            self._slow: 3,
            self._silent: 3,
            self._reset: 4,
            self._unplug: 4,
            self._kill_board: 2,
            self._kill_user: 1,
            self._kill_driver: 1,
            self._half_open: 2,
            self._half_request: 1,
        }
        (fault,) = self._random.choices(list(faults), list(faults.values()))
        if fault in (self._kill_user, self._half_open, self._half_request):
            fault()
        elif fault == self._kill_driver:
            if "driven" not in self._busy:
                fault()
            else:
                return
        elif free:
            fault(self._random.choice(free))
        else:
            return
        self._faults[fault.__name__.strip("_").replace("_", " ")] += 1

    def _end_faults(self) -> None:
        for name, (until, then) in list(self._busy.items()):
            if time.monotonic() > until:
                del self._busy[name]
                then()

    def _for(self, name: str, seconds: float, then: Callable[[], None] = lambda: None) -> None:
        self._busy[name] = time.monotonic() + seconds, then

    def _noise(self, name: str) -> None:
        seconds = self._random.uniform(0.5, 3.0)
        self._boards[name].tell("noise", self._random.choice([0.05, 0.15, 0.3]), seconds)
        self._for(name, seconds + 0.5)

    def _slow(self, name: str) -> None:
        seconds = self._random.uniform(1.0, 4.0)
        self._boards[name].tell("slow", self._random.uniform(0.1, 2.5), seconds)
        self._for(name, seconds + 1)

    def _silent(self, name: str) -> None:
        process = self._boards[name].process
        process.send_signal(signal.SIGSTOP)
        self._for(name, self._random.uniform(0.5, 8.0), lambda: process.send_signal(signal.SIGCONT))

    def _reset(self, name: str) -> None:
        self._boards[name].tell("reset")
        self._for(name, 0.5)

    def _unplug(self, name: str) -> None:
        away = self._random.uniform(0.0, 3.0)
        self._boards[name].tell("unplug", away)
        self._for(name, away + 2.0)

    def _kill_board(self, name: str) -> None:
        # First the name: that of its terminal may be anybody's as soon as it has ended.
        (self._ports / name).unlink(missing_ok=True)
        if complaints := self._boards[name].end():
            self._wrong.append(f"{name} complained: {complaints[-2000:]}")
        self._for(name, self._random.uniform(0.0, 3.0), lambda: self._start_board(name))

    def _kill_user(self) -> None:
        number = self._random.choice(list(self._users))
        if complaints := self._users.pop(number).end():
            self._wrong.append(f"user {number} complained: {complaints[-2000:]}")
        self._start_user()

    def _kill_driver(self) -> None:
        """Let somebody drive, and kill who does: the device must stop."""
        number = self._number()
        driver = Process("driver.py", number, f"{self._class}_driven")
        self._for("driven", 6.0, lambda: self._end_driver(driver, number))

    def _end_driver(self, driver: Process, number: int) -> None:
        driver.line()  # it drives
        driver.end()
        at = time.monotonic()
        self._for("driven", STOPPED, lambda: self._check_stopped(number, at))

    def _check_stopped(self, number: int, at: float) -> None:
        lines = self._lines("driven")
        drove = next(
            (n for n, line in enumerate(lines) if line[:2] == ["drive", str(number)]), None
        )
        if drove is None:
            self._wrong.append(f"driver {number} did not drive")
            return
        silences = [float(line[1]) for line in lines[drove:] if line[0] == "silence"]
        if not any(at <= silence for silence in silences):
            self._wrong.append(f"the device went on after driver {number} was killed: {silences}")

    def _half_open(self) -> None:
        """Connect and say nothing, or half of a head, and stay."""
        for sock in self._sockets:
            sock.close()
        self._sockets = [sock for _ in range(HALF_OPEN) if (sock := self._connected())]
        for sock in self._sockets:
            sock.send(self._random.choice([b"G", b"GET /even HTTP/1.1\r\nHost: 127", b"\r\n"]))

    def _half_request(self) -> None:
        """Ask for an action, and be gone before the answer."""
        sock = self._connected()
        if sock is None:
            return
        with sock:
            number = self._number() + 2 * 10**9 - 10**6
            body = f"number={number}"
            head = (
                f"POST /act HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body) + 5}\r\n\r\n"
            )
            sock.sendall(f"{head}{body}".encode())

    def _connected(self) -> socket.socket | None:
        assert self._gateway is not None
        up = [told["url"] for told in self._gateway.told if told["event"] == "up"]
        address = urlsplit(self._random.choice(up[-len(self._names) :]))
        try:
            return socket.create_connection((address.hostname, address.port), 1.0)
        except OSError:
            return None

    # What must be true

    def _sample(self) -> None:
        assert self._gateway is not None
        threads = Path(f"/proc/{self._gateway.process.pid}/task")
        at = time.monotonic() - self._began
        self._samples.append((at, self._memory(), len(list(threads.iterdir()))))

    def _memory(self) -> int:
        """Return what the gateway's process has for itself, in KiB."""
        assert self._gateway is not None
        rollup = Path(f"/proc/{self._gateway.process.pid}/smaps_rollup").read_text()
        return sum(int(kib) for kib in re.findall(r"^Private\w+: +(\d+)", rollup, re.MULTILINE))

    def _rest(self) -> None:
        """Let nobody use the boards, and note how large the gateway is when all are there."""
        assert self._gateway is not None
        self._end_users()
        deadline = time.monotonic() + BACK
        while not self._all_are_up() and time.monotonic() < deadline:
            time.sleep(0.1)
        size = self._gateway.size_at_rest() | {"memory": self._memory()}
        self._sizes.append(size)
        print(f"at rest: {size}", flush=True)

    def _all_are_up(self) -> bool:
        assert self._gateway is not None
        last = {told.get("port"): told["event"] for told in self._gateway.told}
        return all(last[str(self._ports / name)] == "up" for name in [*self._names, "driven"])

    def _calm_down(self) -> None:
        """End the faults, and wait until every user has used every board once more."""
        self._end_all_faults()
        for user in self._users.values():
            user.tell("last")
        deadline = time.monotonic() + LIMIT + BACK
        for number in self._users:
            while (left := len(self._names) + 1 - self._count(f"user{number}", "done")) > 0:
                if time.monotonic() > deadline:
                    self._wrong.append(f"user {number} has lost {left} boards")
                    break
                time.sleep(0.1)

    def _plug_in_anew(self) -> None:
        """Do what the gateway says of ports on which nobody spoke, twice: faults hid the board."""
        assert self._gateway is not None
        last = {told.get("port"): told for told in self._gateway.told}
        left = [
            name
            for name in self._names
            if "is left alone" in last.get(str(self._ports / name), {"text": ""})["text"]
        ]
        print(f"{len(left)} boards were asked twice amid faults, and are plugged in anew")
        for name in left:
            self._boards[name].tell("unplug", 1.0)

    def _lines(self, name: str) -> list[list[str]]:
        """Return the words of each line in a journal; the last one may be half a line."""
        path = self._folder / f"{name}.journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def _count(self, name: str, word: str) -> int:
        return sum(line[0] == word for line in self._lines(name))

    def _judge(self) -> None:
        ran: Counter[str] = Counter()
        for name in [*self._names, "driven"]:
            ran.update(line[1] for line in self._lines(name) if line[0] == "act")
        asked, answered, denied = set(), set(), set()
        told: Counter[str] = Counter()
        for number in range(1, self._next + 1):
            for word, *rest in self._lines(f"user{number}"):
                told[rest[0] if word == "error" else word] += 1
                if word in ("wrong", "stuck"):
                    self._wrong.append(f"user {number}: {word} {' '.join(rest)}")
                elif word == "asked":
                    asked.add(rest[0])
                elif word == "answered":
                    answered.add(rest[0])
                elif word == "failed" and "may have run" not in " ".join(rest):
                    denied.add(" ".join(rest))
        self._wrong += [f"action {n} ran {times} times" for n, times in ran.items() if times > 1]
        self._wrong += [f"action {n} was answered and did not run" for n in answered - set(ran)]
        self._wrong += [f"action {n} was never asked for" for n in set(ran) - asked]
        self._wrong += [f"it ran: {said}" for said in denied if said.split()[0] in ran]
        self._report(told, len(ran))
        self._judge_size()

    def _report(self, told: Counter[str], ran: int) -> None:
        faults = ", ".join(f"{count} {fault}" for fault, count in self._faults.most_common())
        print(f"{self._faults.total()} faults: {faults}")
        print(f"{told.pop('well')} calls went well; {told['asked']} actions asked for, {ran} ran")
        errors = [(what, count) for what, count in told.most_common() if what[0].isupper()]
        print("errors:", ", ".join(f"{count} {what}" for what, count in errors))

    def _judge_size(self) -> None:
        for at, own, threads in self._samples[:: max(len(self._samples) // 12, 1)]:
            print(f"  after {at / 60:5.1f} min the gateway has {own} KiB, {threads} threads")
        warm, last = self._sizes
        for what, more in MORE.items():
            if last[what] > warm[what] + more:
                self._wrong.append(f"the gateway had {warm[what]} {what}, and has {last[what]}")
