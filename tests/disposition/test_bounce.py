"""Failure notices: what they say, to whom, and that nobody can forge a line."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message as Parsed

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.disposition.letter import (
    FAILURE,
    HOSTILE,
    MESSAGE,
    PER_MESSAGE,
    PER_RECIPIENT,
    TOP,
    notice,
    parse,
    recipient_fields,
)
from tests.support.case import TestCase, readable


class NoticeTests(TestCase):
    def test_whole(self) -> None:
        """Every byte of a plain notice."""
        content = notice()
        boundary = parse(content).get_boundary()
        assert boundary is not None
        expected = """\
From: Mail Delivery System <mailer-daemon@push.example.net>
To: <bounce@example.net>
Subject: Delivery failed (message 10/00-04711-001F3556)
Date: Tue, 14 Nov 2023 22:13:30 +0000
Message-ID: <11.00.04711.A01F3556@push.example.net>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="B"

--B
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

This is the notification and mail gateway at push.example.net.

A message of yours could not be delivered and will not be tried again.

  Message:      10/00-04711-001F3556
  Recipient:    4711@apn.example.net
  Device token: 0a1b2c3d...
  Accepted:     Tue, 14 Nov 2023 22:13:20 +0000
  Reason:       8 Invalid Token

The device token is missing, malformed or no longer valid.
Remove it, and send again only to a token that the app registers anew.

The next part of this notice says the same to programs. The last one is your \
message, or its header.

--B
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns; push.example.net
Original-Envelope-Id: 10/00-04711-001F3556
Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000

Final-Recipient: rfc822; 4711@apn.example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; [192.0.2.10]
Diagnostic-Code: x-apns; 8 Invalid Token

--B
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

From: news@example.net
Subject: goal
 and another one
Message-ID: <1@example.net>

--B--
"""
        self.assertEqual(
            content.decode("ascii").replace(boundary, "B"),
            expected.replace("\n", "\r\n"),
        )

    def test_sender(self) -> None:
        """The option's address, with or without a name, and a domain if it has none."""
        for option, address in (
            (None, "mailer-daemon@push.example.net"),
            ("", "mailer-daemon@push.example.net"),
            ("postmaster", "postmaster@push.example.net"),
            ("help@example.net", "help@example.net"),
            ("Push Help <help@example.net>", "help@example.net"),
            ("a@b\r\nBcc: everybody", "a@b??Bcc:everybody"),
        ):
            content = notice(mailerdaemon=option)
            first = content.split(b"\r\n", 1)[0].decode()
            self.assertEqual(first, f"From: Mail Delivery System <{address}>")

    def test_token_is_not_told(self) -> None:
        """Its first eight characters are enough to find it."""
        self.assertNotIn(b"0a1b2c3d0", notice())
        self.assertNotIn(b"Device token", notice(evolve(FAILURE, token="")))

    def test_no_peer(self) -> None:
        """Nothing was sent: no Remote-MTA; an IPv6 peer is written as mail does."""
        self.assertNotIn(
            "Remote-MTA", recipient_fields(notice(evolve(FAILURE, remote_ip="")))
        )
        fields = recipient_fields(notice(evolve(FAILURE, remote_ip="2001:db8::1")))
        self.assertEqual(fields["Remote-MTA"], "dns; [IPv6:2001:db8::1]")

    def test_any_time(self) -> None:
        """A clock gone mad does not stop a notice."""
        for at in (-1e18, 1e18, float("inf")):
            message = evolve(MESSAGE, received_at=at)
            content = notice(evolve(FAILURE, message=message), at=at)
            self.assertEqual(parse(content).keys(), TOP)


MAILS = st.lists(
    st.sampled_from([b"a: b", b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"--=_", b"x"])
    | st.binary(max_size=6),
    max_size=20,
).map(b"".join)


class HostileTests(TestCase):
    """Whatever strangers write, the notice has our fields and no others."""

    @readable
    @given(
        texts=st.lists(HOSTILE, min_size=9, max_size=9),
        status=st.none() | st.integers(0, 255) | st.integers(400, 599),
        mail=MAILS,
        inline=st.sampled_from(["none", "headers", "all"]),
    )
    def test_no_text_adds_a_field(
        self, texts: list[str], status: int | None, mail: bytes, inline: str
    ) -> None:
        """Line breaks and non-ASCII anywhere: same fields, same parts, clean lines."""
        id_, recipient, token, ip, detail, to, hostname, daemon, message_id = texts
        content = notice(
            evolve(
                FAILURE,
                message=evolve(MESSAGE, id=id_, recipient=recipient),
                token=token,
                remote_ip=ip,
                detail=detail,
                status=status,
            ),
            to=to,
            hostname=hostname,
            mailerdaemon=daemon,
            message_id=message_id,
            mail=mail,
            inline_original=inline,
        )
        self.check_lines(content)
        # The legacy policy keeps values as they stand.
        parsed = message_from_bytes(content)
        names = parsed.keys()
        if not content.isascii():
            self.assertEqual(names.pop(), "Content-Transfer-Encoding")
        self.assertEqual(names, TOP)
        self.assertEqual(parsed.defects, [])
        self.check_parts(parsed, ip)

    def check_lines(self, content: bytes) -> None:
        self.assertIsNone(re.search(rb"(?<!\r)\n|\r(?!\n)|\0", content))
        self.assertLess(max(map(len, content.split(b"\r\n"))), 999)

    def check_parts(self, parsed: Parsed, ip: str) -> None:
        text, report, *original = parsed.get_payload()  # type: ignore[misc]
        self.assertEqual(text.get_content_type(), "text/plain")
        self.assertEqual(report.get_content_type(), "message/delivery-status")
        per_message, per_recipient, *rest = report.get_payload()
        self.assertEqual(per_message.keys(), PER_MESSAGE)
        expected = [name for name in PER_RECIPIENT if ip or name != "Remote-MTA"]
        self.assertEqual(per_recipient.keys(), expected)
        self.assertRegex(per_recipient["Status"], r"\A5\.[0-9]{1,3}\.[0-9]{1,3}\Z")
        self.assertEqual([each.keys() for each in rest if each.keys()], [])
        for part in original:
            self.assertIn(
                part.get_content_type(), ("message/rfc822", "text/rfc822-headers")
            )
        self.assertLessEqual(len(original), 1)

    @readable
    @given(mail=MAILS)
    def test_whole_original(self, mail: bytes) -> None:
        """Returned whole, the mail is there byte for byte but for its line ends."""
        content = notice(mail=b"a: b\r\n\r\n" + mail, inline_original="all")
        wanted = b"a: b\r\n\r\n" + re.sub(rb"\r\n?|\n", b"\r\n", mail)
        if b"\0" in mail:
            self.assertNotIn(b"\0", content)
        else:
            boundary = message_from_bytes(content).get_boundary()
            assert boundary is not None
            mark = b"--" + boundary.encode()
            self.assertEqual(content.count(mark), 4)
            part = content.split(mark)[3]
            self.assertEqual(part.split(b"\r\n\r\n", 1)[1], wanted + b"\r\n")
