"""Greetings, EHLO, HELO and STARTTLS."""

from __future__ import annotations

from mcmtpush.delivery.mail.event import (
    TLS_FAILED,
    Over,
    StartTls,
    Terms,
)
from mcmtpush.values import Answered
from tests.delivery.mail.talk import (
    DATA,
    EHLO,
    EXTENDED,
    HELLO,
    HELO,
    MAIL,
    ONE,
    OPTIONAL,
    PLAIN,
    REQUIRED,
    SIZED,
    STARTTLS,
    TWO,
    A,
    talk,
)
from tests.support.case import TestCase


class OpeningTests(TestCase):
    def test_helo(self) -> None:
        """A server that does not know EHLO gets HELO, and no extensions."""
        course = talk(HELLO, "502 what?", "250 mx PIPELINING", "250", messages=(TWO,))
        self.assertEqual(course.said, [EHLO, HELO, MAIL, A])

    def test_helo_only(self) -> None:
        """Where EHLO is not wanted it is not said."""
        course = talk(HELLO, "250 mx", terms=Terms("me", extended=False))
        self.assertEqual((course.said, course.ready), (["HELO me\r\n"], 1))

    def test_unwelcome(self) -> None:
        """No server for us: a word to everybody, and for now whatever it says."""
        busy = Answered(421, "4.7.0 too many")
        for lines, answer in (
            (["421 4.7.0 too many"], busy),
            ([HELLO, "421 4.7.0 too many"], busy),
            ([HELLO, "500 what?", "421 4.7.0 too many"], busy),
            (
                ["554 go away"],
                Answered(
                    450, "4.3.2 [internal] the mail server takes nothing: 554 go away"
                ),
            ),
        ):
            with self.subTest(lines=lines):
                course = talk(*lines, messages=(ONE,))
                over = course.over
                assert over is not None
                self.assertEqual((over.answer, over.tls), (answer, False))
                self.assertEqual((course.ready, course.settled), (0, []))

    def test_no_server(self) -> None:
        """Silence, rubbish and a code that makes no sense are words to nobody."""
        for lines in ([], ["SSH-2.0-OpenSSH"], ["354 go"], [HELLO, "354 go"]):
            with self.subTest(lines=lines):
                over = talk(*lines).over
                assert over is not None
                self.assertIsNone(over.answer)


class TlsTests(TestCase):
    def test_started(self) -> None:
        """After the handshake everything begins anew."""
        for terms in (OPTIONAL, REQUIRED):
            course = talk(
                HELLO, STARTTLS, "220 go", "TLS", EXTENDED, terms=terms,
                messages=(ONE,),
            )  # fmt: skip
            self.assertEqual(
                course.said,
                [EHLO, "STARTTLS\r\n", EHLO, SIZED.format(4) + A + DATA],
            )
            self.assertEqual(course.events.count(StartTls()), 1)

    def test_forgotten(self) -> None:
        """What was offered in clear does not count any more, STARTTLS neither."""
        offered = "250-mx\r\n250-PIPELINING\r\n250 STARTTLS"
        course = talk(
            HELLO, offered, "220 go", "TLS", STARTTLS, terms=REQUIRED, messages=(ONE,)
        )
        self.assertEqual(course.said[2:], [EHLO, MAIL])

    def test_not_wanted(self) -> None:
        """It is not begun unless it is asked for."""
        self.assertEqual(talk(HELLO, STARTTLS).said, [EHLO])

    def test_not_offered(self) -> None:
        """Without it things go on in clear, or not at all if it is required."""
        for lines in ([HELLO, PLAIN], [HELLO, "500 what?", PLAIN]):
            self.assertEqual(talk(*lines, terms=OPTIONAL).ready, 1)
            course = talk(*lines, terms=REQUIRED)
            over = course.over
            assert over is not None
            self.assertEqual(
                (course.ready, over.answer, over.tls), (0, TLS_FAILED, True)
            )

    def test_refused(self) -> None:
        """Offered and refused: in clear only if that may be."""
        strict = Terms("me", tls="ifavailable", fallback=False)
        for terms, ready in ((OPTIONAL, 1), (strict, 0), (REQUIRED, 0)):
            course = talk(HELLO, STARTTLS, "454 no", terms=terms)
            over = course.over
            assert over is not None
            self.assertEqual(course.ready, ready)
            self.assertEqual(over.tls, not ready)

    def test_handshake_fails(self) -> None:
        """A connection that is lost over TLS is known as such."""
        over = talk(HELLO, STARTTLS, "220 go", terms=OPTIONAL, end="bad").over
        self.assertEqual(over, Over("bad", TLS_FAILED, tls=True))

    def test_injected(self) -> None:
        """Replies in clear behind the 220 are not believed, in one piece or two."""
        for extra in ("220 go\r\n250 x", "220 go\r\n2"):
            for crumbs in (False, True):
                course = talk(
                    HELLO, STARTTLS, extra, terms=REQUIRED, crumbs=crumbs, end=""
                )
                over = course.over
                assert over is not None
                self.assertEqual((over.answer, over.tls), (TLS_FAILED, True))
                self.assertEqual(course.said, [EHLO, "STARTTLS\r\n"])
