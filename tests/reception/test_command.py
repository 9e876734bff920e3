"""Tests: the commands and their answers."""

from __future__ import annotations

from typing import Any

from mcmtpush.config.views import TlsServerSettings
from mcmtpush.reception import reply
from mcmtpush.reception.inbox import CEILING
from tests.reception.scene import PLAIN, Client, Scene, settings
from tests.support.case import TestCase


def answers(client: Client, *commands: bytes) -> list[str]:
    """The last line answered to each command."""
    return [client.say(command + b"\r\n")[-1] for command in commands]


class CommandTests(TestCase):
    def client(self, **options: Any) -> Client:
        return Scene(settings(**options)).greeted()

    def assert_answers(self, client: Client, exchange: list[tuple[bytes, str]]) -> None:
        """Every command has the answer beside it."""
        for command, expected in exchange:
            self.assertEqual(answers(client, command), [expected], command)

    def test_greetings(self) -> None:
        """EHLO lists what is offered, HELO does not."""
        client = Scene(settings()).client("192.0.2.9")
        self.assertRegex(client.read()[0], r"^220 mx\.example\.net ESMTP mcmtpush ")
        self.assertEqual(
            client.say(b"EHLO client.example\r\n"),
            [
                "250-mx.example.net says EHLO to 192.0.2.9",
                "250-PIPELINING",
                "250-8BITMIME",
                "250-SIZE",
                "250 ENHANCEDSTATUSCODES",
            ],
        )
        self.assertEqual(
            client.say(b"helo x\r\n"), ["250 mx.example.net says HELO to 192.0.2.9"]
        )

    def test_bad_greetings(self) -> None:
        """A name must be one word of harmless characters."""
        for name in (
            [],
            [b"two", b"words"],
            [b"bad(name"],
            ["jürgen".encode()],
            [b"a" * 256],
        ):
            self.assert_answers(
                self.client(),
                [
                    (b" ".join([b"EHLO", *name]), "501 5.5.2 invalid EHLO"),
                    (b" ".join([b"HELO", *name]), "501 5.5.2 invalid HELO"),
                ],
            )
        for name in (b"my_host", b"[192.0.2.1]", b"[IPv6:::1]", b"a" * 255):
            self.assertTrue(
                self.client().say(b"HELO " + name + b"\r\n")[0].startswith("250 ")
            )

    def test_a_whole_transaction(self) -> None:
        """The words of a transaction, and the message id at its end."""
        scene = Scene(settings())
        client = scene.greeted()
        self.assert_answers(
            client,
            [
                (
                    b"MAIL FROM:<a@b.c> SIZE=100 BODY=8BITMIME",
                    "250 2.1.0 MAIL FROM accepted",
                ),
                (b"RCPT TO:<4711@apn_example.com>", "250 2.1.5 RCPT TO accepted."),
                (b"DATA", '354 continue.  finished with "\\r\\n.\\r\\n"'),
            ],
        )
        answer = client.say(PLAIN + b".\r\n")
        [submission] = scene.submissions
        self.assertEqual(answer, [f"250 2.0.0 OK {submission.messages[0].id}"])
        self.assert_answers(
            client, [(b"QUIT", "221 2.0.0 mx.example.net closing connection")]
        )
        self.assertTrue(client.closed)

    def test_small_commands(self) -> None:
        """NOOP, VRFY and HELP answer whatever stands behind them."""
        self.assert_answers(
            self.client(),
            [
                (b"NOOP", "250 2.0.0 OK"),
                (b"noop with words", "250 2.0.0 OK"),
                (b"VRFY postmaster", "252 2.0.0 cannot verify, send a message and see"),
                (b"RSET", "250 2.0.0 OK"),
                (b"RSET now", "501 5.5.4 invalid arguments to RSET"),
                (b"QUIT now", "501 5.5.4 Syntax error (no parameters allowed)"),
                (b"HELP", reply.HELP.decode().strip()),
            ],
        )

    def test_unknown(self) -> None:
        """What is no command is answered and changes nothing."""
        client = self.client()
        for line in (
            b"",
            b"XYZZY",
            b"MAILFROM:<a@b>",
            b"\xff\xfe",
            b"AUTH PLAIN",
            b" NOOP",
            b"EXPN x",
        ):
            self.assert_answers(client, [(line, "500 5.5.2 unrecognized command")])
        self.assertFalse(client.closed)

    def test_sequence(self) -> None:
        """Commands out of order are refused with their own words."""
        client = self.client()
        self.assert_answers(
            client,
            [
                (b"RCPT TO:<1@apn_example.com>", "503 5.5.1 RCPT TO without MAIL FROM"),
                (b"DATA", "503 5.5.1 DATA without MAIL FROM"),
                (b"MAIL FROM:<a@b>", "250 2.1.0 MAIL FROM accepted"),
                (b"MAIL FROM:<c@d>", "501 5.5.1 MAIL FROM already established"),
                (b"DATA", "503 5.5.1 DATA without RCPT TO"),
                (b"RCPT TO:<1@apn_example.com>", "250 2.1.5 RCPT TO accepted."),
                (b"DATA now", "501 5.5.4 unexpected argument to DATA"),
                (b"RSET", "250 2.0.0 OK"),
                (b"DATA", "503 5.5.1 DATA without MAIL FROM"),
                (b"MAIL FROM:<a@b>", "250 2.1.0 MAIL FROM accepted"),
                (b"DATA", "503 5.5.1 DATA without RCPT TO"),
                (b"EHLO again", "250 ENHANCEDSTATUSCODES"),
                (b"RCPT TO:<1@apn_example.com>", "503 5.5.1 RCPT TO without MAIL FROM"),
            ],
        )

    def test_refused_sender_opens_nothing(self) -> None:
        """After a refused MAIL there is no transaction."""
        client = self.client(allow_null_envelope_sender=False)
        self.assert_answers(
            client,
            [
                (b"MAIL FROM:<>", "550 5.7.1 null envelope sender is not accepted"),
                (b"MAIL FROM:<local>", "553 5.1.7 sender address needs a domain"),
                (
                    b"MAIL FROM:<a@b> SMTPUTF8",
                    "555 5.5.4 parameter SMTPUTF8 is not supported",
                ),
                (b"MAIL FROM a@b", "501 5.5.2 MAIL FROM syntax error"),
                (b"RCPT TO:<1@apn_example.com>", "503 5.5.1 RCPT TO without MAIL FROM"),
            ],
        )

    def test_refused_recipients(self) -> None:
        """Refused recipients leave the others alone."""
        scene = Scene(settings())
        client = scene.greeted()
        self.assert_answers(
            client,
            [
                (b"MAIL FROM:<>", "250 2.1.0 MAIL FROM accepted"),
                (b"RCPT TO:<>", "501 5.5.2 RCPT TO syntax error"),
                (b"RCPT TO:<postmaster>", "553 5.1.3 recipient address needs a domain"),
                (
                    b"RCPT TO:<1@apn_example.com> NOTIFY=NEVER",
                    "555 5.5.4 parameter NOTIFY=NEVER is not supported",
                ),
                (
                    b"RCPT TO:<\xe9@apn_example.com>",
                    "553 5.6.7 recipient must be ASCII, no SMTPUTF8 here",
                ),
                (b"RCPT TO:<2@apn_example.com>", "250 2.1.5 RCPT TO accepted."),
                (b"DATA", '354 continue.  finished with "\\r\\n.\\r\\n"'),
            ],
        )
        client.say(PLAIN + b".\r\n")
        [submission] = scene.submissions
        self.assertEqual(
            [m.recipient for m in submission.messages], ["2@apn_example.com"]
        )

    def test_require_ehlo(self) -> None:
        """A greeting is needed only where that is set."""
        self.assert_answers(
            Scene(settings()).client(),
            [(b"MAIL FROM:<a@b>", "250 2.1.0 MAIL FROM accepted")],
        )
        self.assert_answers(
            Scene(settings(require_ehlo=True)).client(),
            [
                (b"MAIL FROM:<a@b>", "550 5.5.1 RFC2821 HELO/EHLO needed"),
                (b"HELO me", "250 mx.example.net says HELO to 127.0.0.1"),
                (b"MAIL FROM:<a@b>", "250 2.1.0 MAIL FROM accepted"),
            ],
        )

    def test_trailing_whitespace(self) -> None:
        """Blanks at the end of a line are faults unless they are allowed."""
        self.assert_answers(
            self.client(),
            [
                (b"NOOP ", "501 5.5.4 Syntax error (trailing whitespace)"),
                (b"MAIL FROM:<a@b>\t", "501 5.5.4 Syntax error (trailing whitespace)"),
            ],
        )
        self.assert_answers(
            self.client(allow_trailing_whitespace_in_commands=True),
            [
                (b"RSET \t ", "250 2.0.0 OK"),
                (b"MAIL FROM:<a@b> ", "250 2.1.0 MAIL FROM accepted"),
                (b"  ", "500 5.5.2 unrecognized command"),
            ],
        )

    def test_size(self) -> None:
        """A declared size is checked at once, an undeclared one at the end."""
        scene = Scene(settings(max_message_size=1000))
        client = scene.greeted()
        too_large = "552 5.3.4 message size limit exceeded"
        self.assert_answers(
            client,
            [
                (b"MAIL FROM:<a@b> SIZE=1001", too_large),
                (b"MAIL FROM:<a@b> SIZE=1000", "250 2.1.0 MAIL FROM accepted"),
                (b"RSET", "250 2.0.0 OK"),
            ],
        )
        head = b"A: b\r\n\r\n"
        self.assertEqual(client.send(head + b"x" * 991 + b"\r\n"), too_large)
        self.assertRegex(client.send(head + b"x" * 990 + b"\r\n"), "^250 ")
        self.assertEqual(len(scene.submissions), 1)

    def test_size_without_limit(self) -> None:
        """Without a limit of its own a listener still has one."""
        self.assert_answers(
            self.client(),
            [
                (
                    b"MAIL FROM:<a@b> SIZE=%d" % (CEILING + 1),
                    "552 5.3.4 message size limit exceeded",
                ),
                (b"MAIL FROM:<a@b> SIZE=%d" % CEILING, "250 2.1.0 MAIL FROM accepted"),
            ],
        )

    def test_no_starttls(self) -> None:
        """Without a certificate TLS is neither offered nor started."""
        self.assert_answers(
            self.client(),
            [
                (b"STARTTLS now", "501 5.5.4 Syntax error (no parameters allowed)"),
                (b"STARTTLS", "502 5.5.1 STARTTLS is not offered here"),
            ],
        )

    def test_broken_tls(self) -> None:
        """A certificate that cannot be read is a temporary answer and a diagnostic."""
        client = self.client(tls=TlsServerSettings("/nowhere/cert.pem"))
        self.assert_answers(
            client,
            [(b"STARTTLS", "454 4.7.0 TLS not available due to a local problem")],
        )
        self.assertFalse(client.closed)
