from __future__ import annotations

import copy
import json
import math
import pickle
import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotkit.description import Attribute
from iotkit.types import Type
from iotkit.values import reading

SPEED = Attribute("speed", Type.INT, "How fast [0..255 cm]")

READINGS = {
    "int": (reading(1500, SPEED), 1500),
    "float": (reading(1.25, Attribute("f", Type.FLOAT, "A ratio")), 1.25),
    "str": (reading("text", Attribute("s", Type.STR, "A text")), "text"),
}
every_reading = pytest.mark.parametrize(("read", "plain"), READINGS.values(), ids=READINGS)
numbers = pytest.mark.parametrize(
    ("read", "plain"), [READINGS["int"], READINGS["float"]], ids=["int", "float"]
)


def test_a_value_read_knows_its_help_unit_and_time():
    before = time.time()
    value = reading(80, SPEED)
    assert value.__doc__ == "How fast [0..255 cm]"
    assert value.unit == "cm"
    assert before <= value.time <= time.time()


def test_a_bool_is_a_plain_bool():
    assert reading(True, Attribute("led", Type.BOOL, "The light")) is True


@every_reading
def test_a_value_read_looks_and_prints_as_the_plain_one(read, plain):
    assert repr(read) == repr(plain)
    assert str(read) == str(plain)
    assert f"{read}" == f"{plain}"
    assert f"{read!r:>12}" == f"{plain!r:>12}"
    assert f"{read:>12}" == f"{plain:>12}"
    assert "%s" % read == "%s" % plain  # noqa: UP031


@every_reading
def test_a_value_read_is_the_plain_one_to_comparisons_and_dicts(read, plain):
    assert isinstance(read, type(plain))
    assert read == plain
    assert hash(read) == hash(plain)
    assert {read: 1}[plain] == 1
    assert bool(read) is bool(plain)


@every_reading
@pytest.mark.parametrize("indent", [None, 2])
def test_a_value_read_is_json(read, plain, indent):
    data = {"value": read, "list": [read], str(read): read}
    assert json.dumps(data, indent=indent) == json.dumps(
        {"value": plain, "list": [plain], str(plain): plain}, indent=indent
    )


@every_reading
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_it_is_a_plain_value(read, plain, protocol):
    again = pickle.loads(pickle.dumps(read, protocol))
    assert again == plain
    assert type(again) is type(plain)


@every_reading
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copied_it_is_a_plain_value(read, plain, copied):
    assert copied(read) == plain
    assert type(copied(read)) is type(plain)


@every_reading
def test_numpy_sees_the_plain_value(read, plain):
    assert np.array([read, read]).dtype == np.array([plain, plain]).dtype
    assert (np.array([read]) == np.array([plain])).all()
    assert np.asarray(read).item() == plain


@numbers
def test_arithmetic_gives_plain_numbers(read, plain):
    for result, wanted in (
        (read + 1, plain + 1),
        (2 * read, 2 * plain),
        (read / 3, plain / 3),
        (-read, -plain),
        (read**2, plain**2),
        (read % 7, plain % 7),
        (abs(read), abs(plain)),
        (round(read), round(plain)),
        (math.sqrt(read), math.sqrt(plain)),
        (sum([read, read]), plain * 2),
        (max(read, 0) + 0, plain),
        (np.float64(1) * read, np.float64(1) * plain),
    ):
        assert result == wanted
        assert type(result) is type(wanted)


@numbers
def test_a_number_read_can_be_formatted(read, plain):
    assert f"{read:08.2f} {read:e} {read:+}" == f"{plain:08.2f} {plain:e} {plain:+}"
    assert "%5.1f" % read == "%5.1f" % plain  # noqa: UP031


def test_an_int_read_counts():
    read = reading(3, SPEED)
    assert list(range(read)) == [0, 1, 2]
    assert "abcdef"[read] == "d"
    assert "ab" * read == "ababab"
    assert f"{read:03d} {read:x} {bin(read)}" == "003 3 0b11"
    assert struct.pack("<i", read) == b"\3\0\0\0"
    assert read << 2 == 12
    match read:
        case int(n):
            assert n == 3


def test_a_text_read_is_text():
    read = reading("a b", Attribute("s", Type.STR))
    assert read + "!" == "a b!"
    assert read.split() == ["a", "b"]
    assert ",".join([read]) == "a b"
    assert read.encode() == b"a b"
    assert type(read.upper()) is str


VALUES = st.tuples(st.just(Type.INT), st.integers(-(2**31), 2**31 - 1)) | st.tuples(
    st.just(Type.FLOAT), st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    VALUES | st.tuples(st.just(Type.STR), st.text()) | st.tuples(st.just(Type.BOOL), st.booleans())
)
def test_any_value_read_equals_the_plain_one_and_can_be_checked_again(typed):
    type_, value = typed
    read = reading(value, Attribute("x", type_))
    assert read == value
    if type_ is not Type.STR:
        assert type(type_.check(read)) is type(value)
    assert pickle.loads(pickle.dumps(read)) == value
