"""Failure notices: what they say, to whom, and that nobody can forge a line."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.message import Message as Parsed
from email.policy import default
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.disposition.bounce import notice_address, render_notice
from mcmtpush.values import Message, QueueKey, Record
from tests.support.case import TestCase, readable


MESSAGE = Message(
    id="10/00-04711-001F3556",
    batch_id="20/00-04711-001F3556",
    connection_id="30/00-04711-001F3556",
    received_at=1700000000.0,
    sender="news@example.net",
    recipient="4711@apn.example.net",
    key=QueueKey("default", "default", "apn.example.net"),
    size=1024,
)
FAILURE = Record(
    "P",
    1700000009.0,
    MESSAGE,
    token="0a1b2c3d" * 8,
    transaction_id=42,
    size=187,
    remote_ip="192.0.2.10",
    status=8,
    detail="Invalid Token",
)
TOO_OLD = "554 5.4.7 [internal] exceeded max time without delivery"
HEADER = (
    b"From: news@example.net\r\n"
    b"Subject: goal\r\n and another one\r\n"
    b"Message-ID: <1@example.net>\r\n"
)
MAIL = HEADER + b"\r\nA goal was shot.\r\n"
TOP = [
    *("From", "To", "Subject", "Date", "Message-ID"),
    *("Auto-Submitted", "MIME-Version", "Content-Type"),
]
PER_MESSAGE = ["Reporting-MTA", "Original-Envelope-Id", "Arrival-Date"]
PER_RECIPIENT = ["Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code"]


def notice(failure: Record = FAILURE, **given_values: Any) -> bytes:
    """A notice with everything defaulted."""
    values: dict[str, Any] = {
        "to": "bounce@example.net",
        "mail": MAIL,
        "hostname": "push.example.net",
        "mailerdaemon": None,
        "inline_original": "headers",
        "at": 1700000010.0,
        "message_id": "<11.00.04711.A01F3556@push.example.net>",
    }
    return render_notice(failure, **{**values, **given_values})


def parse(content: bytes) -> EmailMessage:
    """As a mail reader sees it."""
    parsed = message_from_bytes(content, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def parts(content: bytes) -> list[Parsed]:
    """The parts of the notice."""
    return parse(content).get_payload()  # type: ignore[return-value]


def recipient_fields(content: bytes) -> Parsed:
    """The fields about the recipient, in the part for programs."""
    return parts(content)[1].get_payload()[1]  # type: ignore[index, return-value]


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


class ReasonTests(TestCase):
    """Status and Diagnostic-Code for every kind of failure."""

    def check(self, status: int | None, detail: str, code: str, diagnostic: str) -> str:
        content = notice(evolve(FAILURE, status=status, detail=detail))
        fields = recipient_fields(content)
        self.assertEqual(fields["Status"], code)
        self.assertEqual(fields["Diagnostic-Code"], diagnostic)
        text = parts(content)[0].get_payload()
        assert isinstance(text, str)
        self.assertIn(f"Reason:       {diagnostic.partition('; ')[2]}\r\n", text)
        return text

    def test_apple(self) -> None:
        """Statuses by number and text; what they mean in RFC 3463's codes."""
        for status, text, code in (
            (2, "Missing Device Token", "5.1.1"),
            (3, "Missing Topic", "5.0.0"),
            (4, "Missing Payload", "5.6.0"),
            (5, "Invalid Token Size", "5.1.1"),
            (6, "Invalid Topic Size", "5.0.0"),
            (7, "Invalid Payload Size", "5.3.4"),
            (8, "Invalid Token", "5.1.1"),
            (128, "Protocol Error", "5.0.0"),
            (255, "None (unknown)", "5.0.0"),
        ):
            self.check(status, text, code, f"x-apns; {status} {text}")
        self.check(8, "", "5.1.1", "x-apns; 8 Invalid Token")

    def test_gave_up(self) -> None:
        """Our reason decides the code; the last answer is told as well."""
        text = self.check(
            1, TOO_OLD, "5.4.7", f"x-apns; 1 Processing Error ({TOO_OLD})"
        )
        self.assertIn("Send it again if it is still of interest.", text)
        self.check(
            *(450, TOO_OLD, "5.4.7", f"smtp; {TOO_OLD}"),
        )

    def test_never_attempted(self) -> None:
        """Without any answer our own text is all there is."""
        late = "554 5.4.5 [internal] Delivery not attempted (message expired)"
        self.check(None, late, "5.4.5", f"smtp; {late}")
        self.check(None, "purged", "5.0.0", "x-mcmtpush; purged")
        self.check(None, "", "5.0.0", "x-mcmtpush; no reason given")

    def test_mail(self) -> None:
        """A mail server's answer, with its code once; the class is always 5."""
        for status, text, code, diagnostic in (
            (550, "5.1.1 no such user", "5.1.1", "smtp; 550 5.1.1 no such user"),
            (550, "550 5.1.1 nobody", "5.1.1", "smtp; 550 5.1.1 nobody"),
            (550, "550-5.7.1 no", "5.7.1", "smtp; 550-5.7.1 no"),
            (450, "4.2.2 mailbox full", "5.2.2", "smtp; 450 4.2.2 mailbox full"),
            (599, "go away", "5.0.0", "smtp; 599 go away"),
            (550, "", "5.0.0", "smtp; 550"),
            (550, "5.1.1.1 odd", "5.0.0", "smtp; 550 5.1.1.1 odd"),
            (550, "5.1.1000 odd", "5.0.0", "smtp; 550 5.1.1000 odd"),
            (550, "5.01.1 odd", "5.0.0", "smtp; 550 5.01.1 odd"),
            (550, "5.1.\u0661 odd", "5.0.0", "smtp; 550 5.1.? odd"),
        ):
            self.check(status, text, code, diagnostic)
        text = self.check(550, "5.1.1 x", "5.1.1", "smtp; 550 5.1.1 x")
        self.assertIn("does not know the address", text)

    def test_long_answer(self) -> None:
        """An endless answer is cut: no line is longer than mail allows."""
        content = notice(evolve(FAILURE, status=550, detail="x" * 100_000))
        self.assertLess(max(map(len, content.split(b"\r\n"))), 999)


