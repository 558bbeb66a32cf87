"""Wait for a board to start, and find out at which rate it speaks."""

from __future__ import annotations

from collections import deque

from ..errors import DeviceTimeout, ProtocolError
from ..protocol import Reply
from ..transports import Transport
from .line import Line

BOOT_TIME = 2.0  # seconds: a boot loader listens for 1.7 s, and takes for itself what comes then
BANNER_TIME = 0.3  # seconds that a banner takes at the slowest rate, and as much again
HELLO_TIMEOUT, HELLO_TRIES = 1.0, 5  # so that a port on which nobody speaks fails within 8 s
RATE_TIMEOUT, RATE_ROUNDS = 0.6, 2  # the same where the rate has to be found out
RATE_TRIES = 2  # at each rate: what was sent at the wrong one spoils the first line


def greet(line: Line, transport: Transport) -> Reply:
    """Return the device's answer to `devinfo`; leaves `transport` at the device's rate.

    Raises DeviceTimeout, DeviceDisconnected, DeviceReset, or ProtocolError where only nonsense
    comes.
    """
    try:
        return _greet(line, transport)
    except (DeviceTimeout, ProtocolError) as error:
        raise type(error)(
            f"{line.name} does not answer as a device: does its sketch use iotkit? If it speaks at"
            " another rate, say so: baud=9600, or --baud 9600"
        ) from None


def _greet(line: Line, transport: Transport) -> Reply:
    rates = deque(transport.rates)
    if transport.resets:
        line.heard.wait(BOOT_TIME)
        if line.heard.is_set() and not line.started.wait(BANNER_TIME):
            rates.rotate(-1)  # it has started, but can't be understood
    if not rates:
        return _hello(line, HELLO_TIMEOUT, HELLO_TRIES)
    for _ in range(RATE_ROUNDS * len(rates) - 1):
        transport.set_rate(rates[0])
        try:
            return _hello(line, RATE_TIMEOUT, RATE_TRIES)
        except (DeviceTimeout, ProtocolError):
            rates.rotate(-1)
    transport.set_rate(rates[0])
    return _hello(line, RATE_TIMEOUT, RATE_TRIES)


def _hello(line: Line, timeout: float, tries: int) -> Reply:
    reply: Reply = line.ask("devinfo", lambda reply: reply, timeout=timeout, tries=tries).result()
    return reply
