"""The kernel's side of panels, controls and the shelf; the browser's side is in tests/browser."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

import iotkit
from iotkit import discovery, host
from iotkit.device import Device, device_over, link_of
from iotkit.errors import IotkitError, UnknownName
from iotkit.links.local import LocalLink
from iotkit.server import serve
from iotkit.transports.pty import Pty
from iotkit_widgets import Map, Pad, Panel, Shelf, assets, control, hub, panel, shelf
from iotkit_widgets.hub import Hub
from iotkit_widgets.line import Line

HOSTILE = "<img src=x onerror=alert(1)> $\\href{javascript:alert(1)}{x}$"


class Lamp(host.Device):
    """A lamp."""

    bright: Annotated[int, "How bright [0..255]"] = 80
    wide: int = 5
    huge: Annotated[int, "Turns [0..1000000]"] = 7
    gain: Annotated[float, "Gain [0..5 V]"] = 1.5
    ratio: float = 0.5
    on: bool = False
    label: str = "desk"
    mode: Annotated[str, "How [slow|fast]"] = "slow"
    price: Annotated[int, "What it costs [$]"] = 3

    def __init__(self) -> None:
        self.go = threading.Event()

    @property
    def warmth(self) -> float:
        """At the lamp [C]"""
        return 21.5

    @host.function
    def blink(self, times: int, hard: bool) -> str:
        """Blink [times 1..10]"""
        return f"{times} {hard}"

    @host.function
    def wait(self) -> None:
        """Wait until it goes"""
        self.go.wait(10)

    @host.function
    def count(self) -> int:
        """Count"""
        return 3

    @host.function
    def fail(self) -> None:
        """Fail"""
        raise ValueError("the bulb is broken")

    def on_close(self) -> None:
        """Let `wait` end."""
        self.go.set()


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


@pytest.fixture
def device(lamp: Lamp) -> Iterator[Device]:
    with device_over(LocalLink(host.Hosted(lamp), "sim:lamp")) as device:
        yield device


@pytest.fixture(autouse=True)
def _no_widget_is_left() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "SWEEP", 0.02)


def until(ready: Callable[[], object], timeout: float = 10.0) -> None:
    end = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


class View:
    """What a browser's view of a panel says to the kernel, and hears from it."""

    def __init__(self, widget: Panel, name: str = "view") -> None:
        self.name, self.widget = name, widget
        self.heard: list[dict[str, Any]] = []
        self.news: list[dict[str, Any]] = []
        self.replied = threading.Event()
        self._tap(widget, self.heard)
        self._tap(Hub.get(), self.news)

    def _tap(self, widget: ipywidgets.Widget, heard: list[dict[str, Any]]) -> None:
        send = widget.comm.send

        def tapped(data: Any = None, buffers: Any = (), **rest: Any) -> None:
            if data["method"] == "custom":
                heard.append(json.loads(buffers[0]) if buffers else data["content"])
            send(data, buffers=buffers, **rest)

        widget.comm.send = tapped

    def say(self, **message: Any) -> None:
        self.widget._handle_custom_msg({"view": self.name, **message}, [])

    def ask(self, number: int = 1, **question: Any) -> dict[str, Any]:
        """Ask, and return the answer."""
        self.say(id=number, **question)
        until(lambda: self.answer(number))
        return self.answer(number) or {}

    def answer(self, number: int) -> dict[str, Any] | None:
        mine = [m for m in self.heard if m["to"] == self.name and m["id"] == number]
        return mine[0] if mine else None

    def entries(self) -> dict[str, Any]:
        """Return the values and errors heard, the latest for each name."""
        parts = [m.get(self.widget.key, {}).get("entries", {}) for m in self.news]
        return {name: entry for part in parts for name, entry in part.items()}

    def recording(self) -> dict[str, Any]:
        """Return what was heard last of the recording."""
        parts = [m.get(self.widget.key, {}).get("recording", {}) for m in self.news]
        return next((part for part in reversed(parts) if part), {})

    def state(self) -> str:
        parts = [m.get(self.widget.key, {}).get("state", {}) for m in self.news]
        return next((str(part["is"]) for part in reversed(parts) if part), "")


