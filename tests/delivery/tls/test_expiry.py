"""When it is time to warn of a certificate."""

from __future__ import annotations

from mcmtpush.delivery.tls.expiry import NOTICE_SECONDS, REPEAT_SECONDS, Expiries
from tests.support.case import TestCase


END = 2_000_000_000.0


class ExpiriesTests(TestCase):
    def setUp(self) -> None:
        self.now = END - NOTICE_SECONDS
        self.expiries = Expiries(lambda: self.now)

    def due(self, path: str = "app.pem", ends_at: float = END) -> float | None:
        return self.expiries.due(path, ends_at)

    def test_thirty_days(self) -> None:
        """Not a second earlier."""
        self.now -= 1
        self.assertIsNone(self.due())
        self.now += 1
        self.assertEqual(self.due(), NOTICE_SECONDS)

    def test_once_a_day(self) -> None:
        """However often it is asked; each file for itself."""
        self.due()
        self.assertIsNone(self.due())
        self.now += REPEAT_SECONDS - 1
        self.assertIsNone(self.due())
        self.assertIsNotNone(self.due("other.pem"))
        self.now += 1
        self.assertEqual(self.due(), NOTICE_SECONDS - REPEAT_SECONDS)
        self.assertIsNone(self.due("other.pem"))

    def test_another_certificate(self) -> None:
        """A renewed file that ends soon as well is a new matter."""
        self.now += 10
        self.due()
        self.assertIsNotNone(self.due(ends_at=END + 1))
        self.assertIsNone(self.due(ends_at=END + 10 * NOTICE_SECONDS))
        self.assertIsNotNone(self.due())

    def test_over(self) -> None:
        """What is left is negative then."""
        self.assertFalse(self.expiries.over(END))
        self.now = END
        self.assertTrue(self.expiries.over(END))
        self.now += 5
        self.assertEqual(self.due(), -5)

    def test_the_clock_goes_back(self) -> None:
        """That starts the day anew instead of silencing the file."""
        self.now = END - 10
        self.due()
        self.now -= 20 * 86400
        self.assertIsNotNone(self.due())
