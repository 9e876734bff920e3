"""What compose writes is correct, and reception reads back what went in."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.mcmt.compose import alert_payload, compose
from mcmtpush.mcmt.container import is_container, open_container
from mcmtpush.values import PushPart
from tests.mcmt.test_payload import OBJECTS
from tests.support.case import TestCase, readable


def a_message(**changes: Any) -> bytes:
    facts: dict[str, Any] = {
        "sender": "news@example.com",
        "recipient": "4711@apn_example.com",
        "token": "ab" * 32,
        "payload": alert_payload("You have mail", 9),
        "subject": "You have mail",
        "date": "Tue, 05 Mar 2013 10:15:00 +0100",
        "message_id": "1.2@example.com",
    }
    return compose(**{**facts, **changes})


GOLDEN = b"""\
From: news@example.com
To: 4711@apn_example.com
Date: Tue, 05 Mar 2013 10:15:00 +0100
Subject: You have mail
Message-ID: <1.2@example.com>
MIME-Version: 1.0
Content-Type: multipart/vnd.msys.mcmt; boundary="=_mcmt_1"

--=_mcmt_1
Content-Type: message/rfc822

From: news@example.com
To: 4711@apn_example.com
Date: Tue, 05 Mar 2013 10:15:00 +0100
Subject: You have mail
Message-ID: <1.2@example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

You have mail

--=_mcmt_1
Content-Type: message/vnd.msys.apn

X-Device-Token: abababababababababababababababababababababababababababababababab
Return-Path: <b@example.com>
Content-Transfer-Encoding: 7bit