class OriginalTests(TestCase):
    """The third part."""

    def test_none(self) -> None:
        """Nothing is returned, and the text does not claim it."""
        content = notice(inline_original="none")
        self.assertEqual(len(parts(content)), 2)
        self.assertNotIn(b"The last one", content)

    def test_nothing_to_return(self) -> None:
        """A message without mail, or without a header, has no third part."""
        for mail in (b"", b"\r\nbody only\r\n", b"body only"):
            self.assertEqual(len(parts(notice(mail=mail))), 2)

    def test_headers(self) -> None:
        """The header alone, wherever it ends."""
        for mail in (
            MAIL,
            HEADER,
            HEADER + b"no field\r\n",
            HEADER.replace(b"\r\n", b"\n") + b"\nbody",
            HEADER.replace(b"\r\n", b"\r") + b"\rbody",
        ):
            returned = parts(notice(mail=mail))[2]
            self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
            self.assertEqual(returned.get_payload(decode=True), HEADER)
        returned = parts(notice(mail=HEADER[:-2]))[2]
        self.assertEqual(returned.get_payload(decode=True), HEADER[:-2])

    def test_eight_bit_headers(self) -> None:
        """They are encoded: the notice is for any mail server."""
        for value in (b"\xc3\xa9", b"\xff", b"x" * 999, b"\0"):
            header = b"Subject: %b\r\n" % value
            content = notice(mail=header + b"\r\nbody\r\n")
            self.assertTrue(content.isascii())
            self.assertNotIn(b"\0", content)
            self.assertLess(max(map(len, content.split(b"\r\n"))), 999)
            self.assertEqual(parts(content)[2].get_payload(decode=True), header)

    def test_all(self) -> None:
        """The message as it was, within one part."""
        content = notice(inline_original="all")
        self.assertTrue(content.isascii())
        returned = parts(content)[2]
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        self.assertEqual(returned["Content-Transfer-Encoding"], "7bit")
        self.assertIn(b"\r\n\r\n" + MAIL + b"\r\n--=_", content)
        inner = returned.get_payload(0)
        assert isinstance(inner, Parsed)
        self.assertEqual(inner["Message-ID"], "<1@example.net>")

    def test_all_eight_bit(self) -> None:
        """8-bit bytes stay as they are, declared on the part and on the whole."""
        mail = HEADER + b"\r\nein T\xf6r\r\n"
        content = notice(mail=mail, inline_original="all")
        self.assertIn(b"\r\n\r\n" + mail + b"\r\n--=_", content)
        self.assertEqual(parse(content)["Content-Transfer-Encoding"], "8bit")
        self.assertEqual(parts(content)[2]["Content-Transfer-Encoding"], "8bit")
        self.assertTrue(notice(mail=mail).isascii())

    def test_all_that_mail_cannot_carry(self) -> None:
        """NUL or an endless line: the header comes instead."""
        for body in (b"\0", b"x" * 999):
            content = notice(mail=HEADER + b"\r\n" + body, inline_original="all")
            returned = parts(content)[2]
            self.assertEqual(returned.get_content_type(), "text/rfc822-headers")

    def test_boundary_of_an_earlier_notice(self) -> None:
        """A notice about a notice: each boundary stays its own."""
        content = notice(inline_original="all")
        for _ in range(3):
            inner, content = content, notice(mail=content, inline_original="all")
            boundary = parse(content).get_boundary()
            assert boundary is not None
            self.assertNotIn(boundary.encode(), inner)
            self.assertIn(b"\r\n\r\n" + inner + b"\r\n--=_", content)


