"""What the page on the serial protocol says is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iotkit.description import (
    MAX_HELP,
    MAX_NAMES,
    V1_BUILTINS,
    Argument,
    Attribute,
    Description,
    Event,
)
from iotkit.links import CALL_TIMEOUT, TIMEOUT
from iotkit.links.serial import TRIES
from iotkit.protocol import (
    EVENT_NEWS,
    MAX_LINE,
    NO_NEWS,
    RATES,
    VALUE_NEWS,
    DeviceEnd,
    Get,
    HostEnd,
    News,
    Watch,
    described,
)
from iotkit.protocol.frames import frame
from iotkit.protocol.host_end import MAX_V1_COMMAND
from iotkit.types import MAX_UNIT, NO_LIMITS, Limits, Type

PAGE = (Path(__file__).parents[2] / "docs" / "serial-protocol.md").read_text()
PROSE = " ".join(PAGE.split())

ROBOT = Description.of(
    "sumobot:red",
    [
        Attribute("drive_forward_time_ms", Type.INT, "How long to move forward"),
        Attribute("ratio", Type.FLOAT, "A ratio"),
    ],
)


@pytest.mark.parametrize(
    "words",
    [
        f"no more than {MAX_V1_COMMAND},",
        f"no more than {MAX_LINE // 1024} KiB of a line",
        f"no more than {MAX_NAMES} names",
        f"no more than {MAX_HELP // 1024} KiB of a help text",
        f"at most {MAX_UNIT} characters",
        f"tries {RATES[0]} as well",
        f"| {TIMEOUT:g} s | {'three' if TRIES == 3 else TRIES} times |",
        f"| {CALL_TIMEOUT:g} s | once",
    ],
)
def test_the_numbers_on_the_page_are_those_in_the_code(words):
    assert words in PROSE


def examples():
    """Return the conversations: what the host sends, and the lines that the device answers."""
    found = re.findall(r"^    > (.*)\n((?:    < .*\n)+)", PAGE, re.MULTILINE)
    return [(command, re.findall("< (.*)", answers)) for command, answers in found]


@pytest.mark.parametrize(
    ("command", "answers"), [one for one in examples() if one[0] != "describe"]
)
def test_the_examples_are_what_a_device_answers(command, answers):
    end = DeviceEnd(ROBOT)
    end.receive(f"{command}\n".encode())
    if request := end.next_request():
        number = {Type.INT: 1500, Type.FLOAT: 1.5}
        end.answer(request, number[request.attribute.type] if isinstance(request, Get) else None)
    assert end.data_to_send().decode().splitlines() == answers


def test_the_example_of_a_description_is_read_as_the_page_says():
    *lines, last = dict(examples())["describe"]
    parts = [tuple(line.removeprefix("102:").split(":", 1)) for line in lines]
    robot, _ = described("sumobot:red", parts)
    assert last.startswith(f"200:DESCRIBE OK:{len(lines)},")
    assert robot.help == "A robot with two wheels"
    assert robot.deadman_ms == 500
    assert robot.attributes["speed"].limits == Limits(0, 255)
    assert robot.functions["forward"].args[0].limits == Limits(0, 5000, unit="ms")
    assert list(robot.events) == ["bump"]


def news_on_the_page():
    """Return the lines of status 103 to 105 that the page quotes."""
    return re.findall(r"`(10[345]:[^`]*)`", PROSE)


def test_the_news_on_the_page_is_what_a_device_says():
    speed = Attribute("speed", Type.INT)
    bump, lap = Event("bump", Argument("side", Type.STR)), Event("lap")
    end = DeviceEnd(Description.of("robot", [speed], [], [bump, lap]))
    watch, stop = re.findall(r"`(watch speed [0-9]+)`", PROSE)
    end.receive(f"{watch}\n".encode())
    assert end.next_request() == Watch(speed, 200)
    assert end.data_to_send() == b"200:Success:-\r\n"
    end.news(speed, 80)
    end.raised(bump, "left")
    end.raised(lap, None)
    end.no_news(speed, 504, "the robot does not answer")
    assert end.data_to_send().decode().splitlines() == news_on_the_page()
    end.receive(f"{stop}\n".encode())
    assert end.next_request() == Watch(speed, 0)


def test_the_news_on_the_page_is_understood():
    host = HostEnd()
    for line in news_on_the_page():
        (news,) = host.receive(f"{line}\r\n".encode())
        assert isinstance(news, News)
        assert news.status in (VALUE_NEWS, EVENT_NEWS, NO_NEWS)


def test_the_refusal_on_the_page_has_iotkit_ask_again_and_again():
    (refusal,) = re.findall(r"`(503:[^`]*)`", PROSE)
    host = HostEnd()
    host.use_frames()
    _, asked = host.ask("watch speed 200")
    (reply,) = host.receive(frame(asked.decode()[1], refusal))
    assert (reply.status, reply.message) == (503, "Too many watches")


def test_a_plain_devinfo_forgets_what_was_watched_as_the_page_says():
    assert "asks for `devinfo` in a plain line has just come" in PROSE
    end = DeviceEnd(ROBOT)
    end.receive(b"watch ratio 1\ndevinfo\n")
    assert end.next_request().milliseconds == 1
    assert end.next_request().milliseconds == 0


def test_every_command_has_its_row():
    for command in V1_BUILTINS:
        assert re.search(rf"^\| `{command}\b", PAGE, re.MULTILINE), command


def suffixes():
    table = PAGE[PAGE.index("| at the end of the help |") :]
    return [s.replace("\\|", "|") for s in re.findall(r"^\| `(\[.*?\])` \|", table, re.MULTILINE)]


@pytest.mark.parametrize("suffix", suffixes())
def test_every_suffix_on_the_page_is_understood(suffix):
    attribute = Attribute("x", Type.STR if "|" in suffix else Type.INT, f"A value {suffix}")
    assert attribute.summary == "A value"
    assert attribute.read_only == ("read-only" in suffix)
    if suffix != "[read-only]":
        assert attribute.limits != NO_LIMITS


def test_the_page_has_what_is_tested():
    assert len(examples()) >= 7
    assert len(suffixes()) >= 7


def test_the_words_for_a_bool_are_those_on_the_page():
    found = re.search(r"also takes `([^`]*)` and `([^`]*)`", PROSE)
    assert {Type.BOOL.parse(word) for word in found[1].split()} == {True}
    assert {Type.BOOL.parse(word) for word in found[2].split()} == {False}
