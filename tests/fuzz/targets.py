"""What strangers' bytes are given to, and what must hold whatever they are.

Each target takes an entry of the corpus: two digits that say how to begin, then the bytes. It
returns nothing, or raises what is a fault of iotkit's.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator
from typing import TypeVar

from iotkit.description import Argument, Attribute, Description, Event, Function
from iotkit.devinfo import from_devinfo, to_devinfo
from iotkit.discovery.found import python_name
from iotkit.errors import IotkitError, ProtocolError
from iotkit.protocol import (
    MAX_LINE,
    Banner,
    Call,
    Damaged,
    DeviceEnd,
    Garbage,
    Get,
    HostEnd,
    News,
    Rename,
    Reply,
    Set,
    Watch,
    described,
    dialect,
)
from iotkit.protocol.frames import frame, is_frame, unframe
from iotkit.server.bodies import arguments_in, value_in
from iotkit.server.messages import Request
from iotkit.text import printable
from iotkit.types import Type

ROBOT = Description.of(
    "robot:red",
    [
        Attribute("speed", Type.INT, "How fast [0..255]"),
        Attribute("ratio", Type.FLOAT, "A ratio [V]"),
        Attribute("led", Type.BOOL),
        Attribute("name", Type.STR, "[slow|fast]"),
        Attribute("distance", Type.INT, "[read-only]"),
        Attribute("any", Type.ANY),
    ],
    [
        Function("stop", help="Stop at once"),
        Function(
            "add", (Argument("a", Type.INT), Argument("b", Type.STR)), Argument("r", Type.ANY)
        ),
    ],
    [Event("bump", Argument("side", Type.STR))],
)

End = TypeVar("End", HostEnd, DeviceEnd)


def _begun(entry: bytes) -> tuple[int, int, bytes]:
    """Return how to begin, the size of the pieces (1 to 7 bytes), and the rest of the entry."""
    head = entry[:2].ljust(2, b"0")
    return head[0] - ord("0"), (head[1] - ord("0")) % 7 + 1, entry[2:]


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def host(entry: bytes) -> None:
    """Be a host to which a device says this: any bytes give events, and they may be cut anywhere.

    The first digit: nothing is asked (0), `get` (1), `devinfo` (2), a barrier (3), and in frames
    nothing (4) or three commands (5).
    """
    how, size, data = _begun(entry)
    whole, keys = _asking(how % 6)
    events = whole.receive(data)
    cut, _ = _asking(how % 6)
    assert [event for piece in _pieces(data, size) for event in cut.receive(piece)] == events
    assert cut.waiting == whole.waiting
    for end in (whole, cut):
        assert len(end._lines._buffer) <= MAX_LINE
    answered = [event.key for event in events if isinstance(event, Reply)]
    assert set(answered) <= set(keys)
    assert len(answered) == len(set(answered))
    for event in events:
        assert isinstance(event, Reply | Banner | News | Damaged | Garbage)
        if isinstance(event, Reply | News):
            _read(event.data)
        if isinstance(event, Reply | Banner):
            dialect(event.message)
    _still_understands(whole)
    _describe([(event.message, event.data) for event in events if isinstance(event, News)])


def _asking(how: int) -> tuple[HostEnd, list[int]]:
    end = HostEnd()
    if how == 3:
        return end, [end.barrier("aa")[0]]
    if how >= 4:
        end.use_frames(1000, 1000)
    asked = [[], ["get speed"], ["devinfo"], [], [], ["get speed", "add 1 x", "describe"]][how]
    return end, [end.ask(command)[0] for command in asked]


def _still_understands(end: HostEnd) -> None:
    """Whatever has come before, the answer to the next question is given to that."""
    end.receive(b"\n")
    if end.framed:
        key, sent = end.ask("ping")
        answer = frame(chr(sent[1]), "200:OK:pong")
    else:
        key, _ = end.barrier("bb")
        answer = b"404:No help found:~bb\n"
    (event,) = end.receive(answer)
    assert isinstance(event, Reply)
    assert event.key == key


def _read(data: str) -> None:
    """Take the data of a reply for all that it could be."""
    for type_ in Type:
        try:
            value = type_.parse(data)
            assert type_.parse(type_.format(type_.check(value))) == value
        except IotkitError:
            pass
    for member in (Attribute("a", Type.FLOAT, data), Function.parse("f", data)):
        assert printable(member.help).isprintable()


def _describe(lines: list[tuple[str, str]]) -> None:
    for device_id in ("robot", lines[0][1] if lines else ""):
        try:
            found, _ = described(device_id, lines)
        except ProtocolError:
            continue
        assert found.id == device_id
        assert from_devinfo(to_devinfo(found)).id == device_id


def device(entry: bytes) -> None:
    """Be a device to which a host says this; the first digit is the protocol's version (1, 2)."""
    how, size, data = _begun(entry)
    version = 1 if how == 1 else 2
    whole, cut = DeviceEnd(ROBOT, version), DeviceEnd(ROBOT, version)
    said = _answers(whole, data)
    assert b"".join(_answers(cut, piece) for piece in _pieces(data, size)) == said
    for line in said.splitlines(keepends=True):
        if is_frame(line):
            found = unframe(line[:-1])
            assert found is not None, line
            line = found[1] + b"\n"
        (event,) = _asking(1)[0].receive(line)
        assert isinstance(event, Reply | Banner | News), line


def _answers(end: DeviceEnd, data: bytes) -> bytes:
    end.receive(data)
    assert len(end._lines._buffer) <= MAX_LINE
    while request := end.next_request():
        match request:
            case Get(attribute=attribute):
                end.answer(request, attribute.type.python())
            case Set(attribute=attribute, value=value):
                assert attribute.check(value) == value
                end.answer(request)
            case Call(function=function, args=args):
                assert function.check(args) == args
                end.answer(request, 1 if function.result else None)
            case Rename():
                end.refuse(request, 404, "No:\r\n such thing")
            case Watch(attribute=attribute):
                end.news(attribute, attribute.type.python())
    return end.data_to_send()


def body(entry: bytes) -> None:
    """Be a server that gets this body, as bare text (0) or JSON (1): values, or our errors."""
    how, _, data = _begun(entry)
    headers = {"content-type": "application/json"} if how % 2 else {}
    request = Request("PUT", "/", headers, body=data)
    for attribute in ROBOT.attributes.values():
        try:
            attribute.check(value_in(request, attribute))
        except IotkitError:
            pass
    for function in ROBOT.functions.values():
        try:
            args = arguments_in(request, function)
            assert function.check(args) == args
        except IotkitError:
            pass


def name(entry: bytes) -> None:
    """Be a host that finds a device announced by this name: it is one in Python."""
    given = entry.decode("utf-8", "replace")
    found = python_name(given)
    assert found.isidentifier()
    assert not keyword.iskeyword(found)
    assert not found.startswith("_")
    assert printable(given).isprintable() or not given


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (host, device, body, name)
}
