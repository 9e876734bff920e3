"""What an operator can do about a word of Apple's."""

from __future__ import annotations

from mcmtpush.apns.answers import MEANINGS, Remedy
from mcmtpush.delivery.advice import advice
from tests.support.case import TestCase


ALERTS = Remedy.ALERT | Remedy.ALERT_FIRST | Remedy.ALERT_IF_OURS


class AdviceTests(TestCase):
    """Sentences."""

    def test_whatever_names_an_option(self) -> None:
        """A header that Apple refuses is led back to the option it may come from."""
        for reason, option in (
            ("BadCollapseId", "apn_collapse_id"),
            ("BadExpirationDate", "apn_expiry"),
            ("BadPriority", "apn_priority"),
            ("InvalidPushType", "apn_push_type"),
            ("BadTopic", "apn_topic"),
            ("InvalidProviderToken", "apn_key_file"),
        ):
            self.assertIn(option, advice(reason))

    def test_every_alert_has_its_own(self) -> None:
        """Nothing that operators are alerted of leaves them with Apple's manual."""
        otherwise = advice("a word that nobody knows")
        without = {
            reason
            for (_, reason), meaning in MEANINGS.items()
            if meaning.remedies & ALERTS and advice(reason) == otherwise
        }
        self.assertEqual(without, set())
