"""What a client certificate says of its holder, and whether it is to be believed.

Source: Apple's certificates themselves.  Topics stand in the subject's UID and,
where there are several, in the extension 1.2.840.113635.100.6.3.6: a sequence of
a text and a sequence of kinds, again and again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier
from OpenSSL import crypto

from mcmtpush.errors import ConfigError


TOPICS_EXTENSION: Final = ObjectIdentifier("1.2.840.113635.100.6.3.6")
DEVELOPMENT_EXTENSION: Final = ObjectIdentifier("1.2.840.113635.100.6.3.1")
PRODUCTION_EXTENSION: Final = ObjectIdentifier("1.2.840.113635.100.6.3.2")

_ENVIRONMENT: Final = {
    DEVELOPMENT_EXTENSION: "development",
    PRODUCTION_EXTENSION: "production",
}
_SEQUENCE: Final = 0x30
_UTF8: Final = 0x0C


@frozen
class Identity:
    """A client that showed a certificate.

    Attributes:
        topics: what it may push to; the first is meant where there is only one.
        environments: where it may push; empty means everywhere.
        trusted: whether an authority that counts has signed it.
    """

    topics: tuple[str, ...]
    environments: frozenset[str] = frozenset()
    trusted: bool = True


def read_identity(certificate: x509.Certificate, *, trusted: bool = True) -> Identity:
    """What stands in a certificate; extensions that make no sense say nothing."""
    known = {extension.oid: extension.value for extension in _extensions(certificate)}
    topics = [
        str(part.value)
        for part in certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    ]
    listed = known.get(TOPICS_EXTENSION)
    if isinstance(listed, x509.UnrecognizedExtension):
        topics += read_topics(listed.value)
    environments = {_ENVIRONMENT[oid] for oid in known if oid in _ENVIRONMENT}
    return Identity(tuple(dict.fromkeys(topics)), frozenset(environments), trusted)


def _extensions(
    certificate: x509.Certificate,
) -> Iterable[x509.Extension[x509.ExtensionType]]:
    try:
        return certificate.extensions
    except ValueError:
        return ()


def read_topics(data: bytes) -> list[str]:
    """The topics of the extension's DER; empty when it is something else."""
    try:
        ((tag, content),) = _values(data)
        if tag != _SEQUENCE:
            return []
        return [
            value.decode("utf-8") for tag, value in _values(content) if tag == _UTF8
        ]
    except (IndexError, ValueError):
        return []


def write_topics(topics: Iterable[str]) -> bytes:
    """The extension's DER, every topic of the kind `app`."""
    kinds = _value(_SEQUENCE, _value(_UTF8, b"app"))
    content = b"".join(_value(_UTF8, topic.encode()) + kinds for topic in topics)
    return _value(_SEQUENCE, content)


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size > 0x80:
            many = size & 0x7F
            size, at = int.from_bytes(data[at : at + many]), at + many
        if at + size > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + size]
        at += size


def _value(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    many = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | many)) + size.to_bytes(many) + content


class Authority:
    """Who is believed: certificates that may stand above a client's."""

    def __init__(self, pem: bytes, file: str = "") -> None:
        """From PEM text with one certificate or more; raises `ConfigError`."""
        try:
            certificates = x509.load_pem_x509_certificates(pem)
        except ValueError as error:
            raise ConfigError("holds no certificate (PEM)", file) from error
        self._certificates = [
            crypto.X509.from_cryptography(one) for one in certificates
        ]

    def trusts(
        self,
        certificate: x509.Certificate,
        chain: Iterable[x509.Certificate],
        now: float,
    ) -> bool:
        """Whether one of these has signed it, and nothing is out of date."""
        store = crypto.X509Store()
        for one in self._certificates:
            store.add_cert(one)
        store.set_time(dt.datetime.fromtimestamp(now, dt.UTC))
        between = [crypto.X509.from_cryptography(one) for one in chain]
        asked = crypto.X509.from_cryptography(certificate)
        try:
            crypto.X509StoreContext(store, asked, between).verify_certificate()
        except crypto.X509StoreContextError:
            return False
        return True
