"""The journal's lines, as values and as bytes."""

from __future__ import annotations

import orjson

from mcmtpush.apns.frames import Frame, Malformed
from mcmtpush.simulator.journal import Journal, JournalLine
from mcmtpush.simulator.verdict import ACCEPTED, BEHIND, Judgement, Verdict
from tests.support.case import TestCase


GOOD = Frame(2, 7, b"\x00\xff", '{"a":"é\\n"}'.encode(), 1_700_000_000, 10)
SIMPLE = Frame(0, 0, b"\x01", b"\xfe{", None, 10)
BROKEN = Malformed(128, 3, "item 6", 2)
REFUSED = Judgement(Verdict.REFUSED, 128, "item 6")


class JournalTests(TestCase):
    def setUp(self) -> None:
        self.written: list[bytes] = []
        self.journal = Journal(write=self.written.append, keep=3)

    def test_golden_line(self) -> None:
        """A line is one JSON object with the promised names in their order."""
        self.journal.note(1.5, 4, [(GOOD, ACCEPTED)])
        self.assertEqual(
            self.written,
            [
                (
                    b'{"time":1.5,"connection":4,"command":2,"identifier":7,'
                    b'"token":"00ff","payload":"{\\"a\\":\\"\xc3\xa9\\\\n\\"}",'
                    b'"expiry":1700000000,"priority":10,"verdict":"accepted",'
                    b'"status":null,"reason":null}\n'
                )
            ],
        )

    def test_values(self) -> None:
        """In memory a line is the same, as a value."""
        self.journal.note(1.5, 4, [(SIMPLE, BEHIND), (BROKEN, REFUSED)])
        self.assertEqual(
            list(self.journal.lines),
            [
                JournalLine(
                    time=1.5,
                    connection=4,
                    command=0,
                    identifier=0,
                    token="01",
                    payload="\\xfe{",
                    expiry=None,
                    priority=10,
                    verdict="discarded",
                    status=None,
                    reason="came after the one that ended the connection",
                ),
                JournalLine(1.5, 4, 2, 3, "", "", None, None, "refused", 128, "item 6"),
            ],
        )
        self.assertEqual(
            [orjson.loads(text) for text in self.written[0].splitlines()],
            [line._asdict() for line in self.journal.lines],
        )

    def test_one_write_for_all(self) -> None:
        """What was judged together is written together; nothing is not written."""
        self.journal.note(1.0, 1, [(GOOD, ACCEPTED)] * 5)
        self.journal.note(2.0, 1, [])
        self.assertEqual([text.count(b"\n") for text in self.written], [5])

    def test_memory_is_bounded(self) -> None:
        """Only the last lines are kept; the counts are of all."""
        for at in range(5):
            self.journal.note(float(at), 1, [(GOOD, ACCEPTED)])
        self.journal.note(9.0, 1, [(BROKEN, REFUSED)])
        self.assertEqual([line.time for line in self.journal.lines], [3.0, 4.0, 9.0])
        self.assertEqual(
            self.journal.counts,
            {Verdict.ACCEPTED: 5, Verdict.REFUSED: 1, Verdict.DISCARDED: 0},
        )

    def test_can_be_switched_off(self) -> None:
        """Without a place to write and nothing to keep, only the counts remain."""
        journal = Journal()
        journal.note(1.0, 1, [(GOOD, ACCEPTED)])
        self.assertEqual(list(journal.lines), [])
        self.assertEqual(journal.counts[Verdict.ACCEPTED], 1)
