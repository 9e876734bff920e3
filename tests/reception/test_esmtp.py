"""Tests: deliveries, messages and their factory."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.mail.smtp import IMessage, IMessageDelivery
from zope.interface.verify import verifyObject

from mcmtpush.reception.address import Address
from mcmtpush.reception.esmtp import EsmtpDelivery, Transaction, peer_of
from mcmtpush.reception.session import Sessions
from mcmtpush.values import PushPart, QueueKey
from tests.reception.scene import (
    CONTAINER,
    LOOPBACK,
    NOON,
    PLAIN,
    PUSH_ONLY,
    Scene,
    settings,
)
from tests.support.case import TestCase


class PeerTests(TestCase):
    def test_table(self) -> None:
        """Unix sockets count as loopback, mapped addresses as IPv4."""
        for address, expected in [
            (IPv4Address("TCP", "192.0.2.1", 25), ("192.0.2.1", 25)),
            (IPv6Address("TCP", "2001:db8::1", 25), ("2001:db8::1", 25)),
            (IPv6Address("TCP", "::ffff:192.0.2.1", 25), ("192.0.2.1", 25)),
            (IPv6Address("TCP", "fe80::1%eth0", 25), ("fe80::1", 25)),
            (UNIXAddress(None), ("127.0.0.1", 0)),
            (None, ("0.0.0.0", 0)),
        ]:
            self.assertEqual(peer_of(address), expected)


class DeliveryTests(TestCase):
    def test_interfaces(self) -> None:
        """The objects are what twisted.mail calls delivery and message."""
        delivery = Scene(settings()).client().server.delivery
        verifyObject(IMessageDelivery, delivery)
        assert isinstance(delivery, EsmtpDelivery)
        verifyObject(IMessage, Transaction(delivery, Address("a", "b")))

    def test_line_by_line(self) -> None:
        """A message may also be given line by line, as twisted.mail would."""
        scene = Scene(settings())
        delivery = scene.client().server.delivery
        delivery.validateFrom(None, Address("a", "b.c"))
        message = delivery.validateTo(Address("1", "apn_example.com"))()
        for line in PLAIN.splitlines():
            message.lineReceived(line)
        self.successResultOf(message.eomReceived())
        self.assertTrue(scene.submissions[0].mail.endswith(PLAIN))

    def test_order_of_refusals(self) -> None:
        """Strangers learn nothing about domains."""
        client = Scene(settings()).greeted("192.0.2.1")
        client.say(b"MAIL FROM:<a@b>\r\n")
        for domain in (b"apn_example.com", b"mail.example"):
            self.assertEqual(
                client.say(b"RCPT TO:<1@" + domain + b">\r\n"),
                ["550 5.7.1 relaying denied"],
            )

    def test_null_sender_is_no_key(self) -> None:
        """A stranger with a null sender is refused like any other."""
        client = Scene(settings()).greeted("192.0.2.1")
        client.say(b"MAIL FROM:<>\r\n")
        self.assertEqual(
            client.say(b"RCPT TO:<1@apn_example.com>\r\n"),
            ["550 5.7.1 relaying denied"],
        )

    def test_relay_domains(self) -> None:
        """A stranger may send to the domains that are named, in any case."""
        scene = Scene(settings(relay_domains=("apn_example.com",)))
        client = scene.greeted("192.0.2.1")
        self.assertRegex(client.send(PLAIN, b"1@APN_Example.com"), "^250 ")
        self.assertNotIn(
            "can_relay", scene.submissions[0].messages[0].connection_context
        )

    def test_unix_client_relays(self) -> None:
        """A client on a Unix socket is treated like loopback."""
        asked: list[str] = []

        def settings_for(peer: str) -> Any:
            asked.append(peer)
            return settings(relay_hosts=LOOPBACK[:1])

        scene = Scene(settings_for)
        self.assertRegex(scene.greeted(UNIXAddress(None)).send(PLAIN), "^250 ")
        self.assertEqual(asked, ["127.0.0.1"])

    def test_not_by_push(self) -> None:
        """A domain without a way out is refused by name."""
        client = Scene(settings()).greeted()
        client.say(b"MAIL FROM:<a@b>\r\n")
        [answer] = client.say(b"RCPT TO:<1@Mail.example>\r\n")
        self.assertRegex(answer, r"^550 5\.4\.4 domain mail\.example has ")


class LimitTests(TestCase):
    def test_receptions(self) -> None:
        """So many messages per connection; refused ones do not count."""
        client = Scene(settings(max_receptions_per_connection=2)).greeted()
        self.assertRegex(client.send(b"no header\r\n"), "^550 ")
        self.assertRegex(client.send(PLAIN), "^250 ")
        self.assertRegex(client.send(PLAIN), "^250 ")
        self.assertEqual(
            client.say(b"MAIL FROM:<a@b>\r\n"),
            ["452 4.5.3 Service unavailable, batch limit reached"],
        )
        self.assertFalse(client.closed)

    def recipients(self, count: int, **options: int) -> list[str]:
        client = Scene(settings(**options)).greeted()
        client.say(b"MAIL FROM:<a@b>\r\n")
        return [
            client.say(b"RCPT TO:<%d@apn_example.com>\r\n" % number)[0]
            for number in range(count)
        ]

    def test_recipients_per_message(self) -> None:
        """So many recipients of one message, and the message may still be sent."""
        lines = self.recipients(3, max_recipients_per_message=2)
        self.assertEqual([line[:3] for line in lines], ["250", "250", "452"])
        self.assertEqual(
            lines[2],
            "452 4.5.3 Service unavailable, recipients per message limit reached",
        )

    def test_recipients_per_connection(self) -> None:
        """So many recipients of one connection, over all its messages."""
        scene = Scene(settings(max_recipients_per_connection=3))
        client = scene.greeted()
        self.assertRegex(client.send(PLAIN, b"1@apn_a", b"2@apn_a"), "^250 ")
        client.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<3@apn_a>\r\n")
        self.assertEqual(
            client.say(b"RCPT TO:<4@apn_a>\r\n"),
            ["452 4.5.3 Service unavailable, recipients per connection limit reached"],
        )

    def test_sessions(self) -> None:
        """Sessions beyond a limit are told so and hung up on, until one ends."""
        full = ["421 4.4.5 Service unavailable, concurrency limit reached"]
        for option in ("listener_sessions", "service_sessions"):
            scene = Scene(settings(**{option: 1}))
            first, second = scene.client(), scene.client()
            self.assertEqual(second.read(), full)
            self.assertTrue(second.closed)
            self.assertEqual(scene.counters.get("reception.sessions_refused"), 1)
            second.wire.lose()
            self.assertEqual(scene.sessions.total, 1)
            first.wire.lose()
            self.assertRegex(scene.client().read()[0], "^220 ")

    def test_sessions_of_all_listens(self) -> None:
        """One limit is shared by listens, the other is each one's own."""
        sessions = Sessions()
        mine = Scene(
            settings(listener_sessions=1, service_sessions=2), sessions=sessions
        )
        other = Scene(
            settings(listener_sessions=1, service_sessions=2), sessions=sessions
        )
        other.factory.listen = "[::1]:2525"
        self.assertRegex(mine.client().read()[0], "^220 ")
        self.assertRegex(mine.client().read()[0], "^421 4.4.5 ")
        self.assertRegex(other.client().read()[0], "^220 ")
        other.factory.listen = "192.0.2.1:2525"
        self.assertRegex(other.client().read()[0], "^421 4.4.5 ")


