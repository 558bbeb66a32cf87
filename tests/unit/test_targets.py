from __future__ import annotations

import pytest

import iotkit
from iotkit.discovery import Found
from iotkit.host import Device


class Lamp(Device):
    """A lamp."""

    level: int = 3


def test_a_device_written_in_python_is_a_target():
    with iotkit.connect(Lamp()) as lamp:
        assert lamp.level == 3


def test_a_device_that_was_found_is_a_target():
    with iotkit.serve(Lamp(), announce=False) as service:
        found = Found("lamp", "lamp", service.url)
        with iotkit.connect(found) as lamp:
            assert lamp.level == 3
            assert iotkit.connect(service.url) is lamp


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Lamp, r"Lamp is a class: write iotkit\.connect\(Lamp\(\)\)"),
        (42, "a text such as 'sim:sumobot', not 42"),
        (b"sim:sumobot", "a text such as"),
    ],
)
def test_what_is_no_target_is_a_type_error(target, said):
    with pytest.raises(iotkit.BadType, match=said):
        iotkit.connect(target)


@pytest.mark.parametrize("target", ["", "  ", "foo://bar", "http://", "socket://x", "ä ö", "-x"])
def test_a_target_that_nobody_understands_says_what_there_is(target):
    with pytest.raises(iotkit.BadTarget):
        iotkit.connect(target)


def test_the_error_lists_what_could_be_meant():
    with pytest.raises(
        iotkit.BadTarget, match=r"sim:sumobot, sim:weather, sim:testhosttiny.*socket://host:port"
    ):
        iotkit.connect("foo://bar")
    with pytest.raises(iotkit.BadTarget, match="did you mean 'sumobot'"):
        iotkit.connect("sim:sumobo")


def test_an_address_that_is_open_gives_the_same_object_until_it_is_closed():
    with iotkit.serve(Lamp(), announce=False) as service:
        first = iotkit.connect(service.url)
        assert iotkit.connect(f"{service.url}/") is first
        first.close()
        again = iotkit.connect(service.url)
        assert again is not first
        again.close()
