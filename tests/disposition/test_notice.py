"""Notices from a failure to reception."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.disposition.notice import Notifier
from mcmtpush.errors import SpoolFullError
from mcmtpush.values import (
    Entry,
    Message,
    MessageIds,
    PushPart,
    QueueKey,
    Record,
    Submission,
)
from tests.support.case import TestCase


KEY = QueueKey("default", "default", "apn.example")


def failure(
    row: int, sender: str = "news@example.net", return_path: str | None = None
) -> tuple[Record, Entry]:
    """A message that failed, with its entry."""
    message = Message(
        id=f"{row}",
        batch_id="b",
        connection_id="c",
        received_at=1e9,
        sender=sender,
        recipient="4711@apn.example",
        key=KEY,
        size=100,
    )
    entry = Entry(row, 1e9, message=message, push=PushPart("ab", b"", return_path))
    record = Record("P", 1e9 + 5, message, status=8, detail="Invalid Token")
    return record, entry


class NotifierTests(TestCase):
    def setUp(self) -> None:
        """A notifier among stand-ins."""
        self.taken: list[Submission] = []
        self.loads: list[tuple[int, Deferred[bytes | None]]] = []
        self.full = False
        self.counters = Counters()
        self.notifier = Notifier(
            mails=self,
            reception=self,
            route=lambda domain: QueueKey("default", "default", domain),
            settings_for=lambda _: QueueSettings(bounces_inline_original="all"),
            ids=MessageIds(7),
            hostname="gw.example",
            now=lambda: 1e9 + 10,
            counters=self.counters,
        )

    def load_mail(self, row: int) -> Deferred[bytes | None]:
        """The spool's part; answered by the test."""
        answer: Deferred[bytes | None] = Deferred()
        self.loads.append((row, answer))
        return answer

    def accept(self, submission: Submission) -> Deferred[None]:
        """Reception's part."""
        if self.full:
            return fail(SpoolFullError("no room"))
        self.taken.append(submission)
        return succeed(None)

    def test_one(self) -> None:
        """The sender gets a report, from nobody, with the original in it."""
        done = self.notifier.send([failure(3)])
        self.assertNoResult(done)
        row, answer = self.loads[0]
        self.assertEqual(row, 3)
        answer.callback(b"Subject: hello\r\n\r\nbody\r\n")
        self.successResultOf(done)
        (notice,) = self.taken
        (message,) = notice.messages
        self.assertEqual(message.sender, "")
        self.assertEqual(message.recipient, "news@example.net")
        self.assertEqual(message.key.domain, "example.net")
        self.assertIn(b"Diagnostic-Code: x-apns; 8 Invalid Token", notice.mail)
        self.assertIn(b"Subject: hello", notice.mail)
        self.assertRegex(
            notice.mail, rb"Message-ID: <\w\w\.\w\w\.00007\.\w{8}@gw\.example>"
        )
        self.assertIsNone(notice.push)

    def test_return_path(self) -> None:
        """The push part's Return-Path comes before MAIL FROM."""
        done = self.notifier.send([failure(1, return_path="ops@example.org")])
        self.loads[0][1].callback(b"")
        self.successResultOf(done)
        self.assertEqual(self.taken[0].messages[0].recipient, "ops@example.org")

    def test_never_to_a_null_sender(self) -> None:
        """A null Return-Path is asked for nothing."""
        done = self.notifier.send([failure(1, return_path="")])
        self.loads[0][1].callback(b"")
        self.successResultOf(done)
        self.assertEqual(self.taken, [])

    def test_many_in_order(self) -> None:
        """Several failures are told one after the other."""
        done = self.notifier.send([failure(row) for row in (1, 2, 3)])
        for number in range(3):
            self.assertEqual(self.loads[number][0], number + 1)
            self.loads[number][1].callback(b"")
        self.successResultOf(done)
        self.assertEqual(len(self.taken), 3)

    def test_a_full_spool(self) -> None:
        """A notice that finds no room is given up and counted; nothing stalls."""
        self.full = True
        done = self.notifier.send([failure(1), failure(2)])
        self.loads[0][1].callback(b"")
        self.loads[1][1].callback(b"")
        self.successResultOf(done)
        self.assertEqual(self.counters.get("disposition.notices_given_up"), 2)
