from __future__ import annotations

import enum
import fractions
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotkit.errors import BadType, BadValue, IotkitError, OutOfRange
from iotkit.types import INT_MAX, INT_MIN, Limits, Type, shown

INTS = st.integers(INT_MIN, INT_MAX)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
HUGE = 10**5000  # Python refuses to write it
TEXTS = st.text(st.characters(exclude_characters="\n\r\x00", exclude_categories=["Cs"]))


# What a device says


NO_INTS = "abc 1_000 ٣ ² 1.0 1e3 0x10 +1 --1 - 1\t2 1\t True nan ? 2147483648 -2147483649"
NO_FLOATS = (
    "? abc nan NaN inf -inf INF infinity 1_0.0 ٣.٣ 1,5 0x1p3 1e400 -1e400 . e5 1e 1e5000 1..2"
)


@pytest.mark.parametrize("text", [*NO_INTS.split(" "), "", "1 2", "1\n", "9" * 99])
def test_what_is_no_int_is_an_error(text):
    with pytest.raises(BadValue):
        Type.INT.parse(text)


@pytest.mark.parametrize("text", [*NO_FLOATS.split(" "), "", "1.5\n", "+1.5", "True", "1. 5"])
def test_what_is_no_float_is_an_error(text):
    with pytest.raises(BadValue):
        Type.FLOAT.parse(text)


@pytest.mark.parametrize(
    "text", ["yes", "TRUE", "tRUE", "on", "2", "", "none", "True False", "\uff11"]
)
def test_what_is_no_bool_is_an_error(text):
    with pytest.raises(BadValue):
        Type.BOOL.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1500", 1500),
        ("-12", -12),
        ("007", 7),
        ("-0", 0),
        ("  42", 42),
        ("42 ", 42),
        ("2147483647", INT_MAX),
        ("-2147483648", INT_MIN),
    ],
)
def test_an_int_is_decimal_digits_and_padding(text, value):
    parsed = Type.INT.parse(text)
    assert parsed == value
    assert type(parsed) is int


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.1", 1.1),
        ("0.000000", 0.0),
        ("3", 3.0),
        ("-1e-3", -0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("  1.50", 1.5),
        ("1E+06", 1e6),
        ("0" * 99 + "1", 1.0),
    ],
)
def test_a_float_is_what_c_and_python_print(text, value):
    parsed = Type.FLOAT.parse(text)
    assert parsed == value
    assert type(parsed) is float


@pytest.mark.parametrize("text", ["1", "true", "True", "t", "T", " True "])
def test_the_fields_words_for_true(text):
    assert Type.BOOL.parse(text) is True


@pytest.mark.parametrize("text", ["0", "false", "False", "f", "F"])
def test_the_fields_words_for_false(text):
    assert Type.BOOL.parse(text) is False


@pytest.mark.parametrize("type_", [Type.STR, Type.ANY])
@pytest.mark.parametrize("text", ["", " ", " a  b ", "1:2:3", "\x1b[31m", "schön", "-"])
def test_a_text_is_taken_as_it_is(type_, text):
    assert type_.parse(text) == text


@given(st.sampled_from(Type), st.text())
def test_any_text_is_a_value_or_an_error(type_, text):
    try:
        value = type_.parse(text)
    except BadValue:
        return
    assert type(value) is type_.python
    assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("name", ["int", "float", "bool", "str", "T"])
def test_a_type_has_its_wire_name(name):
    assert str(Type.named(name)) == name


@pytest.mark.parametrize("name", ["", "str*", "Int", "long", "int\n", "__class__"])
def test_a_type_that_nobody_knows_is_any(name):
    assert Type.named(name) is Type.ANY


# There and back


@given(INTS)
def test_an_int_comes_back(value):
    assert Type.INT.parse(Type.INT.format(Type.INT.check(value))) == value


@given(FLOATS)
def test_a_float_comes_back_bit_for_bit(value):
    there = Type.FLOAT.parse(Type.FLOAT.format(Type.FLOAT.check(value)))
    assert (there, math.copysign(1, there)) == (value, math.copysign(1, value))


@given(st.booleans())
def test_a_bool_comes_back_and_is_written_as_old_boards_take_it(value):
    text = Type.BOOL.format(Type.BOOL.check(value))
    assert text in ("True", "False")
    assert Type.BOOL.parse(text) is value


@given(st.sampled_from([Type.STR, Type.ANY]), TEXTS)
def test_a_text_comes_back(type_, value):
    assert type_.parse(type_.format(type_.check(value))) == value


