"""A device that does again what was recorded."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from .. import opened
from ..description import Description
from ..device import Device, device_over
from ..errors import (
    BadType,
    BadValue,
    DeviceDisconnected,
    DeviceError,
    IotkitError,
    ReadOnly,
    RecordingError,
)
from ..links import Change, Following, Heard
from ..links.local import LocalLink
from ..types import Value, shown
from .entries import Entry
from .reading import Recording

FIRST = 1.0  # seconds of a recording in which an attribute's first value is what it began with
MAX_FIRST = 10_000  # entries in which to look for it
END_REST = 1.0  # seconds before it is played again


class Replayed:
    """A recording, as LocalLink sees a device: it begins when somebody first looks."""

    def __init__(self, recording: Recording, speed: float, loop: bool) -> None:
        self._recording, self._speed, self._loop = recording, speed, loop
        self.description = _as_replayed(recording)
        self._now: dict[str, Change] = {
            name: DeviceError(f"{name} is not known at this time of the recording")
            for name in self.description.attributes
        } | _beginning(recording)
        self._lock = threading.Lock()
        self._link: LocalLink | None = None
        self._playing: threading.Thread | None = None
        self._closed = threading.Event()

    def get(self, name: str) -> Value:
        """Return what the attribute is now; raises what was recorded in place of a value."""
        self.play()
        change = self._now[name]
        if isinstance(change, IotkitError):
            raise type(change)(str(change))
        assert change is not None  # which only an event's may be
        return change

    def set(self, name: str, value: Value) -> None:  # noqa: ARG002
        """Refuse: the past can't be changed."""
        raise ReadOnly(f"{name} can't be set: this is a replay of a recording")

    def call(self, name: str, args: Sequence[Value]) -> Value | None:  # noqa: ARG002
        """Refuse; but there is nothing to stop, so that `stop` has been done already."""
        function = self.description.functions[name]
        if name == "stop" and function.result is None:
            return None
        raise DeviceError(f"{name}() does nothing: this is a replay of a recording", 405)

    def rename(self, specifier: str) -> None:
        """Have this specifier from now on; BadValue for a bad one."""
        self.description = self.description.renamed(specifier)

    def listen(self, link: LocalLink) -> None:
        """Tell the link's newsroom of what happens; see Hosted.listen."""
        self._link = link

    def pushes(self, name: str) -> bool:  # noqa: ARG002
        """Whether it tells of each change: always."""
        return True

    def push(self, name: str, *, soon: bool = False) -> None:
        """Tell of the attribute now; see Following.tell for `soon`."""
        if self._link is not None:
            newsroom = self._link.newsroom
            mark = newsroom.mark()  # it may change, and that be told, between these lines
            newsroom.tell(name, self._now[name], mark=mark, soon=soon)

    def silence(self) -> None:
        """Do nothing: it has no deadman."""

    def close(self) -> None:
        """End it."""
        self._closed.set()

    def play(self) -> None:
        """Begin, if it has not begun."""
        with self._lock:
            if self._playing is None:
                name = f"iotkit replay {self.description.id}"
                self._playing = threading.Thread(target=self._run, name=name, daemon=True)
                self._playing.start()

    def _tell(self, name: str, change: Change) -> None:
        if self._link is not None:
            self._link.newsroom.tell(name, change)

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                self._run_once()
                if not self._loop or self._closed.wait(END_REST):
                    return
        except RecordingError as error:
            for name in self.description.attributes:
                self._happen(Entry(0, name, error))

    def _run_once(self) -> None:
        began = time.monotonic()
        for entry in self._recording:
            left = began + entry.time / self._speed - time.monotonic()
            if self._closed.wait(min(max(left, 0), threading.TIMEOUT_MAX)):
                return
            self._happen(entry)

    def _happen(self, entry: Entry) -> None:
        change = entry.value
        if isinstance(change, DeviceDisconnected):
            change = DeviceError(str(change))  # it was gone then; the replay is still there
        if entry.name in self._now:
            self._now[entry.name] = change
        self._tell(entry.name, change)


class ReplayLink(LocalLink):
    """A link to a recording."""

    def __init__(self, replayed: Replayed, target: str) -> None:
        super().__init__(replayed, target)
        self._replayed = replayed

    def follow(self, name: str, heard: Heard, period: float = 0.0) -> Following:
        """Follow it, and begin; see Link.follow."""
        following = super().follow(name, heard, period)
        self._replayed.play()
        return following


def replay(file: str | Path | Recording, speed: float = 1.0, *, loop: bool = False) -> Device:
    """Return a device that does again what was recorded: its attributes change, its events happen.

    It begins when somebody first looks: reads an attribute, follows one, opens its panel. It goes
    `speed` times as fast; with `loop`, it begins anew at the end, and else stays as it is then.
    Nothing can be set, and its functions do nothing but say so. It has what was recorded, and not
    what wasn't. Raises RecordingError for a file that is no recording, BadType or BadValue for a
    speed that is no number above 0.
    """
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        raise BadType(f"speed is a number, such as 2 for twice as fast, not {shown(speed)}")
    if not 0 < speed < math.inf:
        raise BadValue(f"speed={speed} is no speed: 2 is twice as fast, 0.5 half as fast")
    recording = file if isinstance(file, Recording) else Recording(file)
    link = ReplayLink(Replayed(recording, speed, loop), f"replay:{recording.path}")
    device = device_over(link)
    opened.add(device)
    return device


def _as_replayed(recording: Recording) -> Description:
    """Return the description of what was recorded, with attributes that can only be read."""
    known, names = recording.device, recording.names
    attributes = [a.as_read_only() for a in known.attributes.values() if a.name in names]
    return replace(
        known,
        attributes={attribute.name: attribute for attribute in attributes},
        events={name: e for name, e in known.events.items() if name in names},
        deadman_ms=0,
    )


def _beginning(recording: Recording) -> dict[str, Change]:
    """Return the first values: an attribute had its own before its news came."""
    found: dict[str, Change] = {}
    for time_, name, change in islice(recording, MAX_FIRST):
        if time_ > FIRST:
            break
        if name in recording.device.attributes and not isinstance(change, IotkitError):
            found.setdefault(name, change)
    return found
