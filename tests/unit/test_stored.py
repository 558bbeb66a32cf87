"""Short texts that are kept from one start to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotkit.links import stored
from iotkit.links.stored import Stored


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "iotkit" / "texts"


def test_a_text_is_kept_under_its_key_until_it_is_empty() -> None:
    Stored("texts").put("../a key", "one")
    Stored("texts").put("another", "two")
    assert Stored("texts").get("../a key") == "one"
    Stored("texts").put("../a key", "")
    assert (Stored("texts").get("../a key"), Stored("texts").get("another")) == ("", "two")


def test_what_is_damaged_or_another_keys_is_nothing(folder: Path) -> None:
    texts = Stored("texts")
    texts.put("key", "one")
    (file,) = folder.iterdir()
    for damaged in ("", "[]", '{"key": "other", "text": "one"}', "\0"):
        file.write_text(damaged)
        assert texts.get("key") == ""


def test_only_so_many_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_KEPT", 3)
    for number in range(5):
        Stored("texts").put(str(number), "one")
    assert len(list(folder.iterdir())) == 3


def test_where_nothing_can_be_kept_nothing_is(folder: Path) -> None:
    folder.parent.touch()
    Stored("texts").put("key", "one")
    assert Stored("texts").get("key") == ""
