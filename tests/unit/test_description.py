from __future__ import annotations

import json
import logging
import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotkit.description import (
    BUILTINS,
    MAX_ARGS,
    MAX_HELP,
    MAX_NAMES,
    Argument,
    Attribute,
    Description,
    Function,
)
from iotkit.devinfo import from_devinfo, to_devinfo
from iotkit.errors import BadType, BadValue, OutOfRange, ProtocolError, ReadOnly
from iotkit.types import NO_LIMITS, Limits, Type

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True).filter(
    lambda name: name not in BUILTINS
)
TYPES = st.sampled_from(Type)
HELPS = st.text(max_size=60) | st.sampled_from(["How fast [0..255]", "To the wall [cm; read-only]"])
ARGUMENTS = st.builds(Argument, st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), TYPES)
ATTRIBUTES = st.builds(Attribute, NAMES, TYPES, HELPS)
FUNCTIONS = st.builds(
    Function, NAMES, st.lists(ARGUMENTS, max_size=3).map(tuple), st.none() | ARGUMENTS, HELPS
)
IDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,9}(:[A-Za-z][A-Za-z0-9_]{0,9})?", fullmatch=True)
DESCRIPTIONS = st.builds(
    Description.of, IDS, st.lists(ATTRIBUTES), st.lists(FUNCTIONS), help=st.text(max_size=20)
)


# Attributes


def test_an_attributes_limits_and_unit_follow_from_its_help():
    attribute = Attribute("speed", Type.INT, "How fast the wheels turn [0..100 %]")
    assert attribute.limits == Limits(0, 100, unit="%")
    assert attribute.summary == "How fast the wheels turn"
    assert not attribute.read_only


@pytest.mark.parametrize("suffix", ["0..100 %; read-only", "read-only; 0..100 %"])
def test_access_stands_beside_limits_in_any_order(suffix):
    attribute = Attribute("level", Type.INT, f"How full [{suffix}]")
    assert attribute.read_only
    assert attribute.limits == Limits(0, 100, unit="%")
    assert attribute.summary == "How full"


@pytest.mark.parametrize(
    "help_",
    [
        *("[", "]", "[]", "x [", "a ] b", "]]", "x [0..5]]", "[;]", "[0..5] at the front"),
        *("[see the manual]", "[0..5; 0..6]", "[read-only; nonsense here]", "[read only]"),
    ],
)
def test_brackets_that_dont_parse_are_just_text(help_):
    attribute = Attribute("x", Type.INT, help_)
    assert attribute.limits == NO_LIMITS
    assert not attribute.read_only
    assert attribute.summary == attribute.help == help_


def test_the_help_is_kept_as_the_device_gave_it_but_for_control_characters():
    attribute = Attribute("x", Type.STR, " \x1b[31mred\x1b[0m\r\n <b>bold</b> $x$ \x07")
    assert attribute.help == "[31mred [0m  <b>bold</b> $x$"


def test_a_long_help_is_cut():
    assert len(Attribute("x", Type.INT, "y" * (MAX_HELP + 1)).help) == MAX_HELP


