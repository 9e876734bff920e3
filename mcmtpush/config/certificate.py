"""What a certificate in PEM form says, as far as delivery by push wants to know."""

from __future__ import annotations

from typing import Final
from warnings import catch_warnings, simplefilter

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning


APPLES_ROOT: Final = "USERTrust RSA Certification Authority"
"""Common name of the authority behind Apple's HTTP/2 hosts, since 2025."""


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
    """The bundle id that Apple wrote into the first certificate, if it did.

    It is the UID of the subject; a certificate for several topics names the app's
    there, which the others begin with.
    """
    for certificate in load_certificates(pem)[:1]:
        for name in certificate.subject.get_attributes_for_oid(x509.NameOID.USER_ID):
            if isinstance(name.value, str) and name.value.isascii():
                return name.value
    return None


def trusts_apple(pem: bytes) -> bool:
    """Whether Apple's HTTP/2 hosts can be verified with these certificates."""
    return any(
        name.value == APPLES_ROOT
        for certificate in load_certificates(pem)
        for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    )
