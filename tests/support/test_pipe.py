"""The stand-ins of the pipe keep what they promise."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from mcmtpush.values import Message, QueueKey, Record
from tests.support.case import TestCase
from tests.support.pipe import Pipe
from tests.support.program import Ledger, Log
from tests.support.wire import HOST_BUFFER, Wire


class Ear(Protocol):
    """Remembers what it hears, and whether it may speak."""

    def __init__(self) -> None:
        self.heard = b""
        self.reason: Failure | None = None
        self.paused = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.reason = reason

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


class WireTests(TestCase):
    """Bytes and ends between two protocols."""

    def setUp(self) -> None:
        self.ours, self.theirs = Ear(), Ear()
        self.wire = Wire(self.ours, self.theirs)
        self.near, self.far = self.wire.ends

    def assert_lost(self, ear: Ear, reason: type[Exception]) -> None:
        assert ear.reason is not None
        self.assertIsInstance(ear.reason.value, reason)

    def test_bytes_arrive_when_it_moves(self) -> None:
        """Nothing arrives within the write, all with the next move."""
        self.near.write(b"one")
        self.near.write(b"two")
        self.far.write(b"back")
        self.assertEqual(self.theirs.heard, b"")
        self.assertTrue(self.wire.move())
        self.assertEqual((self.theirs.heard, self.ours.heard), (b"onetwo", b"back"))
        self.assertFalse(self.wire.move())

    def test_close_comes_behind_the_bytes(self) -> None:
        """What was written before a close arrives, then both hear of the end."""
        self.near.write(b"last")
        self.near.loseConnection()
        self.near.write(b"never")
        self.wire.move()
        self.assertEqual(self.theirs.heard, b"last")
        self.assert_lost(self.ours, ConnectionDone)
        self.assert_lost(self.theirs, ConnectionDone)
        self.assertFalse(self.wire.move())

    def test_abort_loses_bytes(self) -> None:
        """A reset takes along what is under way, later than the call."""
        self.near.write(b"last")
        self.near.abortConnection()
        self.assertIsNone(self.ours.reason)
        self.wire.move()
        self.assertEqual(self.theirs.heard, b"")
        self.assert_lost(self.theirs, ConnectionLost)
        self.assertIsNotNone(self.ours.reason)

    def test_who_does_not_read_gets_nothing(self) -> None:
        """A paused reader keeps the bytes on the wire, and a full wire the writer."""
        self.near.registerProducer(self.ours, True)
        self.far.pauseProducing()
        self.near.write(bytes(HOST_BUFFER + 1))
        self.assertTrue(self.ours.paused)
        self.assertFalse(self.wire.move())
        self.far.resumeProducing()
        self.assertTrue(self.wire.move())
        self.assertFalse(self.ours.paused)
        self.assertEqual(len(self.theirs.heard), HOST_BUFFER + 1)

    def test_death_delivers_what_was_written(self) -> None:
        """The system sends what a dead process wrote; the process hears nothing."""
        self.near.write(b"last")
        self.far.write(b"too late")
        self.wire.kill()
        self.assertEqual((self.theirs.heard, self.ours.heard), (b"last", b""))
        self.assert_lost(self.theirs, ConnectionLost)
        self.assertIsNone(self.ours.reason)


class LogTests(TestCase):
    """A log over a disk that may be full."""

    def test_what_does_not_fit_is_kept(self) -> None:
        """Lines go as far as there is room, the rest later and in order."""
        message = Message("1", "b", "c", 0.0, "s", "r", QueueKey("g", "b", "d"), 1)
        records = [Record("D", float(at), message) for at in range(3)]
        ledger = Ledger(room=1)
        log = Log(ledger)
        self.assertIsNotNone(log.write(records[:2]))
        self.assertEqual(ledger.lines, records[:1])
        self.assertIsNotNone(log.write(records[2:]))
        ledger.room = 5
        self.assertIsNone(log.flush())
        self.assertEqual(ledger.lines, records)
        self.assertEqual(ledger.room, 3)


class PipeTests(TestCase):
    """Time and lives."""

    def setUp(self) -> None:
        self.pipe = Pipe(Path(self.mktemp()).absolute())
        self.addCleanup(self.pipe.close)

    def test_time_goes_by_exactly(self) -> None:
        """`run` takes the clock so far and no further, the wall clock with it."""
        before = self.pipe.now()
        self.pipe.run(7.5)
        self.assertEqual(self.pipe.clock.seconds(), 7.5)
        self.pipe.jump = -100.0
        self.assertEqual(self.pipe.now(), before + 7.5 - 100.0)

    def test_crash_forgets_what_was_not_durable(self) -> None:
        """A message whose commit did not come is neither answered nor on the disk."""
        self.pipe.run()
        injection = self.pipe.inject()
        while not self.pipe.program.thread.jobs and self.pipe.turn():
            pass
        self.assertEqual(len(self.pipe.program.thread.jobs), 1)
        self.pipe.crash()
        self.pipe.run(10)
        self.assertEqual((injection.ids, self.pipe.spooled()), ([], []))
        self.assertEqual(list(self.pipe.journal.lines), [])

    def test_crash_keeps_what_was_durable(self) -> None:
        """A message that was answered is delivered by the next life."""
        self.pipe.network = "silent"
        injection = self.pipe.inject()
        self.pipe.run()
        self.assertEqual(self.pipe.spooled(), injection.ids)
        dead = self.pipe.program
        self.pipe.crash()
        self.pipe.network = "up"
        self.pipe.run(10)
        self.assertIsNot(self.pipe.program, dead)
        self.assertEqual(len(self.pipe.judged(injection, "accepted")), 1)
        self.assertFalse([call for call in dead.machine.calls if call.active()])

    def test_restart_is_a_new_life(self) -> None:
        """After a stop another program answers on the same port."""
        self.pipe.restart()
        self.assertEqual(self.pipe.lives, 2)
        injection = self.pipe.inject()
        self.pipe.run()
        self.assertEqual(len(injection.ids), 1)