def followed(device: Device) -> list[str]:
    """Return the attributes of which news is wanted."""
    return link_of(device).newsroom.attributes()


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


# The browser's modules.


def test_the_modules_join_to_one_without_imports() -> None:
    for widget in (Panel, Line, Pad, Map):
        text = str(widget._esm)
        assert not re.search(r"^import\b", text, re.MULTILINE)
        assert re.findall(r"^export.*", text, re.MULTILINE) == ["export default {"]


@pytest.mark.parametrize(
    "names",
    [
        [
            *("dom", "badge", "talk", "stop", "fields", "faces", "settings", "actions"),
            "record",
            "saved",
            "panel",
        ],
        ["dom", "badge", "talk", "saved", "pad"],
        list(assets.PLOT),
        ["dom", "badge", "talk", "saved", "map"],
        ["dom", "talk", "saved", "line"],
        ["dom", "talk", "stop", "all"],
    ],
)
def test_modules_import_only_what_stands_before_them_and_share_no_name(names: list[str]) -> None:
    defined: dict[str, str] = {}
    for name in names:
        text = (assets.STATIC / f"{name}.js").read_text(encoding="utf-8")
        for wanted, source in re.findall(r'^import \{([^}]*)\} from "\./(\w+)\.js";', text, re.M):
            assert source in names[: names.index(name)]
            assert {w.strip() for w in wanted.split(",")} <= {
                d for d, where in defined.items() if where == source
            }
        pattern = r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)"
        for found in re.findall(pattern, text, re.M):
            assert defined.setdefault(found, name) == name


def test_nothing_reaches_for_another_site_or_writes_markup() -> None:
    for path in assets.STATIC.glob("*.*"):
        text = path.read_text(encoding="utf-8")
        text = text.replace("http://www.w3.org/2000/svg", "")  # a name, which nobody looks up
        assert not re.search(r"https?://|innerHTML|insertAdjacent|document\.write|eval\(", text)


# What a panel tells.


def test_a_panel_tells_what_the_device_has_in_its_order(device: Device) -> None:
    spec = Panel(device).spec
    assert [s["name"] for s in spec["settings"]] == [
        *("bright", "wide", "huge", "gain", "ratio", "on", "label", "mode", "price")
    ]
    assert [s["name"] for s in spec["readings"]] == ["warmth"]
    assert [s["name"] for s in spec["actions"]] == ["blink", "wait", "count", "fail"]
    bright, gain, mode = (spec["settings"][i] for i in (0, 3, 7))
    assert (bright["type"], bright["min"], bright["max"]) == ("int", 0, 255)
    assert gain["unit"] == "V"
    assert mode["choices"] == ["slow", "fast"]
    blink = spec["actions"][0]
    assert [a["name"] for a in blink["args"]] == ["times", "hard"]
    assert (blink["args"][0]["min"], blink["result"]["type"]) == (1, "str")


def test_without_a_kernel_a_table_is_shown_with_the_devices_text_as_text(lamp: Lamp) -> None:
    lamp.label = HOSTILE
    with device_over(LocalLink(host.Hosted(lamp), "sim:lamp")) as device:
        bundle, _ = Panel(device)._repr_mimebundle_()
        assert bundle["text/plain"] == repr(device)
        html = bundle["text/html"]
        assert "<code>bright</code>" in html
        assert "<code>80</code>" in html
        assert "<img" not in html
        # Notebooks typeset no formula inside <code>.
        assert "$" not in re.sub(r"<code>.*?</code>", "", html)


def test_a_page_loaded_again_gets_fresh_values(lamp: Lamp, device: Device) -> None:
    shown = Panel(device)
    assert shown.get_state()["entries"]["bright"] == {"value": 80}
    shown._read_at = -panel.FRESH
    lamp.bright = 90
    assert shown.get_state()["entries"]["bright"] == {"value": 90}


