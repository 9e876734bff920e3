"""How many connections a mail queue may have."""

from __future__ import annotations

from mcmtpush.config.views import (
    LimitSettings,
    ThrottleSettings,
)
from mcmtpush.delivery.limit import Limits
from mcmtpush.throttle import Buckets
from tests.delivery.mail.pooling import PoolCase
from tests.delivery.mail.stage import (
    an_entry,
)


class AllowanceTests(PoolCase):
    """Rates and numbers, as for push."""

    def test_message_rate(self) -> None:
        """No more recipients in a period than the rate allows, and then the rest."""
        rate = ThrottleSettings(10, 60)
        self.make(25, message_throttle=rate, idle_timeout_seconds=0)
        wire = self.connect()
        taken = [self.serve(wire)]
        for _ in range(2):
            self.clock.advance(59.0)
            self.turns()
            taken.append(self.serve(wire))
            self.clock.advance(2.0)
            self.turns()
            taken.append(self.serve(wire))
        self.assertEqual(taken, [10, 0, 10, 0, 5])

    def test_a_transaction_is_split(self) -> None:
        """Recipients that the rate does not allow yet go in a later transaction."""
        rate = ThrottleSettings(3, 60)
        self.make(0, message_throttle=rate, idle_timeout_seconds=0)
        self.queue.entries = [an_entry(row, batch_id="one") for row in range(1, 5)]
        wire = self.connect()
        self.assertEqual((self.serve(wire), len(self.settled.attempts)), (1, 3))
        self.clock.advance(61.0)
        self.turns()
        self.serve(wire)
        self.assertEqual(len(self.settled.attempts), 4)

    def test_rate_is_shared(self) -> None:
        """Two lanes that fall back to one definition have one rate together."""
        rate, buckets = ThrottleSettings(5, 60), Buckets()
        self.make(4, message_throttle=rate, buckets=buckets)
        self.assertEqual(self.serve(self.connect()), 4)
        self.make(4, message_throttle=rate, buckets=buckets)
        self.assertEqual(self.serve(self.connect()), 1)

    def test_connection_rate(self) -> None:
        """Connections are opened no faster than allowed."""
        rate = ThrottleSettings(1, 60)
        self.make(200, max_outbound_connections=3, connection_throttle=rate)
        self.work()
        self.assertEqual(len(self.servers.pending), 1)
        self.servers.accept(greet=True)
        self.turns()
        self.assertEqual(len(self.servers.pending), 0)
        self.clock.advance(61.0)
        self.turns()
        self.assertEqual(len(self.servers.asked), 2)

    def test_server_limit(self) -> None:
        """All lanes of the process together have no more connections than allowed."""
        limits = Limits(2)
        self.make(200, max_outbound_connections=5, limits=limits)
        self.work()
        self.assertEqual((len(self.servers.pending), limits.used), (2, 2))
        self.assertGreater(self.counters.get("delivery.limited"), 0)

    def test_scope_limit(self) -> None:
        """What several queues share is shared with mail, too."""
        scope, limits = LimitSettings(1), Limits(9)
        self.make(200, max_outbound_connections=5, scope_limit=scope, limits=limits)
        self.work()
        self.assertEqual(len(self.servers.pending), 1)
        other = limits.share((scope,), free=lambda: None, yield_one=lambda: None)
        self.assertFalse(other.take())

    def test_gives_one_up(self) -> None:
        """A lane that has nothing gets one of ours, the least busy one first."""
        limits = Limits(2)
        self.make(3, max_outbound_connections=2, limits=limits)
        self.queue.entries = self.queue.entries[:1]
        busy = self.connect()
        self.queue.entries = [an_entry(row) for row in range(10, 200)]
        self.work()
        idle = self.servers.accept()
        told: list[bool] = []
        other = limits.share((), free=lambda: told.append(True), yield_one=list)
        self.assertFalse(other.take())
        self.servers.sink()
        self.turns()
        self.assertEqual((told, idle.lost, busy.lost), ([True], True, False))
        self.assertTrue(other.take())

    def test_told_of_a_place(self) -> None:
        """A lane that found no place connects when another lane gives one back."""
        limits = Limits(1)
        other = limits.share((), free=lambda: None, yield_one=lambda: None)
        other.take()
        self.make(3, limits=limits)
        self.work()
        self.assertEqual(self.servers.asked, [])
        other.give_back()
        self.turns()
        self.assertEqual(len(self.servers.pending), 1)
