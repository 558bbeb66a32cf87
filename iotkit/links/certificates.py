"""This user's own certificate, by which others know again what is served on this computer."""

from __future__ import annotations

import datetime
import hashlib
import re
import ssl
from pathlib import Path

from platformdirs import user_state_path

from .. import stored
from ..errors import IotkitError

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate in DER, in hexadecimal digits."""
    return hashlib.sha256(certificate).hexdigest()


def own() -> str:
    """Return the fingerprint of this user's certificate; an empty text where there is none."""
    try:
        found = _CERTIFICATE.search(_path().read_text())
        return fingerprint(ssl.PEM_cert_to_DER_cert(found[0])) if found else ""
    except (OSError, ValueError):
        return ""


def serving() -> ssl.SSLContext:
    """Return what a server needs to show this user's certificate; the first time, make that.

    Raises IotkitError where it can't be kept, or what was kept is none.
    """
    path = _path()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # nothing is taken up again: a handshake is cheap
    try:
        if not path.exists():
            stored.made(path, _new)
        context.load_cert_chain(path)
    except ssl.SSLError as error:
        # Another one would alarm everybody who has paired, so that is for a person to decide.
        raise IotkitError(
            f"the certificate in {path} is broken: delete the file to get a new one, with which"
            " everybody has to pair anew"
        ) from error
    except OSError as error:
        raise IotkitError(f"the certificate can't be kept in {path} ({error})") from error
    return context


def _new() -> bytes:
    """Return a key and a certificate for it, which lasts for ever, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "iotkit")])
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        # Not now: a board's clock may be years behind. The other is RFC 5280's "without an end".
        not_valid_before=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        not_valid_after=datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    certificate = builder.add_extension(server, False).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _path() -> Path:
    return user_state_path("iotkit") / "certificate.pem"
