"""Client certificates: what they say, and who is believed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import ConfigError
from mcmtpush.simulator.certificates import TOPIC, make_development_certificates
from mcmtpush.simulator.provider.identity import (
    DEVELOPMENT_EXTENSION,
    PRODUCTION_EXTENSION,
    TOPICS_EXTENSION,
    Authority,
    Identity,
    read_identity,
    read_topics,
    write_topics,
)
from tests.simulator.caller import a_key
from tests.support.case import TestCase, readable


NOW = 1_700_000_000.0
SIGNER = a_key()


def a_certificate(
    user: str | None, extensions: dict[ObjectIdentifier, bytes]
) -> x509.Certificate:
    """Signed by itself, with this UID and these extensions."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, "client")]
    if user is not None:
        parts.append(x509.NameAttribute(NameOID.USER_ID, user))
    name = x509.Name(parts)
    at = dt.datetime.fromtimestamp(NOW, dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(SIGNER.public_key())
        .serial_number(1)
        .not_valid_before(at)
        .not_valid_after(at + dt.timedelta(days=1))
    )
    for oid, value in extensions.items():
        extension = x509.UnrecognizedExtension(oid, value)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(SIGNER, hashes.SHA256())


class IdentityTests(TestCase):
    def test_one_topic(self) -> None:
        """It is the subject's UID."""
        identity = read_identity(a_certificate("a.b", {}))
        self.assertEqual(identity, Identity(("a.b",)))
        self.assertEqual(read_identity(a_certificate(None, {})), Identity(()))

    def test_several_topics(self) -> None:
        """They stand in an extension, the first one again."""
        topics = write_topics(["a.b", "a.b.voip"])
        identity = read_identity(a_certificate("a.b", {TOPICS_EXTENSION: topics}))
        self.assertEqual(identity.topics, ("a.b", "a.b.voip"))

    def test_environments(self) -> None:
        """One, the other, or both."""
        for oids, names in (
            ([DEVELOPMENT_EXTENSION], {"development"}),
            ([PRODUCTION_EXTENSION], {"production"}),
            (
                [PRODUCTION_EXTENSION, DEVELOPMENT_EXTENSION],
                {"production", "development"},
            ),
        ):
            certificate = a_certificate("a.b", dict.fromkeys(oids, b"\x05\x00"))
            self.assertEqual(read_identity(certificate).environments, names)


class TopicsTests(TestCase):
    def test_apples_own_form(self) -> None:
        """As it stands in a universal certificate, written by hand."""
        data = bytes.fromhex(
            "301d"
            "0c03612e62" + "3005" + "0c03617070"
            "0c08612e622e766f6970" + "3004" + "0c02766f"
        )
        self.assertEqual(
            read_topics(data[:1] + bytes([len(data) - 2]) + data[2:]),
            ["a.b", "a.b.voip"],
        )

    @readable
    @given(st.lists(st.text(max_size=300), max_size=5))
    def test_what_is_written_is_read(self, topics: list[str]) -> None:
        """Whatever their lengths."""
        self.assertEqual(read_topics(write_topics(topics)), topics)

    @readable
    @given(st.binary(max_size=30))
    def test_any_bytes(self, data: bytes) -> None:
        """Nonsense has no topics, or some, and does no harm."""
        self.assertTrue(all(type(topic) is str for topic in read_topics(data)))

    def test_cut_anywhere(self) -> None:
        """A piece of the truth is none."""
        data = write_topics(["a.b", "c" * 200])
        for end in range(len(data)):
            self.assertEqual(read_topics(data[:end]), [])


class AuthorityTests(TestCase):
    def setUp(self) -> None:
        folder = str(Path(self.mktemp()).absolute())
        paths = make_development_certificates(folder, lambda: NOW)
        self.ca = Path(paths.ca).read_bytes()
        pem = Path(paths.client).read_bytes()
        self.client = x509.load_pem_x509_certificate(pem)

    def test_trust(self) -> None:
        """Signed by one of these, and not out of date."""
        authority = Authority(self.ca)
        self.assertTrue(authority.trusts(self.client, [self.client], NOW))
        for at in (NOW - 3 * 86400, NOW + 1000 * 86400):
            self.assertFalse(authority.trusts(self.client, [], at))
        self.assertFalse(authority.trusts(a_certificate(TOPIC, {}), [], NOW))

    def test_no_certificate(self) -> None:
        """A file without one is told of."""
        with self.assertRaises(ConfigError) as caught:
            Authority(b"x", "ca.pem")
        self.assertEqual(
            str(caught.exception), "ca.pem: error: holds no certificate (PEM)"
        )
