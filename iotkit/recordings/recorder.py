"""Record a device: keep in a file all that it pushes, as it comes."""

from __future__ import annotations

import atexit
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ..commands import unknown
from ..device import Device, link_of
from ..errors import BadType, BadValue, DeviceDisconnected, RecordingError
from ..links import Change, Following, is_last
from ..links.interrupts import BLINK
from ..types import shown
from .entries import Entry, Header
from .files import unwritable
from .reading import Recording

PAUSE = 0.25  # seconds between two writings: what a crash may lose, and a few writes a second
MAX_WAITING = 100_000  # entries not yet written: a disk that is so slow would fill the memory


class Log(Recording):
    """A recording that goes on until `stop()`, the end of its `with`, or that of the device.

    `len(log)` is how many changes it has. What reads it gets all that came up to now. `error` is
    what ended it before its time, or None; that is printed as well, and raised by `stop()` or at
    the end of the `with`.
    """

    def __init__(self, device: Device, names: tuple[str, ...], path: Path | None = None) -> None:
        """Begin; raises RecordingError where the file can't be made."""
        link = link_of(device)
        self.header = Header(link.description, names, datetime.now().astimezone())
        self._began = time.monotonic()
        self.path, self._file = _made(self.header, path)
        self.error: RecordingError | None = None
        self._raised = False
        self._waiting: list[Entry] = []
        self._count = 0
        self._gone: set[str] = set()
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # held while entries go from the memory to the file
        self._come, self._ended = threading.Event(), threading.Event()
        self._following: list[Following] = [link.follow(name, self._heard) for name in names]
        atexit.register(self._end)
        self._thread = threading.Thread(target=self._work, name="iotkit recording", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """End it; a second time does nothing. Raises RecordingError if it failed before."""
        self._end()
        if self.error is not None and not self._raised:
            self._raised = True
            raise self.error

    def wait(self) -> None:
        """Return when it has ended."""
        while not self._ended.wait(BLINK):
            pass
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self._end()  # what went wrong in the `with` is not to be hidden

    def __iter__(self) -> Iterator[Entry]:
        self._flush()
        return super().__iter__()

    def __len__(self) -> int:
        return self._count if self.error is None else super().__len__()

    def __repr__(self) -> str:
        state = "running" if self.running else "ended"
        return f"{super().__repr__()[:-1]}, {state}, {len(self)} changes>"

    def _heard(self, name: str, change: Change, at: float) -> None:  # noqa: ARG002
        with self._lock:
            if self._ended.is_set():
                return
            # Not `at`: a computer without a clock of its own is put right when it finds a network.
            elapsed = round(time.monotonic() - self._began, 6)
            self._waiting.append(Entry(elapsed, name, change))
            self._count += 1
            if is_last(change):
                self._gone.add(name)
            if len(self._gone) == len(self.names):
                self._ended.set()
            if len(self._waiting) >= MAX_WAITING:
                self._fail(RecordingError(f"the disk is too slow to record to {self.path}"))
        self._come.set()

    def _end(self) -> None:
        for following in self._following:
            following.close()
        self._ended.set()
        self._come.set()
        self._thread.join()

    def _fail(self, error: RecordingError) -> None:
        self.error = error
        self._ended.set()

    def _work(self) -> None:
        while not self._ended.is_set():
            self._come.wait()
            self._come.clear()
            self._ended.wait(PAUSE)
            self._flush()
        for following in self._following:
            following.close()
        self._flush()
        try:
            self._file.close()
        except OSError as error:  # it tries again to write what it could not
            self.error = self.error or unwritable(self.path, error)
        if self.error is not None:
            print(self.error, file=sys.stderr)
        atexit.unregister(self._end)

    def _flush(self) -> None:
        """Write what has come up to now."""
        with self._writing:
            with self._lock:
                batch, self._waiting = self._waiting, []
            if not batch or self.error is not None:
                return
            try:
                self._file.write(b"".join(map(self._encoded, batch)))
                self._file.flush()
            except OSError as error:
                self._fail(unwritable(self.path, error))

    def _encoded(self, entry: Entry) -> bytes:
        try:
            return self.header.encode_entry(entry)
        except ValueError:
            why = BadValue(f"{entry.name}: the value was too long to be recorded")
            return self.header.encode_entry(entry._replace(value=why))


def record(device: Device, *names: str, path: str | Path | None = None) -> Log:
    """Keep what a device's attributes and events do in a file, from now on.

        with iotkit.record(robot, "distance", "speed") as log:
            robot.forward()
        log.to_pandas()

    Without names, all. It goes on until `log.stop()` or the end of the `with`. The file is
    written as it goes, at least once a second: `path`, or one in the working directory with a
    name such as `sumobot-2026-11-22-183000.jsonl`; see `log.path`. Never written over. Raises
    RecordingError where it can't be made, UnknownName, BadType, DeviceDisconnected, and BadValue
    for a device that has nothing to record.
    """
    if not isinstance(device, Device):
        raise BadType(f"{_EXAMPLE}, not {shown(device)}")
    link = link_of(device)
    known = link.description
    there = list(dict.fromkeys([*known.attributes, *known.events]))
    for name in names:
        if not isinstance(name, str):
            raise BadType(f"{_EXAMPLE}, not {shown(name)}")
        if name not in there:
            raise unknown(link, name, there)
    if not there:
        raise BadValue(f"{known.id} has neither attributes nor events: there is nothing to record")
    if link.closed:
        raise DeviceDisconnected(f"{known.id} is closed: connect to it again to record it")
    return Log(device, tuple(dict.fromkeys(names or there)), None if path is None else Path(path))


_EXAMPLE = 'record() takes a device and names, as in record(robot, "distance", "speed")'


def _made(header: Header, path: Path | None) -> tuple[Path, BinaryIO]:
    """Return a new file with the header in it, and its path."""
    try:
        line = header.encode()
    except ValueError:
        raise RecordingError(f"{header.device.id} says too much of itself to be recorded") from None
    for one in [path] if path else _free_names(header):
        try:
            file = one.open("xb")
        except FileExistsError as error:
            if path:
                raise unwritable(one, error) from None
            continue
        except (OSError, ValueError) as error:
            raise unwritable(one, error) from None
        break
    try:
        file.write(line)
        file.flush()
    except OSError as error:
        _close_and_remove(one, file)
        raise unwritable(one, error) from None
    return one, file


def _free_names(header: Header) -> Iterator[Path]:
    """Yield names for the file, without end."""
    stem = f"{header.device.name}-{header.started:%Y-%m-%d-%H%M%S}"
    yield Path(f"{stem}.jsonl")
    for number in itertools.count(2):
        yield Path(f"{stem}-{number}.jsonl")


def _close_and_remove(path: Path, file: BinaryIO) -> None:
    try:
        file.close()
    except OSError:
        pass  # it tries again to write what it could not
    try:
        path.unlink()
    except OSError:
        pass  # then there is an empty file too many
