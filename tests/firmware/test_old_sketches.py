"""A sketch written for the original library compiles unchanged and is sound now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from board import Board, frame, unframe


@pytest.fixture
def old(boot: Callable[..., Board]) -> Board:
    return boot("OldSketch")


WALK = [
    ("ping", "200:OK:pong"),
    ("funcs", "200:FUNCS OK:ping,devinfo,funcs,attrs,set,get,help,forward,echo,on"),
    ("attrs", "200:ATTRS OK:turn_time_ms:int,lit:bool"),
    ("help turn_time_ms", "200:Help found:int - How long to turn"),
    ("help echo", "200:Help found:echo what:str -> result:str - Say it again"),
    ("help nothing", "404:No help found:nothing"),
    ("get turn_time_ms", "200:Found:2000"),
    ("get nothing", "404:Attribute Not Found:-"),
    ("set turn_time_ms 5", "200:Success:-"),
    ("get turn_time_ms", "200:Found:5"),
    ("set lit t", "200:Success:-"),
    ("get lit", "200:Found:True"),
    ("set nothing 5", "404:Attribute Not Found:-"),
    ("set lit", "400:Fail:set attribute must be given a value"),
    ("forward", "200:Success:-"),
    ("echo two words", "200:Success:two words"),
]


def test_it_is_served_as_before(old: Board) -> None:
    assert old.banner[0].startswith("200:DEV READY iotoy/2 ") and old.banner[0].endswith(
        ":oldsketch"
    )
    for command, reply in WALK:
        assert old.ask(command) == [reply], command


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("set turn_time_ms 70000", "416:Out of range:-32768..32767"),
        ("set turn_time_ms abc", "400:Bad Value:int"),
        ("set lit yes", "400:Bad Value:bool"),
        ("on", "404:funcname Not Found:-"),
        ("rubbish", "404:funcname Not Found:-"),
        ("x" * 200, "413:Line too long:-"),
        ("ping\r", "200:OK:pong"),
    ],
)
def test_the_faults_of_the_original_are_gone(old: Board, command: str, reply: str) -> None:
    assert old.ask(command) == [reply]
    assert old.ask("ping") == ["200:OK:pong"]


def test_it_speaks_v2_as_well(old: Board) -> None:
    *parts, end = [unframe(line) for line in old.ask(frame("a", "describe"))]
    assert [text for _, text in parts] == [
        "102:ATTR:turn_time_ms:int - How long to turn",
        "102:ATTR:lit:bool - The light",
        "102:FUNC:forward -> - Move",
        "102:FUNC:echo what:str -> result:str - Say it again",
        "102:FUNC:on -> - ",
    ]
    assert end[0] == "a" and end[1].startswith("200:DESCRIBE OK:5,")
    assert old.call("b", "get turn_time_ms") == [("b", "200:Found:2000")]
