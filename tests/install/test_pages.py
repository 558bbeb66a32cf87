"""Every command and every program on the README and the how-to pages works as it stands there.

A simulated robot on a pseudo terminal stands in for a board, a service on this machine for one
elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from environment import PATIENCE, ROOT, Environment, assert_opens_the_first_notebook

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
THE_SYSTEMS_OWN = "sudo "
AS_ROOT = [] if os.geteuid() else ["--", "--allow-root"]  # Jupyter wants to hear it

pytestmark = [pytest.mark.install, pytest.mark.timeout(300)]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Yield the code blocks in `language`, each with its page's name."""
    for page in PAGES:
        for found in _BLOCK.finditer(page.read_text()):
            if found[1] == language:
                yield page.stem, found[2]


def commands() -> Iterator[str]:
    """Yield each command once, however many pages have it."""
    lines = (line for _, block in blocks("sh") for line in block.splitlines())
    for line in dict.fromkeys(shlex.join(shlex.split(line, comments=True)) for line in lines):
        if line and not line.startswith(THE_SYSTEMS_OWN):
            yield line


def programs() -> Iterator[tuple[str, str]]:
    """Yield each program with its page's name; one without imports goes on from that before it."""
    whole: list[tuple[str, str]] = []
    for page, block in blocks("python"):
        if whole and whole[-1][0] == page and not re.match("import |from |%|#", block):
            whole[-1] = page, f"{whole[-1][1]}\n{block}"
        else:
            whole.append((page, block))
    yield from whole


PROGRAMS = [
    pytest.param(program, id=f"{page}: {program.splitlines()[0]}") for page, program in programs()
]


@dataclass
class Place:
    """Where the commands run: an environment, two boards, and a device on the network."""

    environment: Environment
    boards: list[str]
    url: str
    name: str

    def here(self, text: str) -> str:
        """Return `text` with what this place has for what the page has."""
        for there, here in {
            "/dev/ttyUSB0": self.boards[0],
            "/dev/ttyUSB1": self.boards[1],
            "http://192.168.4.20:8000": self.url,
            "https://192.168.4.20:8000": self.url,
            "iotkit.connect()": 'iotkit.connect("sim:sumobot")',
            "import sumobot": f"import {self.name} as sumobot",
            " --lan": "",  # tests stay on this machine,
            " --port 8000": "",  # and take a port that is free
        }.items():
            text = text.replace(there, here)
        return text


@pytest.fixture(scope="module")
def place(installed: Environment) -> Iterator[Place]:
    with ExitStack() as stack:

        def start(*command: str) -> dict[str, str]:
            process = stack.enter_context(installed.start("iotkit", *command, "--json"))
            assert process.stdout
            facts = json.loads(process.stdout.readline())
            return facts[0] if isinstance(facts, list) else facts

        boards = [start("simulate", "sumobot")["target"] for _ in range(2)]
        service = start("serve", "sim:sumobot")
        yield Place(installed, boards, service["url"], service["name"].replace("-", "_"))


@pytest.mark.parametrize("command", list(commands()))
def test_a_command_on_a_page_works(command: str, place: Place) -> None:
    words = shlex.split(place.here(command))
    if "=" in words[0]:
        del words[0]  # IOTKIT_INTERFACES: the tests have their own
    run = place.environment.run
    match words:
        case ["make", *_]:
            subprocess.run([*words, "--dry-run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        case ["iotkit", "lab"]:
            with place.environment.start(*words, *AS_ROOT) as lab:
                assert_opens_the_first_notebook(lab)
        case ["iotkit", "serve", "--auto", *_]:  # on this computer's own ports a test does nothing
            with place.environment.start("iotkit", "serve", "--auto", *place.boards) as process:
                assert process.stdout
                assert any(" is plugged in at " in line for line in process.stdout)
        case ["iotkit", "serve" | "simulate", *_]:
            with place.environment.start(*words) as process:
                assert process.stdout
                first = process.stdout.readline()
                if not re.search(r"http://127\.0\.0\.1:\d+|/dev/", first):
                    pytest.fail(first + process.stdout.read())
        case ["iotkit", "watch", *_]:
            with place.environment.start(*words) as process:
                assert process.stdout
                assert any(" speed " in line for line in process.stdout)
        case ["iotkit", "shell", _]:
            assert run(*words, stdin="speed = 70\nspeed\n") == "70\n"
        case ["iotkit", "pair", _]:
            serve = ["iotkit", "serve", "sim:sumobot", "--token", "--json"]
            with place.environment.start(*serve) as process:
                assert process.stdout
                (facts,) = json.loads(process.stdout.readline())
                run("iotkit", "pair", facts["url"], stdin=facts["code"])
        case ["iotkit" | "pip", *_]:
            run(*words)
        case ["curl", *options, url]:
            assert answer(place, options, url).status_code == 200
        case _:
            pytest.fail("there is no test for this command")


def answer(place: Place, options: list[str], url: str) -> requests.Response:
    """Do what curl does, at this place's service."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    path = url.split("/", 3)[3]
    method, body = given.get("-X", "GET"), given.get("-d")
    return requests.request(method, f"{place.url}/{path}", data=body, timeout=PATIENCE)


@pytest.mark.parametrize("block", PROGRAMS)
def test_a_program_on_a_page_runs(block: str, place: Place, tmp_path: Path) -> None:
    runner, suffix = (["ipython"], "ipy") if block.startswith("%") else (["python"], "py")
    program = tmp_path / f"program.{suffix}"
    program.write_text(place.here(block))
    place.environment.run(*runner, str(program), stdin="\n")


def test_the_device_in_the_readme_can_be_used_and_served(place: Place) -> None:
    (lamp,) = (block for _, block in blocks("python") if "class Lamp" in block)
    use = """
import iotkit
with iotkit.connect(Lamp()) as lamp:
    lamp.brightness = 90
    lamp.blink(2)
    print(lamp.brightness, lamp.temperature)
with iotkit.serve(Lamp()) as service, iotkit.connect(service.url) as lamp:
    print(lamp.brightness)
"""
    assert place.environment.run("python", "-c", lamp + use) == "blink! blink! \n90 21.5\n80\n"