def test_a_panel_of_something_else_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="a panel needs a device"):
        Panel("robot")  # type: ignore[arg-type]


# What a panel follows.


def test_the_device_is_asked_only_while_a_view_can_be_seen(lamp: Lamp, device: Device) -> None:
    view = View(Panel(device))
    assert not followed(device)
    view.say(visible=True)
    lamp.bright = 81
    until(lambda: view.entries().get("bright") == {"value": 81})
    view.say(visible=False)
    until(lambda: not followed(device) and not threads("iotkit hub"))


@pytest.mark.usefixtures("_quick")
def test_a_page_that_goes_without_a_word_is_forgotten(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "EXPIRY", 0.1)
    view = View(Panel(device))
    view.say(visible=True)
    until(lambda: followed(device))
    until(lambda: not followed(device) and not threads("iotkit hub"))


def test_two_panels_of_a_device_agree(lamp: Lamp, device: Device) -> None:
    one, other = View(Panel(device), "one"), View(Panel(device), "other")
    one.say(visible=True)
    other.say(visible=True)
    assert "result" in one.ask(set="bright", value=7)
    until(lambda: one.entries().get("bright") == other.entries().get("bright") == {"value": 7})
    one.widget.close()
    lamp.bright = 8
    until(lambda: other.entries()["bright"] == {"value": 8})


def test_fifty_panels_opened_and_closed_leave_no_thread_and_no_widget(device: Device) -> None:
    Hub.get()
    widgets = len(_instances)
    for _ in range(50):
        view = View(Panel(device))
        view.say(visible=True)
        view.widget.close()
        view.widget.close()
    until(lambda: not followed(device) and not threads("iotkit hub"))
    assert len(_instances) == widgets


@pytest.mark.parametrize(
    "make",
    [
        lambda device: Pad(device, "bright", "wide"),
        lambda device: control(device, "bright"),
        lambda device: control(device, "warmth"),
        lambda device: control(device, "blink"),
        lambda device: control(device, "wait"),
    ],
)
def test_fifty_of_each_widget_opened_and_closed_leave_nothing(
    device: Device, make: Callable[[Device], ipywidgets.Widget]
) -> None:
    make(device).close()  # what they share stays
    link = link_of(device)
    before = len(_instances), link.newsroom.states._listeners._all, link.hold._listeners._all
    for _ in range(50):
        make(device).close()
    after = len(_instances), link.newsroom.states._listeners._all, link.hold._listeners._all
    assert after == before
    assert not followed(device)


def test_a_device_that_is_gone_is_shown_as_that_with_its_last_values(device: Device) -> None:
    view = View(Panel(device))
    view.say(visible=True)
    until(lambda: len(view.entries()) == 10)
    device.close()
    until(lambda: view.state() == "gone")
    assert view.entries()["bright"] == {"value": 80}
    state = view.widget.get_state()["state"]
    assert state["is"] == "gone"
    assert "sim:lamp" in state["why"]


def test_the_hub_sends_a_message_a_frame_however_much_there_is(lamp: Lamp, device: Device) -> None:
    view = View(Panel(device))
    view.say(visible=True)
    until(lambda: "bright" in view.entries())
    sent, began = len(view.news), time.monotonic()
    for number in range(20_000):
        view.widget._heard("bright", number, 0.0)
    until(lambda: view.entries()["bright"] == {"value": 19_999})
    frames = (time.monotonic() - began) / hub.FRAME
    assert len(view.news) - sent <= frames + 2


