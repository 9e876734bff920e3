"""Where mail goes, remembered for a while."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcmtpush.delivery.mail.event import Terms
from mcmtpush.delivery.mail.exchange import Target, Unavailable
from mcmtpush.delivery.mail.guide import CLEAR_SECONDS, FRESH_SECONDS, Guide
from mcmtpush.values import Answered
from tests.support.case import TestCase


ONE = Target("192.0.2.1", 25, "a.example", 0)
TWO = Target("192.0.2.2", 25, "b.example", 1)
NO = Answered(556, "5.1.10 no mail here")


class GuideTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[Any]] = []
        self.told: list[Any] = []
        self.guide = Guide(
            self.look,
            clock=self.clock,
            rest_seconds=120,
            terms=Terms("me.example", "ifavailable", True),
        )

    def look(self) -> Deferred[Any]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def find(self, found: Any) -> None:
        self.guide.look_up(self.told.append)
        self.asked[-1].callback(found)

    def test_asked_once(self) -> None:
        """While an answer is on its way nobody asks again."""
        self.guide.look_up(self.told.append)
        self.guide.look_up(self.told.append)
        self.assertEqual((len(self.asked), self.guide.is_fresh), (1, False))
        self.asked[0].callback((ONE, TWO))
        self.assertEqual(self.told, [(ONE, TWO)])
        self.assertEqual((self.guide.next(), self.guide.verdict), (ONE, None))

    def test_fresh_for_a_while(self) -> None:
        """After a minute, or when told to forget, it is to be asked again."""
        self.find((ONE,))
        self.clock.advance(FRESH_SECONDS - 0.1)
        self.assertTrue(self.guide.is_fresh)
        self.clock.advance(0.1)
        self.assertFalse(self.guide.is_fresh)
        self.find((ONE,))
        self.guide.forget()
        self.assertFalse(self.guide.is_fresh)
        self.assertEqual(self.guide.next(), ONE)

    def test_verdict(self) -> None:
        """That nobody takes its mail holds for as long as it is fresh."""
        self.find(NO)
        self.assertEqual((self.guide.verdict, self.guide.next()), (NO, None))
        self.clock.advance(FRESH_SECONDS)
        self.assertIsNone(self.guide.verdict)
        self.find((TWO,))
        self.assertEqual((self.guide.verdict, self.guide.next()), (None, TWO))

    def test_unavailable(self) -> None:
        """Without an answer the old one goes on; without an old one nothing does."""
        nobody = Unavailable("no answer")
        self.find(nobody)
        self.assertEqual((self.told, self.guide.is_fresh), ([nobody], False))
        self.find((ONE,))
        self.clock.advance(FRESH_SECONDS)
        self.find(nobody)
        self.assertEqual((self.guide.next(), self.guide.is_fresh), (ONE, True))

    def test_broken_lookup(self) -> None:
        """Whatever goes wrong is no word about the domain."""
        self.guide.look_up(self.told.append)
        self.asked[0].errback(ValueError("odd"))
        self.assertEqual(self.told, [Unavailable("odd")])

    def test_stop(self) -> None:
        """A lookup under way is given up."""
        self.guide.stop()
        self.guide.look_up(self.told.append)
        self.guide.stop()
        [found] = self.told
        self.assertIsInstance(found, Unavailable)

    def test_in_clear(self) -> None:
        """A server whose TLS failed is called in clear for ten minutes, no other."""
        self.assertEqual(self.guide.terms_for(ONE).tls, "ifavailable")
        self.guide.go_in_clear(ONE)
        found = [self.guide.terms_for(each).tls for each in (ONE, TWO)]
        self.assertEqual(found, ["no", "ifavailable"])
        self.clock.advance(CLEAR_SECONDS)
        self.assertEqual(self.guide.terms_for(ONE).tls, "ifavailable")
