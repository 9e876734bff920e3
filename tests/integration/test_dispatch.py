"""A reactor that is hastened serves its descriptors, whatever they do."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcmtpush.dispatch import hasten
from tests.support.case import TestCase


class Reader(FileDescriptor):
    """One end of a pipe; `act` says what reading leads to."""

    def __init__(self, reactor: Any, act: Any = None) -> None:
        super().__init__(reactor)
        self.end, self.other = os.pipe()
        self.act = act
        self.seen: list[bytes] = []
        self.ended: Failure | None = None

    def fileno(self) -> int:
        """The descriptor, none once it is over."""
        return self.end

    def doRead(self) -> Any:  # noqa: N802 - Twisted's
        """Take what is there."""
        self.seen.append(os.read(self.end, 100))
        return self.act() if self.act else None

    def connectionLost(self, reason: Failure) -> None:
        """The end."""
        super().connectionLost(reason)
        self.ended = reason
        os.close(self.end)
        self.end = -1

    def readConnectionLost(self, reason: Failure) -> None:
        """The end, too."""
        self.connectionLost(reason)


class DispatchTests(TestCase):
    def setUp(self) -> None:
        """A reactor of its own, which does not run."""
        self.reactor = EPollReactor()
        self.addCleanup(self.reactor._poller.close)
        self.addCleanup(self.reactor._uninstallHandler)
        self.assertTrue(hasten(self.reactor))

    def reader(self, act: Any = None) -> Reader:
        """A pipe that is read from, with something in it."""
        reader = Reader(self.reactor, act)
        self.addCleanup(os.close, reader.other)
        self.addCleanup(lambda: reader.end < 0 or os.close(reader.end))
        reader.startReading()
        os.write(reader.other, b"x")
        return reader

    def turn(self) -> None:
        """One look at all descriptors."""
        self.reactor.doIteration(0)

    def test_all_are_served(self) -> None:
        """Everybody with something to read gets one turn; nobody without."""
        readers = [self.reader() for _ in range(3)]
        self.turn()
        self.turn()
        self.assertEqual([one.seen for one in readers], [[b"x"]] * 3)

    def test_an_end(self) -> None:
        """What a descriptor says of its end reaches it as the reason."""
        reader = self.reader(ConnectionDone)
        self.turn()
        self.assertIsNotNone(reader.ended and reader.ended.check(ConnectionDone))
        self.assertEqual(self.reactor.getReaders(), [self.reactor.waker])

    def test_a_fault(self) -> None:
        """A fault ends its descriptor and no other one."""

        def fail() -> None:
            raise RuntimeError("a fault")

        faulty, sound = self.reader(fail), self.reader()
        self.turn()
        self.assertIsNotNone(faulty.ended and faulty.ended.check(RuntimeError))
        self.assertEqual(sound.seen, [b"x"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_fault_at_the_end(self) -> None:
        """Not even a fault in saying farewell touches the others."""
        faulty, sound = self.reader(ConnectionDone), self.reader()

        def fail(_: Failure) -> None:
            raise RuntimeError("a fault")

        faulty.connectionLost = fail  # type: ignore[method-assign]
        self.turn()
        self.assertEqual(sound.seen, [b"x"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_gone_in_the_same_turn(self) -> None:
        """Who was ended by another one's event is not called any more."""
        readers: list[Reader] = []

        def end_others() -> None:
            for other in readers:
                other.stopReading()

        readers += [self.reader(end_others) for _ in range(3)]
        self.turn()
        self.assertEqual(sum(len(one.seen) for one in readers), 1)

    def test_other_reactors(self) -> None:
        """What is no epoll reactor is left as it is."""
        clock = Clock()
        self.assertFalse(hasten(clock))
        self.assertFalse(hasattr(clock, "doIteration"))
