r"""Frames (serial v2): lines that carry a tag and a checksum.

`$<tag><line>*<hhhh>\n`, where `hhhh` is the CRC-16/XMODEM of tag and line
(docs/serial-protocol.md, "Frames").
"""

from __future__ import annotations

import binascii
import re

TAGS = "0123456789abcdefghijklmnopqrstuvwxyz"
NEWS_TAG = "_"  # of frames that answer no command
OVERHEAD = 7  # bytes that a frame adds to a line, without its end

_TAIL = re.compile(rb"\*[0-9A-Fa-f]{4}$")


def frame(tag: str, line: str) -> bytes:
    """Return the frame that carries `line`, with its end."""
    body = tag.encode() + line.encode("utf-8", "replace")
    return b"$%b*%04x\n" % (body, binascii.crc_hqx(body, 0))


def is_frame(data: bytes) -> bool:
    """Whether the line `data` is a frame, be it a good one or a damaged one."""
    return data.startswith(b"$")


def lost_its_head(data: bytes) -> bool:
    """Whether the plain line `data` looks like what is left of a frame."""
    return _TAIL.search(data) is not None


def unframe(data: bytes) -> tuple[str, bytes] | None:
    """Return the tag and the line in a frame; None where it is damaged."""
    if len(data) < OVERHEAD or not _TAIL.search(data):
        return None
    body = data[1:-5]
    if binascii.crc_hqx(body, 0) != int(data[-4:], 16):
        return None
    tag = chr(body[0])
    return (tag, body[1:]) if tag in TAGS or tag == NEWS_TAG else None
