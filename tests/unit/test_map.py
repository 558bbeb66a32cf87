"""What a map is told of a robot, and when; tests/browser has the drawing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest

import iotkit
from iotkit import host
from iotkit.device import Device
from iotkit.errors import BadType, IotkitError, UnknownName
from iotkit_widgets import Map, hub
from iotkit_widgets import map as map_module
from iotkit_widgets.hub import Hub


class Rover(host.Device):
    """A rover."""

    x: Annotated[float, "From the left [0..200 cm; read-only]"] = 100.0
    y: Annotated[float, "From the bottom [-50..50 cm; read-only]"] = 0.0
    heading: Annotated[float, "Where it looks [0..360 deg; read-only]"] = 90.0


class Lost(host.Device):
    """It doesn't know where it is."""

    x: Annotated[float, "From the left [0..200 cm]"] = 0.0


class Endless(host.Device):
    """Its table has no edges."""

    x: float = 0.0
    y: float = 0.0


class Trolley(host.Device):
    """It looks nowhere."""

    x: Annotated[int, "[0..10]"] = 1
    y: Annotated[int, "[0..10]"] = 2


@pytest.fixture
def rover() -> Rover:
    return Rover()


@pytest.fixture
def robot(rover: Rover) -> Iterator[Device]:
    with iotkit.connect(rover) as robot:
        yield robot


def until(ready: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def seen_by(map_: Map, *, visible: bool = True) -> None:
    map_._handle_custom_msg({"view": "view", "visible": visible}, [])


@pytest.fixture
def told() -> Iterator[dict[str, Any]]:
    """What the browser was told last, by attribute, and how it stands by "state"."""
    news: dict[str, Any] = {}
    comm = Hub.get().comm
    send = comm.send

    def tapped(data: Any = None, **rest: Any) -> None:
        for buffer in rest["buffers"]:
            for part in json.loads(buffer).values():
                news.update(part["news"], state=part["state"]["is"])
        send(data, **rest)

    comm.send = tapped
    yield news
    comm.send = send


def test_the_limits_are_the_tables_edges(robot: Device) -> None:
    shown = Map(robot)
    assert shown.spec["x"] == {"min": 0.0, "max": 200.0, "unit": "cm"}
    assert shown.spec["y"] == {"min": -50.0, "max": 50.0, "unit": "cm"}
    assert shown.spec["heading"] == {"unit": "deg"}
    shown.close()
    with iotkit.connect(Trolley()) as trolley:
        shown = Map(trolley)
        assert "heading" not in shown.spec
        shown.close()


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [(Lost, UnknownName, "lost has no y"), (Endless, BadType, "a map needs limits of x")],
)
def test_a_robot_that_does_not_tell_where_it_is_is_refused(
    kind: type[host.Device], error: type[IotkitError], words: str
) -> None:
    with iotkit.connect(kind()) as device, pytest.raises(error, match=words):
        Map(device)


def test_a_map_of_something_else_is_refused_in_words() -> None:
    with pytest.raises(BadType, match="a map needs a device"):
        Map("robot")  # type: ignore[arg-type]


def test_it_follows_the_robot_while_it_can_be_seen(
    rover: Rover, robot: Device, told: dict[str, Any]
) -> None:
    shown = Map(robot)
    seen_by(shown)
    place = {n: {"value": v} for n, v in (("x", 100), ("y", 0), ("heading", 90))}
    until(lambda: told == place | {"state": "connected"})
    rover.x = 120.5
    until(lambda: told["x"] == {"value": 120.5})
    seen_by(shown, visible=False)
    told.clear()
    rover.x = 130.0
    seen_by(shown)  # and is told all again
    until(lambda: len(told) == 4 and told["x"] == {"value": 130.0})
    robot.close()
    until(lambda: told["state"] == "gone")
    assert told["x"] == {"value": 130.0}
    shown.close()
    shown.close()


def test_a_page_that_goes_without_a_word_is_forgotten(
    robot: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_module, "EXPIRY", 0.1)
    monkeypatch.setattr(hub, "SWEEP", 0.02)
    shown = Map(robot)
    seen_by(shown)
    until(lambda: not any(t.name == "iotkit hub" for t in threading.enumerate()))
    assert shown._followed == []
    shown.close()


def test_without_a_kernel_a_table_is_shown(robot: Device) -> None:
    shown = Map(robot)
    bundle, _ = shown._repr_mimebundle_()
    assert bundle["text/plain"].startswith("<map of rover on ")
    for text in ("<code>rover</code>", "<code>x</code>", "<code>100.0</code>", "<code>deg</code>"):
        assert text in bundle["text/html"]
    shown.close()
