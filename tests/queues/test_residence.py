"""The budget of bodies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.queues.residence import LARGEST_PAGE, PAGE, SMALLEST_PAGE, Residence
from tests.support.case import TestCase, readable


class ResidenceTests(TestCase):
    """Who may keep how much."""

    def test_room_of_a_queue(self) -> None:
        """A queue keeps up to its own limit, none at 0, any number at -1."""
        residence = Residence(0)
        self.assertEqual(residence.room(250, 100), 150)
        self.assertEqual(residence.room(250, 400), 0)
        self.assertEqual(residence.room(0, 0), 0)
        self.assertGreater(residence.room(-1, 10**9), 10**9)

    def test_room_of_all(self) -> None:
        """All queues together keep up to the total."""
        residence = Residence(100, held=90)
        self.assertEqual(residence.room(250, 0), 10)
        self.assertEqual(residence.room(-1, 0), 10)
        residence.held = 130
        self.assertEqual(residence.room(250, 0), 0)

    def test_pages(self) -> None:
        """Some hundreds at once, more for a greater limit, never very many."""
        residence = Residence(0)
        self.assertEqual(residence.page(0), PAGE)
        self.assertEqual(residence.page(-1), PAGE)
        self.assertEqual(residence.page(800), 800)
        self.assertEqual(residence.page(100_000), LARGEST_PAGE)

    def test_scarce(self) -> None:
        """While memory is scarce nothing is kept but what is about to be taken."""
        residence = Residence(0, scarce=True)
        self.assertEqual(
            (residence.room(-1, 0), residence.page(800)), (0, SMALLEST_PAGE)
        )

    @readable
    @given(st.integers(0, 5000), st.integers(0, 9000), st.integers(-1, 5000))
    def test_every_queue_goes_on(self, limit: int, held: int, queue: int) -> None:
        """A page is never empty, and small when the budget is used up."""
        page = Residence(limit, held=held).page(queue)
        self.assertGreaterEqual(page, SMALLEST_PAGE)
        if 0 < limit <= held:
            self.assertEqual(page, SMALLEST_PAGE)