PIECES = st.sampled_from(
    [
        *("\r\n", "\n", "\r", "\0", "\t", "\x0b", "\x85", "\u2028", "é", "\ud800"),
        *("Bcc: x@y", "\r\n\r\n", "\r\n ", "--=_", "--", "=?utf-8?q?=0D=0Aa:b?="),
        *("<", ">", ";", '"', "@", "(", ",", "550 ", "5.1.1", " "),
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join)
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


class NoticeAddressTests(TestCase):
    def test_whom_to_tell(self) -> None:
        """Return-Path, else MAIL FROM; the null sender is never told."""
        null = evolve(MESSAGE, sender="")
        for message, return_path, address in (
            (MESSAGE, None, "news@example.net"),
            (MESSAGE, "bounce@example.org", "bounce@example.org"),
            (null, "bounce@example.org", "bounce@example.org"),
            (MESSAGE, "", None),
            (null, "", None),
            (null, None, None),
        ):
            self.assertEqual(notice_address(message, return_path), address)

    def test_usable(self) -> None:
        """What reception takes as an address with a domain."""
        for address in (
            "a@b",
            "a.b+c@apn_example.com",
            '"a b\\" c"@example.net',
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "a" * 500 + "@example.net",
        ):
            self.assertEqual(notice_address(MESSAGE, address), address)

    def test_unusable(self) -> None:
        """Nobody can be told at what is no address, or too long a one."""
        for address in (
            *("postmaster", "@example.net", "a@", "a b@c", "a..b@c", ".a@c", "a@b..c"),
            *("a@b\n", "a@b\r\nBcc: c", "<a@b>", "é@example.net", "a@é.net", "a@b@c"),
            *('"a@b', "a@[x y]", " ", "a" * 501 + "@example.net", "a@b, c@d"),
        ):
            self.assertIsNone(notice_address(MESSAGE, address), address)

    @readable
    @given(HOSTILE)
    def test_any_text(self, text: str) -> None:
        """An address that is told is printable ASCII without brackets."""
        address = notice_address(MESSAGE, text)
        if address is not None:
            self.assertRegex(address, r"\A[ -;=?-~]+@[ -;=?-~]+\Z")
            self.assertIn(f"To: <{address}>\r\n".encode(), notice(to=address))
