"""Text of others is harmless before a person sees it, at whichever place it came in."""

from __future__ import annotations

import io
import pydoc
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotkit.description import MAX_HELP, Attribute, Description, Event, Function
from iotkit.device import device_over
from iotkit.devinfo import from_devinfo, to_devinfo
from iotkit.errors import DeviceError, DeviceNotFound, PortBusy, UnknownName
from iotkit.links.local import LocalLink
from iotkit.links.representation import error_of
from iotkit.plain import MAX_SENTENCE, plain, printable
from iotkit.text import described, member_help
from iotkit.types import Type

# What a terminal obeys, what turns text around, what nobody sees, what is no text at all.
NASTY = "a\x1b[2J\x9b31m\rb\nc\u202ed\u2066e\u200bf\ufeffg\u2028h\x00i\x7f\ud800j\U000e0041k"
OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in OBEYED for c in text) and all(
        c == " " or not c.isspace() for c in text
    )


@given(st.text(st.characters()))
def test_all_text_becomes_one_harmless_line(text: str) -> None:
    assert harmless(plain(text))
    assert harmless(printable(text))
    assert plain(plain(text)) == plain(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_text_that_is_harmless_stays_as_it_is(text: str) -> None:
    assert printable(text) == text
    assert plain(text) == text


def test_what_is_hidden_or_turns_text_around_is_seen() -> None:
    assert printable("a\u202eb\u200b\x1b") == r"a\u202eb\u200b\x1b"
    assert plain(" a\u202eb \r\n\x1b[31mc\xa0d ") == r"a\u202eb  [31mc d"
    assert len(plain("\u202e" * 10_000)) == MAX_SENTENCE


def test_what_a_device_says_of_itself_is_harmless_when_it_comes_in() -> None:
    attribute = Attribute("x", Type.STR, NASTY + " [a\u202e|b]")
    function = Function.parse("f", f"f a\u202e\x1b:int -> r\u200b:str - {NASTY}")
    event = Event.parse("e", f"e v\u202e:int - {NASTY}")
    known = Description.of("robot", [attribute], [function], [event], NASTY)
    assert function.result
    assert event.value
    texts = [attribute.help, *attribute.limits.choices, function.help, function.args[0].name]
    texts += [function.result.name, event.value.name, event.help, known.help]
    assert all(map(harmless, texts)), texts
    assert all(map(harmless, described(known).split("\n")))
    assert harmless(member_help(function))
    assert len(Attribute("x", Type.STR, "\u202e" * MAX_HELP).help) == MAX_HELP
    sent = from_devinfo(
        to_devinfo(known)
        | {
            "funcs": {
                "g": {"help": NASTY, "value": {"spec": {"args": [[NASTY, "int"]], "result": []}}}
            }
        }
    )
    assert harmless(sent.functions["g"].args[0].name + sent.functions["g"].help)


@pytest.mark.parametrize("kind", [DeviceError, DeviceNotFound, PortBusy, UnknownName])
def test_an_error_is_harmless_whoever_wrote_a_part_of_it(kind: type[Exception]) -> None:
    assert harmless(str(kind(f"it said {NASTY}")))
    assert len(str(kind("x" * 100_000))) == MAX_SENTENCE
    body = {"type": "iotoy.org/types/exception", "value": {"name": kind.__name__, "message": NASTY}}
    assert harmless(str(error_of(500, body, "")))


class Rude:
    """A device that says nothing else."""

    description = Description.of(
        "rude",
        [Attribute("x", Type.STR, NASTY)],
        [Function("f", (), None, NASTY)],
        help=NASTY,
    )

    def get(self, name: str) -> str:
        return NASTY

    def pushes(self, name: str) -> bool:
        return False

    def listen(self, link: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_device_is_looked_at_harmlessly_and_a_program_gets_the_very_value() -> None:
    with device_over(LocalLink(Rude(), f"at {NASTY}")) as robot:
        assert robot.x == NASTY
        assert harmless(repr(robot.x))
        assert harmless(repr(robot))
        explained = io.StringIO()
        pydoc.Helper(output=explained).help(robot)
        assert all(map(harmless, pydoc.plain(explained.getvalue()).split("\n")))
