"""Recordings as tables: for pandas, for spreadsheets."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..description import Attribute
from ..errors import IotkitError, RecordingError
from ..types import Type, Value
from .files import unwritable
from .reading import Recording

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TIME = "seconds"  # what the column of times is called
SETTLING = 1.0  # seconds in which the first values come in, one after the other

Row = tuple[float, list[Value | None]]


def rows(recording: Recording) -> Iterator[Row]:
    """Yield the time and the value of each name, for each moment in which something changed.

    None stands for an attribute that is not known, and for an event that has not happened then.
    What came before all attributes were heard of is left out, in the first SETTLING seconds.
    """
    members = [recording.header.member(name) for name in recording.names]
    nothing = {
        member.name: False if member.value is None else None
        for member in members
        if not isinstance(member, Attribute)
    }
    unheard = {member.name for member in members if isinstance(member, Attribute)}
    now: dict[str, Value | None] = {**dict.fromkeys(recording.names), **nothing}
    told: set[str] = set()
    at = 0.0

    def complete() -> bool:
        return not unheard or at >= SETTLING or bool(told & nothing.keys())

    for time, name, value in recording:
        if told and (time > at or name in told):
            if complete():
                yield at, list(now.values())
            now.update(nothing)
            told.clear()
        at = time
        told.add(name)
        unheard.discard(name)
        if isinstance(value, IotkitError):
            now[name] = None
        else:
            now[name] = True if value is None else value
    if told and complete():
        yield at, list(now.values())


def to_pandas(recording: Recording) -> DataFrame:
    """Return the table; see Recording.to_pandas."""
    try:
        import pandas
    except ImportError:
        raise IotkitError("this table needs pandas: pip install pandas") from None
    times: list[float] = []
    columns: list[list[Value | None]] = [[] for _ in recording.names]
    for time, values in rows(recording):
        times.append(time)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    index = pandas.Index(times, dtype="float64", name=TIME)
    named = zip(recording.names, columns, strict=True)
    return pandas.DataFrame(
        {name: _series(recording, name, column, index) for name, column in named}, index=index
    )


def to_csv(recording: Recording, path: Path) -> None:
    """Write the table as CSV; see Recording.to_csv."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([TIME, *recording.names])
            writer.writerows([time, *values] for time, values in rows(recording))
    except RecordingError:
        raise
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None


def to_parquet(recording: Recording, path: Path) -> None:
    """Write the table as Parquet; see Recording.to_parquet."""
    table = to_pandas(recording)
    try:
        importlib.import_module("pyarrow")  # before there is a file
    except ImportError:
        raise IotkitError("a Parquet file needs pyarrow: pip install pyarrow") from None
    try:
        with path.open("wb") as file:
            table.to_parquet(file, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None


def _series(recording: Recording, name: str, values: list[Value | None], index: Any) -> Series[Any]:
    """Return a column, whose ints and bools stay such if some are missing."""
    import pandas

    member = recording.header.member(name)
    if isinstance(member, Attribute):
        type_ = member.type
    else:
        type_ = member.value.type if member.value else Type.BOOL
    whole = None not in values
    kinds = {
        Type.INT: "int64" if whole else "Int64",
        Type.FLOAT: "float64",
        Type.BOOL: "bool" if whole else "boolean",
    }
    return pandas.Series(values, index=index, dtype=kinds.get(type_, "string"))
