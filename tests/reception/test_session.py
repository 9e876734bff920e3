"""Tests: facts and limits of sessions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.views import ReceptionSettings
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
