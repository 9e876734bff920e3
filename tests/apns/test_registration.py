"""The four ways to write down when a token was registered, and all the others."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.registration import read_registered_at
from tests.support.case import TestCase, readable


class RegistrationTests(TestCase):
    def test_table(self) -> None:
        """One moment, in every form."""
        for text in (
            "1764080000",
            " 1764080000.0 ",
            "1764080000000",
            "2025-11-25T14:13:20Z",
            "2025-11-25T14:13:20",
            "2025-11-25 16:13:20+02:00",
            "Tue, 25 Nov 2025 14:13:20 GMT",
            "Tue, 25 Nov 2025 15:13:20 +0100",
        ):
            self.assertEqual(read_registered_at(text), 1764080000.0, text)

    def test_no_time(self) -> None:
        """What is none is none."""
        for text in ("", "x", "-1", "1e9", "1" * 40, "Tue, 99 Nov 2025", "0001-01-01"):
            found = read_registered_at(text)
            self.assertTrue(found is None or found < 0, text)

    @readable
    @given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
    def test_iso(self, moment: datetime) -> None:
        """Whatever is written as ISO 8601 is read."""
        expected = moment.replace(tzinfo=UTC).timestamp()
        self.assertEqual(read_registered_at(moment.isoformat()), expected)

    @readable
    @given(st.text(max_size=40))
    def test_anything(self, text: str) -> None:
        """No text makes an error."""
        found = read_registered_at(text)
        self.assertTrue(found is None or isinstance(found, float))
