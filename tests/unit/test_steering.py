"""What a hand on a pad makes a device do, seen from the kernel; tests/browser has the hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest

from iotkit import host
from iotkit.device import Device, device_over, link_of
from iotkit.errors import BadType, IotkitError, ReadOnly, UnknownName
from iotkit.links.local import LocalLink
from iotkit_widgets import Pad, steering
from iotkit_widgets.steering import Steering, course, scaled


class Cart(host.Device):
    """A cart that notes what it was told."""

    turn: Annotated[int, "To the right [-100..100 %]"] = 0
    speed: Annotated[float, "How fast [-1..1 step 0.25 m/s]"] = 0.0
    gear: Annotated[int, "Which gear [0..4]"] = 0
    low: Annotated[int, "Never nothing [10..20]"] = 10
    free: int = 0
    label: str = ""

    def __init__(self) -> None:
        self.told: list[tuple[float, ...]] = []
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.gate.set()

    @property
    def heat(self) -> float:
        """Of the motor [C]"""
        return 20.0

    @host.function
    def drive(self, left: int, right: int) -> None:
        """Turn the wheels [left -100..100 %; right -100..100 %]"""
        self.begun.set()
        self.gate.wait(10)
        self.told.append((left, right))

    @host.function
    def aim(self, pan: float, tilt: float) -> None:
        """Point the camera [pan -90..90 deg; tilt 0..45 deg]"""
        self.told.append((pan, tilt))

    @host.function
    def fail(self, left: int, right: int) -> None:
        """Do nothing well"""
        raise ValueError("a wheel is stuck")

    @host.function
    def beep(self, times: int) -> None:
        """Beep"""


@pytest.fixture
def cart() -> Cart:
    return Cart()


@pytest.fixture
def device(cart: Cart) -> Iterator[Device]:
    with device_over(LocalLink(host.Hosted(cart), "sim:cart")) as device:
        yield device


def until(ready: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


class Hand:
    """A view whose pad is held; its messages arrive at once, unless they are late."""

    def __init__(self, device: Device, *names: str, view: str = "view") -> None:
        self.failed: list[BaseException] = []
        self.steering = Steering(course(link_of(device), *names), self.failed.append)
        self._view, self._number = view, 0

    def point(self, x: float, y: float, *, late: float = 0.0) -> Any:
        self._number += 1
        at = time.monotonic() - late
        return self.steering.steer(self._view, self._number, x, y, at)

    def now(self, x: float, y: float) -> list[float]:
        return list(self.point(x, y).result(10))


# What a place stands for.


@pytest.mark.parametrize(
    ("name", "part", "value"),
    [
        ("turn", 1, 100),
        ("turn", -0.5, -50),
        ("turn", 0, 0),
        ("turn", 0.004, 0),
        ("turn", 7, 100),
        ("speed", 0.3, 0.25),
        ("speed", -1, -1.0),
        ("gear", 0.5, 2),
        ("gear", -1, 0),
        ("low", 0, 10),
        ("low", 1, 20),
        ("free", 1, 100),
        ("free", -1, -100),
    ],
)
def test_the_edge_is_the_limit_and_the_middle_is_rest(
    device: Device, name: str, part: float, value: float
) -> None:
    attribute = link_of(device).description.attributes[name]
    found = scaled(attribute, part)
    assert (found, type(found)) == (value, attribute.type.python)
    attribute.check(found)


def test_two_attributes_follow_the_hand(device: Device) -> None:
    hand = Hand(device, "turn", "speed")
    assert hand.now(-0.2, 1) == [-20, 1.0]
    assert (device.turn, device.speed) == (-20, 1.0)
    assert hand.now(0, 0) == [0, 0.0]
    assert (device.turn, device.speed) == (0, 0.0)


def test_of_two_attributes_only_the_one_that_changes_is_set_and_both_to_rest(
    cart: Cart, device: Device
) -> None:
    hand = Hand(device, "turn", "speed")
    hand.now(0.5, 0.5)
    cart.turn = 7  # somebody else's
    hand.now(0.5, 1)
    assert (cart.turn, cart.speed) == (7, 1.0)
    hand.now(0.5, 0)
    hand.now(0, 0)
    assert (cart.turn, cart.speed) == (0, 0.0)


def test_a_function_gets_right_and_up_or_what_that_is_for_the_wheels(
    cart: Cart, device: Device
) -> None:
    Hand(device, "aim").now(0.5, -1)
    wheels = Hand(device, "drive")
    for place in ((0, 1), (1, 0), (-0.5, 0.5), (1, 1), (0, -0.25), (0, 0)):
        wheels.now(*place)
    assert cart.told == [
        *((45.0, 0.0), (100, 100), (100, -100), (0, 100), (100, 0), (-25, -25), (0, 0))
    ]


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (["drvie"], UnknownName, "did you mean 'drive'"),
        (["turn", "sped"], UnknownName, "did you mean 'speed'"),
        (["turn"], BadType, "two attributes, or one function of two numbers"),
        (["turn", "drive"], BadType, "two attributes, or one function of two numbers"),
        (["turn", "speed", "gear"], BadType, "two attributes, or one function of two numbers"),
        ([], BadType, "two attributes, or one function of two numbers"),
        (["beep"], BadType, "a function of two numbers, not beep times:int"),
        (["turn", "heat"], ReadOnly, "heat can be read but not set"),
        (["turn", "label"], BadType, "a pad steers numbers, and label is a str"),
    ],
)
def test_what_cannot_be_steered_is_refused_in_words(
    device: Device, names: list[str], error: type[IotkitError], words: str
) -> None:
    with pytest.raises(error, match=words):
        Pad(device, *names)


def test_a_pad_of_something_else_is_refused_in_words() -> None:
    with pytest.raises(BadType, match="a pad needs a device"):
        Pad("robot", "drive")  # type: ignore[arg-type]


# What is sent when.


def test_while_one_is_under_way_the_newest_waits_and_the_others_are_dropped(
    cart: Cart, device: Device
) -> None:
    hand = Hand(device, "drive")
    cart.gate.clear()
    first = hand.point(0, 0.1)
    assert cart.begun.wait(10)
    dropped = [hand.point(0, part / 100) for part in range(20, 90)]
    last = hand.point(0, 0)
    assert all(one.result(0) == [] for one in dropped)
    cart.gate.set()
    assert (first.result(10), last.result(10)) == ([10, 10], [0, 0])
    assert cart.told == [(10, 10), (0, 0)]


def test_a_hand_that_falls_silent_is_gone_and_the_device_rests(cart: Cart, device: Device) -> None:
    hand = Hand(device, "drive")
    hand.now(0, 1)
    until(lambda: cart.told == [(100, 100), (0, 0)])
    hand.now(0, 0.5)  # it was only held up
    until(lambda: cart.told[2:] == [(50, 50), (0, 0)])
    assert hand.failed == []


def test_a_hand_that_gives_a_sign_of_life_holds_on(cart: Cart, device: Device) -> None:
    hand = Hand(device, "drive")
    hand.now(0, 1)
    end = time.monotonic() + 2.5 * steering.SILENCE
    while time.monotonic() < end:
        hand.steering.alive("another view")
        hand.steering.alive("view")
        time.sleep(0.02)
    assert cart.told == [(100, 100)]
    until(lambda: cart.told == [(100, 100), (0, 0)])


def test_nothing_is_sent_after_a_hand_has_let_go(cart: Cart, device: Device) -> None:
    hand = Hand(device, "drive")
    hand.now(0, 1)
    hand.now(0, 0)
    hand.steering.rest()
    time.sleep(1.5 * steering.SILENCE)
    assert cart.told == [(100, 100), (0, 0)]


def test_what_comes_out_of_order_is_dropped(cart: Cart, device: Device) -> None:
    steer = Hand(device, "drive").steering.steer
    now = time.monotonic()
    assert steer("view", 3, 0, 0, now).result(10) == [0, 0]
    assert steer("view", 2, 0, 1, now).result(10) == []
    assert steer("another", 1, 0, 1, now).result(10) == [100, 100]
    assert steer("another", 2, 0, 0, now).result(10) == [0, 0]
    assert cart.told == [(0, 0), (100, 100), (0, 0)]


def test_a_motion_that_comes_long_after_it_was_meant_is_not_done_but_rest_is(
    cart: Cart, device: Device
) -> None:
    hand = Hand(device, "drive")
    hand.now(0, 0.5)
    assert hand.point(0, 1, late=5).result(10) == []
    assert hand.point(0, 0, late=5).result(10) == [0, 0]
    assert cart.told == [(50, 50), (0, 0)]


def test_a_device_that_refuses_is_heard_of_and_the_next_wish_has_its_turn(device: Device) -> None:
    hand = Hand(device, "fail")
    for place in ((0, 1), (0, 0)):
        with pytest.raises(IotkitError, match="a wheel is stuck"):
            hand.now(*place)
    with pytest.raises(IotkitError, match="a wheel is stuck"):
        hand.now(1, 0)
    until(lambda: hand.failed)  # what nobody waits for is told too
    assert "a wheel is stuck" in str(hand.failed[0])
    device.close()
    with pytest.raises(IotkitError, match="sim:cart"):
        hand.now(0, 0)


def test_after_a_stop_by_hand_the_device_rests_until_the_pad_was_let_go_of(
    cart: Cart, device: Device
) -> None:
    hand = Hand(device, "drive")
    link = link_of(device)
    cart.gate.clear()
    under_way = hand.point(0, 1)
    assert cart.begun.wait(10)
    waiting = hand.point(0, 0.5)
    link.hold.begin("stopped by hand")
    cart.gate.set()
    assert (under_way.result(10), waiting.result(10)) == ([100, 100], [])
    assert hand.now(0, 0.7) == []
    assert hand.now(0, 0) == [0, 0]
    assert hand.now(0, 0.2) == [20, 20]
    hand.steering.close()
    until(lambda: cart.told == [(100, 100), (0, 0), (20, 20), (0, 0)])


def test_what_is_driven_by_a_pad_is_stopped_by_an_interrupt(device: Device) -> None:
    hand, hold = Hand(device, "turn", "speed"), link_of(device).hold
    hand.now(0, 0)
    assert not hold.driven
    hand.now(0, 0.2)
    assert hold.driven
    hand.now(0, 0)
    assert hold.driven


# The widget.


def heard(pad: Pad) -> list[dict[str, Any]]:
    """Return the list into which goes what the pad tells its views."""
    said: list[dict[str, Any]] = []
    send = pad.comm.send

    def tapped(data: Any = None, **rest: Any) -> None:
        if data["method"] == "custom":
            said.append(data["content"])
        send(data, **rest)

    pad.comm.send = tapped
    return said


def test_a_pad_answers_who_steers(cart: Cart, device: Device) -> None:
    pad = Pad(device, "drive")
    answers = heard(pad)
    steer = {"view": "a", "id": 1, "steer": [0, 1], "at": time.monotonic() * 1000}
    pad._handle_custom_msg(steer, [])
    until(lambda: answers)
    assert answers == [{"to": "a", "id": 1, "result": [100, 100]}]
    pad.close()
    pad.close()
    until(lambda: cart.told == [(100, 100), (0, 0)])


@pytest.mark.parametrize(
    "message",
    [
        *("nonsense", {}, {"view": "a", "id": 1, "steer": [1]}, {"view": 3, "alive": True}),
        {"view": "a", "id": 1, "steer": ["1", 0], "at": 5},
        {"view": "a", "id": 1, "steer": [float("nan"), 0], "at": 5},
        {"view": "a", "id": 1, "steer": [1, 0]},
    ],
)
def test_a_message_that_makes_no_sense_moves_nothing(
    cart: Cart, device: Device, message: Any
) -> None:
    pad = Pad(device, "drive")
    pad._handle_custom_msg(message, [])
    pad.close()
    assert cart.told == []


def test_without_a_kernel_a_pad_says_what_it_was(device: Device) -> None:
    pad = Pad(device, "turn", "speed")
    bundle, _ = pad._repr_mimebundle_()
    assert bundle["text/plain"] == "<pad for cart: turn, speed>"
    assert bundle["text/html"] == "<p>A pad for <code>cart: turn, speed</code></p>"
    pad.close()
