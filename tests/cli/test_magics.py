"""`%load_ext iotkit`: in a shell without a notebook here, and in a real kernel."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import start_new_kernel
from program import environment, started
from traitlets.config import Config
from web_tools import ask

import iotkit
from iotkit import discovery, link_of, opened
from iotkit.host import Device

SUBCOMMANDS = [
    "devices",
    "connect",
    "simulate",
    "plot",
    "pad",
    "serve",
    "pair",
    "name",
    "stop",
    "disconnect",
    "help",
]
VIEW = "application/vnd.jupyter.widget-view+json"


class Shell:
    """IPython, with iotkit's extension loaded."""

    def __init__(self, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
        self.ipython, self._capsys = shell, capsys
        self.user_ns = shell.user_ns
        self.greeting = self.run("%load_ext iotkit")

    def run(self, cell: str) -> str:
        """Run a cell that works, and return what it prints."""
        self._capsys.readouterr()
        self.ipython.run_cell(cell).raise_error()
        shown = self._capsys.readouterr()
        assert shown.err == ""
        return shown.out

    def complaint(self, cell: str) -> str:
        """Run a cell that fails, and return the one line that it says."""
        self._capsys.readouterr()
        result = self.ipython.run_cell(cell)
        shown = self._capsys.readouterr()
        assert result.error_in_exec is not None
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        return shown.err.removeprefix("UsageError: ").removesuffix("\n")

    def completions(self, line: str) -> list[str]:
        """Return `line` as TAB would complete it, in each of the possible ways."""
        with provisionalcompleter():
            found = self.ipython.Completer.completions(line, len(line))
            return [line[: one.start] + one.text for one in found if one.type != "magic"]


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    ipython = InteractiveShell.instance(config=config)
    shell = Shell(ipython, capsys)
    yield shell
    ipython.run_cell("%unload_ext iotkit")
    InteractiveShell.clear_instance()
    assert opened.devices() == []


# Help


def test_the_magic_alone_lists_what_it_can_do(shell):
    listed = shell.run("%iotkit")
    assert all(f"%iotkit {command} " in listed for command in SUBCOMMANDS[:-1])
    assert shell.run("%iotkit help") == listed


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_a_question_mark_explains_a_command(shell, command):
    explained = shell.run(f"%iotkit help {command}")
    assert f"%iotkit {command}" in explained
    assert shell.run(f"%iotkit {command}?") == explained
    assert shell.run(f"x = 1\n  # first\n%iotkit {command} ??\n") == explained


def test_the_question_mark_of_the_magic_itself_is_ipythons(shell):
    assert "%iotkit connect TARGET [as NAME]" in shell.run("%iotkit?")


def test_a_terminal_is_told_where_to_look(shell):
    assert shell.greeting == "%iotkit lists what you can do with devices here.\n"


# Variables


def test_a_simulated_device_becomes_a_variable_of_its_own_name(shell):
    shown = shell.run("%iotkit simulate sumobot")
    assert shown == "The variable sumobot is sumobot on sim:sumobot.\n"
    assert shell.run("sumobot.speed = 80\nprint(sumobot.speed)") == "80\n"


def test_a_device_becomes_the_variable_that_is_asked_for(shell):
    shell.run("%iotkit simulate sumobot as robot")
    shell.run("%iotkit connect sim:testhosttiny as tiny")
    assert shell.run("print(robot.speed, tiny.str_id)") == "50 default\n"
    assert "sumobot" not in shell.user_ns


def test_a_target_may_have_blanks(shell, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    shell.run(f"%iotkit connect exec:{sys.executable} -m iotkit simulate sumobot --stdio as robot")
    assert shell.run("print(robot.speed)") == "50\n"


def test_variables_of_the_user_may_be_part_of_a_target(shell):
    shell.run("kind = 'sumobot'\n%iotkit connect sim:{kind}")
    assert shell.run("print(sumobot.speed)") == "50\n"


def test_a_cell_that_is_run_again_begins_anew_and_leaves_nothing_open(shell):
    shell.run("%iotkit simulate sumobot\nfirst = sumobot\nfirst.speed = 80")
    shell.run("%iotkit simulate sumobot")
    assert shell.run("print(sumobot.speed)") == "50\n"
    assert link_of(shell.user_ns["first"]).closed
    assert opened.devices() == [shell.user_ns["sumobot"]]


def test_a_cell_that_connects_again_gives_the_same_device(shell):
    with started("simulate", "sumobot", "--tcp", "0") as start:
        shell.run(f"%iotkit connect {start['target']}")
        first = shell.user_ns["sumobot"]
        shell.run(f"%iotkit connect {start['target']}")
        assert shell.user_ns["sumobot"] is first
        assert "sumobot_2" not in shell.user_ns
        assert shell.run("print(sumobot.speed)") == "50\n"
        shell.run("%unload_ext iotkit")


def test_two_boards_of_one_class_are_two_variables(shell):
    with started("simulate", "sumobot", "--tcp", "0") as start:
        shell.run("%iotkit simulate sumobot")
        shell.run(f"%iotkit connect {start['target']}")
        assert link_of(shell.user_ns["sumobot"]).target == "sim:sumobot"
        assert link_of(shell.user_ns["sumobot_2"]).target == start["target"]
        shell.run("%unload_ext iotkit")


def test_a_learners_variable_is_not_overwritten_by_chance(shell):
    shell.run("sumobot = 'mine'\n%iotkit simulate sumobot")
    assert shell.run("print(sumobot, sumobot_2.speed)") == "mine 50\n"


def test_a_name_that_is_asked_for_is_taken_over(shell):
    shell.run("robot = 'mine'\n%iotkit simulate sumobot as robot")
    assert shell.run("print(robot.speed)") == "50\n"


def test_devices_lists_those_connected_with_their_variables(shell):
    shell.run("%iotkit simulate sumobot as robot\nsame = robot")
    lines = [line.split() for line in shell.run("%iotkit devices").splitlines()]
    assert ["robot,", "same", "sumobot", "on", "sim:sumobot"] in lines
    assert ["sim:testhosttiny", "to", "simulate"] in lines


def test_disconnecting_closes_the_device_and_removes_its_variable(shell):
    shell.run("%iotkit simulate sumobot as robot\nsame = robot")
    assert shell.run("%iotkit disconnect robot") == "robot is disconnected.\n"
    assert "robot" not in shell.user_ns
    assert link_of(shell.user_ns["same"]).closed


def test_a_device_that_the_learner_connected_can_be_disconnected_too(shell):
    shell.run("import iotkit\nrobot = iotkit.connect('sim:sumobot')\n%iotkit disconnect robot")
    assert "robot" not in shell.user_ns
    assert opened.devices() == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("conect x", "there is no %iotkit conect, did you mean 'connect'? (there are: devices"),
        ("connect sim:sumobat", "there is no simulation 'sumobat', did you mean 'sumobot'?"),
        ("connect what?ever", "'what?ever' names no way to a device"),
        ("simulate", "there is no simulation '' (there are: sumobot, weather, testhosttiny)"),
        ("simulate sumobot as class", "'class' can't be a variable's name"),
        ("simulate sumobot as 2nd", "'2nd' can't be a variable's name"),
        ("disconnect robot", "'robot' is no variable that holds a device"),
        ("disconnect", "'' is no variable that holds a device"),
        ("serve sys", "'sys' is no variable that holds a device"),
        ("serve", "write %iotkit serve NAME"),
        ("plot", "say what to plot, as in: %iotkit plot robot.distance"),
        ("pad", "say what to drive of one device, as in: %iotkit pad robot.drive"),
        ("pad robot.speed lamp.on", "say what to drive of one device"),
        ("pad robot.drive", "'robot' is no variable that holds a device"),
        ("plot robot.speed", "'robot' is no variable that holds a device"),
    ],
)
def test_an_error_is_one_sentence_and_ends_the_cell(shell, line, complaint):
    assert shell.complaint(f"%iotkit {line}\nprint('not reached')").startswith(complaint)


