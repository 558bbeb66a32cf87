"""What the fuzzer of the host's parser knows, and a little of what it would try."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from fuzz.host_parser import CORPUS, mutations, target

from iotkit.protocol.lines import Lines

TRIES = 1000  # in half a second


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_is_in_the_corpus_breaks_nothing(path: Path) -> None:
    target(path.read_bytes())


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_changed_at_random_breaks_nothing(seed: int) -> None:
    for data in islice(mutations(seed), TRIES):
        target(data)


def test_the_fuzzer_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lines, "_add", lambda self, piece: self._buffer.extend(piece[:5]))
    with pytest.raises(AssertionError):
        for data in islice(mutations(1), TRIES):
            target(data)
