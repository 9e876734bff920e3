"""Which route is next: preference, turns, rest."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import Route
from mcmtpush.delivery.routes import Routes
from tests.support.case import TestCase, readable


A = Route("apn", "a.example", None, 10)
B = Route("apn", "b.example", None, 20)
C = Route("apn", "c.example", None, 20)


class RoutesTests(TestCase):
    def test_no_route(self) -> None:
        """Without routes there is none to take, and nothing to hope for."""
        routes = Routes([])
        self.assertIsNone(routes.next(0.0))
        self.assertTrue(routes.all_rest(0.0))

    def test_prefers(self) -> None:
        """The lowest preference is used alone, wherever it stands in the list."""
        routes = Routes([B, A, C])
        self.assertEqual([routes.next(0.0) for _ in range(3)], [A, A, A])

    def test_equal_ones_take_turns(self) -> None:
        """Connections are spread evenly over equally preferred routes."""
        routes = Routes([B, C])
        taken = Counter(routes.next(0.0) for _ in range(10))
        self.assertEqual(taken, {B: 5, C: 5})

    def test_failed_route_rests(self) -> None:
        """For two minutes the next best ones are used, then it is tried again."""
        routes = Routes([A, B, C])
        self.assertTrue(routes.fail(A, 100.0))
        self.assertEqual({routes.next(219.9) for _ in range(4)}, {B, C})
        self.assertEqual(routes.next(220.0), A)

    def test_failing_again_prolongs_the_rest(self) -> None:
        """Rest counts from the last failure; only the first one is news."""
        routes = Routes([A, B])
        routes.fail(A, 0.0)
        self.assertFalse(routes.fail(A, 60.0))
        self.assertEqual(routes.next(130.0), B)
        self.assertEqual(routes.next(180.0), A)

    def test_works_again(self) -> None:
        """A route that took something does not rest any longer."""
        routes = Routes([A, B])
        routes.fail(A, 0.0)
        routes.clear(A)
        self.assertEqual(routes.next(1.0), A)
        self.assertTrue(routes.fail(A, 2.0))

    def test_all_rest(self) -> None:
        """When all failed each is tried in turn, the one that rested longest first."""
        routes = Routes([A, B, C])
        for at, route in enumerate([B, A, C]):
            self.assertFalse(routes.all_rest(3.0))
            routes.fail(route, float(at))
        self.assertTrue(routes.all_rest(3.0))
        self.assertFalse(routes.all_rest(120.0))
        self.assertEqual(routes.next(3.0), B)
        routes.fail(B, 3.0)
        self.assertEqual(routes.next(4.0), A)

    def test_configured_rest(self) -> None:
        """How long a route rests is the configuration's."""
        routes = Routes([A, B], rest_seconds=5)
        routes.fail(A, 0.0)
        self.assertEqual([routes.next(4.9), routes.next(5.0)], [B, A])

    def test_gives_up(self) -> None:
        """When each route failed so often in a row, and next after as many more."""
        routes = Routes([A, B])
        for _ in range(3):
            routes.fail(A, 0.0)
            self.assertFalse(routes.give_up(2))
        routes.fail(B, 0.0)
        self.assertFalse(routes.give_up(2))
        routes.fail(B, 0.0)
        self.assertTrue(routes.give_up(2))
        self.assertFalse(routes.give_up(2))
        self.assertTrue(routes.all_rest(1.0))

    def test_success_is_a_new_beginning(self) -> None:
        """What was counted is forgotten when a route works."""
        routes = Routes([A])
        routes.fail(A, 0.0)
        routes.clear(A)
        routes.fail(A, 1.0)
        self.assertFalse(routes.give_up(2))
        routes.fail(A, 2.0)
        self.assertTrue(routes.give_up(2))

    def test_never_gives_up(self) -> None:
        """Without routes, or with 0, there is nothing to give up."""
        self.assertFalse(Routes([]).give_up(1))
        routes = Routes([A])
        routes.fail(A, 0.0)
        self.assertFalse(routes.give_up(0))

    @readable
    @given(
        st.lists(st.tuples(st.sampled_from([A, B, C]), st.floats(0, 300)), max_size=8)
    )
    def test_never_worse_than_needed(self, failures: list[tuple[Route, float]]) -> None:
        """A route is taken only if every better one rests, or all of them do."""
        routes = Routes([A, B, C])
        now, failed_at = 0.0, {}
        for route, seconds in failures:
            now += seconds
            routes.fail(route, now)
            failed_at[route] = now
        awake = {
            route.preference
            for route in (A, B, C)
            if route not in failed_at or now - failed_at[route] >= 120
        }
        chosen = routes.next(now)
        assert chosen is not None
        if awake:
            self.assertEqual(chosen.preference, min(awake))
        else:
            self.assertEqual(failed_at[chosen], min(failed_at.values()))
