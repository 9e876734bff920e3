"""The file of the journal's lines."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import capturedLogs, formatEvent

from mcmtpush.simulator.journalfile import JournalFile
from tests.support.case import TestCase


class JournalFileTests(TestCase):
    def read(self) -> bytes:
        return self.path.read_bytes()

    def test_lines_are_there_at_once(self) -> None:
        """Readers see a line as soon as it was written; old lines stay."""
        self.path = Path(self.mktemp())
        file = JournalFile(str(self.path))
        file.write(b"one\n")
        self.assertEqual(self.read(), b"one\n")
        file.close()
        file = JournalFile(str(self.path))
        file.write(b"two\nthree\n")
        self.assertEqual(self.read(), b"one\ntwo\nthree\n")
        self.assertEqual(self.path.stat().st_mode & 0o777 & ~0o640, 0)
        file.close()

    def test_a_line_torn_by_a_dead_process_is_ended(self) -> None:
        """What a killed simulator left of a line spoils no other line."""
        for left, expected in ((b"one\ntw", b"one\ntw\nnew\n"), (b"", b"new\n")):
            self.path = Path(self.mktemp())
            self.path.write_bytes(left)
            file = JournalFile(str(self.path))
            file.write(b"new\n")
            file.close()
            self.assertEqual(self.read(), expected)

    def test_a_full_disk_stops_nothing(self) -> None:
        """What cannot be written is told and dropped; the gateway goes on."""
        file = JournalFile("/dev/full")
        with capturedLogs() as events:
            file.write(b"one\n")
            file.write(b"two\n")
        file.close()
        (event,) = events
        self.assertIn("/dev/full cannot be written", formatEvent(event))

    def test_closed(self) -> None:
        """Connections that end after the file was closed write nowhere."""
        self.path = Path(self.mktemp())
        file = JournalFile(str(self.path))
        file.write(b"one\n")
        file.close()
        with capturedLogs() as events:
            file.write(b"two\n")
            file.close()
        self.assertEqual((self.read(), events), (b"one\n", []))

    def test_missing_folder(self) -> None:
        """A file that cannot be opened is the caller's to explain."""
        with self.assertRaises(OSError):
            JournalFile(str(Path(self.mktemp()) / "journal"))
