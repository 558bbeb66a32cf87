"""The serial protocol, sans-I/O, both ends: bytes in, events out; no port and no clock.

The host end:

    end = HostEnd()
    key, data = end.ask("get speed")
    port.write(data)
    for event in end.receive(port.read()):   # Reply, Banner, News, Damaged or Garbage
        ...

Version 1 answers commands one at a time and in order. A host that gave up on an answer calls
`barrier`: all that comes before the barrier's own answer is thrown away, so no reply is ever
given to the wrong command. Version 2 does the same with a tag on each command (frames.py).

The device end:

    end = DeviceEnd(description)
    end.receive(port.read())
    while request := end.next_request():     # Get, Set, Call …, checked against the description
        end.answer(request, value)           # or end.refuse(request, …)
    port.write(end.data_to_send())

Any bytes, cut into any pieces, give the same events, and no exception. The format is that of
docs/serial-protocol.md.
"""

from .describing import described, fingerprint
from .device_end import DeviceEnd
from .device_requests import Call, Claim, Get, Rename, Request, Set, Watch
from .host_end import Banner, Damaged, Garbage, HostEnd, News, Reply, dialect
from .lines import CLAIM_NEWS, EVENT_NEWS, MAX_LINE, NO_NEWS, VALUE_NEWS

RATES = (115200, 19200)  # bits a second: what boards speak, ours and original ones

__all__ = [
    "CLAIM_NEWS",
    "EVENT_NEWS",
    "MAX_LINE",
    "NO_NEWS",
    "RATES",
    "VALUE_NEWS",
    "Banner",
    "Call",
    "Claim",
    "Damaged",
    "DeviceEnd",
    "Garbage",
    "Get",
    "HostEnd",
    "News",
    "Rename",
    "Reply",
    "Request",
    "Set",
    "Watch",
    "described",
    "dialect",
    "fingerprint",
]
