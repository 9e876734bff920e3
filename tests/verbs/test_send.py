"""mcmtpush send: what is injected, and what is said about it."""

from __future__ import annotations

import json
import socket
import time

import click
from click.testing import Result

from mcmtpush.injection import InjectionError, Reply, Server
from mcmtpush.mcmt.container import open_container
from mcmtpush.verbs import send as verb
from tests.test_cli import CliCase


TOKEN = "0123456789abcdef" * 4


class SendCase(CliCase):
    """mcmtpush send, with the injection recorded."""

    def setUp(self) -> None:
        super().setUp()
        self.sent: list[tuple[Server, str, str, bytes, str]] = []
        self.reply: Reply | InjectionError = Reply(250, "2.0.0 OK 01/02-1-2", "DATA")
        self.patch(verb, "inject", self.inject)
        self.patch(socket, "gethostname", lambda: "here.example.net")

    def inject(
        self, server: Server, sender: str, to: str, content: bytes, *, hostname: str
    ) -> Reply:
        """Record, and answer as told."""
        self.sent.append((server, sender, to, content, hostname))
        if isinstance(self.reply, InjectionError):
            raise self.reply
        return self.reply

    def send(self, *words: str, stdin: bytes | None = None) -> Result:
        """Send to one device."""
        fixed = ("--to", "4711@apn_example.com", "--token", TOKEN)
        return self.run_verb("send", *fixed, *words, stdin=stdin)

    def payload(self, *words: str, stdin: bytes | None = None) -> object:
        """The payload that was sent."""
        result = self.send(*words, stdin=stdin)
        self.assertEqual(result.exit_code, 0, result.stderr)
        container = open_container(self.sent[-1][3])
        assert container.push is not None
        self.assertEqual(container.push.token, TOKEN)
        return json.loads(container.push.payload)


class SendTests(SendCase):
    """The message and the answer."""

    def test_accepted(self) -> None:
        """The answer is printed, with the message id."""
        result = self.send("--alert", "You have mail")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(result.stdout, "250 2.0.0 OK 01/02-1-2\n")
        ((server, sender, to, content, hostname),) = self.sent
        self.assertEqual(server, Server("127.0.0.1", 2525))
        self.assertEqual(sender, "mcmtpush@here.example.net")
        self.assertEqual((to, hostname), ("4711@apn_example.com", "here.example.net"))
        self.assertIn(b"\r\nSubject: You have mail\r\n", content)
        mail = open_container(content).mail
        self.assertIn(b"You have mail", mail or b"")

    def test_answer_that_cannot_be_written(self) -> None:
        """Whoever may send it again must know that it was accepted."""

        def echo(text: str, *, err: bool = False) -> None:
            if not err:
                raise OSError(28, "No space left on device")
            said.append(text)

        said: list[str] = []
        self.patch(click, "echo", echo)
        self.assertEqual(self.send("--alert", "x").exit_code, 3)
        [line] = said
        self.assertIn("was accepted: 250 2.0.0 OK 01/02-1-2; cannot write", line)
        self.reply = Reply(550, "no", "DATA")
        self.assertEqual(self.send("--alert", "x").exit_code, 3)
        self.assertNotIn("was accepted", said[1])

    def test_payload(self) -> None:
        """Alert, badge and sound, also in other scripts and on several lines."""
        self.assertEqual(
            self.payload("--alert", "Größe\n2", "--badge", "3", "--sound", "ping"),
            {"aps": {"alert": "Größe\n2", "badge": 3, "sound": "ping"}},
        )
        self.assertEqual(self.payload("--badge", "0"), {"aps": {"badge": 0}})

    def test_payload_file(self) -> None:
        """The whole object from a file or standard input, options laid over it."""
        path = str(self.write("p.json", '{"aps": {"sound": "a"}, "k": "ü"}'))
        self.assertEqual(
            self.payload("--payload", path, "--alert", "Hi"),
            {"aps": {"sound": "a", "alert": "Hi"}, "k": "ü"},
        )
        self.assertEqual(
            self.payload("--payload", "-", stdin=b'{"aps": {"badge": 1}}'),
            {"aps": {"badge": 1}},
        )

    def test_addresses(self) -> None:
        """Sender and server by option; an empty sender is the null sender."""
        self.send("--alert", "x", "--from", "a@b.c", "--server", "[::1]:26")
        self.assertEqual(self.sent[-1][:2], (Server("::1", 26), "a@b.c"))
        self.send("--alert", "x", "--from", "")
        self.assertEqual(self.sent[-1][1], "")
        self.assertIn(b"From: mcmtpush@here.example.net\r\n", self.sent[-1][3])

    def test_refused(self) -> None:
        """A refusal is printed as the server said it, exit code 1."""
        self.reply = Reply(550, "5.7.1 relaying denied", "RCPT TO")
        result = self.send("--alert", "x")
        self.assertEqual(result.exit_code, 1)
        self.assertEqual(result.stdout, "550 5.7.1 relaying denied\n")
        self.assertIn("refused the message at RCPT TO", result.stderr)

    def test_not_reached(self) -> None:
        """Without an answer the reason goes to standard error, exit code 1."""
        self.reply = InjectionError("nothing listens on it: start the gateway")
        result = self.send("--alert", "x")
        self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertEqual(
            result.stderr, "mcmtpush: nothing listens on it: start the gateway\n"
        )

    def test_unusable_arguments(self) -> None:
        """Bad values are found before anything is sent, exit code 2."""
        secret = "0123456789abcdefZZ"
        for words, text in (
            (("--alert", "x", "--token", secret), "hexadecimal"),
            (("--alert", "x", "--token", ""), "hexadecimal"),
            (("--alert", "x", "--badge", "many"), "'many' is not a valid integer"),
            (("--alert", "x", "--to", ""), "a recipient is wanted"),
            (("--alert", "x", "--to", "nobody"), "not an address"),
            (("--alert", "x", "--to", "a@b c"), "not an address"),
            (("--alert", "x", "--from", "a<b@c.d"), "not an address"),
            (("--alert", "x", "--server", "gw:x"), "not a port"),
            (("--payload", "/nowhere.json"), "nowhere.json"),
            (("--alert", "x", "--channel", "dHN0"), "either --token or --channel"),
            (("--alert", "x", "--topic", "com example"), "without blanks"),
            (("--alert", "x", "--push-type", "shout"), "'shout' is not one of"),
            (("--alert", "x", "--priority", "7"), "'7' is not one of"),
            (("--alert", "x", "--collapse-id", "x" * 65), "at most 64 characters"),
            (("--alert", "x", "--collapse-id", "a\nb"), "printable ASCII"),
            (("--alert", "x", "--expiration", "soon"), "soon"),
            (("--alert", "x", "--apns-id", "1234"), '"1234" is not a UUID'),
            ((), "nothing to send"),
        ):
            result = self.send(*words)
            self.assertEqual((result.exit_code, result.stdout), (2, ""), words)
            self.assertIn(text, result.stderr)
            self.assertNotIn(secret, result.stderr)
        result = self.send("--payload", "-", stdin=b"[1]")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("object", result.stderr)
        self.assertEqual(self.sent, [])

    def test_blanks_in_the_token(self) -> None:
        """A token may be pasted in groups."""
        result = self.run_verb(
            "send", "--to", "a@b.c", "--alert", "x", "--token", "0123 4567 89AB"
        )
        self.assertEqual(result.exit_code, 0)
        self.assertIn(b"X-Device-Token: 0123456789AB\r\n", self.sent[-1][3])


