"""Token events: golden lines, one line whatever the text, a file that fails."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.records import logfile
from mcmtpush.records.token import TokenEvent, TokenEvents, event_line
from tests.support.case import TestCase, readable


REFUSED = TokenEvent(
    1700000009.75, "0A1b" * 16, "apn.example.net", "Invalid Token", "status"
)
REPORTED = TokenEvent(
    1699990000.0, "ff00" * 16, "apn.example.net", "Unregistered", "feedback"
)
REFUSED_LINE = (
    b'{"time":1700000009,"token":"' + b"0A1b" * 16 + b'","domain":"apn.example.net",'
    b'"reason":"Invalid Token","source":"status"}\n'
)
REPORTED_LINE = (
    b'{"time":1699990000,"token":"' + b"ff00" * 16 + b'","domain":"apn.example.net",'
    b'"reason":"Unregistered","source":"feedback"}\n'
)


class EventLineTests(TestCase):
    def test_golden(self) -> None:
        """The documented bytes: keys in order, whole seconds, no blanks."""
        self.assertEqual(event_line(REFUSED), REFUSED_LINE)
        self.assertEqual(event_line(REPORTED), REPORTED_LINE)

    @readable
    @given(
        texts=st.lists(st.text(st.characters()), min_size=3, max_size=3),
        at=st.floats(0, 2**40),
    )
    def test_any_text_is_one_line(self, texts: list[str], at: float) -> None:
        """Strangers' text never breaks a line, by any reader's idea of a line."""
        token, domain, reason = texts
        line = event_line(TokenEvent(at, token, domain, reason, "status")).decode()
        self.assertEqual(len(line.splitlines()), 1)
        self.assertTrue(line.endswith("}\n"))
        read = json.loads(line)
        self.assertEqual(read["time"], int(at))
        for name, text in (("token", token), ("domain", domain), ("reason", reason)):
            self.assertEqual(len(read[name]), len(text))
            if text.isprintable():
                self.assertEqual(read[name], text)


class TokenEventsTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.path = self.folder / "tokens.jsonl"
        self.events = TokenEvents(str(self.path), 0o640)
        self.addCleanup(self.events.close)

    def test_every_event_in_one_write(self) -> None:
        """In the order given, the same one twice if it happened twice."""
        self.assertIsNone(self.events.reopen())
        written: list[bytes] = []
        self.patch(
            logfile.os, "write", lambda _, data: written.append(data) or len(data)
        )
        self.assertIsNone(self.events.write([REFUSED, REPORTED, REFUSED]))
        self.assertEqual(written, [REFUSED_LINE + REPORTED_LINE + REFUSED_LINE])

    def test_the_first_write_makes_the_file(self) -> None:
        """Folder and file, with the mode that was asked for."""
        self.assertIsNone(self.events.write([REFUSED]))
        self.assertEqual(self.path.read_bytes(), REFUSED_LINE)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o640)

    def test_nothing_to_write(self) -> None:
        """No event touches no file."""
        self.assertIsNone(self.events.write([]))
        self.assertFalse(self.folder.exists())

    def test_kept_until_written(self) -> None:
        """A failure is explained; the events are kept, in order, and written once."""
        self.folder.write_text("in the way")
        reason = self.events.write([REFUSED])
        assert reason is not None
        self.assertIn(f"cannot write {self.path}", reason)
        self.assertIsNotNone(self.events.write([REPORTED]))
        self.assertEqual(self.events.flush(), reason)
        self.folder.unlink()
        self.assertIsNone(self.events.flush())
        self.assertEqual(self.path.read_bytes(), REFUSED_LINE + REPORTED_LINE)
        self.assertIsNone(self.events.flush())
        self.assertEqual(self.path.read_bytes(), REFUSED_LINE + REPORTED_LINE)

    def test_rotation(self) -> None:
        """Renamed, then reopened: earlier lines there, later lines here."""
        self.events.write([REFUSED])
        old = self.path.rename(self.folder / "tokens.1")
        self.events.write([REFUSED])
        self.assertIsNone(self.events.reopen())
        self.events.write([REPORTED])
        self.assertEqual(old.read_bytes(), REFUSED_LINE * 2)
        self.assertEqual(self.path.read_bytes(), REPORTED_LINE)

    def test_close_writes_what_is_kept(self) -> None:
        """And says what is lost when that cannot be."""
        self.folder.write_text("in the way")
        self.events.write([REFUSED])
        self.assertIsNotNone(self.events.close())
        self.folder.unlink()
        self.assertIsNone(self.events.close())
        self.assertEqual(self.path.read_bytes(), REFUSED_LINE)

    def test_no_file_is_configured(self) -> None:
        """Every verb answers that all is well and touches nothing."""
        events = TokenEvents(None, 0o640)
        self.assertIsNone(events.reopen())
        self.assertIsNone(events.write([REFUSED]))
        self.assertIsNone(events.flush())
        self.assertIsNone(events.close())
        self.assertFalse(self.folder.exists())


class ManualTests(TestCase):
    """docs/reference/token-events.md."""

    PAGE = Path(__file__).parents[2] / "docs" / "reference" / "token-events.md"

    def test_the_lines_shown(self) -> None:
        """The page shows the golden lines, and names their keys and no others."""
        page = self.PAGE.read_text()
        for line in (REFUSED_LINE, REPORTED_LINE):
            self.assertIn(line.decode(), page)
        keys = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
        self.assertEqual(keys, list(json.loads(REFUSED_LINE)))
