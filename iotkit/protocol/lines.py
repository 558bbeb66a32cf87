r"""Bytes to lines, bounded."""

from __future__ import annotations

import logging
from collections.abc import Iterator

MAX_LINE = 64 * 1024  # bytes: 500 names of the greatest length fit into `funcs`

# The status of lines that a device sends unasked: an attribute's value, an event, and why the value
# of an attribute is not known; and who has claimed the device.
VALUE_NEWS, EVENT_NEWS, NO_NEWS, CLAIM_NEWS = 103, 104, 105, 106

_log = logging.getLogger(__name__)


class Lines:
    r"""Cuts what arrives into lines, which end in `\n` or `\r\n`.

    The byte `cancel`, if there is one, throws away what there is of a line.
    """

    def __init__(self, cancel: bytes = b"") -> None:
        self._cancel = cancel
        self._buffer = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield each line that `data` completes, and whether it is whole.

        Of an overlong line only the first MAX_LINE bytes are kept, and only until its end.
        """
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield bytes(self._buffer.removesuffix(b"\r")), not self._overlong
            self._buffer.clear()
            self._overlong = False
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        if self._cancel and self._cancel in piece:
            self._buffer.clear()
            self._overlong = False
            piece = piece.rpartition(self._cancel)[2]
        room = MAX_LINE - len(self._buffer)
        if len(piece) > room and not self._overlong:
            self._overlong = True
            _log.warning("a line of more than %d bytes is thrown away", MAX_LINE)
        self._buffer += piece[:room]


def text(line: bytes) -> str:
    """Return a line as text; what is no UTF-8 is shown as such."""
    return line.decode("utf-8", "replace")
