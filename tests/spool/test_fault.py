"""What an error of SQLite means."""

from __future__ import annotations

import sqlite3

from mcmtpush.errors import SpoolError, SpoolFullError, SpoolLostError
from mcmtpush.spool.fault import (
    damage,
    is_damage,
    is_full,
    is_outside,
    remedy,
    spool_error,
)
from tests.support.case import TestCase


def an_error(code: int) -> sqlite3.Error:
    """An error as the driver raises it."""
    error = sqlite3.OperationalError("text")
    error.sqlite_errorcode = code
    return error


class FaultTests(TestCase):
    """Codes are SQLite's, with their extended bits."""

    def test_full(self) -> None:
        """No room is outside, is full, and becomes the error that is answered 452."""
        error = an_error(sqlite3.SQLITE_FULL)
        self.assertTrue(is_full(error))
        self.assertTrue(is_outside(error))
        self.assertFalse(is_damage(error))
        self.assertIsInstance(spool_error(error), SpoolFullError)

    def test_outside(self) -> None:
        """Disk, locks and memory are outside, extended codes included."""
        codes = [
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_BUSY_SNAPSHOT,
            sqlite3.SQLITE_LOCKED,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_IOERR_FSYNC,
            sqlite3.SQLITE_IOERR_WRITE,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_PROTOCOL,
        ]
        for code in codes:
            error = an_error(code)
            self.assertTrue(is_outside(error), code)
            self.assertFalse(is_full(error), code)
            self.assertFalse(is_damage(error), code)
            self.assertNotIsInstance(spool_error(error), SpoolFullError)
        self.assertTrue(is_outside(MemoryError()))

    def test_remedy(self) -> None:
        """What is advised fits what is wrong."""
        self.assertIn("make room", remedy(an_error(13)))
        self.assertIn("restart", remedy(SpoolLostError("gone")))
        self.assertTrue(is_outside(SpoolLostError("gone")))

    def test_damage(self) -> None:
        """Broken pages and texts that the driver cannot decode are the row's fault."""
        for error in (
            an_error(sqlite3.SQLITE_CORRUPT),
            an_error(sqlite3.SQLITE_CORRUPT_INDEX),
            sqlite3.OperationalError("Could not decode to UTF-8 column"),
        ):
            self.assertTrue(is_damage(error))
            self.assertFalse(is_outside(error))
        self.assertFalse(is_damage(sqlite3.ProgrammingError("closed database")))

    def test_damage_is_not_quoted(self) -> None:
        """The driver would put a whole device token into its message."""
        error = sqlite3.OperationalError(
            "Could not decode to UTF-8 column 'token' with text 'abcd'"
        )
        self.assertEqual(damage(error), "a text is not UTF-8")
        broken = an_error(sqlite3.SQLITE_CORRUPT)
        self.assertEqual(damage(broken), "text")

    def test_keeps_our_own(self) -> None:
        """An error that is ours already passes as it is."""
        error = SpoolError("closed")
        self.assertIs(spool_error(error), error)