def test_what_fails_in_one_panel_leaves_the_others_alone(
    lamp: Lamp, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    view = View(Panel(device))

    class Broken:
        key = "broken"

        def collect(self) -> hub.News:
            raise ZeroDivisionError

    view.say(visible=True)
    Hub.get().mark(Broken())
    Hub.get().mark(Broken())
    lamp.bright = 3
    until(lambda: view.entries().get("bright") == {"value": 3})
    assert "could not be collected" in caplog.text


# What a view asks for.


def test_a_value_that_is_entered_is_set_and_answered_to_who_asked(
    lamp: Lamp, device: Device
) -> None:
    view = View(Panel(device))
    assert view.ask(1, set="bright", value=90) == {"to": "view", "id": 1, "result": None}
    assert lamp.bright == 90
    assert view.ask(2, set="bright", value="91")["result"] is None  # as typed
    assert view.ask(3, set="ratio", value="2")["result"] is None
    assert view.ask(4, set="on", value=True)["result"] is None
    assert view.ask(5, set="label", value="12")["result"] is None
    assert (lamp.bright, lamp.ratio, lamp.on, lamp.label) == (91, 2.0, True, "12")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("bright", "500", "bright: it takes 0..255, not 500"),
        ("bright", "1_0", "bright: '1_0' is not a whole number"),
        ("bright", 1.5, "bright: it takes a whole number"),
        ("gain", "nan", "gain: 'nan' is not a number"),
        ("mode", "warp", "mode: it takes slow or fast"),
        ("warmth", 3, "warmth can be read but not set"),
        ("nothing", 3, "the device has no attribute 'nothing'"),
    ],
)
def test_a_value_that_cannot_be_is_answered_in_words_and_not_sent(
    device: Device, name: str, value: Any, words: str
) -> None:
    values = {n: device[n] for n in link_of(device).description.attributes}
    assert view_error(device, set=name, value=value).startswith(words)
    assert {n: device[n] for n in values} == values


def view_error(device: Device, **question: Any) -> str:
    return str(View(Panel(device)).ask(**question)["error"])


def test_a_function_is_called_and_its_result_answered(device: Device) -> None:
    view = View(Panel(device))
    assert view.ask(1, call="blink", args=["3", True])["result"] == "3 True"
    assert view.ask(2, call="count", args=[])["result"] == 3
    assert "the bulb is broken" in view.ask(3, call="fail", args=[])["error"]
    assert view.ask(4, call="blink", args=["11", True])["error"].startswith("times: it takes 1..10")
    assert "error" in view.ask(5, call="blink", args=[])
    assert "error" in view.ask(6, call="bright", args=[])


def test_a_function_that_takes_long_holds_up_nothing(lamp: Lamp, device: Device) -> None:
    view = View(Panel(device))
    view.say(id=1, call="wait", args=[])
    assert view.ask(2, call="count", args=[])["result"] == 3
    assert view.answer(1) is None
    lamp.go.set()
    until(lambda: view.answer(1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_record_button_records_until_it_is_pressed_again_in_whatever_panel(
    lamp: Lamp, device: Device, folder: Path
) -> None:
    one, other = View(Panel(device), "one"), View(Panel(device), "other")
    one.say(visible=True)
    assert one.ask(record=True)["result"] is None
    (path,) = folder.glob("lamp-*.jsonl")
    until(lambda: one.recording())
    assert one.recording() == {"on": True, "file": path.name, "error": ""}
    assert one.ask(2, record=True)["result"] is None  # a second click, or another browser's
    lamp.bright = 99
    other.ask(record=False)
    until(lambda: not one.recording()["on"])
    assert 99 in [value for _, name, value in iotkit.recording(path) if name == "bright"]
    assert list(folder.iterdir()) == [path]


def test_a_panel_that_comes_later_shows_what_is_recorded(device: Device, folder: Path) -> None:
    View(Panel(device)).ask(record=True)
    later = View(Panel(device), "later")
    later.say(visible=True)
    until(lambda: later.recording().get("on"))
    device.close()
    until(lambda: not later.recording()["on"])


def test_a_recording_that_can_not_be_is_answered_in_words(
    device: Device, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View(Panel(device))
    nowhere = folder / "nowhere"
    nowhere.mkdir()
    monkeypatch.chdir(nowhere)
    nowhere.rmdir()
    assert "there is no folder for lamp" in view.ask(record=True)["error"]
    assert view.ask(2, record=False)["result"] is None
    assert view.recording() == {}
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    "message",
    [{}, {"view": 3}, {"visible": 1}, {"id": "x", "set": "bright", "value": 1}, {"call": []}],
)
def test_a_message_that_makes_no_sense_does_nothing(
    device: Device, message: dict[str, Any]
) -> None:
    view = View(Panel(device))
    view.say(**message)
    view.widget._handle_custom_msg("nonsense", [])
    assert not view.heard
    assert not followed(device)


# Stock controls.


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bright", ipywidgets.IntSlider),
        ("wide", ipywidgets.IntText),
        ("huge", ipywidgets.BoundedIntText),
        ("gain", ipywidgets.FloatSlider),
        ("ratio", ipywidgets.FloatText),
        ("on", ipywidgets.ToggleButton),
        ("label", ipywidgets.Text),
        ("mode", ipywidgets.Dropdown),
        ("warmth", ipywidgets.Text),
        ("count", ipywidgets.Button),
        ("blink", ipywidgets.VBox),
    ],
)
def test_each_kind_of_member_has_its_control(device: Device, name: str, kind: type) -> None:
    assert isinstance(control(device, name), kind)


