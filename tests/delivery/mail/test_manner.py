"""Settings as terms of a conversation."""

from __future__ import annotations

from mcmtpush.config.views import DeliverySettings
from mcmtpush.delivery.mail.manner import manner_of
from tests.support.case import TestCase


class MannerTests(TestCase):
    def test_defaults(self) -> None:
        """Nothing set: EHLO with our name, no TLS, what the options' defaults say."""
        manner = manner_of(DeliverySettings(), "me.example")
        self.assertEqual(manner.terms.hostname, "me.example")
        self.assertEqual((manner.terms.tls, manner.terms.extended), ("no", True))
        self.assertTrue(manner.terms.fallback)
        self.assertEqual((manner.rest_seconds, manner.sweep_after), (120, 50))

    def test_smtp(self) -> None:
        """The method smtp says HELO."""
        settings = DeliverySettings(delivery_method="smtp")
        self.assertFalse(manner_of(settings, "me").terms.extended)
