"""Short texts that are kept from one start to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotkit import stored
from iotkit.stored import Records, Texts


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "iotkit" / "texts"


def test_a_text_is_kept_under_its_key_until_it_is_empty() -> None:
    Texts("texts").put("../a key", "one")
    Texts("texts").put("another", "two")
    assert Texts("texts").get("../a key") == "one"
    Texts("texts").put("../a key", "")
    assert (Texts("texts").get("../a key"), Texts("texts").get("another")) == ("", "two")


def test_what_is_damaged_or_another_keys_is_nothing(folder: Path) -> None:
    texts = Texts("texts")
    texts.put("key", "one")
    (file,) = folder.iterdir()
    for damaged in ("", "[]", '{"key": "other", "text": "one"}', "\0"):
        file.write_text(damaged)
        assert texts.get("key") == ""


def test_damage_is_said_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    texts = Texts("texts")
    assert texts.get("key") == ""
    assert caplog.messages == []  # nothing was kept
    texts.put("key", "one")
    (file,) = folder.iterdir()
    file.write_text("{")
    assert [texts.get("key"), texts.get("key")] == ["", ""]
    assert caplog.messages == [f"what was kept in {file} is damaged, and counts as nothing"]


def test_what_could_not_be_read_again_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MAX_FILE", 100)
    with pytest.raises(OSError, match="too large"):
        Records("texts").put("key", {"text": "x" * 100})
    assert not folder.exists()


def test_only_so_many_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_KEPT", 3)
    for number in range(5):
        Texts("texts").put(str(number), "one")
    assert len(list(folder.iterdir())) == 3


def test_where_nothing_can_be_kept_nothing_is(folder: Path) -> None:
    folder.parent.touch()
    Texts("texts").put("key", "one")
    assert Texts("texts").get("key") == ""