def test_a_plot_or_pad_needs_a_notebook_and_a_device_that_is_connected_to(shell):
    shell.run("%iotkit simulate sumobot as robot\nfrom iotkit.sim import simulate")
    assert "iotkit lab opens one" in shell.complaint("%iotkit plot robot.speed")
    assert "iotkit lab opens one" in shell.complaint("%iotkit pad robot.drive")
    shell.run("local = simulate('sumobot')")
    wanted = "local is written here, not connected to: local = iotkit.connect(local)"
    assert shell.complaint("%iotkit plot local.speed") == wanted


# Serving


def test_a_device_is_served_under_its_variable(shell, unique_name):
    class Lamp(Device, id=unique_name):
        brightness: int = 7

    shell.user_ns["lamp"] = Lamp()
    shown = shell.run("%iotkit serve lamp")
    url = shown.split()[3].removesuffix(":")
    assert shown == f"lamp is at {url}: from iotkit.local import {unique_name}\n"
    assert requests.get(f"{url}/brightness", timeout=10).json()["value"] == 7
    assert discovery.wait_for(unique_name, 10).url == url
    assert shell.run("%iotkit serve lamp") == shown


def test_what_is_served_to_the_network_is_warned_of(shell):
    shell.run("%iotkit simulate sumobot")
    before = shell.run("%iotkit serve sumobot").split()[3]
    after = shell.run("%iotkit serve sumobot --lan --open")
    assert after.endswith("Anyone on this network can now read and drive it.\n")
    assert after.split()[3] != before


