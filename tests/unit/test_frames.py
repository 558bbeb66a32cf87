from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotkit.protocol.frames import TAGS, frame, is_frame, lost_its_head, unframe

LINES = st.text(
    st.characters(exclude_characters="\n\r\x00", exclude_categories=["Cs"]), max_size=80
)


@given(st.sampled_from(TAGS + "_"), LINES)
def test_what_is_framed_is_unframed(tag, line):
    data = frame(tag, line)
    assert data.endswith(b"\n")
    assert is_frame(data)
    assert unframe(data[:-1]) == (tag, line.encode())


@pytest.mark.parametrize("digits", [b"29b1", b"29B1"])
def test_the_checksum_is_crc16_xmodem_in_hex_of_either_case(digits):
    # 0x31c3 is the check value of CRC-16/XMODEM for "123456789".
    assert frame("1", "23456789") == b"$123456789*31c3\n"
    assert unframe(b"$123456789*31C3") == ("1", b"23456789")
    assert unframe(b"$123456789*" + digits) is None


@given(LINES, st.data())
def test_a_changed_byte_is_always_noticed(line, data):
    good = frame("a", line)[:-1]
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != good[at]))
    bad = good[:at] + bytes([byte]) + good[at + 1 :]
    same_digit = bad.lower() == good and at >= len(good) - 4
    assert same_digit or not is_frame(bad) or unframe(bad) is None


@given(LINES, st.data())
def test_a_lost_byte_is_always_noticed(line, data):
    good = frame("a", line)[:-1]
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + good[at + 1 :]
    assert not is_frame(bad) or unframe(bad) in (None, unframe(good))


@given(st.binary(max_size=40))
def test_garbage_is_no_frame(garbage):
    found = unframe(b"$" + garbage)
    assert found is None or frame(found[0], found[1].decode())[:-1].lower() == b"$" + garbage


def test_what_is_left_of_a_frame_that_lost_its_head_is_known_for_it():
    assert lost_its_head(frame("a", "set speed 10")[5:-1])
    assert not lost_its_head(b"set speed 10")
    assert not lost_its_head(b"set name *12")


def test_the_frames_in_the_documentation_are_right():
    page = Path(__file__).parents[2] / "docs" / "serial-protocol.md"
    shown = re.findall(r"^    [<>] (\$.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert [unframe(line.encode()) for line in shown] == [
        ("a", b"get ratio"),
        ("a", b"200:Found:1.5"),
    ]
