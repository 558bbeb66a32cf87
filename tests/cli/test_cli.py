"""The command `iotkit`: mostly run as a program of its own, as its users do."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import segno
from click.testing import CliRunner, Result
from program import COMMAND, PATIENCE, environment, iotkit, running, started
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from requests.adapters import HTTPAdapter
from urllib3 import Retry

import iotkit as package
from iotkit import cli, connect, discovery
from iotkit.cli.lab import FIRST, copy_notebooks
from iotkit.cli.prompt import DeviceCompleter
from iotkit.cli.typed import description
from iotkit.host import Device, event, run
from iotkit.transports.tcp import Tcp

TINY, ROBOT = "sim:testhosttiny", "sim:sumobot"

# A device that tries to take over the terminal of whoever looks at it.
RUDE = """
    import sys
    from typing import Annotated
    from iotkit.host import Device, function, run
    from iotkit.transports.process import Streams

    class Rude(Device):
        word: Annotated[str, "Turn \\u202e around"] = "a\\x1b[31mred\\x07"
        mode: Annotated[str, "How to go [slow|fast]"] = "slow"
        quit: Annotated[int, "How often it gave up"] = 7

        @function
        def add(self, a: int, b: float) -> float:
            "Add two numbers"
            return a + b

        @function
        def tell(self, times: int, text: str) -> str:
            "Say it again"
            return ", ".join([text] * times)

        @function
        def fail(self) -> None:
            raise ValueError("no \\x1b[2J way")

        @function
        def leave(self) -> None:
            import os
            os._exit(0)

    run(Rude(), Streams(sys.stdin.buffer, sys.stdout.buffer, "pipe"))
