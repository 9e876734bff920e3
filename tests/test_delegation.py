"""Orders are carried out by all workers, and answered when all have answered."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from mcmtpush.delegation import Delegation
from mcmtpush.errors import SpoolError
from mcmtpush.intercom import Obey
from mcmtpush.lookout import LOOK_SECONDS
from tests.support.case import TestCase
from tests.support.orders import Folder


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

    def test_unreadable(self) -> None:
        """An order that cannot be read keeps no other waiting."""
        self.folder.unreadable.add("1")
        self.give("1", "2")
        self.delegation.note(1, "2", {"purged": 1})
        self.delegation.note(2, "2", {"purged": 1})
        self.assertEqual(self.folder.answers, {"2": {"purged": 2}})

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