@pytest.mark.parametrize("filler", [" ", "[", "]", "[ ", " [x", "a:b ", "->", "x:int "])
def test_a_help_text_is_read_in_a_time_that_grows_no_faster_than_its_length(filler):
    def seconds(length):
        text = filler * (length // len(filler))

        def read():
            Attribute("x", Type.INT, text)
            Function.parse("f", text)
            Function.parse("f", f"f {text}-> - x")

        return timeit.timeit(read, timer=time.thread_time, number=1)  # without garbage collection

    tries = [(seconds(MAX_HELP // 16), seconds(MAX_HELP)) for _ in range(5)]
    short, long = map(min, zip(*tries, strict=True))
    assert long / short < 64  # 16 if it grows with the length, 256 if with the length's square


@pytest.mark.parametrize(
    ("attribute", "value", "error", "message"),
    [
        (Attribute("speed", Type.INT), "x", BadType, "speed: it takes a whole number (int), not "),
        (Attribute("speed", Type.INT), True, BadType, "speed: it takes a whole number (int), not "),
        (Attribute("speed", Type.INT), 1.5, BadType, "speed: it takes a whole number (int), not "),
        (Attribute("speed", Type.INT, "[0..9]"), 10, OutOfRange, "speed: it takes 0..9, not 10"),
        (Attribute("name", Type.STR), "a\nb", BadValue, "name: 'a\\nb' holds a line break"),
        (Attribute("at", Type.INT, "[read-only]"), 1, ReadOnly, "at can be read but not set"),
    ],
)
def test_a_refusal_names_the_attribute_in_one_sentence(attribute, value, error, message):
    with pytest.raises(error) as caught:
        attribute.check(value)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


# Functions


@pytest.mark.parametrize(
    ("text", "args", "result", "help_"),
    [
        ("f -> - Drive", [], None, "Drive"),
        ("f ->- Drive", [], None, "Drive"),
        ("f ->", [], None, ""),
        ("f -> ", [], None, ""),
        ("f -> -", [], None, ""),
        ("f ms:int -> - Drive [ms 0..5]", ["ms:int"], None, "Drive [ms 0..5]"),
        ("f ms:int -> -", ["ms:int"], None, ""),
        ("f x:int -> y:float - Both", ["x:int"], "y:float", "Both"),
        ("f -> r:T - dashes - and -> arrows", [], "r:T", "dashes - and -> arrows"),
        ("f a:int b:str -> r:bool - Two", ["a:int", "b:str"], "r:bool", "Two"),
        ("other x:int -> - Another's name", ["x:int"], None, "Another's name"),
        ("f x:str* -> - A type nobody knows", ["x:T"], None, "A type nobody knows"),
    ],
)
def test_a_function_is_read_from_its_help(text, args, result, help_):
    function = Function.parse("f", text)
    assert [f"{a.name}:{a.type}" for a in function.args] == args
    assert (result is None) == (function.result is None)
    assert function.result is None or f"{function.result.name}:{function.result.type}" == result
    assert function.help == help_


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "->->->", "\x00", "Drive forward", "turns left -> then right"),
        *("f x -> - No type", "f x:int - No arrow", "f :int -> - No name", "f x: -> - Nothing"),
        *("f -> a:int b:int", "f x y:int -> -"),
    ],
)
def test_a_help_that_doesnt_parse_is_all_help_and_the_function_takes_nothing(text):
    function = Function.parse("f", text)
    assert function.args == ()
    assert function.result is None
    assert function.help == text.strip("\x00")


def test_a_function_with_absurdly_many_arguments_is_taken_for_prose():
    words = " ".join(f"a{i}:int" for i in range(MAX_ARGS + 1))
    assert Function.parse("f", f"f {words} -> - Many").args == ()


def test_each_argument_has_its_own_limits():
    function = Function.parse("f", "f ms:int side:str -> - Turn [ms 0..5000 ms; side left|right]")
    assert function.args[0].limits == Limits(0, 5000, unit="ms")
    assert function.args[1].limits == Limits(choices=("left", "right"))
    assert function.summary == "Turn"


def test_a_function_says_how_long_it_may_take():
    function = Function.parse("f", "f ms:int -> - Turn [ms 0..5000 ms; within 7.5 s]")
    assert (function.within, function.summary) == (7.5, "Turn")
    assert function.args[0].limits == Limits(0, 5000, unit="ms")
    assert Function("home", help="Go home [within 90 s]").within == 90
    assert Function("home", help="Go home").within == 0


@pytest.mark.parametrize("part", ["within", "within 1e3 s", "within -1 s", "within 5 min"])
def test_a_time_that_can_not_be_read_is_just_text(part):
    function = Function("home", help=f"Go home [{part}]")
    assert (function.within, function.summary) == (0, f"Go home [{part}]")


def test_within_may_be_the_name_of_an_argument():
    function = Function("f", (Argument("within", Type.FLOAT),), help="Wait [within 5 s]")
    assert function.within == 0


@pytest.mark.parametrize(
    "suffix", ["[0..5]", "[us 0..5]", "[ms]", "[ms nonsense here]", "[ms 0..5; x]"]
)
def test_brackets_of_no_argument_are_just_text(suffix):
    function = Function("f", (Argument("ms", Type.INT),), help=f"Wait {suffix}")
    assert function.args[0].limits == NO_LIMITS
    assert function.summary == f"Wait {suffix}"


@given(FUNCTIONS)
def test_a_function_reads_as_it_is_written(function):
    again = Function.parse(function.name, f"{function.signature} - {function.help}")
    assert again == function


@given(st.text())
def test_any_help_text_gives_a_function(text):
    assert Function.parse("f", text).name == "f"


def test_a_wrong_number_of_arguments_is_a_type_error_that_says_what_it_takes():
    function = Function("turn", (Argument("ms", Type.INT), Argument("side", Type.STR)))
    with pytest.raises(BadType, match=r"^turn\(\) takes 2 \(ms: int, side: str\); it was given 1$"):
        function.check([5])
    with pytest.raises(BadType, match=r"^stop\(\) takes no argument; it was given 1$"):
        Function("stop").check([5])


WORDS = st.text(
    st.characters(exclude_characters="\n\r\x00 ", exclude_categories=["Cs"]), min_size=1
)
TEXTS = st.text(st.characters(exclude_characters="\n\r\x00", exclude_categories=["Cs"]))


@given(st.integers(-(2**31), 2**31 - 1), WORDS, TEXTS)
def test_arguments_come_back_from_the_line(number, word, rest):
    kinds = (Type.INT, Type.STR, Type.STR)
    function = Function("f", tuple(Argument(n, t) for n, t in zip("abc", kinds, strict=True)))
    values = function.check([number, word, rest])
    assert function.parse_args(function.format_args(values)) == (number, word, rest)


@pytest.mark.parametrize("word", ["", "two words"])
def test_a_text_that_would_run_into_the_next_argument_is_refused(word):
    function = Function("f", (Argument("a", Type.STR), Argument("b", Type.INT)))
    with pytest.raises(BadValue, match=r"^a takes one word"):
        function.format_args(function.check([word, 1]))


# Whole descriptions


@pytest.mark.parametrize(
    "id_", ["", "-", "1x", "x:", ":x", "x:y:z", "x y", "x\n", "é", "a-b", "x" * 65, "x:" + "y" * 65]
)
def test_a_bad_device_id_is_a_protocol_error(id_):
    with pytest.raises(ProtocolError, match="is no device id"):
        Description.of(id_)


def test_a_device_id_has_a_class_and_a_specifier():
    description = Description.of("sumobot:red")
    assert (description.plain_id, description.specifier) == ("sumobot", "red")
    assert description.name == "sumobot_red"
    assert Description.of("sumobot").specifier == ""


ODD = ["__class__", "close", "class", "a-b", "_x", "None", "x" * 64]
UNUSABLE = ["", "1x", "a b", "é", "x" * 65, "a.b", "a\n", "ping", "get", "describe", "watch", "%s"]


def test_odd_names_are_kept_and_unusable_ones_left_out_with_a_warning(caplog):
    attributes = [Attribute(name, Type.INT) for name in ODD + UNUSABLE]
    assert list(Description.of("d", attributes).attributes) == ODD
    assert len(caplog.records) == len(UNUSABLE)


def test_of_a_doubled_name_the_first_counts(caplog):
    twice = [Attribute("x", Type.INT, "one"), Attribute("x", Type.STR, "two")]
    description = Description.of("d", twice, [Function("x")])
    assert description.attributes == {"x": twice[0]}
    assert description.functions == {}
    assert len(caplog.records) == 2


def test_the_number_of_names_is_bounded(caplog):
    many = [Attribute(f"a{i}", Type.INT) for i in range(MAX_NAMES + 500)]
    with caplog.at_level(logging.WARNING):
        assert len(Description.of("d", many).attributes) == MAX_NAMES
    assert len(caplog.records) == 1


def test_a_description_keeps_the_devices_order():
    attributes = [Attribute(name, Type.INT) for name in "zmak"]
    assert "".join(Description.of("d", attributes).attributes) == "zmak"


# devinfo


@given(DESCRIPTIONS)
def test_a_description_comes_back_from_devinfo_through_json(description):
    there = json.loads(json.dumps(to_devinfo(description), allow_nan=False))
    again = from_devinfo(there)
    assert again == description
    assert to_devinfo(again) == there


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["attrs", "funcs", "devicename", "value", "spec", "args", "x", "type"]),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_any_json_is_a_description_or_a_protocol_error(value):
    try:
        from_devinfo(value)
    except ProtocolError:
        pass


@given(JSON, JSON, JSON)
def test_any_json_inside_a_devinfo_is_a_description_or_a_protocol_error(attribute, function, spec):
    for value in (function, {"value": spec}, {"value": {"spec": spec}}):
        devinfo = {"devicename": "d", "attrs": {"a": attribute}, "funcs": {"f": value}}
        try:
            from_devinfo(devinfo)
        except ProtocolError:
            pass


def test_a_signature_that_an_original_server_could_not_read_takes_nothing():
    spec = {"args": "UNPARSED", "result": "UNPARSED"}
    devinfo = {"devicename": "d", "attrs": {}, "funcs": {"f": {"value": {"spec": spec}}}}
    assert from_devinfo(devinfo).functions == {"f": Function("f")}
