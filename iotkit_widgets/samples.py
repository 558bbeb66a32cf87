"""What a plot remembers of a trace: its values and their times, and never too many."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from threading import Lock

KEPT = 600.0  # seconds that a sample is kept: twice the longest time that a plot shows
MAX_SAMPLES = 65_536  # of a trace, or 1 MB: ten minutes at 100 a second
BATCH = 256  # samples that are forgotten at once, since moving the others costs time


class Samples:
    """Samples in the order of their times; each has a number, from 0 on.

    A value is a number, or NaN from where on it isn't known. Any thread may use it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._times, self._values = array("d"), array("d")
        self._first = 0  # the number of the oldest one that is kept

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self._values[-1] if self._values else None

    def add(self, time: float, value: float) -> None:
        """Add a sample; one that seems older than the last counts as of the same time."""
        with self._lock:
            if self._times:
                time = max(time, self._times[-1])  # a computer's clock may be set back
            self._times.append(time)
            self._values.append(value)
            if len(self._times) % BATCH == 0:
                # The value that held when the time kept begins is needed too.
                old = bisect_right(self._times, time - KEPT) - 1
                self._forget(max(old, len(self._times) - MAX_SAMPLES))

    def since(self, number: int) -> tuple[int, int, bytes]:
        """Return what is kept of the samples from `number` on.

        That is the first one's number, how many they are, and their times, then their values, as
        64-bit floats in this machine's order of bytes.
        """
        with self._lock:
            first = max(number, self._first)
            skipped = first - self._first
            times, values = self._times[skipped:], self._values[skipped:]
        return first, len(times), times.tobytes() + values.tobytes()

    def clear(self) -> None:
        """Forget them all; the next one has the next number."""
        with self._lock:
            self._forget(len(self._times))

    def _forget(self, number: int) -> None:
        if number > 0:
            del self._times[:number], self._values[:number]
            self._first += number