"""


@pytest.fixture
def rude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    program = tmp_path / "rude.py"
    program.write_text(textwrap.dedent(RUDE))
    return f"exec:{sys.executable} {program}"


def here(*args: str, stdin: str = "") -> Result:
    """Run a command in this process, which is quicker."""
    return CliRunner().invoke(cli._iotkit, args, input=stdin)


def output_of(*args: str, stdin: str = "") -> str:
    done = here(*args, stdin=stdin)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def complaint_of(*args: str, stdin: str = "") -> str:
    """Return the one line that a command which fails says."""
    done = here(*args, stdin=stdin)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr.removesuffix("\n")


def output_of_another_process(*args: str, stdin: str = "") -> str:
    done = iotkit(*args, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# The whole


def test_it_tells_its_version():
    assert output_of_another_process("--version") == f"iotkit {package.__version__}\n"


def test_it_starts_light():
    heavy = "tornado zeroconf requests serial prompt_toolkit IPython ipywidgets jupyterlab asyncio"
    script = f"import sys, iotkit.cli; print(*set({heavy.split()}) & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment()
    )
    assert (done.stdout, done.stderr) == ("\n", "")


def test_every_command_has_help_whose_first_line_fits():
    shown = output_of("--help")
    assert "..." not in shown.partition("Commands:")[2]
    for name in cli._iotkit.commands:
        assert f"  {name} " in shown
        assert output_of(name, "--help").startswith(f"Usage: iotkit {name} ")


def test_a_wrong_usage_ends_with_2():
    for args in (["set", TINY], ["nonsense"], ["get", "--nonsense"]):
        assert here(*args).exit_code == 2


# Values


def test_one_value_is_printed_alone_and_several_with_their_names():
    assert output_of("get", TINY, "drive_forward_time_ms") == "1500\n"
    assert output_of("get", TINY, "some_flag", "ratio") == "some_flag  True\nratio      0.0\n"


def test_without_names_every_attribute_is_printed():
    lines = output_of("get", TINY).splitlines()
    assert [line.split() for line in lines] == [
        ["drive_forward_time_ms", "1500"],
        ["turn_time_ms", "2000"],
        ["str_id", "default"],
        ["ratio", "0.0"],
        ["some_flag", "True"],
    ]


def test_values_are_json_of_their_own_type():
    values = json.loads(output_of("get", TINY, "--json"))
    assert values == {
        "drive_forward_time_ms": 1500,
        "turn_time_ms": 2000,
        "str_id": "default",
        "ratio": 0.0,
        "some_flag": True,
    }


def test_arguments_are_text_of_the_declared_type():
    assert output_of("call", TINY, "one_arg_int_result_int", "-42") == "-42\n"
    assert output_of("call", TINY, "one_arg_float", "-1.5e3") == ""
    assert output_of("call", TINY, "one_arg_bool", "True") == ""
    assert output_of("call", TINY, "one_arg_str", "hello world") == ""
    assert output_of("call", TINY, "no_arg_result_bool") == "True\n"
    assert output_of("call", TINY, "one_arg_int", "--", "-1") == ""


def test_several_arguments_are_several_words(rude):
    assert output_of("call", rude, "add", "-1", "0.5") == "-0.5\n"
    assert output_of("call", rude, "tell", "2", "hey you") == "hey you, hey you\n"


def test_a_result_is_json_of_its_own_type():
    assert output_of("call", "--json", TINY, "one_arg_int_result_int", "42") == "42\n"
    assert output_of("call", "--json", TINY, "no_arg_result_str") == '"hello"\n'
    assert output_of("call", "--json", TINY, "barecommand") == "null\n"


def test_what_is_set_is_what_another_process_gets():
    with started("simulate", "sumobot", "--tcp", "0") as start:
        target = start["target"]
        assert output_of_another_process("set", target, "speed", "80") == ""
        assert output_of_another_process("set", target, "led", "True") == ""
        assert (
            output_of_another_process("get", target, "speed", "led") == "speed  80\nled    True\n"
        )


def test_a_device_is_told_which_one_it_is_and_is_that_for_the_next_process():
    with started("simulate", "sumobot", "--tcp", "0") as start:
        target = start["target"]
        named = output_of_another_process("name", target, "red").splitlines()
        assert named[0] == "It is sumobot:red now."
        assert named[1].endswith(
            "A simulated device, or one written in Python, keeps it until its program ends."
        )
        assert output_of("info", target).startswith("sumobot:red")
        assert output_of("name", target, "--clear").startswith("It is sumobot now.\n")
        for args in (["name", target], ["name", target, "red", "--clear"]):
            assert here(*args).exit_code == 2


def test_a_board_that_can_not_keep_a_name_says_so():
    with bumping(version=1) as (target, _, _):
        assert "bumper can't keep another name" in complaint_of("name", target, "red")


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["name", ROBOT, "red"], "sim:sumobot is a new device each time: it can't keep a name"),
        (["get", ROBOT, "sped"], "sumobot has no 'sped', did you mean 'speed'?"),
        (["get", ROBOT, "stop"], "stop is a function: it can be called, not read or set"),
        (["set", ROBOT, "speed", "x"], "speed: 'x' is not a whole number"),
        (["set", ROBOT, "speed", "-5"], "speed: it takes 0..100 %, not -5"),
        (["set", ROBOT, "distance", "5"], "distance can be read but not set"),
        (["call", ROBOT, "speed"], "speed is an attribute: it can be read or set, not called"),
        (["call", ROBOT, "stop", "5"], "stop() takes no argument; it was given 1"),
        (["call", TINY, "one_arg_int", "x"], "myarg: 'x' is not a whole number"),
        (
            ["info", "sim:nothing"],
            "there is no simulation 'nothing' (there are: sumobot, weather, testhosttiny)",
        ),
    ],
)
def test_an_error_is_one_sentence(args, complaint):
    assert complaint_of(*args) == complaint


@pytest.mark.parametrize(
    ("args", "right"),
    [
        (["call", ROBOT, "drive(50, 50)"], f"iotkit call {ROBOT} drive 50 50"),
        (["call", ROBOT, "drive", "50,50"], f"iotkit call {ROBOT} drive 50 50"),
        (["call", "robot.stop()"], "iotkit call robot stop"),
        (["set", ROBOT, "speed=80"], f"iotkit set {ROBOT} speed 80"),
        (["set", ROBOT, "speed", "=", "80"], f"iotkit set {ROBOT} speed 80"),
        (["get", ROBOT, "speed()"], f"iotkit get {ROBOT} speed"),
        (["get", ROBOT, "speed", "=", "80"], f"iotkit set {ROBOT} speed 80"),
        (["watch", ROBOT, "distance()"], f"iotkit watch {ROBOT} distance"),
        (
            ["robot.stop"],
            "iotkit get robot stop, or for a function: iotkit call robot stop",
        ),
        (["robot.drive(50, 50)"], "iotkit call robot drive 50 50"),
        (["robot.speed", "=", "80"], "iotkit set robot speed 80"),
    ],
)
def test_what_is_typed_as_in_python_is_translated_in_one_sentence(args, right):
    done = here(*args)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"in a terminal that is written: {right}\n"


def test_a_text_with_signs_of_pythons_is_a_text(rude):
    assert output_of("call", TINY, "one_arg_str", "hello, (you) = me") == ""
    assert output_of("set", TINY, "str_id", "=") == ""
    assert "it takes slow or fast" in complaint_of("set", rude, "mode", "slow, fast")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["ls"], "there is no command 'ls', did you mean 'devices'?"),
        (["calll", "robot"], "there is no command 'calll', did you mean 'call'?"),
        (["robot", "stop"], "a command comes first, as in: iotkit get robot speed"),
        (["set", ROBOT, "speed"], "write a name and one value, as in: iotkit set robot speed 80"),
        (["call", ROBOT], "write which function, as in: iotkit call robot stop"),
    ],
)
def test_a_command_that_is_not_whole_is_one_sentence(typed, sentence):
    done = here(*typed)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_error_goes_to_stderr_without_a_traceback():
    done = iotkit("get", ROBOT, "sped")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sumobot has no 'sped', did you mean 'speed'?\n"


def test_a_port_that_is_not_there_is_named():
    assert "/dev/ttyUSB987" in complaint_of("get", "/dev/ttyUSB987", "speed")


def test_one_attribute_that_fails_does_not_hide_the_others(tmp_path):
    program = tmp_path / "half.py"
    program.write_text(
        textwrap.dedent("""
            import sys
            from iotkit.host import Device, run
            from iotkit.transports.process import Streams

            class Half(Device):
                good: int = 1

                @property
                def bad(self) -> int:
                    raise ValueError("broken wire")

            run(Half(), Streams(sys.stdin.buffer, sys.stdout.buffer, "pipe"))
        """)
    )
    done = iotkit("get", f"exec:{sys.executable} {program}", "--json")
    assert json.loads(done.stdout) == {"good": 1}
    assert "broken wire" in done.stderr
    assert done.returncode == 1


def test_what_a_device_says_does_not_command_the_terminal(rude):
    assert output_of("get", rude, "word") == "a\\x1b[31mred\\x07\n"
    shown = output_of("get", rude) + output_of("info", rude)
    shown += output_of("shell", rude, stdin="word\nhelp\nhelp word\n")
    shown += complaint_of("call", rude, "fail")
    assert "no  [2J way" in shown
    assert not re.search(r"[^\n -~]", shown)


def test_info_tells_all_about_a_device():
    shown = output_of("info", ROBOT)
    assert shown.startswith("sumobot on sim:sumobot\nA small robot")
    assert re.search(
        r"^  speed +int +How fast the wheels turn \[0\.\.100 %\]$", shown, re.MULTILINE
    )
    assert re.search(r"^  forward +Move forward for drive_forward_time_ms$", shown, re.MULTILINE)


def test_info_as_json_is_the_devices_own_description():
    with connect(TINY) as device:
        assert json.loads(output_of("info", "--json", TINY)) == device.devinfo


# Watching


class Bumper(Device):
    """Something that happens by itself."""

    count: int = 0
    word: str = "a\x1b[31mred"

    @property
    def broken(self) -> int:
        """Never there"""
        raise RuntimeError("the wire is loose")

    @event
    def bump(self, side: str) -> None:
        """Hit something"""

    @event
    def lap(self) -> None:
        """Once round"""


@contextmanager
def bumping(version=2):
    """Give a Bumper on a TCP port, for one host: the target, the device, and the connection."""
    bumper = Bumper()
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        connections = []

        def be() -> None:
            connections.append(Tcp(server.accept()[0], "host"))
            run(bumper, connections[0], version=version)

        running = pool.submit(be)
        try:
            yield f"socket://127.0.0.1:{server.getsockname()[1]}", bumper, connections
        finally:
            for connection in connections:
                connection.close()
            running.result(PATIENCE)


def test_info_lists_events():
    with bumping() as (target, _, _):
        shown = output_of("info", target)
    assert "\n\nEvents\n  bump side:str  Hit something\n  lap            Once round\n" in shown


@contextmanager
def watching(*args: str):
    """Run `iotkit watch` on a simulated robot; give it, its lines, and the robot."""
    with (
        started("simulate", "sumobot", "--tcp", "0") as start,
        running("watch", start["target"], *args) as process,
        connect(start["target"]) as robot,
    ):
        yield process, robot


def test_watch_prints_each_change_with_time_and_name_until_ctrl_c():
    with watching("speed", "led") as (process, robot):
        lines = sorted(process.stdout.readline().split()[1:] for _ in range(2))
        assert lines == [["led", "False"], ["speed", "50"]]
        robot.speed = 70
        line = process.stdout.readline()
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d\d\d  speed  70\n", line)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stdout.read() + process.stderr.read() == ""


def test_watch_as_json_is_a_line_for_each_change():
    with watching("speed", "--json") as (process, robot):
        before = time.time()
        first = json.loads(process.stdout.readline())
        assert (first["name"], first["value"]) == ("speed", 50)
        robot.speed = 70
        then = json.loads(process.stdout.readline())
        assert (then["name"], then["value"]) == ("speed", 70)
        assert before - PATIENCE < first["time"] <= then["time"] <= time.time()


def test_watch_without_names_prints_all_there_is_and_says_when_the_device_is_lost():
    with bumping() as (target, bumper, connections), running("watch", target) as process:

        def line() -> str:
            return " ".join(process.stdout.readline().split()[1:])

        assert {line(), line()} == {"count 0", r"word a\x1b[31mred"}
        assert process.stderr.readline() == "broken: broken failed: the wire is loose\n"
        bumper.count = 1
        assert line() == "count 1"
        bumper.bump("left")
        bumper.lap()
        assert [line(), line()] == ["bump left", "lap"]
        connections[0].close()
        assert "comes back by itself" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stdout.read() + process.stderr.read() == ""


def test_watching_what_is_not_there_is_one_sentence():
    assert complaint_of("watch", ROBOT, "sped") == (
        "sumobot tells nothing of 'sped', did you mean 'speed'?"
    )
    assert "tells nothing of 'stop'" in complaint_of("watch", ROBOT, "stop")


def test_ctrl_c_ends_a_waiting_command_quietly():
    with started("simulate", "sumobot", "--tcp", "0") as start, connect(start["target"]) as robot:
        robot.drive_forward_time_ms = 10000
        before = robot.y
        with running("call", start["target"], "forward") as call:
            while robot.y == before:
                pass
            call.send_signal(signal.SIGINT)
            assert call.wait(PATIENCE) == 130
            assert call.stdout.read() + call.stderr.read() == ""


# The shell, from a pipe


def test_the_shell_takes_lines_from_a_pipe():
    assert output_of_another_process("shell", ROBOT, stdin="speed 80\nspeed\n") == "80\n"


def test_the_shell_reads_sets_and_calls():
    lines = ["speed", "speed 80", "speed", "speed = 70", "speed", "speed=60", "get speed"]
    lines += ["set speed 50", "speed", "", "stop", "quit", "speed"]
    assert output_of("shell", ROBOT, stdin="\n".join(lines)).split() == [
        "50",
        "80",
        "70",
        "60",
        "50",
    ]


def test_the_shell_takes_texts_as_they_are():
    lines = ["str_id hello  world", "str_id", "str_id = a = b", "str_id", "str_id ==x", "str_id"]
    lines += ["str_id =", "str_id", "no_arg_result_str", "one_arg_int_result_int -3"]
    shown = output_of("shell", TINY, stdin="\n".join(lines))
    assert shown.splitlines() == ["hello  world", "a = b", "=x", "hello", "-3"]


def test_the_shell_passes_several_arguments(rude):
    lines = "add 1 2.5\ntell 2 hey you\nadd   1   2\n"
    assert output_of("shell", rude, stdin=lines) == "3.5\nhey you, hey you\n3.0\n"


def test_a_device_name_goes_before_the_shells_own(rude):
    assert output_of("shell", rude, stdin="quit\nexit\nquit\n") == "7\n"


def test_the_shell_goes_on_after_an_error_and_ends_with_1():
    done = here("shell", ROBOT, stdin="sped 5\nspeed 500\nspeed x\nstop now\nhelp me\nspeed\n")
    assert done.exit_code == 1
    assert done.stdout == "50\n"
    assert done.stderr.splitlines() == [
        "sumobot has no 'sped', did you mean 'speed'?",
        "speed: it takes 0..100 %, not 500",
        "speed: 'x' is not a whole number",
        "stop() takes no argument; it was given 1",
        "sumobot has no 'me'",
    ]


def test_the_shell_takes_calls_as_python_writes_them():
    done = here("shell", TINY, stdin="barecommand()\none_arg_int_result_int(42)\nexit()\nspeed\n")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "42\n", "")


def test_the_shell_takes_a_whole_line_of_python(rude):
    lines = ["robot.speed = 80", "robot.speed", "robot.drive(-5, 5)", "robot.speed(9)", "x.y"]
    done = here("shell", ROBOT, stdin="\n".join(lines))
    assert (done.exit_code, done.stdout) == (1, "80\n")
    assert done.stderr.splitlines() == [
        "speed is an attribute: it can be read or set, not called",
        "sumobot has no 'x.y'",
    ]
    quoted = "rude.tell(2, 'hey you')\nrude.add(1, 2)\n"
    assert output_of("shell", rude, stdin=quoted) == "hey you, hey you\n3.0\n"


def test_brackets_that_set_no_limits_are_pointed_out(tmp_path):
    program = tmp_path / "lamp.py"
    program.write_text(
        "import sys\n"
        "from typing import Annotated\n"
        "from iotkit.host import Device, run\n"
        "from iotkit.transports.process import Streams\n"
        "class Lamp(Device):\n"
        "    good: Annotated[int, 'How bright [0..255]'] = 0\n"
        "    bad: Annotated[int, 'How bright [0-255]'] = 0\n"
        "run(Lamp(), Streams(sys.stdin.buffer, sys.stdout.buffer, 'pipe'))\n"
    )
    told = iotkit("info", f"exec:{sys.executable} {program}").stdout
    assert told.endswith("Brackets that are just text, and set no limits\n  bad  [0-255]\n")


def test_the_shell_ends_when_the_device_is_gone(rude):
    assert complaint_of("shell", rude, stdin="leave\nquit\nquit\n")


def test_help_in_the_shell_lists_all_and_explains_one():
    shown = output_of("shell", ROBOT, stdin="help\nhelp speed\nhelp forward\n")
    assert "  distance" in shown
    assert "  forward" in shown
    assert shown.endswith(
        "speed: int - How fast the wheels turn [0..100 %]\n"
        "forward - Move forward for drive_forward_time_ms\n"
    )


# The shell, in a terminal

PROMPT = r"\x1b\[\?2004h"  # bracketed paste: switched on whenever a line is asked for
ANSWER = r"\x1b\[\?2004l"  # and off before anything else is said


class Terminal:
    """A program in a terminal: what a person types and sees."""

    def __init__(self, screen: int, process: subprocess.Popen[bytes]) -> None:
        self._screen, self._process = screen, process
        self._seen = b""

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def see(self, pattern: str) -> str:
        """Wait until what has appeared since the last time matches; return that."""
        while not (found := re.search(pattern.encode(), self._seen)):
            assert self._read(), f"no {pattern} in {self._seen!r}"
        self._seen = self._seen[found.end() :]
        return found[0].decode()

    def end(self) -> int:
        """Wait until the program has ended by itself, and return its exit code."""
        while self._process.poll() is None or self._read():
            self._read()
        return self._process.returncode

    def _read(self) -> bool:
        if not select.select([self._screen], [], [], 20)[0]:
            return False
        try:
            data = os.read(self._screen, 4096)
        except OSError:  # so Linux says that the other end is closed
            data = b""
        self._seen += data
        return bool(data)


@contextmanager
def terminal(*args: str, home: Path):
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (40, 100))
    own = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(home)}
    process = subprocess.Popen(
        [*COMMAND, *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment() | own,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    with process:
        try:
            yield Terminal(ours, process)
        finally:
            process.kill()
            os.close(ours)


def test_names_are_completed_and_history_is_kept(tmp_path):
    with terminal("shell", ROBOT, home=tmp_path) as screen:
        screen.see("This is sumobot on sim:sumobot")
        screen.see(PROMPT)
        screen.type("spe\t")
        screen.see("(?s)spe.*ed")  # perhaps drawn in two goes
        screen.type(" 80\r")
        screen.see(PROMPT)
        screen.type("speed\r")
        screen.see(ANSWER + "80")
        screen.see(PROMPT)
        screen.type("quit\r")
        assert screen.end() == 0
    with terminal("shell", ROBOT, home=tmp_path) as screen:
        screen.see(PROMPT)
        screen.type("\x1b[A")  # up: quit
        screen.type("\x1b[A\r")  # and again: speed
        screen.see(ANSWER + "50")
        screen.see(PROMPT)
        screen.type("\x04")
        assert screen.end() == 0


def test_ctrl_c_in_a_terminal_clears_the_line_or_stops_the_waiting(tmp_path):
    with (
        started("simulate", "sumobot", "--tcp", "0") as start,
        connect(start["target"]) as robot,
        terminal("shell", start["target"], home=tmp_path) as screen,
    ):
        screen.see(PROMPT)
        screen.type("nonsense\x03")
        screen.see(PROMPT)
        screen.type("drive_forward_time_ms 10000\r")
        screen.see(PROMPT)
        before = robot.y
        screen.type("forward\r")
        while robot.y == before:
            pass
        screen.type("\x03")
        screen.see("No longer waiting")
        screen.see(PROMPT)
        screen.type("sped\r")
        screen.see("did you mean 'speed'")
        screen.see(PROMPT)
        screen.type("\x04")
        assert screen.end() == 0


def test_who_waits_in_front_of_a_terminal_is_told_for_what(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"socket://127.0.0.1:{silent.getsockname()[1]}"
        with terminal("get", target, "speed", home=tmp_path) as screen:
            screen.see(f"Waiting for {target} to answer; Ctrl-C ends that.")
            screen.type("\x03")
            assert screen.end() == 130
        with running("get", target, "speed", "--json") as piped:
            assert piped.wait(PATIENCE) == 1
            assert "does not answer as a device" in piped.stderr.readline()
            assert piped.stdout.read() + piped.stderr.read() == ""


def test_a_function_that_takes_its_time_is_waited_for_by_name(tmp_path):
    with started("simulate", "sumobot", "--tcp", "0") as start, connect(start["target"]) as robot:
        robot.drive_forward_time_ms = 10000
        with terminal("call", start["target"], "forward", home=tmp_path) as screen:
            screen.see(f"Waiting for {start['target']} to end its forward; Ctrl-C ends that.")
            robot.stop()
            assert screen.end() == 0


def test_a_home_that_cannot_be_written_costs_only_the_history(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with terminal("shell", ROBOT, home=in_the_way) as screen:
        screen.see(PROMPT)
        screen.type("speed\r")
        screen.see(ANSWER + "50")
        screen.see(PROMPT)
        screen.type("\x04")
        assert screen.end() == 0


def completions(known, line: str) -> list[str]:
    found = DeviceCompleter(known).get_completions(Document(line), CompleteEvent())
    return [completion.text for completion in found]


def test_completion_knows_names_and_the_values_there_are(rude):
    with connect(rude) as device:
        known = description(device)
        assert completions(known, "") == [*known.attributes, *known.functions, "help", "quit"][:-1]
        assert completions(known, "m") == ["mode"]
        assert completions(known, "help t") == ["tell"]
        assert completions(known, "mode ") == ["slow", "fast"]
        assert completions(known, "mode = f") == ["fast"]
        assert completions(known, "tell 2 m") == []
        shown = DeviceCompleter(known).get_completions(Document("w"), CompleteEvent())
        assert [c.display_meta_text for c in shown] == ["str  Turn \\u202e around"]


def test_a_bool_completes_to_true_and_false():
    with connect(ROBOT) as device:
        assert completions(description(device), "led ") == ["True", "False"]


# Serving


def test_what_is_served_is_found_and_driven_from_another_process(unique_name):
    with (
        started("simulate", "sumobot", "--tcp", "0", "--specifier", unique_name) as board,
        started("serve", board["target"]) as services,
    ):
        (service,) = services
        name = f"sumobot_{unique_name}"
        assert service == {
            "id": f"sumobot:{unique_name}",
            "target": board["target"],
            "url": f"http://127.0.0.1:{service['port']}",
            "port": service["port"],
            "name": name,
            "code": "",
            "teachers_code": "",
            "certificate": "",
        }
        assert output_of_another_process("set", service["url"], "speed", "80") == ""
        assert output_of_another_process("get", name, "speed") == "80\n"
        listed = json.loads(output_of_another_process("devices", "--json"))
        assert {
            "target": name,
            "kind": "network",
            "what": f"sumobot at {service['url']}",
        } in listed
        assert re.search(
            f"^{name} +sumobot at {service['url']}$",
            output_of_another_process("devices"),
            re.MULTILINE,
        )


@pytest.mark.parametrize(
    ("numbers", "code"),
    [([signal.SIGINT], 130), ([signal.SIGTERM], 0), ([signal.SIGTERM] * 3, 0)],
)
def test_serving_ends_with_a_goodbye(numbers, code, unique_name):
    with (
        started("simulate", "sumobot", "--tcp", "0", "--specifier", unique_name) as board,
        running("serve", board["target"]) as process,
    ):
        name = f"sumobot_{unique_name}"
        assert process.stdout.readline().endswith(f"from iotkit.local import {name}\n")
        assert discovery.wait_for(name, 10)
        for number in numbers:
            process.send_signal(number)
        assert process.wait(PATIENCE) == code
        assert process.stderr.read() == ""
        deadline = time.monotonic() + 10
        while name in {found.name for found in discovery.known()}:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    discovery.stop()


def free_ports() -> int:
    """Return the first of two consecutive ports that are free, most likely."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except (OSError, OverflowError):
                continue
            return port


