"""A slot at work: connecting, failing, waiting, giving connections back."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcmtpush.apns.frames import encode_error
from mcmtpush.apns.window import MISNAMED
from mcmtpush.config.views import (
    DeliverySettings,
    Route,
)
from mcmtpush.counters import Counters
from mcmtpush.delivery.means import Means
from mcmtpush.delivery.phase import Phase
from mcmtpush.delivery.slot import PROBE_COUNT, Slot
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.values import Accepted, Attempt, Discarded, Refused, Undecided
from tests.delivery.stage import NOW, ROUTE, Always, Gateways, Wire, an_entry
from tests.support.case import TestCase


class Watching:
    """A pool that remembers what it is told."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.phases: list[Phase] = []
        self.failures: list[tuple[Route | None, str]] = []
        self.blamed: list[str] = []
        self.working: list[Route] = []
        self.relieved: list[Slot] = []
        self.route: Route | None = ROUTE

    def settle(self, attempts: list[Attempt]) -> None:
        self.attempts += attempts

    def changed(self, slot: Slot) -> None:
        self.phases.append(slot.phase)

    def choose_route(self) -> Route | None:
        return self.route

    def failed(self, route: Route | None, reason: str, address: str) -> None:
        self.failures.append((route, reason))
        self.blamed.append(address)

    def relieve(self, slot: Slot) -> None:
        self.relieved.append(slot)

    def worked(self, route: Route) -> None:
        self.working.append(route)


