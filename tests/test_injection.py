"""One push by SMTP: addresses, payloads, and the dialogue with a scripted server."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping

from attrs import define, field

from mcmtpush.injection import (
    InjectionError,
    Reply,
    Server,
    build_payload,
    inject,
    parse_server,
)
from tests.support.case import TestCase


ANSWERS = {
    "": "220 gw ESMTP",
    "EHLO": "250-gw\r\n250 8BITMIME",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    ".": "250 2.0.0 OK 01/02-00003-45678900",
    "QUIT": "221 bye",
}


@define
class ScriptedSocket:
    """A server's end: answers by verb, and keeps what it was told.

    A verb without an answer hangs up, or is followed by silence.
    """

    answers: Mapping[str, str]
    silence: bool = False
    told: list[str] = field(factory=list)
    content: bytes = b""
    _lines: list[bytes] = field(factory=list)
    _in_data: bool = False

    def __attrs_post_init__(self) -> None:
        self._answer("")

    def _answer(self, verb: str) -> None:
        if verb in self.answers:
            self._lines += (self.answers[verb] + "\r\n").encode().splitlines(True)
            self._in_data = self.answers[verb].startswith("354")

    def sendall(self, data: bytes) -> None:
        if self._in_data:
            self.content = data
            self._answer(".")
        else:
            self.told.append(data.decode().strip())
            self._answer(self.told[-1].split(" ")[0].upper())

    def makefile(self, _mode: str) -> ScriptedSocket:
        return self

    def readline(self, _limit: int) -> bytes:
        if self.silence and not self._lines:
            raise TimeoutError("timed out")
        return self._lines.pop(0) if self._lines else b""

    def close(self) -> None:
        """Nothing to close."""


class DialogueCase(TestCase):
    """smtplib on a scripted socket."""

    def serve(self, **changes: str | None) -> ScriptedSocket:
        """Answer as a good server does, but for the changes; None hangs up."""
        names = {"connect": "", "end": "."}
        answers: dict[str, str | None] = {
            **ANSWERS,
            **{names.get(verb, verb.upper()): text for verb, text in changes.items()},
        }
        server = ScriptedSocket({v: t for v, t in answers.items() if t is not None})
        self.patch(smtplib.SMTP, "_get_socket", lambda *_args: server)
        return server

    def fail(self, error: Exception) -> None:
        """Let connecting fail."""

        def refuse(*_args: object) -> None:
            raise error

        self.patch(smtplib.SMTP, "_get_socket", refuse)


class InjectTests(DialogueCase):
    """The dialogue."""

    def inject(self) -> Reply:
        return inject(
            Server("127.0.0.1", 2525), "a@b.c", "4711@apn_example.com",
            b"Subject: x\r\n\r\n.dot\r\n", hostname="me",
        )  # fmt: skip

    def test_accepted(self) -> None:
        """The last answer is returned, and the content went out whole."""
        server = self.serve()
        reply = self.inject()
        self.assertTrue(reply.accepted)
        self.assertEqual(str(reply), "250 2.0.0 OK 01/02-00003-45678900")
        self.assertEqual(
            server.told,
            [
                "ehlo me",
                "mail FROM:<a@b.c>",
                "rcpt TO:<4711@apn_example.com>",
                "data",
                "QUIT",
            ],
        )
        self.assertEqual(server.content, b"Subject: x\r\n\r\n..dot\r\n.\r\n")

    def test_refused(self) -> None:
        """The first refusal is returned with the command it answers."""
        for verb, answer, step in (
            ("connect", "554 go away", "connecting"),
            ("mail", "553 5.1.7 no", "MAIL FROM"),
            ("rcpt", "550 5.7.1 relaying denied", "RCPT TO"),
            ("data", "451 4.3.0 later", "DATA"),
            ("end", "550 5.6.0 no mail part", "DATA"),
        ):
            self.serve(**{verb: answer})
            reply = self.inject()
            self.assertFalse(reply.accepted, verb)
            self.assertEqual((str(reply), reply.step), (answer, step))

    def test_no_ehlo(self) -> None:
        """A server that knows neither EHLO nor HELO is a refusal."""
        self.serve(ehlo="502 what", helo="502 what")
        reply = self.inject()
        self.assertEqual((reply.code, reply.step), (502, "EHLO"))

    def test_hang_up(self) -> None:
        """A server that goes away is not an answer."""
        for verb in ("connect", "ehlo", "mail", "data", "end"):
            self.serve(**{verb: None})
            with self.assertRaisesRegex(InjectionError, "127.0.0.1:2525 hung up"):
                self.inject()

    def test_silence(self) -> None:
        """A server that says nothing did not hang up: the time that passed is told."""
        for verb in ("connect", "ehlo", "mail", "data", "end"):
            self.serve(**{verb: None}).silence = True
            with self.assertRaisesRegex(InjectionError, "not answer within 60 seconds"):
                self.inject()

    def test_hang_up_after_the_answer(self) -> None:
        """What was answered stays answered, whatever becomes of QUIT."""
        self.serve(quit=None)
        self.assertTrue(self.inject().accepted)

    def test_unreachable(self) -> None:
        """Each way not to reach a server says what to do."""
        for error, text in (
            (ConnectionRefusedError(111, "refused"), "start the gateway"),
            (TimeoutError("timed out"), "firewall"),
            (OSError(113, "No route to host"), "No route to host"),
            (OSError("getaddrinfo failed"), "getaddrinfo failed"),
            (UnicodeError("label too long"), "label too long"),
        ):
            self.fail(error)
            with self.assertRaisesRegex(InjectionError, text):
                self.inject()


class ServerTests(TestCase):
    """Where to inject."""

    def test_forms(self) -> None:
        """Host and port, either of them alone, brackets."""
        for text, server in {
            "gw.example.net:25": Server("gw.example.net", 25),
            "gw": Server("gw", 2525),
            ":26": Server("127.0.0.1", 26),
            "[::1]:27": Server("::1", 27),
            "[::1]": Server("::1", 2525),
            "127.0.0.1:": Server("127.0.0.1", 2525),
        }.items():
            self.assertEqual(parse_server(text), server, text)
        self.assertEqual(str(Server("::1", 27)), "[::1]:27")
        self.assertEqual(str(Server("gw", 27)), "gw:27")

    def test_refused_forms(self) -> None:
        """Everything else is refused."""
        for text in ("gw:x", "gw:0", "gw:65536", "::1", "[::1]25", "gw:000070000"):
            with self.assertRaises(ValueError, msg=text):
                parse_server(text)


class PayloadTests(TestCase):
    """The JSON object."""

    def test_of_options(self) -> None:
        """Only what was given is in it."""
        self.assertEqual(
            build_payload(None, "Hi", 3, "ping"),
            {"aps": {"alert": "Hi", "badge": 3, "sound": "ping"}},
        )
        self.assertEqual(build_payload(None, None, 0, None), {"aps": {"badge": 0}})

    def test_over_a_file(self) -> None:
        """Options are laid over the file's object and leave the rest alone."""
        base = b'{"aps": {"alert": "old", "sound": "ping"}, "x": [1, 2],}'
        self.assertEqual(
            build_payload(base, "new", None, None),
            {"aps": {"alert": "new", "sound": "ping"}, "x": [1, 2]},
        )
        self.assertEqual(
            build_payload(b'{"x": 1}', "new", None, None),
            {"x": 1, "aps": {"alert": "new"}},
        )
        self.assertEqual(build_payload(b'{"x": 1}', None, None, None), {"x": 1})

    def test_refused(self) -> None:
        """What is not an object is refused."""
        for base in (b"", b"[]", b"{", b"\xff", b'{"aps": 1}'):
            with self.assertRaises(ValueError, msg=repr(base)):
                build_payload(base, "x", None, None)
