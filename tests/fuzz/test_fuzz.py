"""What strangers send is never more than data: the fuzz targets over the corpus, and around it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fuzz.targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

from iotkit.protocol.frames import frame
from iotkit.protocol.lines import Lines

CORPUS = Path(__file__).with_name("corpus")
ENTRIES = {target: sorted((CORPUS / target).iterdir()) for target in TARGETS}
BYTES = {target: [path.read_bytes() for path in paths] for target, paths in ENTRIES.items()}
TOKENS = [
    b":",
    b"\r\n",
    b"\n",
    b"$",
    b"*",
    b"\x18",
    b"200:",
    b"103:",
    b"DEV READY",
    b" ",
    b"[",
    b"]",
]
TOKENS += [b"..", b"|", b"->", b"\xff", b"\0", b"nan", b"1e999", b"{", b'"', b"9" * 5000]


@st.composite
def mutated(draw: st.DrawFn, entries: list[bytes]) -> bytes:
    """Return an entry with some of its bytes lost, doubled, changed, or taken from another."""
    data = bytearray(draw(st.sampled_from(entries)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(start + draw(st.sampled_from([0, 0, 1, 2, 8, 1000])), len(data))
        other = draw(st.sampled_from(entries))
        at = draw(st.integers(0, len(other)))
        data[start:end] = draw(
            st.binary(max_size=3)
            | st.sampled_from(TOKENS)
            | st.just(bytes(data[start:end]) * 2)
            | st.just(other[at : at + 40])
        )
    return _reframed(bytes(data)) if draw(st.booleans()) else bytes(data)


def _reframed(data: bytes) -> bytes:
    """Make good ones of damaged frames, which chance never would."""
    return re.sub(
        rb"\$([0-9a-z_])([^\n]*)\*[^\n]{4}\n",
        lambda found: frame(found[1].decode(), found[2].decode("utf-8", "replace")),
        data,
    )


@pytest.mark.parametrize(
    ("target", "path"),
    [pytest.param(t, p, id=f"{t}-{p.name}") for t, paths in ENTRIES.items() for p in paths],
)
def test_each_entry_of_the_corpus_holds(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_whatever_is_made_of_the_corpus_holds(target: str) -> None:
    @settings(max_examples=300, deadline=None)
    @given(mutated(BYTES[target]))
    def check(entry: bytes) -> None:
        TARGETS[target](entry)

    check()


def test_a_fault_is_found_by_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lines, "_add", lambda self, piece: self._buffer.extend(piece[:5]))
    for target in ("host", "device"):
        with pytest.raises(AssertionError):
            for entry in BYTES[target]:
                TARGETS[target](entry)
