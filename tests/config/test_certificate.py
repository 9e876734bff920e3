"""What certificates say about apps and about Apple."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.certificate import (
    APPLES_ROOT,
    environments_of,
    load_certificates,
    read_topic,
    trusts_apple,
)
from tests.config.keys import certificate, key
from tests.support.case import TestCase, readable


DEVELOPMENT, PRODUCTION = "1.2.840.113635.100.6.3.1", "1.2.840.113635.100.6.3.2"


class CertificateTests(TestCase):
    """Texts with certificates in them."""

    def test_topic(self) -> None:
        """The UID of the first certificate, wherever it stands in its subject."""
        app = certificate("app", "com.example.app")
        self.assertEqual(read_topic(app), "com.example.app")
        self.assertEqual(read_topic(key() + app + certificate()), "com.example.app")
        self.assertIsNone(read_topic(certificate() + app))
        self.assertIsNone(read_topic(certificate("x", "é")))

    def test_environments(self) -> None:
        """By Apple's extensions; certificates of others say nothing."""
        for extensions, expected in (
            ((), set()),
            ((DEVELOPMENT,), {"development"}),
            ((PRODUCTION,), {"production"}),
            ((DEVELOPMENT, PRODUCTION, "1.2.3"), {"development", "production"}),
        ):
            (found,) = load_certificates(certificate("x", None, extensions))
            self.assertEqual(environments_of(found), expected)

    def test_apples_root(self) -> None:
        """It may stand anywhere among the trusted ones."""
        root = certificate(APPLES_ROOT)
        self.assertTrue(trusts_apple(certificate() + root))
        self.assertFalse(trusts_apple(certificate()))

    @readable
    @given(st.binary(max_size=80))
    def test_garbage(self, noise: bytes) -> None:
        """What is no certificate says nothing."""
        for text in (
            noise,
            b"-----BEGIN CERTIFICATE-----\n" + noise + b"\n-----END CERTIFICATE-----\n",
        ):
            self.assertEqual(load_certificates(text), [])
            self.assertIsNone(read_topic(text))
            self.assertFalse(trusts_apple(text))
