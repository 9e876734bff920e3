"""Message ids: their text, and that none comes twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.values import MessageIds, format_message_id
from tests.support.case import TestCase, readable


class MessageIdTests(TestCase):
    def test_text(self) -> None:
        """Counter and second reversed, the process between them."""
        self.assertEqual(
            format_message_id(0x1234, 77, 0x4AF2A2B0), "43/21-00077-0B2A2FA4"
        )
        self.assertEqual(format_message_id(0x1FFFF, 0x1FFFF, 0), "FF/FF-65535-00000000")

    def test_drawn_in_order(self) -> None:
        """The counter goes on from second to second, and round."""
        ids = MessageIds(77, 0xFFFE)
        self.assertEqual(
            [ids.draw(at) for at in (9.0, 9.9, 10.0)],
            [
                format_message_id(0xFFFF, 77, 9),
                format_message_id(0, 77, 9),
                format_message_id(1, 77, 10),
            ],
        )

    def test_more_than_a_second_holds(self) -> None:
        """The second goes on by itself once all its ids are drawn."""
        ids = MessageIds(1)
        drawn = [ids.draw(5.0) for _ in range(0x10001)]
        self.assertEqual(len(set(drawn)), len(drawn))
        self.assertEqual(drawn[-1], format_message_id(1, 1, 6))

    @readable
    @given(
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF),
        st.lists(st.floats(0, 2**32 - 2**20), min_size=1, max_size=50),
    )
    def test_never_twice(self, pid: int, counter: int, times: list[float]) -> None:
        """Whatever the clock does, ids differ and the second never goes back."""
        ids, second, drawn = MessageIds(pid, counter), 0, []
        for number, at in enumerate(times, 1):
            second = max(second, int(at), 1)
            drawn.append(ids.draw(at))
            self.assertEqual(
                drawn[-1], format_message_id(counter + number, pid, second)
            )
        self.assertEqual(len(set(drawn)), len(drawn))
