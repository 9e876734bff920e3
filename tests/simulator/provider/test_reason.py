"""Apple's reasons: those in its documents, with their status."""

from __future__ import annotations

from mcmtpush.simulator.provider.reason import STATUS, reason_of
from tests.support.case import TestCase


class ReasonTests(TestCase):
    def test_how_many_of_each_status(self) -> None:
        """Counted in the two tables of Apple's documents, both spellings of one."""
        count: dict[int, int] = {}
        for status in STATUS.values():
            count[status] = count.get(status, 0) + 1
        expected = {400: 22, 403: 10, 404: 1, 405: 1, 410: 2, 413: 1, 429: 2}
        self.assertEqual(count, {**expected, 500: 1, 503: 2})

    def test_the_binary_statuses(self) -> None:
        """Each has a reason that means the same, unknown ones the least."""
        for status, reason in (
            (2, "MissingDeviceToken"),
            (5, "BadDeviceToken"),
            (7, "PayloadTooLarge"),
            (8, "Unregistered"),
            (99, "InternalServerError"),
        ):
            self.assertEqual(reason_of(status), reason)
        self.assertLessEqual(
            {reason_of(status) for status in range(256)}, STATUS.keys()
        )
