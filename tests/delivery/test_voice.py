"""What operators are told of a connection to a gateway."""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent, globalLogPublisher

from mcmtpush.apns.frames import ErrorPacket
from mcmtpush.apns.window import UNDECIDED, Window
from mcmtpush.delivery.voice import Voice
from mcmtpush.errors import RemoteProtocolError
from mcmtpush.values import Attempt, Entry
from tests.support.case import TestCase


def answered(status: int, identifier: int) -> Window:
    """Two were presumed accepted and one was not settled when this came."""
    window = Window(response_timeout_seconds=5.0)
    for first, last in ((1, 2), (3, 3)):
        rows = range(first, last + 1)
        attempts = [Attempt(Entry(row, 0.0), UNDECIDED, row, 100) for row in rows]
        window.add(attempts, float(first))
    window.silence(6.0)
    window.answer(status, identifier)
    return window


class VoiceTests(TestCase):
    def setUp(self) -> None:
        self.told: list[str] = []
        publisher: Any = globalLogPublisher

        def observe(event: Any) -> None:
            self.told.append(f"{event['log_level'].name} {formatEvent(event)}")

        publisher.addObserver(observe)
        self.addCleanup(publisher.removeObserver, observe)
        self.voice = Voice("192.0.2.1")

    def answer(self, status: int, identifier: int) -> None:
        packet = ErrorPacket(status, identifier)
        self.voice.answered(packet, answered(status, identifier))

    def test_every_word(self) -> None:
        """Each names the gateway, and says what it is about."""
        self.voice.closed(3, "gone")
        self.voice.broke_rules(RemoteProtocolError("nonsense"))
        self.voice.dead()
        self.voice.proves_nothing()
        flush = "did not answer a notification known to be bad; what it took is not"
        self.assertEqual(
            self.told,
            [
                "info 192.0.2.1 closed without an answer, 3 undecided: gone",
                "warn 192.0.2.1: nonsense; disconnecting",
                "warn 192.0.2.1 does not answer a ping",
                (
                    f"warn 192.0.2.1 {flush} proven. If it never answers, set "
                    "apn_flush_interval to 0"
                ),
            ],
        )

    def test_answers(self) -> None:
        """Those that come late, or for nobody, are told; an ordinary one is not."""
        self.answer(8, 3)
        self.assertEqual(self.told, [])
        self.answer(8, 1)
        self.answer(8, 77)
        said = "192.0.2.1 answered 8 (Invalid Token)"
        self.assertEqual(
            self.told,
            [
                (
                    f"warn {said} when 1 refused and 1 discarded notifications were "
                    "already presumed to be accepted; delivery_response_timeout is too "
                    "short"
                ),
                f"warn {said} for 77, which was never written there; 1 are undecided",
            ],
        )