def test_a_device_is_told_which_one_it_is(shell):
    shell.run("%iotkit simulate sumobot as robot")
    assert shell.run("%iotkit name robot red").splitlines() == [
        "robot is sumobot:red now.",
        "It is no board, so it keeps that until it is closed.",
    ]
    assert shell.run("%iotkit name robot --clear").startswith("robot is sumobot now.\n")
    assert "no specifier" in shell.complaint("%iotkit name robot 1")
    assert "write %iotkit name NAME SPECIFIER" in shell.complaint("%iotkit name robot")


def test_what_is_served_to_the_network_is_paired_with(shell, unique_name, monkeypatch, tmp_path):
    class Lamp(Device, id=unique_name):
        brightness: int = 7

    shell.user_ns["lamp"] = Lamp()
    shown = shell.run("%iotkit serve lamp --lan")
    assert f"once: %iotkit pair {unique_name}\nThe code is " in shown
    assert shell.run("%iotkit serve lamp --lan") == shown
    code = shown.split()[-1]
    url = shown.split()[3].removesuffix(":")
    assert url.startswith("https://")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # somebody else's
    assert f"%iotkit pair {unique_name} in a notebook" in shell.complaint(
        f"%iotkit connect {unique_name} as it"
    )
    monkeypatch.setattr("getpass.getpass", lambda prompt: code)
    paired = shell.run(f"%iotkit pair {unique_name}")
    assert paired == f"Paired with {unique_name}: %iotkit connect {unique_name}\n"
    shell.run(f"%iotkit connect {unique_name} as it")
    assert shell.user_ns["it"].brightness == 7
    assert ask(int(url.rpartition(":")[2]), "GET", "/brightness", tls=True).status == 401
    assert shell.completions(f"%iotkit pair {unique_name[:-1]}") == [f"%iotkit pair {unique_name}"]


def test_disconnecting_ends_the_service(shell):
    url = shell.run("%iotkit simulate sumobot\n%iotkit serve sumobot").split()[-5].removesuffix(":")
    assert requests.get(f"{url}/speed", timeout=10).json()["value"] == 50
    shell.run("%iotkit disconnect sumobot")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/speed", timeout=10)


# Completion


def test_tab_completes_the_words_behind_the_magic(shell):
    shell.run("%iotkit simulate sumobot as robot\nnumber = 5")
    assert set(SUBCOMMANDS) <= {line.split()[1] for line in shell.completions("%iotkit ")}
    assert shell.completions("%iotkit con") == ["%iotkit connect"]
    assert shell.completions("%iotkit help se") == ["%iotkit help serve"]
    assert shell.completions("%iotkit simulate su") == ["%iotkit simulate sumobot"]
    assert shell.completions("%iotkit connect sim:te") == ["%iotkit connect sim:testhosttiny"]
    assert shell.completions("%iotkit connect si") == [
        "%iotkit connect sim:sumobot",
        "%iotkit connect sim:weather",
        "%iotkit connect sim:testhosttiny",
    ]
    assert shell.completions("%iotkit disconnect ro") == ["%iotkit disconnect robot"]
    assert shell.completions("%iotkit serve nu") == []
    assert shell.completions("%iotkit plot robot.di") == ["%iotkit plot robot.distance"]
    assert shell.completions("%iotkit pad robot.driv")[0] == "%iotkit pad robot.drive"
    drivable = shell.completions("%iotkit pad robot.speed ro")
    assert "%iotkit pad robot.speed robot.turn_time_ms" in drivable
    assert "%iotkit pad robot.speed robot.distance" not in drivable
    assert "%iotkit plot robot.speed robot.led" in shell.completions("%iotkit plot robot.speed ro")