class SlotCase(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.gateways = Gateways()
        self.watcher = Watching()
        self.counters = Counters()
        self.make()

    def make(self, connect: Any = None, **changes: Any) -> None:
        settings = {"idle_timeout_seconds": 30, "connect_timeout_seconds": 20}
        means = Means(
            DeliverySettings(**{**settings, **changes}),
            connect or self.gateways.connect,
            self.clock,
            lambda: NOW,
            Always(),
            self.counters,
        )
        self.slot = Slot(self.watcher, means)

    def ready(self) -> Wire:
        self.slot.open()
        return self.gateways.accept()[0]

    def attempt(self, *rows: int) -> None:
        self.slot.attempt([an_entry(row) for row in rows])

    def outcomes(self) -> list[object]:
        return [attempt.outcome for attempt in self.watcher.attempts]

    def fail_to_connect(self, times: int) -> None:
        """Fail to connect so often, waiting in between and once more at the end."""
        for _ in range(times):
            self.slot.open()
            self.gateways.refuse(ConnectError())
            self.clock.advance(60)


class ConnectTests(SlotCase):
    def test_connects(self) -> None:
        """An idle slot that is opened has room once it is connected."""
        self.assertEqual(self.slot.phase, Phase.IDLE)
        self.slot.open()
        self.assertEqual((self.slot.phase, self.slot.room), (Phase.CONNECTING, 0))
        self.gateways.accept()
        self.assertEqual(self.slot.phase, Phase.READY)
        self.assertGreater(self.slot.room, 1000)
        self.assertEqual(self.watcher.phases, [Phase.READY])
        self.assertEqual(self.counters.get("delivery.connections"), 1)

    def test_opens_once(self) -> None:
        """Opening a slot that is not idle is an error of this program."""
        self.slot.open()
        self.assertRaises(LocalProtocolError, self.slot.open)

    def test_nothing_to_write_on(self) -> None:
        """Entries for a slot without connection are an error of this program."""
        self.assertRaises(LocalProtocolError, self.attempt, 1)

    def test_refused(self) -> None:
        """A connection that is refused is told with its reason, then waited for."""
        self.slot.open()
        self.gateways.refuse(ConnectError(string="nobody listens"))
        self.assertEqual(self.slot.phase, Phase.WAITING)
        [(route, reason)] = self.watcher.failures
        self.assertEqual(route, ROUTE)
        self.assertIn("nobody listens", reason)
        self.clock.advance(0.99)
        self.assertEqual(self.slot.phase, Phase.WAITING)
        self.clock.advance(0.01)
        self.assertEqual(self.slot.phase, Phase.IDLE)
        self.assertEqual(self.counters.get("delivery.connect_failures"), 1)

    def test_waits_longer_each_time(self) -> None:
        """Each failure in a row doubles the wait."""
        for seconds in (1, 2, 4, 8, 16, 32, 60, 60):
            self.slot.open()
            self.gateways.refuse(ConnectError())
            self.clock.advance(seconds - 0.01)
            self.assertEqual(self.slot.phase, Phase.WAITING)
            self.clock.advance(0.01)
            self.assertEqual(self.slot.phase, Phase.IDLE)

    def test_times_out(self) -> None:
        """A connection that does not come about is given up and cancelled."""
        self.slot.open()
        self.clock.advance(20)
        self.assertEqual((self.slot.phase, self.gateways.cancelled), (Phase.WAITING, 1))
        self.assertEqual(self.watcher.failures, [(ROUTE, "not connected within 20 s")])

    def test_whom_it_blames(self) -> None:
        """An address it was connected to; where it was not, that is known already."""
        self.fail_to_connect(1)
        wire = self.ready()
        wire.close()
        self.assertEqual(self.watcher.blamed, ["", "192.0.2.1"])

    def test_unusable_files(self) -> None:
        """A certificate that cannot be read is a failure that says so."""

        def connect(_: Route) -> Any:
            raise ConfigError("tls_certificate: a.pem cannot be read", "a.pem")

        self.make(connect)
        self.slot.open()
        self.assertEqual(self.slot.phase, Phase.WAITING)
        self.assertEqual(
            self.watcher.failures, [(ROUTE, "tls_certificate: a.pem cannot be read")]
        )

    def test_no_route(self) -> None:
        """Without a route there is a reason too."""
        self.watcher.route = None
        self.slot.open()
        self.assertEqual(self.watcher.failures, [(None, "no routes are set")])


class EndTests(SlotCase):
    def test_closed_before_anything(self) -> None:
        """A close straight after the handshake is a failure: the wrong environment."""
        self.ready().close()
        self.assertEqual((self.slot.phase, self.slot.failures), (Phase.WAITING, 1))
        self.assertIn("before it accepted anything", self.watcher.failures[0][1])

    def test_closed_with_a_word(self) -> None:
        """What the gateway said is told, not who hung up first."""
        self.slot.open()
        self.gateways.accept()
        connection: Any = self.slot._connection
        connection.farewell = "403 InvalidProviderToken"
        connection.abort()
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(
            self.watcher.failures[0][1],
            "closed before it accepted anything (403 InvalidProviderToken)",
        )

    def test_closed_with_all_undecided(self) -> None:
        """So is a close after writing, when nothing was accepted on it."""
        wire = self.ready()
        self.attempt(1, 2)
        wire.close()
        self.assertEqual(self.outcomes(), [Undecided(), Undecided()])
        self.assertEqual((self.slot.phase, self.slot.failures), (Phase.WAITING, 1))

    def test_answer_to_nobody(self) -> None:
        """An answer for what was never written shows no acceptance: a failure."""
        for failures in (1, 2, 3):
            wire = self.ready()
            self.attempt(1, 2)
            wire.say(encode_error(10, 0))
            wire.close()
            self.assertEqual(self.slot.phase, Phase.WAITING)
            self.assertEqual(self.slot.failures, failures)
            self.clock.advance(60)
        self.assertEqual(self.outcomes(), [MISNAMED] * 6)
        self.assertEqual(
            self.watcher.failures[-1][1],
            "closed before it accepted anything (it answered 10 (Shutdown) for 0, "
            "which was never written there)",
        )

    def test_hung_up_for_garbage(self) -> None:
        """That we hung up is not the reason: what the gateway said is."""
        wire = self.ready()
        self.attempt(1)
        wire.say(b"HTTP/1.1 400 Bad Request\r\n")
        wire.close(cleanly=False)
        self.assertIn("the gateway sent 0x48", self.watcher.failures[0][1])

    def test_closed_after_something(self) -> None:
        """A close after silence was had is ordinary: it may be opened at once."""
        wire = self.ready()
        self.attempt(1)
        self.clock.advance(5.0)
        self.attempt(2)
        wire.close()
        self.assertEqual(self.outcomes(), [Accepted("presumed"), Undecided()])
        self.assertEqual((self.slot.phase, self.watcher.failures), (Phase.IDLE, []))

    def test_answered_after_something(self) -> None:
        """An answer is ordinary: it may be opened at once."""
        wire = self.ready()
        self.attempt(1, 2, 3)
        wire.object_to(2)
        self.assertEqual(
            self.outcomes(),
            [Accepted("proven"), Refused(8, "Invalid Token"), Discarded()],
        )
        self.assertEqual((self.slot.phase, self.watcher.failures), (Phase.IDLE, []))

    def test_careful_after_an_answer(self) -> None:
        """The next connection begins with about what went well."""
        wire = self.ready()
        self.attempt(*range(1, 101))
        wire.object_to(51)
        self.assertTrue(self.slot.replaces)
        self.ready()
        self.assertEqual((self.slot.room, self.slot.replaces), (50, False))

    def test_not_careful_after_a_close(self) -> None:
        """A close without an answer says nothing about tokens."""
        wire = self.ready()
        self.attempt(1)
        self.clock.advance(5.0)
        wire.close()
        self.ready()
        self.assertGreater(self.slot.room, 1000)

    def test_nothing_but_refusals(self) -> None:
        """Connections that each met a refusal first are opened a little slower."""
        for seconds in (0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
            wire = self.ready()
            self.attempt(1, 2)
            wire.object_to(1)
            self.assertEqual(self.slot.phase, Phase.WAITING)
            self.clock.advance(seconds)
            self.assertEqual(self.slot.phase, Phase.IDLE)
        self.assertEqual(self.watcher.failures, [])
        wire = self.ready()
        self.attempt(1, 2)
        wire.object_to(2)
        self.assertEqual(self.slot.phase, Phase.IDLE)
        wire = self.ready()
        self.attempt(1)
        wire.object_to(1)
        self.clock.advance(0.1)
        self.assertEqual(self.slot.phase, Phase.IDLE)


class BackOffTests(SlotCase):
    """After three failures in a row."""

    def setUp(self) -> None:
        super().setUp()
        self.fail_to_connect(3)

    def test_not_reset_by_connecting(self) -> None:
        """A handshake proves nothing: the next wait is the fourth."""
        self.ready().close()
        self.clock.advance(7.99)
        self.assertEqual(self.slot.phase, Phase.WAITING)
        self.clock.advance(0.01)
        self.assertEqual(self.slot.phase, Phase.IDLE)

    def test_probes(self) -> None:
        """Until something is accepted it carries a few messages only."""
        self.ready()
        self.assertEqual(self.slot.room, PROBE_COUNT)
        self.attempt(*range(1, 16))
        self.assertEqual(self.slot.room, PROBE_COUNT - 15)
        self.assertEqual(self.watcher.working, [])
        self.clock.advance(5.0)
        self.assertGreater(self.slot.room, 1000)
        self.assertEqual(self.watcher.working, [ROUTE])

    def test_reset_by_silence(self) -> None:
        """After a quiet response window the next wait is the first again."""
        wire = self.ready()
        self.attempt(1)
        self.clock.advance(5.0)
        self.assertEqual(self.slot.failures, 0)
        wire.close()
        self.slot.open()
        self.gateways.refuse(ConnectError())
        self.clock.advance(1.0)
        self.assertEqual(self.slot.phase, Phase.IDLE)

    def test_reset_by_an_answer(self) -> None:
        """Whoever answers about our messages works."""
        wire = self.ready()
        self.attempt(1)
        wire.object_to(1)
        self.assertEqual((self.slot.failures, self.watcher.working), (0, [ROUTE]))


class StopTests(SlotCase):
    def test_idle(self) -> None:
        """An idle slot stops at once, and stopping again changes nothing."""
        self.slot.stop()
        self.slot.stop()
        self.assertEqual(self.slot.phase, Phase.STOPPED)

    def test_connecting(self) -> None:
        """An attempt to connect is cancelled, and is no failure."""
        self.slot.open()
        self.slot.stop()
        self.assertEqual((self.slot.phase, self.gateways.cancelled), (Phase.STOPPED, 1))
        self.assertEqual(self.watcher.failures, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_waiting(self) -> None:
        """A wait is over at once."""
        self.slot.open()
        self.gateways.refuse(ConnectError())
        self.slot.stop()
        self.assertEqual(self.slot.phase, Phase.STOPPED)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ready(self) -> None:
        """A connection waits for proof, closes, and is not opened again."""
        wire = self.ready()
        self.attempt(1)
        self.slot.stop()
        self.assertEqual((self.slot.phase, self.slot.room), (Phase.DRAINING, 0))
        wire.say(encode_error(2, 2))
        self.assertTrue(wire.disconnecting)
        wire.close()
        self.assertEqual(self.slot.phase, Phase.STOPPED)
        self.assertEqual(self.outcomes(), [Accepted("proven")])
        self.assertEqual(self.watcher.phases[-1], Phase.STOPPED)

    def test_ready_without_proof(self) -> None:
        """Where none is asked for it waits for its window and closes."""
        self.make(flush_interval_seconds=0)
        wire = self.ready()
        self.attempt(1)
        self.slot.stop()
        self.assertEqual(wire.flushes, [])
        self.clock.advance(5.0)
        self.assertTrue(wire.disconnecting)
        wire.close()
        self.assertEqual(self.slot.phase, Phase.STOPPED)
        self.assertEqual(self.outcomes(), [Accepted("presumed")])

    def test_draining_ends_badly(self) -> None:
        """Lost while it waits for its window: undecided, stopped, no failure."""
        wire = self.ready()
        self.attempt(1)
        self.slot.stop()
        wire.close(cleanly=False)
        self.assertEqual((self.slot.phase, self.watcher.failures), (Phase.STOPPED, []))
        self.assertEqual(self.outcomes(), [Undecided()])

    def test_idle_timeout(self) -> None:
        """A connection that has nothing to do is given back."""
        wire = self.ready()
        self.clock.advance(30)
        self.assertTrue(wire.disconnecting)
        wire.close()
        self.assertEqual(self.slot.phase, Phase.STOPPED)

    def test_spent(self) -> None:
        """A connection that carried as many as it may takes no more."""
        self.make(max_deliveries_per_connection=2)
        wire = self.ready()
        self.assertEqual(self.slot.room, 2)
        self.attempt(1, 2)
        self.assertEqual(self.slot.phase, Phase.DRAINING)
        wire.answer_flush()
        self.assertEqual(self.slot.phase, Phase.STOPPED)
        self.assertEqual(self.outcomes(), [Accepted("proven")] * 2)

    def test_connection_that_comes_too_late(self) -> None:
        """A connection made although it was given up is hung up, and moves nothing."""
        self.slot.open()
        [(_, factory, _)] = self.gateways.pending
        self.slot.stop()
        wire = Wire()
        wire.attach(factory.buildProtocol(None))
        self.assertTrue(wire.disconnecting)
        wire.close()
        self.assertEqual(self.slot.phase, Phase.STOPPED)

    def test_answer_while_the_phase_is_draining(self) -> None:
        """What an answer settles reaches the pool in every phase."""
        wire = self.ready()
        self.attempt(1, 2)
        self.slot.stop()
        wire.say(encode_error(8, 1))
        self.assertEqual(len(self.watcher.attempts), 2)
        wire.close()
        self.assertEqual(self.slot.phase, Phase.STOPPED)


class ReliefTests(SlotCase):
    def test_asks_for_relief(self) -> None:
        """When proof is due it asks for another slot, and goes on until stopped."""
        self.make(flush_interval_seconds=3)
        wire = self.ready()
        self.attempt(1)
        self.clock.advance(2.9)
        self.assertEqual(self.watcher.relieved, [])
        self.clock.advance(0.1)
        self.assertEqual(self.watcher.relieved, [self.slot])
        self.assertEqual((self.slot.phase, wire.flushes), (Phase.READY, []))
        self.attempt(2)
        self.clock.advance(1.0)
        self.assertEqual(self.watcher.relieved, [self.slot] * 2)
        self.slot.stop()
        self.clock.advance(1.0)
        self.assertEqual(len(self.watcher.relieved), 2)
        wire.answer_flush()
        self.assertEqual(self.outcomes(), [Accepted("proven")] * 2)

    def test_proof_is_no_objection(self) -> None:
        """The answer to a flush is nothing to be careful about afterwards."""
        wire = self.ready()
        self.attempt(1)
        self.slot.stop()
        wire.answer_flush()
        self.assertEqual((self.slot.failures, self.watcher.failures), (0, []))
        self.assertEqual(self.watcher.working, [ROUTE])

    def test_manners_are_shared(self) -> None:
        """What one connection learns of the gateway, the others of the lane know."""
        wire = self.ready()
        self.attempt(1)
        self.slot.stop()
        wire.close()
        self.slot = Slot(self.watcher, self.slot._means)
        wire = self.ready()
        self.attempt(2)
        self.slot.stop()
        self.assertEqual(wire.flushes, [])
        self.clock.advance(5.0)
        self.assertEqual(len(wire.flushes), 1)
        self.assertEqual(self.outcomes(), [Undecided(), Accepted("presumed")])
