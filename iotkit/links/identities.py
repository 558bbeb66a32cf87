"""Which very device this is: the same identity at each start, and another one for each device.

The first of these that there is, and that no other device on this computer has just now:

1. the specifier: `sumobot:red`
2. the USB serial number of its board, also on another computer
3. the USB socket that it is plugged into, on this computer
4. a number on this computer: the lowest that no other device of its class has just now, so as
   many devices as last time have the same identities as last time

Each is held by a lock on a file, which the system lets go of when the process
ends, however it ends.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from .. import stored
from ..description import Description

if TYPE_CHECKING:
    from ..transports.serial import UsbBoard

LENGTH = 12  # hex digits: one of 10,000 devices has the identity of another by a chance of 2e-7

_lock = threading.Lock()
_held: set[str] = set()  # by this process

_log = logging.getLogger(__name__)


def claim(known: Description, board: UsbBoard | None) -> tuple[str, Callable[[], None]]:
    """Return the identity of a device on this `board`, and what lets others have it again.

    Where nothing can be kept, it is the specifier, or one that nobody will ever have again.
    """
    folder = user_state_path("iotkit") / "identities"
    with _lock:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for identity, file in _identities(known, board, _computer(folder)):
                if identity not in _held and (lock := _locked(folder / file)):
                    _held.add(identity)
                    return identity, partial(_let_go, identity, lock)
        except (OSError, NotImplementedError, ValueError) as error:
            _log.warning("devices get other identities at each start: %s", error)
    return known.id if known.specifier else _named(known, uuid.uuid4().hex), lambda: None


def _identities(
    known: Description, board: UsbBoard | None, computer: str
) -> Iterator[tuple[str, str]]:
    """Yield what its identity may be, each with the name of a file; the best first."""
    if known.specifier:  # not every system takes a name with a `:` for a file
        yield known.id, _named(known, f"called {known.specifier}")
    for what in _what_tells_apart(board, computer):
        identity = _named(known, what)
        yield identity, identity


def _let_go(identity: str, lock: FileLock) -> None:
    with _lock:
        lock.release()
        _held.discard(identity)


def _what_tells_apart(board: UsbBoard | None, computer: str) -> Iterator[str]:
    if board is not None:
        kind = f"{board.vid:04x}:{board.pid:04x}"
        if len(set(board.number)) > 2:  # some makers give all their boards the number 0001
            yield f"{kind} {board.number}"
        if board.socket:
            yield f"{kind} in {board.socket} of {computer}"
    for number in count():
        yield f"{number} of {computer}"


def _named(known: Description, what: str) -> str:
    # A number of the board's is nobody's business: it is announced to the network.
    digest = hashlib.sha256(f"{known.plain_id} {what}".encode()).hexdigest()
    return f"{known.plain_id}-{digest[:LENGTH]}"


def _computer(folder: Path) -> str:
    """Return what tells this user of this computer from all others."""
    path = folder / "computer"
    stored.made(path, lambda: secrets.token_hex(16).encode())
    return path.read_text(encoding="ascii")


def _locked(path: Path) -> FileLock | None:
    lock = FileLock(f"{path}.lock", blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock
