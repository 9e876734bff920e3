"""What a certificate in PEM form says, as far as delivery by push wants to know."""

from __future__ import annotations

from typing import Final
from warnings import catch_warnings, simplefilter

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning


APPLES_ROOT: Final = "USERTrust RSA Certification Authority"
"""Common name of the authority behind Apple's HTTP/2 hosts, since 2025."""


_ENVIRONMENTS: Final = {
    "1.2.840.113635.100.6.3.1": "development",
    "1.2.840.113635.100.6.3.2": "production",
}
"""Extensions of Apple's push certificates; what they hold does not matter."""


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """All certificates of a text, in order; none when one of them cannot be read."""
    try:
        # Authorities of old have serial numbers that today's rules forbid.
        with catch_warnings():
            simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_pem_x509_certificates(pem)
    except (ValueError, UnsupportedAlgorithm):
        return []


def read_topic(pem: bytes) -> str | None:
    """The app that the first certificate is for, if it says so."""
    certificates = load_certificates(pem)
    return topic_of(certificates[0]) if certificates else None


def topic_of(certificate: x509.Certificate) -> str | None:
    """The bundle id that Apple wrote into a certificate, if it did.

    It is the UID of the subject; a certificate for several topics names the app's
    there, which the others begin with.
    """
    for name in certificate.subject.get_attributes_for_oid(x509.NameOID.USER_ID):
        if isinstance(name.value, str) and name.value.isascii():
            return name.value
    return None


def environments_of(certificate: x509.Certificate) -> frozenset[str]:
    """Where Apple takes it: development, production, both; nothing if unsaid."""
    try:
        known = {extension.oid.dotted_string for extension in certificate.extensions}
    except ValueError:  # extensions that cannot be read
        return frozenset()
    return frozenset(name for oid, name in _ENVIRONMENTS.items() if oid in known)


def trusts_apple(pem: bytes) -> bool:
    """Whether Apple's HTTP/2 hosts can be verified with these certificates."""
    return any(
        name.value == APPLES_ROOT
        for certificate in load_certificates(pem)
        for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    )
