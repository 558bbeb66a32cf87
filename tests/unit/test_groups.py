"""Several devices used as one."""

from __future__ import annotations

import inspect
import threading
from typing import Annotated

import pytest

import iotkit
from iotkit import discovery, host
from iotkit.errors import NotAllowed
from iotkit.groups import Results, grouped

SOON = 10.0


class Lamp(host.Device):
    """A lamp."""

    level: Annotated[int, "How bright [0..100 %]"] = 80
    broken: bool = False

    def __init__(self) -> None:
        self.together: threading.Barrier | None = None

    @host.function
    def brighter(self, by: int) -> int:
        """Make it brighter [by 0..50]"""
        if self.together:
            self.together.wait(SOON)
        if self.broken:
            raise RuntimeError("the bulb is broken")
        self.level += by
        return self.level

    @host.function
    def blink(self) -> None:
        """Blink"""


class OldLamp(host.Device, id="lamp"):
    """One that can't blink, and counts otherwise."""

    level: Annotated[int, "How bright [0..10]"] = 1
    watts: float = 40.0
    names: str = "its own"


@pytest.fixture
def lamps():
    return [Lamp(), Lamp(), Lamp()]


@pytest.fixture
def group(lamps):
    with iotkit.group(*map(iotkit.connect, lamps)) as group:
        yield group


@pytest.fixture
def mixed():
    with iotkit.group(iotkit.connect(Lamp()), iotkit.connect(OldLamp())) as group:
        yield group


def test_a_function_is_called_of_all_and_each_answers(group, lamps):
    assert group.brighter(5) == {"lamp": 85, "lamp_2": 85, "lamp_3": 85}
    assert group.brighter(by=5) == {"lamp": 90, "lamp_2": 90, "lamp_3": 90}
    assert [lamp.level for lamp in lamps] == [90, 90, 90]


def test_all_are_begun_before_one_is_waited_for(group, lamps):
    together = threading.Barrier(3)
    for lamp in lamps:
        lamp.together = together
    assert group.brighter(1) == {"lamp": 81, "lamp_2": 81, "lamp_3": 81}


def test_one_that_fails_keeps_no_other_from_it_and_is_an_error_by_its_name(group, lamps):
    lamps[1].broken = True
    results = group.brighter(5)
    assert (results["lamp"], results["lamp_3"]) == (85, 85)
    assert list(results.errors) == ["lamp_2"]
    assert "the bulb is broken" in str(results["lamp_2"])


def test_an_attribute_is_read_and_set_of_all(group, lamps):
    lamps[2].level = 7
    assert group.level == {"lamp": 80, "lamp_2": 80, "lamp_3": 7}
    assert group.level["lamp"].unit == "%"
    group.level = 50
    assert [lamp.level for lamp in lamps] == [50, 50, 50]


def test_results_are_read_easily(group, lamps):
    lamps[1].broken = True
    assert repr(group.blink()) == "lamp    done\nlamp_2  done\nlamp_3  done"
    assert repr(group.brighter(1)).splitlines()[0] == "lamp    81"
    assert repr(group.brighter(1)).splitlines()[1].startswith("lamp_2  DeviceError: ")
    assert repr(Results({"lamp": "\x1b[31m"})) == r"lamp  '\x1b[31m'"


def test_what_nobody_can_be_asked_is_an_error_at_once_and_nothing_is_sent(group, lamps):
    with pytest.raises(iotkit.OutOfRange):
        group.brighter(51)
    with pytest.raises(iotkit.OutOfRange):
        group.level = 101
    with pytest.raises(iotkit.BadType):
        group.brighter()
    with pytest.raises(iotkit.UnknownName, match="did you mean 'level'"):
        group.levle = 1
    with pytest.raises(iotkit.UnknownName, match="did you mean 'level'"):
        _ = group.levle
    assert [lamp.level for lamp in lamps] == [80, 80, 80]


def test_one_that_can_not_be_set_is_an_error_when_all_have_been_asked(mixed):
    with pytest.raises(iotkit.SomeFailed, match=r"not set by 1 of 2: lamp_2: .*10"):
        mixed.level = 60
    assert [lamp.level for lamp in mixed] == [60, 1]


def test_what_only_some_have_is_asked_of_those(mixed):
    assert mixed.watts["lamp_2"] == 40.0
    assert isinstance(mixed.watts["lamp"], iotkit.UnknownName)
    assert mixed.blink()["lamp"] is None
    assert isinstance(mixed.blink()["lamp_2"], iotkit.UnknownName)
    assert mixed.names["lamp_2"] == "its own"


def test_it_goes_through_its_devices_and_has_each_by_its_name(group):
    assert len(group) == 3
    assert [lamp.level for lamp in group] == [80, 80, 80]
    assert group.names == ["lamp", "lamp_2", "lamp_3"]
    assert group["lamp_2"] is list(group)[1]
    assert "lamp_3" in group
    assert "lamp_4" not in group
    with pytest.raises(iotkit.UnknownName, match="did you mean 'lamp_2'"):
        _ = group["lamp2"]


def test_a_device_is_in_it_once(lamps):
    with iotkit.connect(lamps[0]) as lamp:
        assert len(iotkit.group(lamp, lamp)) == 1


def test_one_that_can_not_be_reached_is_in_it_as_the_error_why():
    why = NotAllowed("lamp_2 lets in only who has paired with it")
    with grouped({"lamp": iotkit.connect(Lamp()), "lamp_2": why}) as group:
        assert len(group) == 1
        assert group.brighter(1) == {"lamp": 81, "lamp_2": why}
        assert repr(group) == "<2 devices: lamp ready, lamp_2 NotAllowed>"
        with pytest.raises(NotAllowed):
            _ = group["lamp_2"]
        with pytest.raises(iotkit.OutOfRange):
            group.brighter(51)
    with pytest.raises(NotAllowed):
        grouped({"lamp_2": why})
    with pytest.raises(iotkit.DeviceNotFound):
        iotkit.group()
    with pytest.raises(iotkit.BadType):
        iotkit.group("lamp")


def test_looking_at_it_talks_to_nobody(group):
    for lamp in group:
        lamp.close()  # whoever talks to it now gets an error
    assert repr(group) == "<3 devices: lamp closed, lamp_2 closed, lamp_3 closed>"
    assert {"level", "brighter", "names", "close"} <= set(dir(group))
    assert str(inspect.signature(group.brighter)).startswith("(by: int)")
    assert inspect.getdoc(type(group).level) == "How bright [0..100 %]"
    for name in ("_repr_html_", "_ipython_display_", "__wrapped__"):
        assert not hasattr(group, name)
    assert all(isinstance(one, iotkit.DeviceDisconnected) for one in group.level.values())


@pytest.mark.parametrize("name", ["all", "annotations", "class"])
def test_a_device_on_the_network_whose_name_is_taken_there_has_another_one(name):
    assert discovery.python_name(name) == f"{name}_"
    public = {name for name in vars(iotkit.local) if not name.startswith("_")}
    assert public == {"all", "annotations"}