# What a user gives


class Colour(str, enum.Enum):  # noqa: UP042 - a StrEnum calls itself what it holds
    RED = "red"


class Gear(enum.IntEnum):
    SECOND = 2


@pytest.mark.parametrize(
    ("type_", "given", "plain"),
    [
        (Type.INT, 5, 5),
        (Type.INT, np.int8(5), 5),
        (Type.INT, np.uint64(5), 5),
        (Type.INT, np.array(5), 5),
        (Type.INT, Gear.SECOND, 2),
        (Type.FLOAT, 5, 5.0),
        (Type.FLOAT, 1.5, 1.5),
        (Type.FLOAT, np.float32(1.5), 1.5),
        (Type.FLOAT, np.float16(1.5), 1.5),
        (Type.FLOAT, np.longdouble(1.5), 1.5),
        (Type.FLOAT, np.int64(3), 3.0),
        (Type.FLOAT, fractions.Fraction(1, 4), 0.25),
        (Type.BOOL, True, True),
        (Type.BOOL, np.bool_(False), False),
        (Type.STR, "a b", "a b"),
        (Type.STR, "", ""),
        (Type.STR, np.str_("a"), "a"),
        (Type.STR, Colour.RED, "red"),
        (Type.ANY, "text", "text"),
        (Type.ANY, 3, "3"),
        (Type.ANY, 1.5, "1.5"),
        (Type.ANY, True, "True"),
        (Type.ANY, np.int16(3), "3"),
        (Type.ANY, Colour.RED, "red"),
    ],
)
def test_a_fitting_value_becomes_a_plain_one(type_, given, plain):
    checked = type_.check(given)
    assert checked == plain
    assert type(checked) is type(plain)


@pytest.mark.parametrize(
    ("type_", "given"),
    [(Type.INT, x) for x in ("x", "5", 1.0, 1.5, True, None, [1], np.float64(1), np.bool_(True))]
    + [(Type.FLOAT, x) for x in ("1.5", True, None, 1j, [1.5], np.bool_(True), np.array([1.5]))]
    + [(Type.BOOL, x) for x in (0, 1, "True", None, np.int8(1))]
    + [(Type.STR, x) for x in (1, 1.5, True, None, b"x", ["x"])]
    + [(Type.ANY, x) for x in (None, b"x", [1], object())],
)
def test_a_value_of_the_wrong_type_is_a_type_error(type_, given):
    with pytest.raises(BadType, match=r"^it takes .+, not "):
        type_.check(given)


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        (Type.INT, 2**31),
        (Type.INT, -(2**31) - 1),
        pytest.param(Type.INT, HUGE, id="huge int"),
        (Type.INT, np.uint64(2**63)),
        (Type.FLOAT, math.nan),
        (Type.FLOAT, math.inf),
        (Type.FLOAT, -math.inf),
        (Type.FLOAT, np.float32("nan")),
        pytest.param(Type.FLOAT, HUGE, id="huge float"),
        (Type.STR, "two\nlines"),
        (Type.STR, "a\rb"),
        (Type.STR, "a\0b"),
        (Type.STR, "\ud800"),
        (Type.ANY, "a\nb"),
        (Type.ANY, math.nan),
        pytest.param(Type.ANY, HUGE, id="huge T"),
    ],
)
def test_a_value_that_cant_be_sent_is_a_value_error(type_, given):
    with pytest.raises(BadValue):
        type_.check(given)


@given(st.sampled_from(Type), st.one_of(st.text(), st.integers(), st.floats(), st.binary()))
def test_any_value_is_checked_or_is_an_error_of_ours(type_, value):
    try:
        checked = type_.check(value)
    except IotkitError:
        return
    assert type_.parse(type_.format(checked)) == checked


# Limits


@pytest.mark.parametrize(
    ("text", "type_", "limits"),
    [
        ("0..255", Type.INT, Limits(0, 255)),
        ("-90..90 step 5", Type.INT, Limits(-90, 90, 5)),
        ("0..5 V", Type.FLOAT, Limits(0, 5, unit="V")),
        ("0..5 step 0.5 V", Type.FLOAT, Limits(0, 5, 0.5, "V")),
        ("0..200 step", Type.INT, Limits(0, 200, unit="step")),
        ("cm", Type.INT, Limits(unit="cm")),
        ("°C", Type.FLOAT, Limits(unit="°C")),
        ("m/s", Type.FLOAT, Limits(unit="m/s")),
        ("0..100 %", Type.INT, Limits(0, 100, unit="%")),
        ("-2147483648..2147483647", Type.INT, Limits(INT_MIN, INT_MAX)),
        ("slow|fast|turbo", Type.STR, Limits(choices=("slow", "fast", "turbo"))),
        ("slow | very fast", Type.STR, Limits(choices=("slow", "very fast"))),
    ],
)
def test_limits_are_read(text, type_, limits):
    assert Limits.parse(text, type_) == limits


