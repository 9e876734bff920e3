"""Certificates and keys for the tests of this folder, made once a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)


START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 90
START_AT = START.timestamp()


def day(number: float) -> float:
    """Seconds since the epoch, so many days after the certificates began."""
    return START_AT + number * 86400


@cache
def _key(name: str) -> ec.EllipticCurvePrivateKey:
    assert name
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate(
    name: str = "one", topic: str | None = None, extensions: tuple[str, ...] = ()
) -> bytes:
    """PEM, valid for `DAYS` days from `START`; `topic` is the UID of its subject.

    `extensions` are OIDs of such as hold nothing.
    """
    names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
    if topic is not None:
        names.append(x509.NameAttribute(x509.NameOID.USER_ID, topic))
    subject = x509.Name(names)
    key = _key(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=DAYS))
    )
    for oid in extensions:
        nothing = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00")
        builder = builder.add_extension(nothing, critical=False)
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def key(name: str = "one", passphrase: bytes | None = None) -> bytes:
    """PEM of the key of the certificate of this name."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return _key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
