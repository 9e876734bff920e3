"""What operators are told of a mail queue."""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent, globalLogPublisher

from mcmtpush.delivery.mail.exchange import Target
from mcmtpush.delivery.mail.voice import Voice
from tests.support.case import TestCase


class VoiceTests(TestCase):
    def test_every_word(self) -> None:
        """Each names the domain, and says what it is about."""
        told: list[str] = []
        publisher: Any = globalLogPublisher

        def observe(event: Any) -> None:
            told.append(f"{event['log_level'].name} {formatEvent(event)}")

        publisher.addObserver(observe)
        self.addCleanup(publisher.removeObserver, observe)
        voice, target = Voice("y.example"), Target("192.0.2.1", 25, "mx.example", 0)
        voice.unread("torn")
        voice.unknown("late")
        voice.nowhere("5.1.10 no mail")
        voice.rests(target, "refused")
        voice.unreachable()
        voice.works(target)
        tail = "stays queued and is tried again"
        plural = "stay queued and it is tried again"
        self.assertEqual(
            told,
            [
                f"warn y.example: mail cannot be read from the spool: torn; it {tail}",
                f"warn y.example: cannot look up where its mail goes: late; it {tail}",
                "warn y.example: nowhere to send its mail: 5.1.10 no mail",
                "warn y.example: mx.example [192.0.2.1]:25 rests: refused",
                f"warn y.example: no mail server takes messages; they {plural}",
                "info y.example: mx.example [192.0.2.1]:25 takes mail again",
            ],
        )
