"""Key files: read when they change, shared, and clocks compared."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from mcmtpush.config.views import KeySettings
from mcmtpush.delivery.key import SILENCE_SECONDS, KeyFiles
from mcmtpush.errors import ConfigError
from tests.support.case import TestCase


def a_key() -> bytes:
    """A new key as Apple's portal hands it out."""
    return generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


class KeyFileTests(TestCase):
    """One file on the disk."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.write_bytes(a_key())
        self.clock, self.wall = Clock(), 1_700_000_000.0
        self.files = KeyFiles(self.clock, lambda: self.wall)
        self.settings = KeySettings(str(self.path), "KEY0000001", "TEAM000001")
        self.key: Any = self.files.of(self.settings)
        self.told: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def note(self, event: Any) -> None:
        if event.get("log_namespace") == "mcmtpush.delivery.key":
            self.told.append(event["log_format"].format(**event))

    def pass_(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.wall += seconds

    def test_one_token_for_all(self) -> None:
        """Domains with the same key share its tokens, and files of equal content."""
        first = self.key.bearer()
        self.assertTrue(first.startswith(b"bearer "))
        copy = Path(self.mktemp())
        copy.write_bytes(self.path.read_bytes())
        self.assertIs(self.files.of(self.settings), self.key)
        other: Any = self.files.of(KeySettings(str(copy), "KEY0000001", "TEAM000001"))
        self.assertEqual(other.bearer(), first)
        self.assertIsNone(self.files.of(None))

    def test_grows_old(self) -> None:
        """After 50 minutes there is another, and who has the old one hands over."""
        first = self.key.bearer()
        self.pass_(2999)
        self.assertFalse(self.key.is_old(first))
        self.pass_(1)
        self.assertTrue(self.key.is_old(first))
        second = self.key.bearer()
        self.assertNotEqual(second, first)
        self.assertFalse(self.key.is_old(second))

    def test_renewed_when_it_may_be(self) -> None:
        """Apple's word does not make two tokens in 20 minutes."""
        first = self.key.bearer()
        self.key.renew(first)
        self.assertEqual(self.key.bearer(), first)
        self.pass_(1200)
        self.assertNotEqual(self.key.bearer(), first)

    def test_another_key(self) -> None:
        """A file that was replaced counts at once."""
        first = self.key.bearer()
        self.path.write_bytes(a_key())
        self.assertTrue(self.key.is_old(first))
        self.assertNotEqual(self.key.bearer(), first)
        self.assertEqual(self.told, [])

    def test_a_bad_new_file(self) -> None:
        """Is told once; the key that was read before goes on."""
        first = self.key.bearer()
        self.path.write_bytes(b"no key, and longer than it was")
        for _ in range(3):
            self.assertEqual(self.key.bearer(), first)
        (line,) = self.told
        self.assertIn("holds no private key", line)
        self.assertIn("the key that was read before", line)

    def test_no_file(self) -> None:
        """From the start: every connection says so, and it may come later."""
        self.path.unlink()
        error = self.assertRaises(ConfigError, self.key.bearer)
        self.assertIn("cannot be read", error.message)
        self.path.write_bytes(a_key())
        self.assertTrue(self.key.bearer())

    def test_clocks_that_differ(self) -> None:
        """The operator is told by how much, now and then."""
        for ahead, expected in (
            (3600, "3600 seconds ahead of"),
            (-400, "400 seconds behind"),
        ):
            moment = datetime.fromtimestamp(self.wall - ahead, UTC)
            date = format_datetime(moment, usegmt=True).encode()
            for _ in range(3):
                self.key.note_date(date)
            self.assertIn(expected, self.told.pop())
            self.assertEqual(self.told, [])
            self.pass_(SILENCE_SECONDS)

    def test_clocks_that_agree(self) -> None:
        """Neither a few seconds nor nonsense is worth a word."""
        moment = datetime.fromtimestamp(self.wall - 60, UTC)
        self.key.note_date(format_datetime(moment, usegmt=True).encode())
        self.key.note_date(b"yesterday")
        self.assertEqual(self.told, [])