def test_a_control_sets_the_device_and_follows_it(lamp: Lamp, device: Device) -> None:
    slider, text = control(device, "bright"), control(device, "warmth")
    until(lambda: slider.value == 80 and text.value == "21.5 C")
    assert (slider.min, slider.max, text.disabled) == (0, 255, True)
    slider.value = 90
    until(lambda: lamp.bright == 90)
    lamp.bright = 100
    until(lambda: slider.value == 100)
    slider.close()
    text.close()
    assert not followed(device)


def test_a_control_goes_back_to_the_devices_value_when_that_is_refused(
    device: Device,
) -> None:
    box = control(device, "wide")
    until(lambda: box.value == 5)
    box.value = 2**40
    until(lambda: box.value == 5)
    assert box.description == "⚠ wide"
    assert "beyond what an int can hold" in box.tooltip
    box.value = 6
    until(lambda: box.description == "wide")
    assert device.wide == 6
    box.close()


def test_a_control_for_a_function_calls_it_once_at_a_time(lamp: Lamp, device: Device) -> None:
    waits, counts, fails = (control(device, name) for name in ("wait", "count", "fail"))
    waits.click()
    assert waits.disabled
    counts.click()
    until(lambda: counts.description == "count → 3" and not counts.disabled)
    fails.click()
    until(lambda: fails.description == "⚠ fail")
    assert "the bulb is broken" in fails.tooltip
    lamp.go.set()
    until(lambda: not waits.disabled)
    blink = control(device, "blink")
    times, hard, button = blink.children
    assert (times.min, times.max) == (1, 10)
    times.value, hard.value = 4, True
    button.click()
    until(lambda: button.description == "blink → 4 True")


def test_controls_of_a_device_that_is_gone_say_so(device: Device) -> None:
    slider, blink = control(device, "bright"), control(device, "blink")
    until(lambda: slider.value == 80)
    device.close()
    until(lambda: slider.description == "⚠ bright: gone" and slider.disabled)
    assert "closed" in slider.tooltip
    button = blink.children[-1]
    assert (button.description, button.disabled) == ("⚠ blink: gone", True)


def test_a_controls_label_is_no_formula(device: Device) -> None:
    price = control(device, "price")
    assert "$" not in price.description
    price.close()


def test_a_control_for_an_unknown_name_says_which_are_near(device: Device) -> None:
    with pytest.raises(UnknownName, match="bright"):
        control(device, "brigt")


# The shelf.


def panels(shown: Shelf, name: str) -> list[Panel]:
    return [p for p in shown.children if isinstance(p, Panel) and p.spec["name"] == name]


