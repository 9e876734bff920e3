"""The life of a slot."""

from __future__ import annotations

from mcmtpush.delivery.phase import TRANSITIONS, Event, Phase, advance
from mcmtpush.errors import LocalProtocolError
from tests.support.case import TestCase


IMPOSSIBLE = {
    (Phase.CONNECTING, Event.OPEN): "only an idle slot is opened",
    (Phase.READY, Event.OPEN): "only an idle slot is opened",
    (Phase.DRAINING, Event.OPEN): "only an idle slot is opened",
    (Phase.WAITING, Event.OPEN): "only an idle slot is opened",
    (Phase.STOPPED, Event.OPEN): "only an idle slot is opened",
    (Phase.IDLE, Event.CONNECTED): "it has no connection",
    (Phase.READY, Event.CONNECTED): "a connection connects once",
    (Phase.DRAINING, Event.CONNECTED): "a connection connects once",
    (Phase.WAITING, Event.CONNECTED): "it has no connection",
    (Phase.STOPPED, Event.CONNECTED): "it has no connection",
    (Phase.IDLE, Event.BROKEN): "it has no connection",
    (Phase.DRAINING, Event.BROKEN): "nobody connects again from there",
    (Phase.WAITING, Event.BROKEN): "it has no connection",
    (Phase.STOPPED, Event.BROKEN): "it has no connection",
    (Phase.IDLE, Event.ENDED): "it has no connection",
    (Phase.CONNECTING, Event.ENDED): "it did no work",
    (Phase.WAITING, Event.ENDED): "it has no connection",
    (Phase.STOPPED, Event.ENDED): "it has no connection",
    (Phase.IDLE, Event.WAITED): "its timer runs while it waits",
    (Phase.CONNECTING, Event.WAITED): "its timer runs while it waits",
    (Phase.READY, Event.WAITED): "its timer runs while it waits",
    (Phase.DRAINING, Event.WAITED): "its timer runs while it waits",
    (Phase.STOPPED, Event.WAITED): "its timer runs while it waits",
}


class TransitionTests(TestCase):
    def test_total(self) -> None:
        """Every pair of phase and event is either drawn or impossible, not both."""
        pairs = {(phase, event) for phase in Phase for event in Event}
        self.assertEqual(set(TRANSITIONS) | set(IMPOSSIBLE), pairs)
        self.assertEqual(set(TRANSITIONS) & set(IMPOSSIBLE), set())

    def test_everything_can_be_stopped(self) -> None:
        """From every phase there is a way to the end."""
        for phase in Phase:
            after = TRANSITIONS[phase, Event.STOP]
            if after is Phase.DRAINING:
                after = TRANSITIONS[after, Event.ENDED]
            self.assertIs(after, Phase.STOPPED)

    def test_what_cannot_be(self) -> None:
        """An event that cannot come to a slot is our own fault, and loud."""
        self.assertIs(advance(Phase.IDLE, Event.OPEN), Phase.CONNECTING)
        for phase, event in IMPOSSIBLE:
            with self.assertRaisesRegex(LocalProtocolError, event.name):
                advance(phase, event)
