"""Whether what answers is the device that a person has paired with, or somebody in its place.

As ssh knows hosts by their keys, a service on the network is known by its certificate, which was
kept when it was paired with. Nothing is sent to one that shows another, or none.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import BadTarget, DeviceDisconnected, DeviceTimeout, IotkitError, WrongCertificate
from ..transports.tcp import CONNECT_TIMEOUT, nobody
from . import tokens
from .tokens import Meant

if TYPE_CHECKING:
    import ssl

# Kept in place of a fingerprint: any certificate that an authority which this computer trusts has
# signed for that host. A proxy in front of a service has such a one, and often a new one.
SIGNED = "signed"


class Trust:
    """Holds the service at `url` to one certificate.

    That is the one which was kept for the device that is `meant`, or else the first that it shows:
    `certificate` is its fingerprint, empty where the service is not encrypted.
    """

    def __init__(self, url: str, meant: Meant, *, anew: bool = False) -> None:
        """With `anew`, forget what was kept.

        Raises BadTarget for what is no `url`, WrongCertificate where the device had a certificate
        and has none now.
        """
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port or 443
        except ValueError as error:
            raise BadTarget(f"{url!r} is no web address: {error}") from None
        self._url, self._meant = url, meant
        self.encrypted = parts.scheme == "https"
        kept = "" if anew else tokens.certificate(meant.identity or url)
        if kept and not is_private(self._url):
            raise self._plain()
        self.certificate = self._signed() if kept == SIGNED else kept
        if kept and not self.certificate:
            raise self._changed()

    def seal(self, sock: socket.socket) -> socket.socket | ssl.SSLSocket:
        """Return the connection `sock` with what encrypts it; `sock` itself where nothing does.

        Raises WrongCertificate, DeviceDisconnected, DeviceTimeout; then `sock` is closed.
        """
        if not self.encrypted:
            return sock
        import ssl

        from . import certificates

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is compared below
        try:
            # What is asked follows the handshake, and would wait until that is acknowledged.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sealed = context.wrap_socket(sock, server_hostname=self._host)
        except OSError as error:
            sock.close()
            raise self._no_handshake(error) from None
        shown = certificates.fingerprint(sealed.getpeercert(binary_form=True) or b"")
        if self.certificate not in ("", shown) and shown != certificates.own():
            sealed.close()
            raise self._changed()
        self.certificate = shown
        return sealed

    def look(self) -> None:
        """Find out which certificate the service has, if any."""
        if self.encrypted:
            self.seal(self._connection()).close()

    def is_signed(self) -> bool:
        """Whether an authority vouches for the certificate; only where a person typed the host.

        Who announces a device on the network may choose its address, and have one for that.
        """
        typed = self.encrypted and self._meant.name == self._url
        return typed and self._signed() == self.certificate

    def token(self, challenge: str) -> str:
        """Return the token to give to the server, which asks for one with `challenge`.

        Raises NotAllowed where there is none, or this server is not the one that it is for.
        """
        from . import certificates

        token = self._meant.token(challenge)
        kept = tokens.certificate(self._meant.asked_for(challenge))
        if not self.encrypted:
            if kept and not is_private(self._url):
                raise self._plain()
            return token
        if self.certificate in (kept, certificates.own()):
            return token
        if kept in ("", SIGNED) and self.is_signed():
            return token
        raise self._changed() if kept else self._meant.unpaired()

    def _signed(self) -> str:
        """Return the certificate for which an authority vouches; raises WrongCertificate."""
        import ssl

        from . import certificates

        context = ssl.create_default_context()
        with self._connection() as sock:
            try:
                with context.wrap_socket(sock, server_hostname=self._host) as sealed:
                    return certificates.fingerprint(sealed.getpeercert(binary_form=True) or b"")
            except ssl.SSLCertVerificationError:
                return ""
            except OSError as error:
                raise self._no_handshake(error) from None

    def _connection(self) -> socket.socket:
        try:
            return socket.create_connection((self._host, self._port), CONNECT_TIMEOUT)
        except (OSError, OverflowError, UnicodeError) as error:  # the latter: no port, no name
            raise nobody(self._url, error) from None

    def _no_handshake(self, error: OSError) -> IotkitError:
        import ssl

        if isinstance(error, TimeoutError):
            return DeviceTimeout(f"{self._url} does not answer, or is not encrypted")
        if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError):
            return DeviceDisconnected(
                f"{self._url} ended the connection: is its server still running?"
            )
        if self.certificate:
            return self._plain()
        return DeviceDisconnected(
            f"what answers at {self._url} is not encrypted, or in another way: is it right?"
        )

    def _changed(self) -> WrongCertificate:
        return WrongCertificate(
            f"{self._meant.name} shows another certificate than before: either another computer or"
            " user serves it now, or somebody in this network pretends to be it. Nothing was sent."
            f" Ask who serves it, and if that is right, {self._meant.remedy}"
        )

    def _plain(self) -> WrongCertificate:
        url = self._url.replace("https://", "http://", 1)
        remedy = self._meant.remedy if self._meant.name == url else f"use its address: {url}"
        return WrongCertificate(
            f"{self._meant.name} was encrypted when you paired with it, and is not now: somebody in"
            " this network may pretend to be it. Nothing was sent. Ask who serves it, and if that"
            f" is right, {remedy}"
        )


def is_private(url: str) -> bool:
    """Whether what is sent to `url` can't be read on its way, though perhaps by a wrong server."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches what listens at `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
