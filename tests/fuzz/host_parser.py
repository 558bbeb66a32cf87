"""Whatever a device sends, the host makes events of it: `python tests/fuzz/host_parser.py`.

Changes what is in corpus/ at random, and gives it to the host's end of the protocol, for ever or
for so many `--seconds`. What breaks it is kept in a file and belongs into corpus/, where the tests
run it from then on. A file there is a line that says what the host has asked, and what comes then.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from iotkit.errors import ProtocolError
from iotkit.protocol import Banner, Damaged, Garbage, HostEnd, News, Reply, described, dialect
from iotkit.protocol.frames import frame, unframe

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
SMALL = 7  # bytes of a piece at most

Change = Callable[[random.Random, bytes, bytes], bytes]


def target(data: bytes) -> None:
    """Raise AssertionError, or whatever the parser raises, where `data` breaks it."""
    asked, _, stream = data.partition(b"\n")
    whole, keys = _host(asked)
    events = whole.receive(stream)
    cut, _ = _host(asked)
    assert [event for piece in _pieces(stream) for event in cut.receive(piece)] == events
    assert (whole.waiting, whole.unanswered) == (cut.waiting, cut.unanswered)
    assert all(isinstance(one, Reply | Banner | News | Damaged | Garbage) for one in events)
    answered = [event.key for event in events if isinstance(event, Reply)]
    assert len(answered) == len(set(answered)), "an answer came twice"
    assert set(answered) <= keys, "an answer came to nothing"
    for event in events:
        if isinstance(event, Banner):
            dialect(event.message)
    try:
        described("robot", [(e.message, e.data) for e in events if isinstance(e, News)])
    except ProtocolError:
        pass


def mutations(seed: int) -> Iterator[bytes]:
    """Yield what is in the corpus, and then changed pieces of it, without end."""
    known = [path.read_bytes() for path in CORPUS]
    yield from known
    dice = random.Random(seed)
    while True:
        data = dice.choice(known)
        for _ in range(dice.randint(1, 4)):
            data = dice.choice(_CHANGES)(dice, data, dice.choice(known))
        yield data


def _host(asked: bytes) -> tuple[HostEnd, set[int]]:
    """Return a host that has asked so, and the keys of what it waits for."""
    host = HostEnd()
    if asked == b"devinfo":
        return host, {host.ask("devinfo")[0]}
    if asked == b"barrier":
        return host, {host.barrier("aa")[0]}
    if asked == b"nothing":
        return host, set()
    host.use_frames()
    return host, {host.ask(command)[0] for command in ("describe", "get a", "go")}


def _pieces(stream: bytes) -> Iterator[bytes]:
    at = 0
    for size in itertools.cycle(range(1, SMALL + 1)):
        if at >= len(stream):
            return
        yield stream[at : at + size]
        at += size


def _cut(dice: random.Random, data: bytes, _: bytes) -> bytes:
    begin, end = sorted(dice.randrange(len(data) + 1) for _ in range(2))
    return data[:begin] + data[end:]


def _double(dice: random.Random, data: bytes, other: bytes) -> bytes:
    begin, end = sorted(dice.randrange(len(other) + 1) for _ in range(2))
    at = dice.randrange(len(data) + 1)
    return data[:at] + other[begin:end] + data[at:]


def _change(dice: random.Random, data: bytes, _: bytes) -> bytes:
    at = dice.randrange(len(data) + 1)
    byte = dice.choice(b"\n\r\0$*:~019af \x18\xff") if dice.random() < 0.5 else dice.randrange(256)
    return data[:at] + bytes([byte]) + data[at + 1 :]


def _reframe(dice: random.Random, data: bytes, _: bytes) -> bytes:
    """Make a changed frame a good one again, which would never come about by chance."""
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    tag, line = lines[at][1:2].decode("latin-1"), lines[at][2:].rpartition(b"*")[0]
    if lines[at][:1] == b"$" and unframe(lines[at]) is None and tag.isalnum() and tag.isascii():
        lines[at] = frame(tag, line.decode("utf-8", "replace")).rstrip(b"\n")
    return b"\n".join(lines)


_CHANGES: tuple[Change, ...] = (_cut, _double, _change, _change, _reframe)


def main() -> None:
    """Look for what breaks it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=time.time_ns())
    options = parser.parse_args()
    logging.disable()  # odd names are warned of
    end = time.monotonic() + options.seconds
    for count, data in enumerate(mutations(options.seed)):
        try:
            target(data)
        except BaseException:
            with tempfile.NamedTemporaryFile(prefix="broken-", delete=False) as file:
                file.write(data)
            print(f"after {count} tries, seed {options.seed}: {file.name}")
            raise
        if time.monotonic() > end:
            print(f"{count} tries, and nothing broke")
            return


if __name__ == "__main__":
    main()
