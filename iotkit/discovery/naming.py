"""Take a name on the network that nobody else has, or takes in the same moment.

Who wants a name asks for it before it is announced, and says with the question what it would
stand for (RFC 6762, section 8.1). Who has it answers; of two who want it at once, the greater one
takes it (section 8.2). zeroconf does not do that: it knows nothing of simultaneous probes, and the
answers to its own go to port 5353, where of several programs on one machine any may get them. So
this asks from ports of its own, and listens to what is said to all.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from zeroconf import (  # type: ignore[attr-defined] # all are there for its users
    DNSIncoming,
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    DNSService,
)
from zeroconf.const import (
    _CLASS_IN,
    _DNS_HOST_TTL,
    _FLAGS_QR_QUERY,
    _MDNS_ADDR,
    _MDNS_PORT,
    _TYPE_ANY,
    _TYPE_PTR,
    _TYPE_SRV,
)

SERVICE_TYPE = "_iotoy._tcp.local."
ASKED = 3  # times: a packet may be lost
ECHO = 2.0  # seconds for which zeroconf may still answer with a name that it no longer has
ANSWER_TIME = 0.25  # seconds for each: who has the name answers at once


class Names:
    """The names on the networks of some addresses; for the one event loop of those networks.

    Names are full ones, `sumobot._iotoy._tcp.local.`; large and small letters are the same.
    """

    def __init__(self, addresses: Callable[[], list[str]]) -> None:
        self._addresses = addresses
        self._ours: dict[str, _Claim] = {}  # taken here, or about to be
        self._others: set[str] = set()  # as far as known; complete while somebody takes a name
        self._left: dict[str, float] = {}  # when names were left, of late
        self._users = 0
        self._listed: asyncio.Future[None] | None = None
        self._transports: list[asyncio.DatagramTransport] = []  # the first ones are to send by

    @asynccontextmanager
    async def taking(self, candidates: Iterable[str], server: str, port: int) -> AsyncIterator[str]:
        """Give the first of `candidates` that can be had, for a service at this server and port.

        It has to be announced before the end; it is kept until `leave`.
        """
        self._users += 1
        try:
            await self._listen()
            for name in candidates:
                key = name.lower()
                if key in self._ours or key in self._others:
                    continue
                self._ours[key] = claim = _Claim(name, server, port)
                try:
                    if await self._won(claim):
                        yield name
                        return
                except BaseException:
                    del self._ours[key]
                    raise
                self._others.add(key)
                del self._ours[key]
        finally:
            self._users -= 1
            if not self._users:
                self._hang_up()

    def leave(self, name: str) -> None:
        """Let others have the name again."""
        self._ours.pop(name.lower(), None)
        now = time.monotonic()
        self._left = {one: at for one, at in self._left.items() if now - at < ECHO}
        self._left[name.lower()] = now

    def is_echo(self, key: str) -> bool:
        """Whether an answer about this name may still be our own."""
        return time.monotonic() - self._left.get(key, -ECHO) < ECHO

    async def _won(self, claim: _Claim) -> bool:
        """Ask whether anybody has the name; return whether it can be had."""
        for _ in range(ASKED):
            self._ask(claim.question())
            await asyncio.wait([claim.beaten], timeout=ANSWER_TIME)
            if claim.beaten.done():
                return False
        return True

    async def _listen(self) -> None:
        """Begin to listen, if nobody does; return when the names that are taken are known."""
        if self._listed is None:
            self._listed = asyncio.ensure_future(self._list())
        await asyncio.shield(self._listed)

    async def _list(self) -> None:
        loop = asyncio.get_running_loop()
        self._others.clear()
        for open_ in (_asking, _listening):
            for address in self._addresses():
                try:
                    sock = open_(address)
                    transport, _ = await loop.create_datagram_endpoint(
                        lambda: _Heard(self._hear), sock=sock
                    )
                except OSError:
                    continue  # the network has just gone
                self._transports.append(transport)
        question = DNSOutgoing(_FLAGS_QR_QUERY, multicast=False, id_=_any_id())
        question.add_question(DNSQuestion(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN))
        self._ask(question)
        await asyncio.sleep(ANSWER_TIME)

    def _hang_up(self) -> None:
        self._listed = None
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def _ask(self, question: DNSOutgoing) -> None:
        (packet,) = question.packets()
        for transport in self._transports:
            if transport.get_extra_info("sockname")[1] != _MDNS_PORT:
                transport.sendto(packet, (_MDNS_ADDR, _MDNS_PORT))

    def _hear(self, message: DNSIncoming) -> None:
        for record in message.answers():  # in a question, what the name would stand for
            if isinstance(record, DNSPointer):
                if message.is_response() and record.name.lower() == SERVICE_TYPE:
                    key = record.alias.lower()
                    if record.ttl and not self.is_echo(key):
                        self._others.add(key)
                    else:
                        self._others.discard(key)
            elif isinstance(record, DNSService) and record.ttl:
                self._hear_of(record, only_asked=message.is_query())

    def _hear_of(self, record: DNSService, *, only_asked: bool) -> None:
        claim = self._ours.get(record.key)
        if claim is None or claim.rank == (theirs := _rank(record.server, record.port)):
            return
        if not only_asked and self.is_echo(record.key):
            return  # if it is another's all the same, Announcement hears of that
        if only_asked and claim.rank > theirs:
            self._ask(claim.question())  # so that they hear of us
        elif not claim.beaten.done():
            claim.beaten.set_result(None)


class _Claim:
    """Somebody here wants the name; `beaten` is done when another has it, or will have it."""

    def __init__(self, name: str, server: str, port: int) -> None:
        self._name, self._server, self._port = name, server, port
        self.rank = _rank(server, port)
        self.beaten: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def question(self) -> DNSOutgoing:
        asked = DNSOutgoing(_FLAGS_QR_QUERY, multicast=False, id_=_any_id())
        asked.add_question(DNSQuestion(self._name, _TYPE_ANY, _CLASS_IN))
        stands_for = DNSService(
            self._name, _TYPE_SRV, _CLASS_IN, _DNS_HOST_TTL, 0, 0, self._port, self._server
        )
        asked.authorities.append(stands_for)  # type: ignore[arg-type] # there is no more to it
        return asked


class _Heard(asyncio.DatagramProtocol):
    def __init__(self, hear: Callable[[DNSIncoming], None]) -> None:
        self._hear = hear

    def datagram_received(self, data: bytes, _: object) -> None:
        self._hear(DNSIncoming(data))


def _rank(server: str, port: int) -> tuple[int, str]:
    return port, server.lower()


def _any_id() -> int:
    return random.randrange(1, 2**16)  # noqa: S311 - zeroconf ignores what it has just heard


def _asking(address: str) -> socket.socket:
    return _bound(address, (address, 0))


def _listening(address: str) -> socket.socket:
    # What is said to all, and not what zeroconf is answered; Windows doesn't tell them apart.
    to = "" if sys.platform == "win32" else _MDNS_ADDR
    return _bound(address, (to, _MDNS_PORT), shared=True)


def _bound(address: str, to: tuple[str, int], *, shared: bool = False) -> socket.socket:
    """Return a socket for multicast on the network of `address`; raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)  # as RFC 6762, 11 has it
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse := getattr(socket, "SO_REUSEPORT", 0):
                sock.setsockopt(socket.SOL_SOCKET, reuse, 1)
            group = socket.inet_aton(_MDNS_ADDR) + socket.inet_aton(address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        sock.bind(to)
    except OSError:
        sock.close()
        raise
    return sock
