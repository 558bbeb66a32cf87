"""Ask which names are taken.

zeroconf's own probes go out from port 5353 and are answered there; where several programs of
one machine listen on it, the system hands the answer to one of them, which need not be the one
that asked. A question from a port of one's own is answered to that port (RFC 6762, section 6.7).
"""

from __future__ import annotations

import asyncio
import socket

from zeroconf import (  # type: ignore[attr-defined] # all four are there for its users
    DNSIncoming,
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
)
from zeroconf.const import _CLASS_IN, _FLAGS_QR_QUERY, _MDNS_ADDR, _MDNS_PORT, _TYPE_PTR

from .network import SERVICE_TYPE

ASKED = 3  # times, as probes are (RFC 6762, section 8.1): a packet may be lost
ANSWER_TIME = 0.25  # seconds for each: responders answer such a question at once


async def taken_names(addresses: list[str]) -> set[str]:
    """Return the full names, in small letters, of all services on the networks of `addresses`."""
    question = DNSOutgoing(_FLAGS_QR_QUERY)
    question.add_question(DNSQuestion(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN))
    (packet,) = question.packets()
    names: set[str] = set()
    loop = asyncio.get_running_loop()
    transports = []
    for address in addresses:
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Answers(names), local_addr=(address, 0)
            )
        except OSError:
            continue  # the network has just gone
        transports.append(transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    for _ in range(ASKED):
        for transport in transports:
            transport.sendto(packet, (_MDNS_ADDR, _MDNS_PORT))
        await asyncio.sleep(ANSWER_TIME)
    for transport in transports:
        transport.close()
    return names


class _Answers(asyncio.DatagramProtocol):
    """Gathers the names in the answers."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def datagram_received(self, data: bytes, _: object) -> None:
        for record in DNSIncoming(data).answers():
            if isinstance(record, DNSPointer) and record.name.lower() == SERVICE_TYPE:
                self._names.add(record.alias.lower())