class HeaderTests(SendCase):
    """What is said to the HTTP/2 interface."""

    def headers(self, *words: str) -> dict[str, str]:
        """As the gateway reads them."""
        result = self.send("--alert", "x", *words)
        self.assertEqual(result.exit_code, 0, result.stderr)
        container = open_container(self.sent[-1][3])
        assert container.push is not None
        return dict(container.push.headers)

    def test_nothing_is_said(self) -> None:
        """Without options the domain's defaults hold."""
        self.assertEqual(self.headers(), {})

    def test_every_option(self) -> None:
        """Each arrives in its field."""
        number = "0F4E9A62-7A54-4C6B-9F3E-5D3C2B1A0E9D"
        self.assertEqual(
            self.headers(
                *("--topic", "com.example.app", "--push-type", "voip"),
                *("--priority", "5", "--collapse-id", "my score"),
                *("--expiration", "1800000000", "--apns-id", number),
            ),
            {
                "apns-topic": "com.example.app",
                "apns-push-type": "voip",
                "apns-priority": "5",
                "apns-collapse-id": "my score",
                "apns-expiration": "1800000000",
                "apns-id": number.lower(),
            },
        )

    def test_expiration(self) -> None:
        """A time from now, or 0 for a single attempt."""
        self.patch(time, "time", lambda: 1_700_000_000.5)
        found = self.headers("--expiration", "2h")
        self.assertEqual(found, {"apns-expiration": "1700007200"})
        self.assertEqual(self.headers("--expiration", "0"), {"apns-expiration": "0"})

    def test_channel(self) -> None:
        """A broadcast has a channel and no token."""
        to = ("--to", "all@apn_example.com")
        channel = ("--channel", "dHN0LXNyY2gtY2hubA==")
        result = self.run_verb("send", *to, *channel, "--alert", "x")
        self.assertEqual(result.exit_code, 0, result.stderr)
        container = open_container(self.sent[-1][3])
        assert container.push is not None
        self.assertEqual(container.push.token, "")
        self.assertEqual(
            dict(container.push.headers), {"apns-channel-id": "dHN0LXNyY2gtY2hubA=="}
        )
        result = self.run_verb("send", *to, "--alert", "x")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("either --token or --channel", result.stderr)
