"""A name on the network means the device that was first asked for by it."""

from __future__ import annotations

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
    met.check(another("sumobot-2"))
    met.remember(another("sumobot-2"))
    met.check(another("sumobot-1", "http://127.0.0.1:80"))


def test_a_name_that_is_forgotten_may_be_any_devices() -> None:
    met.remember(OURS)
    forgotten = iotkit("forget", "red-bot")
    assert forgotten.stdout == "red-bot may be another device now.\n"
    met.check(another("sumobot-2"))
    assert iotkit("forget", "red-bot").stdout == "Nothing was known of red-bot.\n"
