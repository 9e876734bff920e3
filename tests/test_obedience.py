"""Orders are carried out one at a time, and answered when they are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from mcmtpush.lookout import LOOK_SECONDS
from mcmtpush.obedience import Obedience
from mcmtpush.spool.order import Purge, write_purge
from mcmtpush.values import Expired, QueueKey
from tests.support.case import TestCase
from tests.support.orders import Folder


class Queues:
    """A scheduler that only counts."""

    def __init__(self) -> None:
        self.condemned = 0
        self.asked: list[tuple[bool, float, Expired]] = []

    def condemn(
        self, chosen: Callable[[QueueKey], bool], before: float, sentence: Expired
    ) -> int:
        key = QueueKey("default", "default", "a.example")
        self.asked.append((chosen(key), before, sentence))
        self.condemned = 3
        return 3


class ObedienceTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.folder: Any = Folder()
        self.queues: Any = Queues()
        self.obedience = Obedience(self.folder, self.queues, self.clock)

    def give(self, name: str, **changes: Any) -> None:
        self.folder.orders[name] = write_purge(Purge("554 gone", 7.0, **changes))

    def test_answered_when_over(self) -> None:
        """Only after the messages have ended, and a while for the disk."""
        self.give("1", domain="a.example", quiet=True)
        self.obedience.start()
        self.clock.advance(0)
        sentence = Expired("554 gone", quiet=True)
        self.assertEqual(self.queues.asked, [(True, 7.0, sentence)])
        self.clock.advance(LOOK_SECONDS)
        self.queues.condemned = 0
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.folder.answers, {})
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.folder.answers, {"1": {"purged": 3}})
        self.assertEqual(len(self.queues.asked), 1)

    def test_soon(self) -> None:
        """Somebody waits for it: three seconds behind the end are enough."""
        self.obedience.start()
        self.clock.advance(0)
        self.give("1")
        self.clock.advance(1)
        self.assertEqual(len(self.queues.asked), 1)
        self.queues.condemned = 0
        self.clock.pump([0.5] * 6)
        self.assertEqual(self.folder.answers, {"1": {"purged": 3}})

    def test_one_at_a_time(self) -> None:
        """The next order begins when the last one is answered."""
        self.give("1")
        self.give("2", domain="b.example")
        self.obedience.start()
        self.clock.advance(0)
        self.assertEqual(len(self.queues.asked), 1)
        self.queues.condemned = 0
        self.clock.advance(LOOK_SECONDS)
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual([each[0] for each in self.queues.asked], [True, False])

    def test_refused(self) -> None:
        """What cannot be read as an order is answered at once."""
        self.folder.orders["1"] = b"nonsense"
        self.obedience.start()
        self.clock.advance(0)
        self.assertEqual(self.queues.asked, [])
        self.assertIn("refused", self.folder.answers["1"])

    def test_trouble(self) -> None:
        """A folder that cannot be read is looked at again."""
        self.folder.fails = True
        self.give("1")
        self.obedience.start()
        self.clock.advance(0)
        self.folder.fails = False
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(len(self.queues.asked), 1)

    def test_unreadable(self) -> None:
        """One that cannot be read keeps no other waiting, and is spoken of once."""
        self.folder.unreadable.add("1")
        self.give("1")
        self.give("2", domain="b.example")
        with capturedLogs() as said:
            self.obedience.start()
            self.clock.advance(0)
            self.assertEqual([each[0] for each in self.queues.asked], [False])
            self.queues.condemned = 0
            for _ in range(5):
                self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.folder.answers, {"2": {"purged": 3}})
        self.assertEqual(
            len([each for each in said if each["log_level"].name == "error"]), 1
        )
        self.folder.unreadable.clear()
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual([each[0] for each in self.queues.asked], [False, True])

    def test_trouble_is_told_once(self) -> None:
        """As long as it is the same."""
        self.folder.fails = True
        with capturedLogs() as said:
            self.obedience.start()
            self.clock.pump([0, LOOK_SECONDS, LOOK_SECONDS])
            self.folder.fails = False
            self.clock.advance(LOOK_SECONDS)
            self.folder.fails = True
            self.clock.advance(LOOK_SECONDS)
        self.assertEqual([each["error"] for each in said], ["no disk", "no disk"])

    def test_stop(self) -> None:
        """After the stop nobody looks."""
        self.obedience.stop()
        self.obedience.start()
        self.obedience.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
