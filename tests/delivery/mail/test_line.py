"""Entries of one transaction leave together."""

from __future__ import annotations

from mcmtpush.delivery.mail.line import GROUP_LIMIT, Line
from tests.delivery.mail.stage import an_entry
from tests.support.case import TestCase


class LineTests(TestCase):
    def groups(self, line: Line) -> list[list[int]]:
        found = []
        while group := line.next():
            found.append([entry.row for entry in group])
        return found

    def test_groups(self) -> None:
        """Neighbours with one content go together; everything else alone."""
        line = Line()
        line.add(
            [
                an_entry(1, batch_id="a"),
                an_entry(2, batch_id="a"),
                an_entry(3, batch_id="b"),
                an_entry(4, batch_id="a"),
                an_entry(5, batch_id="a", sender="other@x"),
                an_entry(6, batch_id="a", sender="other@x", size=7),
                an_entry(7, batch_id="a", sender="other@x", size=7, recipient="ü@y"),
            ]
        )
        self.assertEqual(len(line), 7)
        self.assertEqual(self.groups(line), [[1, 2], [3], [4], [5], [6], [7]])

    def test_bounded(self) -> None:
        """A transaction has not too many recipients."""
        line = Line()
        line.add([an_entry(row, batch_id="a") for row in range(GROUP_LIMIT + 1)])
        self.assertEqual([len(group) for group in self.groups(line)], [GROUP_LIMIT, 1])

    def test_unsendable(self) -> None:
        """What cannot be sent does not enter."""
        line = Line()
        bad = [an_entry(1, recipient="<x>"), an_entry(2, sender="a\nb")]
        self.assertEqual(line.add([*bad, an_entry(3, sender="")]), bad)
        self.assertEqual(self.groups(line), [[3]])

    def test_clear(self) -> None:
        """All can be taken out at once."""
        line = Line()
        entries = [an_entry(row) for row in (1, 2)]
        line.add(entries)
        self.assertEqual(line.clear(), entries)
        self.assertEqual((len(line), line.next()), (0, []))
