"""Lines of the journal: the binary half's fields come first, with their meanings."""

from __future__ import annotations

from pathlib import Path

from mcmtpush.simulator.journal import JournalLine
from mcmtpush.simulator.provider.identity import Identity
from mcmtpush.simulator.provider.line import RequestLine, make_line
from mcmtpush.simulator.provider.request import read_request
from mcmtpush.simulator.provider.trust import Keyring, Trust
from mcmtpush.simulator.provider.verdict import ACCEPTED, BEHIND, Judgement
from mcmtpush.simulator.verdict import Verdict
from tests.simulator.caller import KEY, NOW, a_jwt
from tests.support.case import TestCase


PAIRS = [(b":method", b"POST"), (b":path", b"/3/device/0F0f")]
REQUEST = read_request(7, PAIRS, b"\xfe{", 2)
NOBODY = Trust(Keyring(), None)


def line_of(judgement: Judgement, trust: Trust = NOBODY) -> RequestLine:
    return make_line(1.5, 4, REQUEST, judgement, trust, None, answered=True)


class LineTests(TestCase):
    def test_what_both_halves_have(self) -> None:
        """The promised fields in their order, then more of them."""
        shared = JournalLine._fields
        self.assertEqual(RequestLine._fields[: len(shared)], shared)
        expected = JournalLine(
            *(1.5, 4, 3, 7, "0f0f", "\\xfe{", None, 10, "accepted", None, None)
        )
        self.assertEqual(line_of(ACCEPTED)[: len(shared)], expected)

    def test_every_field_is_documented(self) -> None:
        """The reference has a row for it."""
        page = Path(__file__).parents[3] / "docs" / "reference" / "simulator.md"
        text = page.read_text()
        missing = [name for name in RequestLine._fields if f"`{name}`" not in text]
        self.assertEqual(missing, [])

    def test_verdicts(self) -> None:
        """Only a refusal has a status; a discarded request a reason in words."""
        line = line_of(Judgement(Verdict.REFUSED, 413, "PayloadTooLarge", at=2))
        self.assertEqual(
            (line.status, line.reason, line.rule), (413, "PayloadTooLarge", 2)
        )
        line = line_of(BEHIND)
        self.assertEqual((line.verdict, line.status), ("discarded", None))
        self.assertEqual(line.reason, BEHIND.reason)

    def test_senders(self) -> None:
        """Nobody yet, a token, or a certificate with its own topic."""
        self.assertEqual(
            (line_of(ACCEPTED).auth, line_of(ACCEPTED).topic), (None, None)
        )
        trust = Trust(Keyring([KEY]), None)
        trust.find_fault(f"bearer {a_jwt(der=True)}", NOW)
        line = line_of(ACCEPTED, trust)
        self.assertEqual(
            (line.auth, line.key_id, line.team_id),
            ("token", *(KEY.key_id, KEY.team_id)),
        )
        self.assertTrue(line.der_signature)
        line = line_of(ACCEPTED, Trust(Keyring(), Identity(("a.b",))))
        self.assertEqual(
            (line.auth, line.topic, line.key_id), ("certificate", "a.b", None)
        )