def test_tab_completes_devices_that_have_been_found(shell, unique_name):
    class Lamp(Device, id=unique_name):
        brightness: int = 7

    with iotkit.serve(Lamp()):
        assert discovery.wait_for(unique_name, 10)
        line = f"%iotkit connect {unique_name}"
        assert shell.completions(line[:-3]) == [line]


# Loading and unloading


def test_an_error_of_a_device_shows_the_learners_line_and_the_sentence_alone(shell, capsys):
    shell.run("%iotkit simulate sumobot as robot")
    failing = "def drive():\n    robot.speed = 300\ndrive()"
    shell.ipython.run_cell(failing)
    shown = capsys.readouterr().out
    assert "robot.speed = 300" in shown
    assert "iotkit/" not in shown
    assert shown.rstrip().endswith("OutOfRange: speed: it takes 0..100 %, not 300")
    shell.run("%unload_ext iotkit")
    shell.ipython.run_cell("import iotkit; iotkit.connect('sim:nothing')")
    assert "iotkit/errors.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("robot.speed()", "read it by robot.speed, without the ()"),
        ("print(robot['speed'](80))", "set it by robot['speed'] = 80"),
        ("robot.speed(\n80)", "read it by robot.speed, without the ()"),
    ],
)
def test_who_calls_a_value_is_told_how_it_is_read_and_set(shell, capsys, wrong, right):
    shell.run("%iotkit simulate sumobot as robot")
    shell.ipython.run_cell(f"def drive():\n    {wrong}\ndrive()")
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert lines[-2] == "TypeError: 'IntReading' object is not callable"
    assert lines[-1].endswith(f" is a value, not a function: {right}")
    shell.ipython.run_cell("'a' + 5")
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith("TypeError: can only")


def test_unloading_leaves_nothing_behind(shell):
    transformers = list(shell.ipython.input_transformers_cleanup)
    shell.run("%iotkit simulate sumobot\nmine = 1\nkept = sumobot\n%iotkit serve sumobot")
    shell.run("%unload_ext iotkit")
    assert "sumobot" not in shell.user_ns
    assert shell.user_ns["mine"] == 1
    assert link_of(shell.user_ns["kept"]).closed
    assert len(shell.ipython.input_transformers_cleanup) == len(transformers) - 1
    assert "connect" not in "".join(shell.completions("%iotkit con"))
    assert "not found" in shell.complaint("%iotkit")


def test_unloading_leaves_the_learners_own_devices_open(shell):
    shell.run("import iotkit\nrobot = iotkit.connect('sim:sumobot')\n%unload_ext iotkit")
    assert shell.run("print(robot.speed)") == "50\n"
    shell.user_ns["robot"].close()


def test_a_variable_that_means_something_else_by_now_survives_the_unloading(shell):
    shell.run("%iotkit simulate sumobot\nsumobot = 'mine'\n%unload_ext iotkit")
    assert shell.user_ns["sumobot"] == "mine"


def test_reloading_leaves_one_of_each(shell):
    before = len(shell.ipython.input_transformers_cleanup)
    for _ in range(3):
        shell.run("%reload_ext iotkit")
    assert len(shell.ipython.input_transformers_cleanup) == before
    assert shell.completions("%iotkit con") == ["%iotkit connect"]
    shell.run("%iotkit simulate sumobot as robot")
    assert shell.run("print(robot.speed)") == "50\n"


def test_a_device_is_text_in_a_terminal(shell):
    shell.run("%iotkit simulate sumobot")
    data, _ = shell.ipython.display_formatter.format(shell.user_ns["sumobot"])
    assert list(data) == ["text/plain"]


# In a notebook


