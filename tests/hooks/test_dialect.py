"""Momentum's Lua as Lua 5.1."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.hooks.dialect import translate
from tests.support.case import TestCase, readable


KEPT = (
    "-- a != b\n",
    "--[[ a\n!= b ]]",
    "--[==[ a ]] != ]==]",
    '"a != b"',
    r'"\" != "',
    "'!='",
    r"'\' != '",
    "[[ != \n ]]",
    "[=[ ]] != ]=]",
    "x = 1\n",
    "~=",
    "not a\n",
)
"""Pieces of a script that stay as they are."""


class TranslateTests(TestCase):
    """`!=` where it is an operator, and nowhere else."""

    @readable
    @given(st.lists(st.sampled_from((*KEPT, " != "))))
    def test_pieces(self, pieces: list[str]) -> None:
        """Whatever stands before and behind it."""
        changed = [" ~= " if piece == " != " else piece for piece in pieces]
        self.assertEqual(translate(" ".join(pieces)), " ".join(changed))

    @readable
    @given(st.text(st.sampled_from("!=-[]\"'\\\n a~")))
    def test_place(self, text: str) -> None:
        """Never longer or shorter, nor once more different."""
        changed = translate(text)
        self.assertEqual(len(changed), len(text))
        self.assertEqual(changed.count("\n"), text.count("\n"))
        self.assertEqual(translate(changed), changed)
        different = {
            pair for pair in zip(text, changed, strict=True) if len({*pair}) > 1
        }
        self.assertLessEqual(different, {("!", "~")})

    def test_unfinished(self) -> None:
        """A string without its end is Lua's to complain of."""
        self.assertEqual(translate('x = "a != b\ny != 1'), 'x = "a ~= b\ny ~= 1')
