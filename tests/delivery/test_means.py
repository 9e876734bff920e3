"""What the connections of one queue are made with."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock

from mcmtpush.config.views import DeliverySettings, KeySettings, TlsClientSettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.means import Means
from tests.delivery.stage import NOW, Always, Gateways
from tests.support.case import TestCase


class MeansTests(TestCase):
    def test_what_connections_show(self) -> None:
        """It changes with the files of a certificate; a key watches its own file."""
        certificate = self.mktemp()
        Path(certificate).write_text("one", encoding="ascii")
        key = KeySettings("/k.p8", "ABCDE12345", "TEAM567890")
        for settings, changes in (
            (DeliverySettings(tls=TlsClientSettings(certificate)), True),
            (DeliverySettings(tls=TlsClientSettings(certificate), key=key), False),
        ):
            means = Means(
                settings,
                Gateways(),
                Clock(),
                lambda: NOW,
                Always(),
                Counters(),
            )
            identity = means.dialects.desk.identity
            before = identity()
            self.assertEqual(identity(), before)
            with Path(certificate).open("a", encoding="ascii") as file:
                file.write("more")
            self.assertEqual(identity() != before, changes)
