"""The kernel's side of a plot; the browser's side is in tests/browser."""

from __future__ import annotations

import math
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

import iotkit
from iotkit import host
from iotkit.device import Device, device_over, link_of
from iotkit.errors import BadType, BadValue, IotkitError, OutOfRange, UnknownName
from iotkit.links.local import LocalLink
from iotkit_widgets import Plot, assets, hub, plot, samples
from iotkit_widgets.hub import Hub
from iotkit_widgets.samples import Samples

HOSTILE = "<img src=x onerror=alert(1)> $x$"


class Rig(host.Device):
    """A rig."""

    force: Annotated[float, "At the hook [0..50 N]"] = 1.5
    turns: int = 0
    on: bool = False
    label: str = "new"


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def device(rig: Rig) -> Iterator[Device]:
    with device_over(LocalLink(host.Hosted(rig), "sim:rig")) as device:
        yield device


@pytest.fixture(autouse=True)
def _no_widget_is_left() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()


def until(ready: Callable[[], object], timeout: float = 10.0) -> None:
    end = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


class Page:
    """What a browser's view of a plot says to the kernel, and what it has of the samples."""

    def __init__(self, shown: Plot, name: str = "page") -> None:
        self.shown, self.name = shown, name
        self.heard: list[dict[str, Any]] = []
        self.values: list[dict[int, float]] = [{} for _ in shown.spec["traces"]]
        send = shown.comm.send

        def tapped(data: Any = None, buffers: Any = None, **rest: Any) -> None:
            if data["method"] == "custom":
                self._take(data["content"]["samples"], buffers[0])
            send(data, buffers=buffers, **rest)

        shown.comm.send = tapped

    def _take(self, news: dict[str, Any], data: bytes) -> None:
        numbers = struct.unpack(f"={len(data) // 8}d", data)
        for trace, first, count in zip(self.values, news["first"], news["counts"], strict=True):
            values = numbers[count : 2 * count]
            trace.update(zip(range(first, first + count), values, strict=True))
            numbers = numbers[2 * count :]
        self.heard.append(news)

    def say(self, **message: Any) -> None:
        self.shown.said({"view": self.name, **message})

    def all(self, trace: int = 0) -> list[float]:
        """Return the values heard of a trace; fails if any was left out."""
        values = self.values[trace]
        assert sorted(values) == list(range(len(values)))
        return [values[number] for number in sorted(values)]


def follows(device: Device, name: str) -> bool:
    return link_of(device).newsroom.follows(name)


# What is kept.


def taken(kept: Samples, number: int = 0) -> tuple[int, list[tuple[float, float]]]:
    first, count, data = kept.since(number)
    numbers = struct.unpack(f"={2 * count}d", data)
    return first, list(zip(numbers[:count], numbers[count:], strict=True))


def test_samples_are_kept_in_order_and_given_from_a_number_on() -> None:
    kept = Samples()
    assert taken(kept) == (0, [])
    for number in range(5):
        kept.add(10.0 + number, number / 2)
    assert taken(kept, 3) == (3, [(13.0, 1.5), (14.0, 2.0)])
    assert taken(kept, 5) == (5, [])
    assert kept.last == 2.0


def test_a_clock_that_is_set_back_puts_nothing_out_of_order() -> None:
    kept = Samples()
    kept.add(10.0, 1.0)
    kept.add(9.0, 2.0)
    assert taken(kept)[1] == [(10.0, 1.0), (10.0, 2.0)]


def test_what_is_old_is_forgotten_but_for_the_value_that_held_then() -> None:
    kept = Samples()
    kept.add(0.0, 7.0)
    for number in range(1, 4 * samples.BATCH):
        kept.add(samples.KEPT + number * 0.001, 8.0)
    assert taken(kept)[1][0] == (0.0, 7.0)  # it held 600 s ago
    for _ in range(samples.BATCH):
        kept.add(3 * samples.KEPT, 9.0)
    first, rest = taken(kept)
    assert first == 4 * samples.BATCH - 1  # the numbers go on
    assert rest[0][1] == 8.0
    assert len(rest) == samples.BATCH + 1


def test_there_are_never_too_many_samples() -> None:
    kept = Samples()
    for number in range(samples.MAX_SAMPLES + 3 * samples.BATCH):
        kept.add(number * 1e-6, 1.0)
    first, rest = taken(kept)
    assert len(rest) <= samples.MAX_SAMPLES + samples.BATCH
    assert first + len(rest) == samples.MAX_SAMPLES + 3 * samples.BATCH


# What is plotted.


def test_a_plot_tells_what_it_shows(device: Device) -> None:
    shown = Plot(device, "force", "on")
    assert shown.spec["title"] == "rig"
    force, on = shown.spec["traces"]
    assert (force["name"], force["unit"], force["min"], force["max"]) == ("force", "N", 0, 50)
    assert (on["name"], on["type"], on["min"]) == ("on", "bool", None)
    assert repr(shown) == "<plot of rig.force, rig.on>"


def test_several_devices_share_a_plot_and_are_told_apart(device: Device) -> None:
    with iotkit.connect(Rig()) as other, iotkit.connect("sim:sumobot") as robot:
        shown = iotkit.plot(device, "force", robot, "speed", "distance")
        assert [t["device"] for t in shown.spec["traces"]] == ["rig", "sumobot", "sumobot"]
        assert shown.spec["title"] == "rig, sumobot"
        two = Plot(device, "force", other, "force")
        assert repr(two) == "<plot of rig on sim:rig.force, rig on python:Rig.force>"


@pytest.mark.parametrize("what", [(), ("force",), ("device",), ("device", 3), ("device", "device")])
def test_what_makes_no_plot_is_refused_with_an_example(device: Device, what: Any) -> None:
    with pytest.raises(BadType, match=r'as in plot\(robot, "distance", "speed"\)'):
        Plot(*(device if one == "device" else one for one in what))