def test_several_devices_are_served_on_consecutive_ports():
    port = free_ports()
    with started("serve", ROBOT, TINY, "--port", str(port), "--no-announce") as services:
        assert [service["port"] for service in services] == [port, port + 1]
        assert output_of("get", f"http://127.0.0.1:{port + 1}", "str_id") == "default\n"


def test_without_an_announcement_the_address_is_what_python_needs():
    with running("serve", ROBOT, "--no-announce") as process:
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:[0-9]+", line)[0]
        assert line == f'sumobot  {url}  iotkit.connect("{url}")\n'


def test_a_service_open_to_the_network_is_warned_of():
    with running("serve", ROBOT, "--lan", "--open", "--no-announce") as process:
        url = re.search(r"http://[0-9.:]+", process.stdout.readline())[0]
        assert "Anyone on this network" in process.stderr.readline()
        assert requests.get(f"{url}/speed", timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize(
    "options",
    [
        ["--open"],
        ["--lan", "--open", "--token"],
        ["--tokn"],
        ["--teacher"],
        ["--lan", "--open", "--teacher"],
    ],
)
def test_options_that_can_not_be_serve_nothing(options):
    done = iotkit("serve", ROBOT, "--no-announce", *options)
    assert (done.returncode, done.stdout) == (2, "")


def test_on_the_network_a_code_lets_in_and_is_not_seen_when_it_is_typed(tmp_path):
    with running("serve", ROBOT, "--lan", "--no-announce") as process:
        url = re.search(r"https://[0-9.:]+", process.stdout.readline())[0]
        assert output_of("get", url, "speed") == "50\n"  # its owner's own program
        assert process.stdout.readline() == f"To use it elsewhere, once: iotkit pair {url}\n"
        code = process.stdout.readline().split()[-1]
        with terminal("get", url, "speed", home=tmp_path) as screen:
            screen.see(f"type iotkit pair {url} in a terminal")
        with terminal("pair", url, home=tmp_path) as screen:
            screen.see("The code: ")
            screen.type(f"{code}\r")
            screen.see(rf"\A\r\nPaired with {url}")
        with terminal("get", url, "speed", home=tmp_path) as screen:
            screen.see("50")


def test_a_terminal_shows_a_link_with_the_code_and_a_picture_of_it(tmp_path):
    with terminal("serve", ROBOT, "--lan", "--no-announce", home=tmp_path / "here") as screen:
        link = screen.see(r"(?<=iotkit pair )https://[0-9.:]+#[0-9A-Z-]+(?=\r\n)")
        lines = re.findall("[█▀▄ ]{30,}", screen.see(r"(?s).*Ctrl-C ends it"))
        picture = [[letter in half for letter in line] for line in lines for half in ("█▀", "█▄")]
        code = segno.make(link, micro=False).matrix_iter(border=4)
        assert picture[:-1] == [[not dark for dark in row] for row in code]
        with terminal("pair", link, home=tmp_path / "there") as other:
            other.see(r"\APaired with https://")


def test_a_service_on_the_network_may_be_in_plain_text_which_is_warned_of(tmp_path):
    with running("serve", ROBOT, "--lan", "--no-tls", "--no-announce") as process:
        url = re.search(r"http://[0-9.:]+", process.stdout.readline())[0]
        assert process.stderr.readline().startswith("Others on this network can read what is sent")
        assert process.stdout.readline() == f"To use it elsewhere, once: iotkit pair {url}\n"
        code = process.stdout.readline().split()[-1]
        with terminal("pair", url, home=tmp_path) as screen:
            screen.see("The code: ")
            screen.type(f"{code}\r")
            screen.see(f"Paired with {url}")


def test_a_service_for_this_computer_may_be_encrypted():
    with started("serve", ROBOT, "--tls", "--no-announce") as (service,):
        assert service["url"].startswith("https://127.0.0.1:")
        assert re.fullmatch("[0-9a-f]{64}", service["certificate"])
        assert output_of("get", service["url"], "speed") == "50\n"


def test_a_service_for_this_computer_may_want_a_token_too():
    with started("serve", ROBOT, "--token", "--no-announce") as (service,):
        assert requests.get(f"{service['url']}/speed", timeout=PATIENCE).status_code == 401
        assert output_of("get", service["url"], "speed") == "50\n"


def test_a_code_may_come_from_a_program():
    with started("serve", ROBOT, "--token", "--no-announce") as (service,):
        done = iotkit("pair", service["url"], stdin=service["code"] + "\n")
        assert (done.returncode, done.stderr) == (0, "")
        done = iotkit("pair", service["url"], stdin="\n")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "not the code" in done.stderr


def test_teachers_have_a_code_of_their_own_where_that_is_asked_for():
    with started("serve", ROBOT, "--token", "--teacher", "--no-announce") as (service,):
        codes = {service["code"], service["teachers_code"]}
        assert len(codes - {""}) == 2
        for code in codes:
            assert iotkit("pair", service["url"], stdin=f"{code}\n").returncode == 0
    with running("serve", ROBOT, "--lan", "--teacher", "--no-announce") as process:
        shown = [process.stdout.readline() for _ in range(5)]
        assert [line.rpartition(" ")[0] for line in shown[2:4]] == [
            "The code is",
            "The code for teachers is",
        ]


def test_wrong_codes_are_followed_by_a_new_one():
    with running("serve", ROBOT, "--lan", "--no-announce") as process:
        url = re.search(r"https://[0-9.:]+", process.stdout.readline())[0]
        process.stdout.readline()
        first = process.stdout.readline().split()[-1]
        process.stdout.readline()
        for _ in range(5):
            with pytest.raises(package.NotAllowed, match=r"not the code|too often"):
                package.pair(url, "x")
        *words, second = process.stdout.readline().split()
        assert words == ["The", "code", "is", "now"]
        assert second != first


def test_a_port_that_is_taken_is_one_sentence():
    with started("serve", ROBOT, "--no-announce") as (service,):
        done = iotkit("serve", TINY, "--port", str(service["port"]), "--no-announce")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"port {service['port']} is taken" in done.stderr


# The lab


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    source = tmp_path / "shipped"
    (source / "data").mkdir(parents=True)
    (source / ".ipynb_checkpoints").mkdir()
    for name in ("one.ipynb", "two.ipynb", "data/three.csv", ".ipynb_checkpoints/one.ipynb"):
        (source / name).write_text(f"shipped {name}")
    return source


def test_notebooks_are_copied_and_a_learners_own_stay(shipped, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "one.ipynb").write_text("my own")
    assert copy_notebooks(shipped, folder) == [Path("one.ipynb")]
    assert (folder / "one.ipynb").read_text() == "my own"
    assert (folder / "two.ipynb").read_text() == "shipped two.ipynb"
    assert (folder / "data/three.csv").read_text() == "shipped data/three.csv"
    assert not (folder / ".ipynb_checkpoints").exists()


def test_notebooks_copied_before_and_not_changed_are_not_spoken_of(shipped, tmp_path):
    assert copy_notebooks(shipped, tmp_path / "mine") == []
    assert copy_notebooks(shipped, tmp_path / "mine") == []


@pytest.mark.parametrize("missing", ["jupyterlab", "anywidget"])
def test_without_jupyterlab_the_lab_says_what_to_install(missing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)  # as if it were not installed
    complaint = complaint_of("lab", str(tmp_path / "mine"))
    assert complaint == "JupyterLab is not installed: pip install 'iotkit[lab]'"
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    complaint = complaint_of("lab", str(tmp_path / "file" / "mine"))
    assert complaint.startswith("the notebooks can't be copied to")


def test_the_lab_passes_on_what_stands_behind_two_dashes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with running("lab", "--no-browser", "--", "--version") as process:
        assert re.fullmatch(r"[0-9.]+\n", process.stdout.read())
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "iotkit-notebooks" / FIRST).exists()


def test_a_real_lab_asks_nobody_about_news(tmp_path, monkeypatch):
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    options = [f"--ServerApp.port={free_ports()}", "--IdentityProvider.token=secret"]
    if hasattr(os, "getuid") and os.getuid() == 0:
        options.append("--allow-root")
    with running("lab", str(tmp_path / "mine"), "--no-browser", "--", *options) as process:
        lines = (re.search(r"(http://\S+?)/lab/tree/(\S+)\?", line) for line in process.stderr)
        server, notebook = next(filter(None, lines)).groups()
        assert notebook == FIRST
        with requests.Session() as session:
            # It says where it is a moment before it listens there.
            session.mount(server, HTTPAdapter(max_retries=Retry(connect=7, backoff_factor=0.1)))
            page = session.get(f"{server}/lab?token=secret", timeout=PATIENCE).text
        assert re.search(r'"news":\s*\{"disabled":\s*true\}', page)
        assert "@jupyterlab/apputils-extension:announcements" in page