class SubmissionTests(TestCase):
    def test_recipients(self) -> None:
        """Every recipient has a message of its own; all share batch and content."""
        scene = Scene(settings(context={"pathway": "x"}))
        client = scene.greeted()
        answer = client.send(
            CONTAINER, b"4711@APN_example.com", b"4712@apn_other.com", sender=b""
        )
        [submission] = scene.submissions
        one, two = submission.messages
        self.assertEqual(answer, f"250 2.0.0 OK {one.id} {two.id}")
        self.assertEqual(len({one.id, two.id, one.batch_id, one.connection_id}), 4)
        self.assertEqual(one.batch_id, two.batch_id)
        self.assertEqual(one.connection_id, two.connection_id)
        self.assertEqual(one.key, QueueKey("default", "default", "apn_example.com"))
        self.assertEqual(two.key, QueueKey("default", "default", "apn_other.com"))
        self.assertEqual(one.recipient, "4711@APN_example.com")
        self.assertEqual((one.sender, one.received_at), ("", NOON))
        self.assertEqual(one.size, len(CONTAINER))
        self.assertEqual(
            one.connection_context,
            {
                "pathway": "x",
                "can_relay": "true",
                "ehlo_domain": "client.example",
                "ehlo_string": "client.example",
            },
        )
        self.assertEqual(one.message_context, {})

    def test_container_is_opened(self) -> None:
        """The mail has trace headers, the push part has nothing added."""
        scene = Scene(settings(received_hostname="rx.example.net"))
        scene.greeted().send(CONTAINER)
        [submission] = scene.submissions
        self.assertEqual(
            submission.push, PushPart("0a1b2c", b'{"aps":{"alert":"You have mail"}}')
        )
        head, _, mail = submission.mail.partition(b"From: ")
        self.assertEqual(
            mail, b"news@example.com\r\nSubject: mail\r\n\r\nYou have mail."
        )
        self.assertRegex(
            head.decode(),
            r"^Return-Path: <a@b\.c>\r\n"
            r"Received: from \[127\.0\.0\.1\] \(\[127\.0\.0\.1:40000\] "
            r"helo=client\.example\)\r\n\tby rx\.example\.net "
            r"\(envelope-from <a@b\.c>\)\r\n\t\(mcmtpush [^ ]+\) with ESMTP id "
            + submission.messages[0].id
            + r"; Thu, 05 Nov 2009 12:04:00 \+0000\r\n$",
        )

    def test_no_trace(self) -> None:
        """Without trace headers the mail is as it came."""
        scene = Scene(settings(rfc2822_trace_headers=False))
        scene.greeted().send(PLAIN)
        self.assertEqual(scene.submissions[0].mail, PLAIN)

    def test_passthru_stays_a_container(self) -> None:
        """Trace headers on a container that is passed through do not hide it."""
        scene = Scene(settings(mcmt_reception="passthru"))
        scene.greeted().send(CONTAINER)
        mail = scene.submissions[0].mail
        self.assertTrue(mail.endswith(CONTAINER))
        self.assertNotEqual(mail, CONTAINER)
        self.assertIsNone(scene.submissions[0].push)
        again = Scene(settings())
        again.greeted().send(mail)
        self.assertIsNotNone(again.submissions[0].push)

    def test_push_only(self) -> None:
        """A message without mail has none, not even headers."""
        scene = Scene(settings())
        scene.greeted().send(PUSH_ONLY)
        self.assertEqual(scene.submissions[0].mail, b"")
        self.assertIsNotNone(scene.submissions[0].push)

    def test_priority(self) -> None:
        """The configured context puts a listener's messages first."""
        for context, expected in (
            ({}, 0),
            ({"priority": "1"}, 1),
            ({"priority": "9"}, 0),
        ):
            scene = Scene(settings(context=context))
            scene.greeted().send(CONTAINER)
            (message,) = scene.submissions[0].messages
            self.assertEqual(message.priority, expected)

    def test_context_overrides_reception(self) -> None:
        """The connection's context decides over the option."""
        scene = Scene(settings(context={"mcmt_reception": "reject"}))
        self.assertEqual(
            scene.greeted().send(CONTAINER),
            "550 5.7.1 multi-channel messages are not accepted here",
        )
        self.assertEqual(scene.submissions, [])

    def test_repaired_content(self) -> None:
        """Content that was repaired is passed on repaired."""
        scene = Scene(
            settings(rfc2822_lone_lf_in_headers="fix", rfc2822_lone_lf_in_body="fix")
        )
        scene.greeted().send(CONTAINER.replace(b"\r\n", b"\n")[:-1] + b"\r\n")
        plain = Scene(settings())
        plain.greeted().send(CONTAINER)
        self.assertEqual(scene.submissions[0].mail, plain.submissions[0].mail)
        self.assertEqual(scene.submissions[0].push, plain.submissions[0].push)

    def test_counters(self) -> None:
        """Sessions, transactions, messages, bytes and refusals are counted."""
        scene = Scene(settings())
        client = scene.greeted()
        client.send(PLAIN, b"1@apn_a", b"2@apn_a")
        client.send(b"no header\r\n")
        self.assertEqual(
            scene.counters.snapshot(),
            {
                "reception.bytes": len(PLAIN),
                "reception.messages": 2,
                "reception.refused.550": 1,
                "reception.sessions": 1,
                "reception.transactions": 1,
            },
        )
