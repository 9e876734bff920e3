"""Whatever servers do, no mail is lost, doubled or forgotten."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from mcmtpush.values import Accepted, Answered, Discarded, Undecided
from tests.delivery.mail.pooling import MAIL, PoolCase
from tests.delivery.mail.stage import (
    Wire,
)
from tests.support.case import readable


SAYINGS = st.sampled_from(
    ["220 hi", "250 ok", "250-mx\r\n250 PIPELINING", "250-mx\r\n250 STARTTLS",
     "354 go", "421 bye", "450 busy", "550 no", "251 x", "what?", "250-a",
     "250\r\n250\r\n354 go", "552 5.3.4 big", "x" * 5000]
)  # fmt: skip

DEEDS = st.one_of(
    st.tuples(st.just("say"), SAYINGS),
    st.tuples(st.just("serve"), st.none()),
    st.sampled_from(
        [("accept", None), ("greet", None), ("refuse", None), ("close", None),
         ("secure", None), ("wait", 1.0), ("wait", 61.0), ("wait", 700.0),
         ("load", None), ("work", None)]
    ),
)  # fmt: skip


class HostileTests(PoolCase):
    @readable
    @given(
        st.lists(DEEDS, max_size=40),
        st.sampled_from(["no", "ifavailable", "required"]),
        st.integers(1, 3),
        st.randoms(use_true_random=False),
    )
    def test_conservation(
        self, deeds: list[tuple[str, Any]], tls: Any, limit: int, dice: random.Random
    ) -> None:
        """Whatever servers do, every message is settled once or still in the queue."""
        self.setUp()
        self.make(
            6,
            again=(Discarded, Undecided),
            tls=tls,
            max_outbound_connections=limit,
            sweep_after=2,
        )
        self.mails[3] = Deferred()
        self.work()
        for deed, what in deeds:
            self.do(deed, what, dice)
            self.servers.sink()
            self.turns(4)
        drained = self.pool.drain()
        for wire in self.servers.open:
            wire.close()
        self.clock.advance(30)
        self.successResultOf(drained)
        self.assertEqual(self.queue.flight, {})
        final = [
            each.entry.row
            for each in self.settled.attempts
            if isinstance(each.outcome, Accepted | Answered)
        ]
        left = [entry.row for entry in self.queue.entries]
        self.assertEqual(sorted(final + left), list(range(1, 7)))
        self.assertEqual(self.pool.connections, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def do(self, deed: str, what: Any, dice: random.Random) -> None:
        if deed == "wait":
            self.clock.advance(what)
        elif deed == "work":
            self.pool.work()
        elif deed == "load" and not self.mails[3].called:
            self.mails[3].callback(MAIL)
        elif deed in ("accept", "greet", "refuse") and self.servers.pending:
            if deed == "refuse":
                self.servers.refuse()
            else:
                self.servers.accept(greet=deed == "greet")
        elif deed in ("say", "serve", "close", "secure") and self.servers.open:
            wire = dice.choice(self.servers.open)
            if deed == "say":
                wire.say_only(what)
            elif deed == "close":
                wire.close()
            elif deed == "secure":
                wire.protocol.handshakeCompleted()
            elif not wire.creators:
                self.serve_some(wire)

    def serve_some(self, wire: Wire) -> None:
        heard = wire.heard()
        for line in heard.splitlines():
            verb = line.split(" ", 1)[0]
            wire.say_only("354 go" if verb == "DATA" else "250 ok")