@pytest.mark.parametrize(
    ("text", "type_"),
    [(text, Type.INT) for text in ("approx.", "a:b", "note,", "averyveryverylongunit")]
    + [(text, Type.INT) for text in ("", "see the manual", "0..", "..5", "5..0", "5..5", "0...5")]
    + [(text, Type.INT) for text in ("0..5.5", "0..5 step 0", "0..5 step -1", "0..٣")]
    + [(text, Type.INT) for text in ("0..5V", "0..1_000", "1e3..1e4", "0..5 [V]", "0..5 V A")]
    + [(text, Type.FLOAT) for text in ("nan..5", "-inf..inf", "0..1e5", "12345678901234", "9 V")]
    + [(text, Type.STR) for text in ("", "slow", "|", "slow|", "|slow", "a||b", "a| |b", "cm")]
    + [("0..5", Type.STR), ("0..1", Type.BOOL), ("0..5", Type.ANY), ("a|b", Type.ANY)],
)
def test_what_reads_like_no_limits_is_prose(text, type_):
    assert Limits.parse(text, type_) is None


_ROUND = st.decimals(-(10**9), 10**9, places=9).map(float)


@given(st.tuples(_ROUND, _ROUND).map(sorted), st.none() | _ROUND.map(abs), st.sampled_from("V%°"))
def test_limits_of_a_float_read_as_they_are_written(bounds, step, unit):
    low, high = bounds
    limits = Limits(low, high, step, unit)
    if low < high and step != 0:
        assert Limits.parse(str(limits), Type.FLOAT) == limits


@given(st.tuples(INTS, INTS).map(sorted), st.none() | st.integers(1, 9999))
def test_limits_of_an_int_read_as_they_are_written(bounds, step):
    limits = Limits(*bounds, step)
    if bounds[0] < bounds[1]:
        assert Limits.parse(str(limits), Type.INT) == limits


@given(st.sampled_from(Type), st.text() | st.from_regex(r"[-0-9. stepV|]{0,20}", fullmatch=True))
def test_any_text_in_brackets_is_limits_or_prose(type_, text):
    limits = Limits.parse(text, type_)
    assert limits is None or Limits.parse(str(limits), type_) == limits


@pytest.mark.parametrize("value", [-1, 256, 10**9])
def test_a_number_beyond_its_limits_is_out_of_range(value):
    with pytest.raises(OutOfRange, match=r"^it takes 0\.\.255 V, not "):
        Limits(0, 255, unit="V").check(value)


def test_the_limits_themselves_are_allowed():
    Limits(0, 255).check(0)
    Limits(0, 255).check(255)
    Limits(unit="cm").check(10**9)
    Limits(choices=("slow", "fast")).check("fast")


def test_a_text_that_is_none_of_the_choices_is_out_of_range():
    with pytest.raises(OutOfRange, match=r"^it takes slow or fast, not 'warp'$"):
        Limits(choices=("slow", "fast")).check("warp")


# What messages quote


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no")


def test_what_a_message_quotes_is_short_and_without_control_characters():
    for value in ("x" * 10_000, HUGE, Unspeakable(), "\x1b[2J\n", [0] * 999):
        assert len(shown(value)) <= 40
        assert shown(value).isprintable()


@pytest.mark.parametrize(
    ("type_", "value", "told"),
    [
        (Type.INT, "50", r"not the str '50': write int\(…\)$"),  # as input() gives it
        (Type.INT, "fast", r"not the str 'fast'$"),
        (Type.INT, 100 / 2, r"not the float 50\.0: write round\(…\)$"),
        (Type.FLOAT, "2.5", r"not the str '2\.5': write float\(…\)$"),
        (Type.FLOAT, "fast", r"not the str 'fast'$"),
    ],
)
def test_a_value_that_is_nearly_of_the_type_is_answered_by_how_it_becomes_that(type_, value, told):
    with pytest.raises(BadType, match=told):
        type_.check(value)
