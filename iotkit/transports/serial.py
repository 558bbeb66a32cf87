"""A serial port: USB, a Bluetooth serial port such as /dev/rfcomm0, or a pseudo terminal."""

from __future__ import annotations

import errno
import sys
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from ..errors import BadTarget, BadValue, DeviceDisconnected, DeviceNotFound, PortBusy
from ..plain import plain
from ..protocol import RATES
from . import CHUNK, TICK, Transport
from .holders import holder, is_pseudo
from .polled import Polled

WRITE_TIMEOUT = 2.0  # seconds; a command is shorter than any port's buffer, so more is a fault
BITS = 10  # of a byte, with the start bit and the stop bit
MIN_PACE = 0.015  # seconds
NEWS = 64  # bytes: with this much for each, news leave room for others
TOUCH_BAUD = 1200  # opening at this rate tells many boards to enter their boot loader


class Serial(Transport):
    """The serial port called `port`, 8N1 at `baud` bits a second, for this process alone.

    Without `baud`, the rate is one of RATES, to be found out.

    Opening it for the first time restarts many boards, by the DTR line. Where the system can,
    that line stays up when the port is closed, so that the next opening restarts nothing;
    `resets` is False then, and where there is no such line (a pseudo terminal). Raises PortBusy,
    DeviceNotFound, or DeviceDisconnected with the system's own words; BadValue for a rate that
    would erase a board's program.
    """

    def __init__(self, port: str, baud: int | None = None) -> None:
        if baud == TOUCH_BAUD:
            raise BadValue(
                "1200 baud is not possible: boards take it as a call for the boot loader"
            )
        self.name = port
        self.rates = () if baud else RATES
        if is_pseudo(port) and (who := holder(port)):
            # A simulation's that has ended, and whose number a terminal window has got: no window
            # takes a lock, and what is typed there would be read here.
            raise _in_use(port, who)
        try:
            self._port = serial.Serial(
                port, baud or RATES[0], timeout=TICK, write_timeout=WRITE_TIMEOUT, exclusive=True
            )
        except Exception as error:  # termios has an error of its own, on some systems
            raise _explained(error, port) from None
        self.resets = self._has_modem_lines() and not self._was_left_up()
        self._polled = Polled(self._port) if sys.platform == "linux" else None

    @property
    def byte_time(self) -> float:  # type: ignore[override] # it may change
        """How long a byte takes, in seconds."""
        return BITS / float(self._port.baudrate)

    @property
    def pace(self) -> float:  # type: ignore[override]
        """The least time between two news of an attribute, in seconds."""
        return max(MIN_PACE, NEWS * self.byte_time)

    def _has_modem_lines(self) -> bool:
        try:
            _ = self._port.dsr
        except OSError:
            return False
        return True

    def _was_left_up(self) -> bool:
        """Have DTR stay up from now on when the port is closed; return whether it did so before."""
        try:
            import termios

            modes = termios.tcgetattr(self._port.fileno())
            hangs_up = modes[2] & termios.HUPCL
            modes[2] &= ~termios.HUPCL
            termios.tcsetattr(self._port.fileno(), termios.TCSANOW, modes)
        except (ImportError, OSError, termios.error):  # Windows; a port that has gone
            return False
        return not hangs_up

    def read(self) -> bytes:
        """Return what has come; see Transport.read."""
        try:
            if self._polled is not None:
                return self._polled.read()
            first: bytes = self._port.read(1)
            waiting = min(self._port.in_waiting, CHUNK) if first else 0
            return first + self._port.read(waiting) if waiting else first
        # TypeError: pyserial's own, where the port is closed while it reads.
        except (OSError, TypeError):
            raise DeviceDisconnected(f"{self.name} is gone: was it unplugged?") from None

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            if self._polled is not None:
                self._polled.write(data, WRITE_TIMEOUT)
            else:
                self._port.write(data)
        except (OSError, TypeError):
            raise DeviceDisconnected(f"{self.name} takes no data: was it unplugged?") from None

    def set_rate(self, rate: int) -> None:
        """Go on at `rate` bits a second; see Transport.set_rate."""
        try:
            self._port.baudrate = rate
        except (OSError, ValueError) as error:
            raise DeviceDisconnected(f"{self.name} can't be set to {rate} baud: {error}") from None

    def close(self) -> None:
        """Close the port, so that others may open it."""
        if self._polled is not None:
            self._polled.close()
        else:
            self._port.cancel_read()
            self._port.close()


def _in_use(port: str, who: str) -> PortBusy:
    by = f" by {who}" if who else ""
    return PortBusy(f"{port} is in use already{by}: close what has it open, then try again")


def _explained(error: Exception, port: str) -> Exception:
    # On Windows, pyserial's error has the system's one only in its text.
    code, text = getattr(error, "errno", None), str(error)
    if code in (errno.EBUSY, errno.EAGAIN) or "PermissionError" in text:
        return _in_use(port, holder(port))
    if code in (errno.EACCES, errno.EPERM):
        return PortBusy(
            f"{port} can't be opened: you may not use it, or another program has it"
            " (on Linux, join the group 'dialout' and log in again)"
        )
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV) or "FileNotFoundError" in text:
        return DeviceNotFound(f"there is no port {port}: is the board plugged in?")
    if f"({errno.ENOTTY}," in text:  # by what pyserial cites of it
        return BadTarget(f"{port} is no serial port")
    return DeviceDisconnected(f"{port} can't be opened: {error}")


@dataclass(frozen=True, slots=True)
class UsbBoard:
    """What USB says of a board: maker, product, its own number (or empty), and its socket."""

    vid: int
    pid: int
    number: str
    socket: str

    def is_like(self, other: UsbBoard) -> bool:
        """Whether it may be the same board, in this socket or another."""
        return (self.vid, self.pid, self.number) == (other.vid, other.pid, other.number)


def usb_boards() -> dict[str, UsbBoard]:
    """Return the boards on USB, by the names of their ports."""
    return {
        port.device: UsbBoard(port.vid, port.pid, port.serial_number or "", port.location or "")
        for port in list_ports.comports()
        if port.vid is not None
    }


def usb_ports() -> list[tuple[str, str]]:
    """Return the USB serial ports that are plugged in: what to open, and what it is called."""
    found = (p for p in list_ports.comports() if p.vid is not None)
    return sorted(
        (p.device, plain(p.product or p.description or "") or "USB serial port") for p in found
    )
