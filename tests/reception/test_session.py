"""Tests: facts and limits of sessions."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import ReceptionSettings
from mcmtpush.reception.board import Board, make_board
from mcmtpush.reception.session import Session, Sessions
from tests.reception.scene import settings
from tests.support.case import TestCase, readable


def a_session(options: ReceptionSettings, peer: str = "192.0.2.1") -> Session:
    return Session("10/00-00007-0FEA2FA4", "listen", peer, 40000, options)


class SessionTests(TestCase):
    def test_context(self) -> None:
        """The context is the configured one, and what the session has found out."""
        session = a_session(settings(context={"pathway": "x"}))
        self.assertEqual(session.context, {"pathway": "x"})
        session.greeted("me.example", extended=True)
        self.assertEqual(
            session.context,
            {"pathway": "x", "ehlo_domain": "me.example", "ehlo_string": "me.example"},
        )
        self.assertIs(session.context, session.context)

    def test_can_relay(self) -> None:
        """A trusted client is marked as such."""
        session = a_session(settings(), "127.0.0.1")
        self.assertTrue(session.can_relay)
        self.assertEqual(session.context, {"can_relay": "true"})

    def test_word(self) -> None:
        """The protocol's name follows greeting and TLS."""
        session = a_session(settings())
        self.assertEqual(session.word, "SMTP")
        session.greeted("me", extended=True)
        self.assertEqual(session.word, "ESMTP")
        session.secured({"tls": "on"})
        session.greeted("me", extended=True)
        self.assertEqual(session.word, "ESMTPS")

    def test_tls_forgets(self) -> None:
        """After TLS the greeting counts no more, and its facts are in the context."""
        session = a_session(settings())
        session.greeted("me", extended=True)
        session.secured({"tls": "on", "tls_client_verified": "yes"})
        self.assertEqual(session.helo, "")
        self.assertEqual(session.context, {"tls": "on", "tls_client_verified": "yes"})
        self.assertFalse(session.can_relay)

    def test_verified_can_relay(self) -> None:
        """A verified certificate lets relay where that is set."""
        session = a_session(settings(tls_verified_peer_can_relay=True))
        session.secured({"tls": "on"})
        self.assertFalse(session.can_relay)
        session.secured({"tls": "on", "tls_client_verified": "yes"})
        self.assertEqual(session.context["can_relay"], "true")


class SessionsTests(TestCase):
    def test_limits(self) -> None:
        """One limit is for each listen, the other for all; both free up again."""
        sessions = Sessions()
        limits = settings(listener_sessions=2, service_sessions=3)
        self.assertTrue(sessions.enter("one", limits))
        self.assertTrue(sessions.enter("one", limits))
        self.assertFalse(sessions.enter("one", limits))
        self.assertTrue(sessions.enter("two", limits))
        self.assertFalse(sessions.enter("two", limits))
        self.assertEqual((sessions.count("one"), sessions.total), (2, 3))
        sessions.leave("one")
        self.assertTrue(sessions.enter("two", limits))

    def test_no_limit(self) -> None:
        """Zero is no limit."""
        sessions = Sessions()
        self.assertTrue(all(sessions.enter("one", settings()) for _ in range(1000)))

    @readable
    @given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans())))
    def test_counts(self, steps: list[tuple[str, bool]]) -> None:
        """The counts are those of a naive list, and never above the limits."""
        sessions, opened = Sessions(), []
        limits = settings(listener_sessions=2, service_sessions=3)
        for listen, entering in steps:
            if entering:
                if sessions.enter(listen, limits):
                    opened.append(listen)
            elif listen in opened:
                opened.remove(listen)
                sessions.leave(listen)
            self.assertEqual(sessions.total, len(opened))
            self.assertEqual(sessions.count(listen), opened.count(listen))
            self.assertLessEqual(sessions.count(listen), 2)
            self.assertLessEqual(sessions.total, 3)


