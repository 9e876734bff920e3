"""Orders are carried out one at a time, and answered when they are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from mcmtpush.errors import SpoolError
from mcmtpush.intercom import Obey
from mcmtpush.obedience import LOOK_SECONDS, Delegation, Obedience
from mcmtpush.spool.order import Purge, write_purge
from mcmtpush.values import Expired, QueueKey
from tests.support.case import TestCase


class Folder:
    """Orders in memory; fails when told to."""

    def __init__(self) -> None:
        self.orders: dict[str, bytes] = {}
        self.answers: dict[str, Any] = {}
        self.fails = False

    def pending(self) -> list[str]:
        if self.fails:
            raise SpoolError("no disk")
        return sorted(self.orders)

    def read(self, name: str) -> bytes:
        return self.orders[name]

    def answer(self, name: str, answer: Any) -> None:
        del self.orders[name]
        self.answers[name] = answer


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

    def test_stop(self) -> None:
        """After the stop nobody looks."""
        self.obedience.stop()
        self.obedience.start()
        self.obedience.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DelegationTests(TestCase):
    """The parent's side: workers carry out what it finds."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.folder: Any = Folder()
        self.alive = {1, 2}
        self.told: list[tuple[int, str, str]] = []
        self.delegation = Delegation(
            self.folder, self.clock, lambda: self.alive, self.tell
        )
        self.delegation.start()
        self.addCleanup(self.delegation.stop)

    def tell(self, number: int, order: Obey) -> None:
        self.told.append((number, order.name, order.order))

    def give(self, *names: str) -> None:
        """And look, twice."""
        self.folder.orders |= dict.fromkeys(names, b"purge")
        self.clock.advance(LOOK_SECONDS)
        self.clock.advance(LOOK_SECONDS)

    def test_sum(self) -> None:
        """It is answered when all have answered, once, and then comes the next."""
        self.give("1", "2")
        self.assertEqual(self.told, [(1, "1", "purge"), (2, "1", "purge")])
        self.delegation.note(2, "1", {"purged": 3})
        self.delegation.note(2, "0", {"purged": 9})
        self.assertEqual(self.folder.answers, {})
        self.delegation.note(1, "1", {"purged": 4})
        self.assertEqual(self.folder.answers, {"1": {"purged": 7}})
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.told[2:], [(1, "2", "purge"), (2, "2", "purge")])

    def test_who_died_is_told_again(self) -> None:
        """Whoever comes back has forgotten it."""
        self.delegation.remind(1)
        self.give("1")
        self.delegation.note(1, "1", {"purged": 1})
        self.delegation.remind(2)
        self.assertEqual(self.told[2:], [(2, "1", "purge")])
        self.delegation.note(2, "1", {"purged": 1})
        self.assertEqual(self.folder.answers, {"1": {"purged": 2}})

    def test_who_is_over_is_not_waited_for(self) -> None:
        """What it answered before still counts."""
        self.give("1")
        self.delegation.note(2, "1", {"purged": 5})
        self.alive = {1}
        self.delegation.note(1, "1", {"purged": 1})
        self.assertEqual(self.folder.answers, {"1": {"purged": 6}})
        self.give("2")
        self.alive = set()
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.folder.answers["2"], {"purged": 0})

    def test_refusal(self) -> None:
        """One says why."""
        self.give("1")
        self.delegation.note(2, "1", {"refused": "no text"})
        self.delegation.note(1, "1", {"refused": "no text"})
        self.assertEqual(self.folder.answers, {"1": {"refused": "no text"}})

    def test_a_folder_that_fails(self) -> None:
        """It is looked at again; an answer that cannot be left waits."""
        self.folder.fails = True
        self.give()
        self.folder.fails = False
        self.give("1")
        answer, self.folder.answer = self.folder.answer, self.refuse
        self.delegation.note(1, "1", {"purged": 1})
        self.delegation.note(2, "1", {"purged": 1})
        self.folder.answer = answer
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.folder.answers, {"1": {"purged": 2}})

    def refuse(self, _: str, __: Any) -> None:
        raise SpoolError("no disk")
