"""Somebody between a client and a service: a proxy, or who listens in."""

from __future__ import annotations

import datetime
import ipaddress
import select
import socket
import ssl
import threading
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from web_tools import SOON, any_certificate

CHUNK = 65536


class Relay:
    """A server at `url` that shows a certificate of its own, and passes on what both ends say.

    `heard` is what the clients said, decrypted. Without `up`, nobody answers them.
    """

    def __init__(self, shown: ssl.SSLContext, up: str = "", port: int = 0) -> None:
        self.heard = b""
        self._shown, self._up = shown, urlsplit(up)
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._open: list[socket.socket] = [self._listening]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._open:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already
        for thread in self._threads:
            thread.join(SOON)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(client)
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, self._shown.wrap_socket(client, server_side=True) as sealed:
                self._open.append(sealed)
                if not self._up.netloc:
                    self.heard += sealed.recv(CHUNK)
                    return
                address = (self._up.hostname, self._up.port)
                with socket.create_connection(address, SOON) as plain:
                    if self._up.scheme == "https":
                        with any_certificate().wrap_socket(plain) as server:
                            self._pass_on(sealed, server)
                    else:
                        self._pass_on(sealed, plain)
        except OSError:
            pass  # one of the two has gone

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        self._open.append(server)
        while True:
            for sock in select.select([client, server], [], [])[0]:
                said = sock.recv(CHUNK)
                while isinstance(sock, ssl.SSLSocket) and sock.pending():
                    said += sock.recv(CHUNK)
                if not said:
                    return
                if sock is client:
                    self.heard += said
                (server if sock is client else client).sendall(said)


class Authority:
    """Signs certificates; `path` is its own, for those who trust it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("An authority")
        own = self._builder(self._name, self._key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        own = own.add_extension(x509.KeyUsage(**usage), True)
        self.path = folder / "authority.pem"
        self.path.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def sign(self) -> ssl.SSLContext:
        """Return what shows a new certificate for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = self._builder(_name("127.0.0.1"), key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName([here]), False)
        path = self._folder / "signed.pem"
        path.write_bytes(
            _pem(builder.sign(self._key, hashes.SHA256()))
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=name,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=1),
            not_valid_after=now + datetime.timedelta(days=1),
        )


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
