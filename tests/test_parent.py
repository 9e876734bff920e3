"""A worker's line to its parent: what is said, and what is left out."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import Logger, LogLevel, capturedLogs
from twisted.python.failure import Failure

from mcmtpush.intercom import (
    LONGEST_TEXT,
    ORDERS,
    REPORT_LIMIT,
    REPORTS,
    Answered,
    Counted,
    Ear,
    Obey,
    Ready,
    Resume,
    Said,
    Stop,
    write,
)
from mcmtpush.parent import Parent, RelayedOrders
from tests.support.case import TestCase


class Reactor:
    """Calls from other threads wait until they are let through."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def callFromThread(self, *call: Any) -> None:
        self.calls.append(call)


class ParentTests(TestCase):
    def setUp(self) -> None:
        self.heard: list[Any] = []
        self.gone = 0
        self.reactor = Reactor()
        self.parent = Parent(
            Ear(ORDERS, 1000),
            self.reactor,
            heed=self.heard.append,
            gone=self.lose,
        )
        self.transport = StringTransport()
        self.parent.makeConnection(self.transport)

    def lose(self) -> None:
        self.gone += 1

    def told(self) -> list[Any]:
        """What the parent hears, since the last time."""
        data = self.transport.value()
        self.transport.clear()
        return list(Ear(REPORTS, REPORT_LIMIT).feed(data))

    def log(self, text: str, **named: Any) -> None:
        """As a thread of its own would, and then the reactor's turn."""
        Logger("a.room", observer=self.parent.observe).emit(  # type: ignore[arg-type]
            named.pop("level", LogLevel.warn), text, **named
        )
        while self.reactor.calls:
            call, *arguments = self.reactor.calls.pop(0)
            call(*arguments)

    def test_both_directions(self) -> None:
        """Orders are heeded in order; words go out at once."""
        data = write(Resume()) + write(Stop(True))
        self.parent.dataReceived(data[:20])
        self.parent.dataReceived(data[20:])
        self.assertEqual(self.heard, [Resume(), Stop(True)])
        self.parent.tell(Ready())
        self.parent.count({"a": 1})
        self.assertEqual(self.told(), [Ready(), Counted({"a": 1})])

    def test_log(self) -> None:
        """Level, namespace and text, however long or odd."""
        self.log("{number} things", number=7)
        self.log("x" * 10**6, level=LogLevel.error)
        self.log("{missing} \ud800")
        one, two, three = self.told()
        self.assertEqual(one, Said("warn", "a.room", "7 things"))
        self.assertEqual((two.level, two.namespace), ("error", "a.room"))
        self.assertLess(len(two.text), LONGEST_TEXT + 50)
        self.assertIn("missing", three.text)

    def test_log_of_a_failure(self) -> None:
        """With its traceback."""
        try:
            raise ValueError("odd")
        except ValueError:
            self.log("it failed", log_failure=Failure())
        (said,) = self.told()
        self.assertRegex(said.text, r"(?s)it failed.*Traceback.*ValueError: odd")

    def test_a_slow_parent(self) -> None:
        """The log and counters are left out; answers are not."""
        self.log("before")
        self.assertIs(self.transport.producer, self.parent)
        self.transport.producer.pauseProducing()
        self.told()
        for _ in range(3):
            self.log("not said")
        self.parent.count({"a": 1})
        self.parent.tell(Answered("1", {"purged": 1}))
        self.assertEqual(self.told(), [Answered("1", {"purged": 1})])
        with capturedLogs() as events:
            self.transport.producer.resumeProducing()
        self.assertEqual([event["count"] for event in events], [3])
        self.log("after")
        self.assertEqual([word.text for word in self.told()], ["after"])

    def test_an_odd_parent(self) -> None:
        """It is left: a parent that is not understood is none."""
        self.parent.dataReceived(b"hello")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.heard, [])

    def test_gone(self) -> None:
        """It is told once, and whatever is said then goes nowhere."""
        self.parent.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.gone, 1)
        self.parent.tell(Ready())
        self.log("alone")
        self.assertEqual(self.told(), [])
        self.assertFalse(self.parent.leave())

    def test_leave(self) -> None:
        """The last word is out before the end."""
        self.parent.tell(Ready())
        self.assertTrue(self.parent.leave())
        self.assertTrue(self.transport.disconnecting)
        self.assertIsNone(self.transport.producer)
        self.assertEqual(self.told(), [Ready()])


class RelayedTests(TestCase):
    def test_orders(self) -> None:
        """They wait until they are answered; the same again is one."""
        told: list[Any] = []
        orders = RelayedOrders(told.append)
        for name in ("2", "1", "2"):
            orders.take(Obey(name, "ü"))
        self.assertEqual(orders.pending(), ["1", "2"])
        self.assertEqual(orders.read("2"), "ü".encode())
        orders.answer("2", {"purged": 1})
        self.assertEqual(orders.pending(), ["1"])
        self.assertEqual(told, [Answered("2", {"purged": 1})])