class Turn:
    """Whether somebody is in it."""

    def __init__(self) -> None:
        self.taken = self.broken = False
        self.entered = 0

    def __enter__(self) -> None:
        if self.broken:
            raise OSError
        assert not self.taken
        self.taken = True
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.taken = False


class SeveralTests(TestCase):
    """Workers that count together."""

    def setUp(self) -> None:
        self.turn = Turn()
        descriptor = make_board(3, 2)
        self.addCleanup(os.close, descriptor)
        self.boards = [Board.of(descriptor, ["a", "b"], row) for row in range(3)]
        self.workers = [Sessions(board, self.turn) for board in self.boards]

    def test_limits_hold_over_all(self) -> None:
        """Of a listen and of all, whoever asks."""
        here = settings(listener_sessions=3)
        taken = [self.workers[number].enter("a", here) for number in (0, 1, 2, 0, 1)]
        self.assertEqual(taken, [True, True, True, False, False])
        all_of_them = settings(service_sessions=4)
        taken = [self.workers[number].enter("b", all_of_them) for number in (2, 1, 0)]
        self.assertEqual(taken, [True, False, False])
        self.workers[1].leave("a")
        self.assertTrue(self.workers[0].enter("b", all_of_them))
        self.assertTrue(self.workers[0].enter("a", here))

    def test_costs_nothing_without_limits(self) -> None:
        """Nobody waits for a turn; the sessions are counted all the same."""
        for _ in range(5):
            self.assertTrue(self.workers[0].enter("a", settings()))
        self.assertEqual(self.turn.entered, 0)
        self.assertFalse(self.workers[1].enter("a", settings(listener_sessions=5)))
        self.assertEqual(self.turn.entered, 1)

    def test_a_turn_that_does_not_come(self) -> None:
        """The limits are looked at without it."""
        self.turn.broken = True
        limit = settings(service_sessions=1)
        self.assertTrue(self.workers[0].enter("a", limit))
        self.assertFalse(self.workers[1].enter("a", limit))

    def test_the_dead_have_none(self) -> None:
        """Their places are free once the parent knows."""
        limit = settings(service_sessions=1)
        self.assertTrue(self.workers[0].enter("a", limit))
        self.assertFalse(self.workers[1].enter("a", limit))
        self.boards[2].clear(0)
        self.assertTrue(self.workers[1].enter("a", limit))

    def test_who_is_ahead(self) -> None:
        """Who has more than another that takes connections; by an eighth, of many."""
        one, two, three = self.workers
        one.enter("a", settings())
        self.assertFalse(one.is_ahead())
        self.boards[1].open(taking=True)
        self.assertTrue(one.is_ahead())
        self.assertFalse(three.is_ahead())
        two.enter("b", settings())
        self.assertFalse(one.is_ahead())
        for _ in range(17):
            one.enter("a", settings())
            two.enter("a", settings())
        one.enter("a", settings())
        self.assertEqual((one.total, two.total), (19, 18))
        self.assertFalse(one.is_ahead())
        one.enter("a", settings())
        one.enter("a", settings())
        self.assertTrue(one.is_ahead())
        self.boards[1].open(taking=False)
        self.assertFalse(one.is_ahead())
        self.assertFalse(Sessions().is_ahead())

    @readable
    @given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.booleans())))
    def test_never_more_than_allowed(self, moves: list[tuple[int, str, bool]]) -> None:
        """Whatever comes and goes, and never fewer than could be."""
        descriptor = make_board(3, 2)
        workers = [
            Sessions(Board.of(descriptor, ["a", "b"], row), Turn()) for row in range(3)
        ]
        os.close(descriptor)
        limits = settings(listener_sessions=2, service_sessions=3)
        held = []
        for row, listen, comes in moves:
            here = sum(one[1] == listen for one in held)
            if comes:
                fits = here < 2 and len(held) < 3
                self.assertEqual(workers[row].enter(listen, limits), fits)
                held += [(row, listen)] * fits
            elif (row, listen) in held:
                workers[row].leave(listen)
                held.remove((row, listen))