def test_what_cannot_be_plotted_is_refused_in_words(device: Device) -> None:
    with pytest.raises(UnknownName, match="rig has no attribute 'forse', did you mean 'force'"):
        Plot(device, "forse")
    with pytest.raises(BadValue, match="label can't be plotted: it is a text"):
        Plot(device, "label")
    with pytest.raises(OutOfRange, match="16 values at most, not 17"):
        Plot(device, *["force"] * 17)
    assert not follows(device, "force")


def test_without_the_library_that_draws_a_plot_says_what_to_do(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "UPLOT", assets.STATIC / "nowhere")
    with pytest.raises(IotkitError, match=r"python hatch_build\.py"):
        Plot(device, "force")


def test_without_a_kernel_a_table_of_the_last_values_is_shown() -> None:
    known = type("Odd", (host.Device,), {"__annotations__": {"x": Annotated[int, f"[{HOSTILE}]"]}})
    with iotkit.connect(known()) as odd:
        html = Plot(odd, "x")._repr_mimebundle_()[0]["text/html"]
        assert "<code>odd.x</code>" in html
        assert "<code>0</code>" in html
        assert "<img" not in html
        assert "$" not in re.sub(r"<code>.*?</code>", "", html)


# What a page gets.


def test_every_change_is_sent_with_its_number_and_none_twice(rig: Rig, device: Device) -> None:
    page = Page(Plot(device, "force", "turns"))
    page.say(visible=True)
    until(lambda: page.values[0] and page.values[1])
    for number in range(1, 500):
        rig.turns = number
    until(lambda: 499.0 in page.values[1].values())
    assert page.all(1) == [float(number) for number in range(500)]
    sent = [n for news in page.heard for n in range(news["first"][1], end_of(news, 1))]
    assert sent == sorted(set(sent))
    assert page.all(0) == [1.5]


def end_of(news: dict[str, Any], trace: int) -> int:
    return int(news["first"][trace] + news["counts"][trace])


def test_a_page_that_comes_later_gets_all_that_is_kept(rig: Rig, device: Device) -> None:
    shown = Plot(device, "turns")
    first = Page(shown, "first")
    first.say(visible=True)
    until(lambda: first.values[0])
    rig.turns = 1
    until(lambda: len(first.values[0]) == 2)
    second = Page(shown, "second")
    second.say(all=True)
    second.say(visible=True)
    until(lambda: second.values[0])
    assert second.all() == [0.0, 1.0]
    assert second.heard[0]["all"]


def test_nothing_is_sent_while_no_page_shows_it_and_nothing_is_lost(
    rig: Rig, device: Device
) -> None:
    page = Page(Plot(device, "turns"))
    page.say(visible=True)
    until(lambda: page.values[0])
    page.say(visible=False)
    frames = len(page.heard)
    for number in range(1, 50):
        rig.turns = number
        time.sleep(hub.FRAME / 4)
    assert len(page.heard) <= frames + 1  # one may have been on its way
    page.say(visible=True)
    until(lambda: len(page.values[0]) == 50)
    assert page.all() == [float(number) for number in range(50)]


def test_a_page_that_says_nothing_more_is_sent_nothing_more(
    rig: Rig, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(Plot(device, "turns"))
    page.say(visible=True)
    until(lambda: page.values[0])
    monkeypatch.setattr(plot, "EXPIRY", 0.0)
    frames = len(page.heard)
    rig.turns = 1
    until(lambda: len(page.shown._traces[0].samples.since(0)[2]) == 32)
    monkeypatch.setattr(plot, "EXPIRY", 25.0)
    assert len(page.heard) == frames


def test_a_device_that_is_gone_leaves_a_gap_and_the_reason(device: Device) -> None:
    page = Page(Plot(device, "force"))
    page.say(visible=True)
    until(lambda: page.values[0])
    device.close()
    until(lambda: page.heard[-1]["over"])
    assert math.isnan(page.all()[-1])
    assert page.heard[-1]["why"] == ["sim:rig is closed: connect to it again"]
    assert "<code>1.5</code>" in page.shown._repr_mimebundle_()[0]["text/html"]


# What it leaves behind.


def test_a_plot_that_is_on_no_page_rests_and_begins_again(
    rig: Rig, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(Plot(device, "turns"))
    page.say(visible=True)
    until(lambda: page.values[0])
    page.say(gone=True)
    until(lambda: not follows(device, "turns"))
    rig.turns = 5
    page.say(visible=True)
    until(lambda: 5.0 in page.values[0].values())
    assert page.all() == [0.0, 5.0]
    monkeypatch.setattr(hub, "SWEEP", 0.02)
    monkeypatch.setattr(plot, "GONE", 0.1)  # and then it says nothing more
    until(lambda: not follows(device, "turns"))


def test_fifty_plots_opened_and_closed_leave_nothing(device: Device) -> None:
    Hub.get()
    widgets = len(_instances)
    for _ in range(50):
        page = Page(Plot(device, "force", "turns"))
        page.say(visible=True)
        page.shown.close()
        page.shown.close()
    assert not follows(device, "force")
    until(lambda: not [t for t in threading.enumerate() if t.name == "iotkit hub"])
    assert len(_instances) == widgets


@pytest.mark.parametrize("message", [{}, {"view": 3}, {"visible": 1}, {"all": 1}, "x", None])
def test_a_message_that_makes_no_sense_does_nothing(device: Device, message: Any) -> None:
    page = Page(Plot(device, "force"))
    page.say(visible=True)
    until(lambda: page.values[0])
    page.shown.said(message)
    assert follows(device, "force")
