"""A name on the network means the device that was first asked for by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from program import iotkit

from iotkit.discovery import Found, met
from iotkit.errors import NotAllowed

OURS = Found("red-bot", "red-bot", "http://192.0.2.1:80", "sumobot-1")


@pytest.fixture(autouse=True)
def _nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def another(identity: str, url: str = "http://192.0.2.2:80") -> Found:
    return Found("red_bot", "red_bot", url, identity)


def test_the_same_device_is_itself_wherever_it_is() -> None:
    met.check(OURS)
    met.remember(OURS)
    met.check(OURS)
    met.check(another("sumobot-1"))


@pytest.mark.parametrize("identity", ["sumobot-2", ""])
def test_another_device_or_one_that_does_not_say_is_an_error_that_says_what_to_do(
    identity: str,
) -> None:
    met.remember(OURS)
    with pytest.raises(NotAllowed, match="type iotkit forget red_bot in a terminal"):
        met.check(another(identity))
    moved = Found("blue", "blue", "http://192.0.2.3:80", "sumobot-1")
    with pytest.raises(NotAllowed, match="it is blue now"):
        met.check(another(identity), [moved])


def test_what_does_not_say_which_one_it_is_is_not_remembered() -> None:
    met.remember(another(""))
    met.check(OURS)


def test_on_this_computer_names_change_hands() -> None:
    met.remember(another("sumobot-1", "http://127.0.0.1:80"))
    met.check(another("sumobot-2", "http://127.0.0.1:80"))
    met.remember(another("sumobot-2", "http://127.0.0.1:80"))
    met.check(another("sumobot-1", "http://127.0.0.1:80"))


def test_a_name_used_on_this_computer_is_not_another_computers_without_a_word() -> None:
    met.remember(another("sumobot-1", "http://127.0.0.1:80"))
    met.check(another("sumobot-1"))  # the same, served to the network
    with pytest.raises(NotAllowed, match="type iotkit forget red_bot in a terminal"):
        met.check(another("sumobot-2"))
    met.forget("red_bot")
    met.remember(another("sumobot-2"))
    met.remember(another("sumobot-1", "http://127.0.0.1:80"))
    met.check(another("sumobot-2"))  # both are known now
    met.check(another("sumobot-1"))


@pytest.mark.parametrize("url", ["http://192.0.2.1:80", "http://127.0.0.1:80"])
def test_who_asks_for_a_device_that_is_away_is_not_led_to_another(url: str) -> None:
    met.remember(another("sumobot-1", url))
    neighbour = Found("red_bat", "red_bat", "http://192.0.2.3:80", "sumobot-2")
    told = str(met.absent("red_bot", [neighbour]))
    assert re.fullmatch(
        r"red_bot was on the network today at \d\d:\d\d and is not now\."
        r" Is it switched on, and still served\? \(there is: red_bat\)",
        told,
    )
    renamed = Found("blue", "blue", "http://192.0.2.3:80", "sumobot-1")
    assert "is not now: it is blue now." in str(met.absent("red_bot", [neighbour, renamed]))


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("red_bto", True),
        ("redbot", True),
        ("red_bot_2", False),
        ("blue_bot", False),
    ],
)
def test_only_a_slip_of_the_finger_is_led_to_another_name(typed: str, near: bool) -> None:
    told = str(met.absent(typed, [OURS, Found("red_bot", "red_bot", "http://192.0.2.1:80")]))
    assert told.startswith(f"no device named {typed!r} on the network")
    assert ("did you mean 'red_bot'" in told) == near
    assert "there is: red-bot, red_bot" in told


def test_of_many_devices_some_are_listed() -> None:
    many = [Found(f"bot_{n}", f"bot_{n}", "http://192.0.2.1:80") for n in range(30)]
    assert str(met.absent("lamp", many)).endswith("bot_8, bot_9 and 20 more)")
    assert str(met.absent("lamp", [])).endswith("(there is no device at all)")


def test_a_name_that_is_forgotten_may_be_any_devices() -> None:
    met.remember(OURS)
    forgotten = iotkit("forget", "red-bot")
    assert forgotten.stdout == "red-bot may be another device now.\n"
    met.check(another("sumobot-2"))
    assert iotkit("forget", "red-bot").stdout == "Nothing was known of red-bot.\n"
