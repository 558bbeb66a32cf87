"""A recording, read from its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..description import Description
from ..errors import RecordingError
from ..plain import printable
from .entries import MAX_LINE, Entry, Header
from .files import unreadable

if TYPE_CHECKING:
    from pandas import DataFrame


class Recording:
    """A recording in a file: `for time, name, value in log`, `log.to_pandas()`, `log.to_csv(path)`.

    `path` is the file, `header` what it says first. All that reads raises RecordingError for a
    file that can't be read any more or is damaged; that the last line is torn, after a crash, is
    no damage.
    """

    header: Header

    def __init__(self, path: str | Path) -> None:
        """Open a recording; raises RecordingError for a file that is none."""
        self.path = Path(path)
        try:
            with self._opened() as file:
                self.header = Header.parse(self._line(file))
        except ValueError:
            raise self._bad("is no recording of iotkit") from None

    @property
    def started(self) -> datetime:
        """When it began."""
        return self.header.started

    @property
    def device(self) -> Description:
        """What the device says of itself."""
        return self.header.device

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes and events that were recorded."""
        return self.header.names

    def __iter__(self) -> Iterator[Entry]:
        last, number = 0.0, 1
        with self._opened() as file:
            self._line(file)
            while line := self._line(file):
                number += 1
                try:
                    entry = self.header.parse_entry(line)
                except ValueError:
                    if len(line) < MAX_LINE and not line.endswith(b"\n"):
                        return  # the last one, torn
                    raise self._bad(f"is damaged in line {number}") from None
                if entry.time < last:
                    raise self._bad(f"goes back in time in line {number}")
                last = entry.time
                yield entry

    def __len__(self) -> int:
        return sum(1 for _ in iter(self))

    def to_pandas(self) -> DataFrame:
        """Return it as a table of pandas: a row for each moment in which something changed.

        The index is the time in seconds since the beginning. An attribute's column has its value
        then, be it from before; it is empty while the value was not known. An event's column has
        the event's value in its moment and is empty else; that of an event without a value is
        True or False. Raises IotkitError where pandas is missing.
        """
        from .tables import to_pandas

        return to_pandas(self)

    def to_csv(self, path: str | Path) -> None:
        """Write the table of `to_pandas` to a CSV file, for spreadsheets; needs no pandas.

        Written over, if it is there. Raises RecordingError where it can't be written.
        """
        from .tables import to_csv

        to_csv(self, Path(path))

    def to_parquet(self, path: str | Path) -> None:
        """Write it to a Parquet file; see `to_csv`.

        Raises IotkitError where pandas or pyarrow is missing.
        """
        from .tables import to_parquet

        to_parquet(self, Path(path))

    def __repr__(self) -> str:
        when = f"{self.started:%Y-%m-%d %H:%M:%S}"
        return printable(f"<{self.path}: {', '.join(self.names)} of {self.device.id} from {when}>")

    def _opened(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except (OSError, ValueError) as error:
            raise unreadable(self.path, error) from None

    def _line(self, file: BinaryIO) -> bytes:
        try:
            return file.readline(MAX_LINE)
        except OSError as error:
            raise unreadable(self.path, error) from None

    def _bad(self, why: str) -> RecordingError:
        return RecordingError(printable(f"{self.path} {why}"))


def recording(path: str | Path) -> Recording:
    """Return the recording in a file: `iotkit.recording("robot-2026-11-22-183000.jsonl")`.

    Raises RecordingError for a file that isn't there, can't be read, or is none.
    """
    return Recording(path)