class Kernel:
    """A real notebook kernel."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.status = "ok"  # of the last cell

    def run(self, cell: str) -> list[dict[str, Any]]:
        """Run a cell, and return the contents of its outputs."""
        outputs: list[dict[str, Any]] = []

        def take(message: dict[str, Any]) -> None:
            if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                outputs.append(message["content"])

        reply = self._client.execute_interactive(cell, timeout=30, output_hook=take)
        self.status = reply["content"]["status"]
        return outputs

    def value(self, expression: str) -> str:
        """Return what `expression` prints."""
        return "".join(out["text"] for out in self.run(f"print({expression})")).strip()

    def completions(self, line: str) -> list[str]:
        reply = self._client.complete(line, len(line), reply=True, timeout=30)["content"]
        return reply["matches"]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    own = {name: str(tmp_path) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    manager, client = start_new_kernel(env=environment() | own, cwd=str(tmp_path))
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


LIVE = "from ipywidgets.widgets.widget import _instances as live; from iotkit_widgets import *"


def test_a_notebook_shows_the_shelf_and_a_device_as_its_panel(kernel):
    (shelf,) = kernel.run("%load_ext iotkit")
    assert VIEW in shelf["data"]
    (said,) = kernel.run("%iotkit simulate sumobot as robot")
    assert said["text"] == "The variable robot is sumobot on sim:sumobot.\n"
    (panel,) = kernel.run("robot")
    assert VIEW in panel["data"]
    assert panel["data"]["text/plain"].startswith("<sumobot on sim:sumobot, connected")
    (again,) = kernel.run("robot")
    assert again["data"][VIEW] == panel["data"][VIEW]
    (plot,) = kernel.run("%iotkit plot robot.speed robot.led")
    assert VIEW in plot["data"]
    assert plot["data"]["text/plain"] == "<plot of sumobot.speed, sumobot.led>"
    (pad,) = kernel.run("%iotkit pad robot.drive")
    assert VIEW in pad["data"]
    (refused,) = kernel.run("%iotkit pad robot.forward")
    assert refused["text"].startswith("UsageError: a pad needs a function of two numbers")
    assert kernel.run("robot.speed")[0]["data"] == {"text/plain": "50"}
    assert kernel.completions("%iotkit con") == ["connect"]


def test_in_a_notebook_an_error_is_one_sentence_too(kernel):
    kernel.run("%load_ext iotkit")
    (said,) = kernel.run("%iotkit simulate sumobat\nprint('not reached')")
    assert said["text"].startswith("UsageError: there is no simulation 'sumobat'")
    assert kernel.status == "error"


def test_reloading_in_a_notebook_leaves_one_shelf_and_unloading_none(kernel):
    kernel.run("%load_ext iotkit")
    kernel.run(LIVE)
    shelves = "sum(isinstance(one, Shelf) for one in live.values())"
    panels = "sum(isinstance(one, Panel) for one in live.values())"
    kernel.run("%iotkit simulate sumobot\nkept = sumobot")
    kernel.run("kept")
    for _ in range(2):
        kernel.run("%reload_ext iotkit")
        assert kernel.value(shelves) == "1"
    kernel.run("%iotkit simulate sumobot")
    kernel.run("sumobot")
    kernel.run("%unload_ext iotkit")
    assert kernel.value(shelves) == "0"
    assert kernel.value(panels) == "0"
    (shown,) = kernel.run("kept")
    assert list(shown["data"]) == ["text/plain"]
    threads = "{t.name for t in __import__('threading').enumerate() if 'iotkit' in t.name}"
    # The latter is there if there are devices on the network: the process goes on to listen.
    assert kernel.value(f"{threads} - {{'iotkit hub', 'iotkit mdns_0'}}") == "set()"


@pytest.mark.parametrize("missing", ["anywidget", "ipywidgets"])
def test_without_the_widgets_a_notebook_says_what_to_install(kernel, missing):
    kernel.run(f"import sys; sys.modules[{missing!r}] = None")
    (said,) = kernel.run("%load_ext iotkit")
    assert said["text"] == "Devices show no panels here. For those: pip install 'iotkit[lab]'\n"
    (said,) = kernel.run("%iotkit simulate sumobot as robot")
    assert "The variable robot is" in said["text"]
    (shown,) = kernel.run("robot")
    assert list(shown["data"]) == ["text/plain"]