def lines(shown: Shelf) -> dict[str, Line]:
    return {line.title: line for line in shown.children if isinstance(line, Line)}


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no USB."""

    def no_network(callback: object) -> None:
        raise IotkitError("there is no network here")

    monkeypatch.setattr(discovery, "watch", no_network)
    monkeypatch.setattr(shelf, "usb_ports", list)


@pytest.mark.usefixtures("_alone")
def test_the_shelf_shows_what_is_open_and_drops_what_is_closed() -> None:
    shown = Shelf()
    until(lambda: "Network" in lines(shown))
    assert "there is no network here" in lines(shown)["Network"].text
    robot = iotkit.connect(Lamp())
    until(lambda: panels(shown, "lamp"))
    robot.close()
    until(lambda: not panels(shown, "lamp"))
    shown.close()
    shown.close()


def test_an_empty_shelf_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet:
        def close(self) -> None:
            pass

    monkeypatch.setattr(discovery, "watch", lambda callback: Quiet())
    monkeypatch.setattr(shelf, "usb_ports", list)
    shown = Shelf()
    until(lambda: "No devices yet" in lines(shown))
    assert "%iotkit simulate sumobot" in lines(shown)["No devices yet"].text
    shown.close()


@pytest.mark.usefixtures("_alone")
def test_a_usb_board_is_opened_when_its_button_is_pressed_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shelf, "USB_PERIOD", 0.05)
    pty = Pty()
    board = threading.Thread(target=host.run, args=(Lamp(), pty))
    board.start()
    ports = [(pty.name, "Uno"), ("/dev/ttyNOT_THERE", "Ghost")]
    monkeypatch.setattr(shelf, "usb_ports", lambda: list(ports))
    shown = Shelf()
    until(lambda: len(lines(shown)) == 3)
    assert not panels(shown, "lamp")
    press = {"pressed": True}
    lines(shown)["/dev/ttyNOT_THERE"]._handle_custom_msg(press, [])
    until(lambda: lines(shown)["/dev/ttyNOT_THERE"].failed)
    assert "is the board plugged in?" in lines(shown)["/dev/ttyNOT_THERE"].text
    lines(shown)[pty.name]._handle_custom_msg(press, [])
    until(lambda: panels(shown, "lamp"))
    assert pty.name not in lines(shown)
    device = panels(shown, "lamp")[0].device
    shown.close()
    assert link_of(device).closed  # the shelf had opened it
    pty.close()
    board.join()


def test_the_shelf_shows_a_device_on_the_network_and_lets_go_of_it(unique_name: str) -> None:
    Named = type("Named", (Lamp,), {}, id=unique_name)
    shown = Shelf()
    service = serve(Named())
    until(lambda: panels(shown, unique_name))
    assert link_of(panels(shown, unique_name)[0].device).target == service.url
    service.close()
    until(lambda: not panels(shown, unique_name))
    shown.close()


def test_a_device_that_is_open_here_and_served_is_shown_once(unique_name: str) -> None:
    Named = type("Named", (Lamp,), {}, id=unique_name)
    with iotkit.connect(Named()) as device, serve(device) as service:
        shown = Shelf()
        until(lambda: panels(shown, unique_name))
        until(lambda: any(found.url == service.url for found in shown._found))
        end = time.monotonic() + 0.5  # enough to take notice, and to connect
        while time.monotonic() < end:
            assert [p.device for p in panels(shown, unique_name)] == [device]
            assert unique_name not in lines(shown)
            time.sleep(0.02)
        shown.close()


def test_what_fails_in_a_watcher_is_logged_and_the_news_goes_on(
    device: Device, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View(Panel(device))
    send = Hub.get().comm.send

    def fail(*args: object, **rest: object) -> None:
        raise LookupError("no parent")

    Hub.get().comm.send = fail
    view.say(visible=True)
    until(lambda: "values could not be sent" in caplog.text)
    Hub.get().comm.send = send
    device.bright = 3
    until(lambda: view.entries().get("bright") == {"value": 3})
    view.widget.close()
