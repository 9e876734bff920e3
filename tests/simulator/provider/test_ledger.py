"""The books of a connection: every request is told of once, and truly."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.provider.answer import Names
from mcmtpush.simulator.provider.ledger import Ledger
from mcmtpush.simulator.provider.request import Request, read_request
from mcmtpush.simulator.provider.trust import Keyring, Trust
from mcmtpush.simulator.provider.verdict import ABOVE, ACCEPTED, Judgement
from mcmtpush.simulator.verdict import Verdict
from tests.support.case import TestCase, readable


REFUSED = Judgement(Verdict.REFUSED, 410, "Unregistered")


def a_request(stream: int, **headers: str) -> Request:
    pairs = {":path": "/3/device/0f", **headers}.items()
    encoded = [
        (name.replace("_", "-").encode(), value.encode()) for name, value in pairs
    ]
    return read_request(stream, encoded, b"{}", 2)


class LedgerCase(TestCase):
    def setUp(self) -> None:
        self.journal = Journal(keep=100)
        trust = Trust(Keyring(), None)
        self.ledger = Ledger(3, self.journal, lambda: 5.0, trust, Names(1))

    def told(self) -> list[tuple[Any, ...]]:
        """Stream, verdict, status and what was answered, of every line."""
        self.ledger.write()
        return [
            (line.stream, line.verdict, line.status, line.http_status)
            for line in self.journal.lines
        ]


class LedgerTests(LedgerCase):
    def test_answered(self) -> None:
        """What waits is told of when it is answered, and once."""
        self.ledger.add(a_request(1), ACCEPTED)
        self.ledger.add(a_request(3), REFUSED)
        self.assertEqual((self.told(), self.ledger.open), ([], [1, 3]))
        pending = self.ledger.settle(3, answered=True)
        self.assertEqual(pending, (a_request(3), REFUSED))
        self.assertIsNone(self.ledger.settle(3, answered=True))
        self.assertEqual(self.told(), [(3, "refused", 410, 410)])
        self.assertEqual((self.ledger.open, self.ledger.settled), ([1], 3))

    def test_above_a_last_stream(self) -> None:
        """What waits there was not taken; what was told stays so."""
        self.ledger.add(a_request(1), ACCEPTED)
        self.ledger.note(a_request(3), ACCEPTED)
        self.ledger.add(a_request(5), REFUSED)
        self.ledger.drop_above(2, ABOVE)
        expected = [(3, "accepted", None, None), (5, "discarded", None, None)]
        self.assertEqual(self.told(), expected)
        self.assertEqual((self.ledger.open, self.ledger.settled), ([1], 3))

    def test_close(self) -> None:
        """What waits then has no answer."""
        self.ledger.add(a_request(1), REFUSED)
        self.ledger.close()
        self.assertEqual(self.told(), [(1, "refused", 410, None)])

    def test_names(self) -> None:
        """The id that was answered, or the one that was asked for."""
        for request, answered, name in (
            (a_request(1), True, Names(1).name_of(a_request(1))),
            (a_request(1), False, None),
            (a_request(1, apns_id="i"), True, "i"),
            (a_request(1, apns_id="i"), False, "i"),
        ):
            self.ledger.note(request, ACCEPTED, answered=answered)
            self.ledger.write()
            self.assertEqual(self.journal.lines[-1].apns_id, name)

    @readable
    @given(
        st.lists(st.tuples(st.sampled_from(["add", "end", "drop"]), st.integers(1, 9)))
    )
    def test_every_request_has_one_line(self, steps: list[tuple[str, int]]) -> None:
        """Whatever comes first."""
        self.setUp()
        streams = 0
        for what, number in steps:
            if what == "add":
                streams += 1
                self.ledger.add(a_request(streams), ACCEPTED)
            elif what == "end":
                self.ledger.settle(number, answered=True)
            else:
                self.ledger.drop_above(number, ABOVE)
        self.ledger.close()
        told = sorted(stream for stream, *_ in self.told())
        self.assertEqual(told, list(range(1, streams + 1)))
