"""The grammar of tls_protocols."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.protocols import read_protocols
from mcmtpush.delivery.tls import version as sending
from mcmtpush.reception import tls as receiving
from tests.support.case import TestCase, readable


_SPOKEN = {"TLSv1.2", "TLSv1.3"}
_NAMES = ("ALL", "SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1", *sorted(_SPOKEN))
_WORDS = st.tuples(st.sampled_from(["", "+", "-"]), st.sampled_from(_NAMES)).map(
    "".join
)


class ReadProtocolsTests(TestCase):
    """What fits, and what is said of what does not."""

    def fault(self, text: str) -> str:
        """Why a value is refused."""
        with self.assertRaises(ValueError) as caught:
            read_protocols(text)
        return str(caught.exception)

    def test_good_values_stay(self) -> None:
        """Signs, cases and versions that nobody speaks any more."""
        for text in ("+ALL", "TLSv1.2", "+all:-tlsv1.2", "+ALL:-SSLv3:-TLSv1.0:-TLSv1"):
            self.assertEqual(read_protocols(text), text)

    def test_plain_form(self) -> None:
        """What begins by removing begins with all; blanks around words go."""
        self.assertEqual(read_protocols("-TLSv1.3"), "+ALL:-TLSv1.3")
        self.assertEqual(read_protocols(" +ALL : -SSLv2: "), "+ALL:-SSLv2")

    def test_unknown_words(self) -> None:
        """All of them are named, and what there is."""
        fault = self.fault("+FOO:+TLSv1.2:TLSv1.4")
        self.assertTrue(fault.startswith('"+FOO", "TLSv1.4": no such version'), fault)
        self.assertIn("ALL SSLv2 SSLv3 TLSv1 TLSv1.0 TLSv1.1 TLSv1.2 TLSv1.3", fault)
        for text in ("+", "++ALL", "+-TLSv1.2", "+ALL -SSLv3", "+ TLSv1.2", "ALL,x"):
            self.assertIn("no such version", self.fault(text), text)

    def test_nothing_left(self) -> None:
        """Without 1.2 and 1.3 no connection can be made."""
        for text in ("", ":", "+TLSv1.1", "-ALL", "+ALL:-TLSv1.2:-TLSv1.3"):
            fault = self.fault(text)
            self.assertTrue(fault.startswith(f'"{text}" leaves neither'), fault)

    @readable
    @given(st.lists(_WORDS))
    def test_both_sides_understand_what_passed(self, words: list[str]) -> None:
        """Sender and listener take every value that passed, for the same versions."""
        try:
            text = read_protocols(":".join(words))
        except ValueError:
            return
        names, _ = sending.read_protocols(text)
        numbers = sorted(sending.VERSIONS[name] for name in names)
        self.assertEqual(receiving.offered_versions(text), numbers)
        self.assertEqual(read_protocols(text), text)
