"""Status codes: their texts and their classes, as one table."""

from __future__ import annotations

from mcmtpush.apns.reasons import (
    STATUS_TEXT,
    StatusClass,
    classify_status,
    status_text,
)
from tests.support.case import TestCase


S, T, P = StatusClass.SUCCESS, StatusClass.TEMPORARY, StatusClass.PERMANENT

TABLE = {
    0: ("No Errors Encountered", S),
    1: ("Processing Error", T),
    2: ("Missing Device Token", P),
    3: ("Missing Topic", P),
    4: ("Missing Payload", P),
    5: ("Invalid Token Size", P),
    6: ("Invalid Topic Size", P),
    7: ("Invalid Payload Size", P),
    8: ("Invalid Token", P),
    10: ("Shutdown", T),
    128: ("Protocol Error", P),
    255: ("None (unknown)", T),
}


class ReasonsTests(TestCase):
    def test_the_table(self) -> None:
        """Every documented status has its text and its class."""
        found = {code: (status_text(code), classify_status(code)) for code in TABLE}
        self.assertEqual(found, TABLE)
        self.assertEqual(dict(STATUS_TEXT), {code: t for code, (t, _) in TABLE.items()})

    def test_unknown_statuses_are_temporary(self) -> None:
        """What nobody documented may pass, and is named by its number."""
        unknown = {*range(256), *range(500, 600)} - set(TABLE)
        self.assertEqual({classify_status(code) for code in unknown}, {T})
        self.assertEqual(status_text(9), "Unknown Status 9")
        self.assertEqual(status_text(503), "Unknown Status 503")

    def test_texts_cannot_be_changed(self) -> None:
        """The table is one for the whole process, and read-only."""
        with self.assertRaises(TypeError):
            STATUS_TEXT[8] = "x"  # type: ignore[index]