{"aps":{"alert":"You have mail","badge":9}}
--=_mcmt_1--
""".replace(b"\n", b"\r\n")


class AlertPayloadTests(TestCase):
    def test_leaves_out_what_is_not_given(self) -> None:
        """None is no key; zero is a badge."""
        self.assertEqual(alert_payload("x"), {"aps": {"alert": "x"}})
        self.assertEqual(
            alert_payload("x", 0, "s"),
            {"aps": {"alert": "x", "badge": 0, "sound": "s"}},
        )

    def test_everything(self) -> None:
        """Custom keys stand beside aps."""
        self.assertEqual(
            alert_payload(
                {"body": "x"},
                content_available=True,
                category="c",
                custom={"acme": [1]},
            ),
            {
                "aps": {
                    "alert": {"body": "x"},
                    "content-available": 1,
                    "category": "c",
                },
                "acme": [1],
            },
        )
        silent = alert_payload(None, content_available=True)
        self.assertEqual(silent, {"aps": {"content-available": 1}})


class ComposeTests(TestCase):
    def test_golden(self) -> None:
        """The whole message, byte by byte."""
        self.assertEqual(a_message(return_path="b@example.com"), GOLDEN)

    def test_the_standard_library_understands_it(self) -> None:
        """Without a defect: two parts, the subject and the text as they went in."""
        content = a_message(subject="Grüße =?x", text="Zeile 1\nZeile zwei: é")
        theirs = message_from_bytes(content, policy=policy.default)
        mail, push = theirs.get_payload()
        self.assertEqual([*theirs.defects, *mail.defects, *push.defects], [])
        self.assertEqual(mail.get_content_type(), "message/rfc822")
        inner = mail.get_payload(0)
        self.assertEqual(inner["Subject"], "Grüße =?x")
        self.assertEqual(inner.get_content(), "Zeile 1\r\nZeile zwei: é\r\n")
        self.assertEqual(push.get_payload(0)["X-Device-Token"], "ab" * 32)

    def test_text_falls_back_to_the_alert_and_then_the_subject(self) -> None:
        """A mail without words helps nobody."""
        for payload, text in (
            (alert_payload("alert"), b"alert"),
            (alert_payload({"body": "body"}), b"body"),
            (alert_payload({"loc-key": "K"}), b"You have mail"),
            (alert_payload(None, 3), b"You have mail"),
            ({"aps": 1}, b"You have mail"),
        ):
            mail = open_container(a_message(payload=payload)).mail
            self.assertEqual(mail.split(b"\r\n\r\n", 1)[1], text + b"\r\n")

    def test_seven_bits_when_possible_base64_when_not(self) -> None:
        """Letters beyond ASCII and lines beyond 998 bytes need base64."""
        short = a_message(payload={"a": "x" * (998 - 8)})
        self.assertNotIn(b"base64", short)
        for payload in ({"a": "é"}, {"a": "x" * (999 - 8)}):
            content = a_message(payload=payload, text="t")
            self.assertEqual(content.count(b"Encoding: base64"), 1)
            self.assertEqual(
                open_container(content).push.payload, orjson.dumps(payload)
            )

    def test_the_boundary_avoids_the_content(self) -> None:
        """A message inside a message gets another one."""
        nested = a_message(text=GOLDEN.decode("ascii"))
        self.assertIn(b'boundary="=_mcmt_2"', nested)
        self.assertIn(GOLDEN, open_container(nested).mail)

    def test_null_sender_and_no_token(self) -> None:
        """An empty return path is written; an empty token is not."""
        content = a_message(return_path="", token="")
        self.assertIn(b"Return-Path: <>\r\n", content)
        self.assertNotIn(b"X-Device-Token", content)
        push = open_container(content).push
        self.assertEqual((push.token, push.return_path), ("", ""))

    def test_refuses_values_that_would_break_out_of_their_header(self) -> None:
        """Line ends above all; also what cannot stand there unencoded."""
        for name in (
            "sender",
            "recipient",
            "token",
            "date",
            "message_id",
            "return_path",
        ):
            for value in ("a\r\nBcc: b", "a\nb", "a\rb", "a\0", "é", "x" * 1000):
                with self.assertRaises(ValueError, msg=name):
                    a_message(**{name: value})
        for subject in ("a\r\nBcc: b", "a\nb", "a\rb", "a\0"):
            with self.assertRaises(ValueError):
                a_message(subject=subject)

    def test_refuses_what_json_cannot_write(self) -> None:
        """Objects, giant integers, lone surrogates."""
        for payload in ({"a": object()}, {"a": 2**64}, {"a": "\ud800"}, {1: 2}):
            with self.assertRaises(ValueError):
                a_message(payload=payload)

    @readable
    @given(
        payload=OBJECTS,
        token=st.text("0123456789abcdefABCDEF", max_size=80),
        subject=st.text(
            st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300
        ),
        text=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
        return_path=st.sampled_from([None, "", "a@b.c"]),
    )
    def test_round_trip(
        self,
        payload: dict[str, Any],
        token: str,
        subject: str,
        text: str | None,
        return_path: str | None,
    ) -> None:
        """Reception reads what was composed; lines are bounded and end in CR LF."""
        if isinstance(payload.get("aps"), dict):
            payload["aps"].pop("badge", None)
        content = a_message(
            payload=payload,
            token=token,
            subject=subject,
            text=text,
            return_path=return_path,
        )
        self.assertTrue(is_container(content))
        self.assertTrue(content.isascii())
        lines = content.split(b"\r\n")
        self.assertLessEqual(max(map(len, lines)), 998)
        self.assertNotIn(b"\n", b"".join(lines))
        container = open_container(content)
        self.assertEqual(
            container.push, PushPart(token, orjson.dumps(payload), return_path)
        )
        mail = message_from_bytes(container.mail, policy=policy.default)
        self.assertEqual(mail["Subject"].split(), subject.split())


class PartTests(TestCase):
    """Parts that are given."""

    def test_mail_as_it_is(self) -> None:
        """A whole mail part goes in, and comes out, byte for byte."""
        for mail in (b"Subject: x\r\n\r\nbody", b"A: b\r\n\r\n\xff\r\n\r\n", b"x"):
            self.assertEqual(open_container(a_message(mail=mail)).mail, mail)

    def test_extra_fields(self) -> None:
        """Further fields stand in the inner header, and reception reads past them."""
        content = a_message(extra={"X-Mcmtpush-Replay-Of": "10/00-1-2"})
        self.assertIn(b"\r\nX-Mcmtpush-Replay-Of: 10/00-1-2\r\nContent-Tr", content)
        self.assertEqual(open_container(content).push, open_container(a_message()).push)
        with self.assertRaises(ValueError):
            a_message(extra={"X-A": "one\r\nX-B: two"})
