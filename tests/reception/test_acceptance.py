"""Tests: whether a message may enter, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcmtpush.errors import MessageRejected
from mcmtpush.reception.acceptance import (
    Destination,
    Opened,
    Recipient,
    check_destination,
    check_recipient,
    check_sender,
    mcmt_mode,
    open_content,
    recipients_limit,
    with_token,
)
from mcmtpush.reception.address import NULL, Address
from mcmtpush.values import PushPart, QueueKey
from tests.reception.scene import CONTAINER, PLAIN, PUSH_ONLY, settings
from tests.support.case import TestCase


APN = Destination(QueueKey("default", "default", "apn_example.com"), "APN")
MAIL = Destination(QueueKey("default", "default", "mail.example"), "gcm")
PUSH = PushPart("0a1b2c", b'{"aps":{"alert":"You have mail"}}')


class EnvelopeTests(TestCase):
    def refusal(self, check: Any, *arguments: object) -> str:
        with self.assertRaises(MessageRejected) as caught:
            check(*arguments)
        return str(caught.exception)

    def test_senders(self) -> None:
        """Null senders and literals are welcome or not; a domain must be there."""
        literal = Address("a", "[192.0.2.1]")
        for address in (NULL, literal, Address("a", "b")):
            check_sender(address, settings())
        self.assertEqual(
            self.refusal(check_sender, Address("a", ""), settings()),
            "553 5.1.7 sender address needs a domain",
        )
        self.assertEqual(
            self.refusal(
                check_sender, NULL, settings(allow_null_envelope_sender=False)
            ),
            "550 5.7.1 null envelope sender is not accepted",
        )
        self.assertEqual(
            self.refusal(check_sender, literal, settings(allow_ip_literal=False)),
            "553 5.1.7 address literals are not accepted",
        )

    def test_recipients(self) -> None:
        """Literals are welcome or not; a domain must be there."""
        literal = Address("a", "[192.0.2.1]")
        check_recipient(literal, settings())
        self.assertEqual(
            self.refusal(check_recipient, Address("postmaster", ""), settings()),
            "553 5.1.3 recipient address needs a domain",
        )
        self.assertEqual(
            self.refusal(check_recipient, literal, settings(allow_ip_literal=False)),
            "553 5.1.3 address literals are not accepted",
        )

    def test_destination(self) -> None:
        """Domains that have no way out are refused by name."""
        check_destination("apn_example.com", APN)
        self.assertEqual(
            self.refusal(check_destination, "mail.example", MAIL),
            '550 5.4.4 domain mail.example has delivery_method = "gcm", which is not '
            "delivered here",
        )

    def test_blackhole(self) -> None:
        """A blackholed domain is refused whatever its method."""
        for method in ("apn", "esmtp"):
            destination = Destination(
                QueueKey("default", "default", "x"), method, blackholed=True
            )
            self.assertEqual(
                self.refusal(check_destination, "x", destination),
                "551 5.7.1 recipient blackholed",
            )

    def test_mail(self) -> None:
        """Mail domains are delivered, too."""
        for method in ("esmtp", "SMTP"):
            key = QueueKey("default", "default", "mail.example")
            check_destination("mail.example", Destination(key, method))

    def test_recipients_limit(self) -> None:
        """There is always one."""
        self.assertEqual(recipients_limit(settings(max_recipients_per_message=3)), 3)
        self.assertEqual(recipients_limit(settings()), 10_000)


class McmtTests(TestCase):
    def opened(
        self,
        content: bytes,
        *,
        destinations: tuple[Destination, ...] = (APN,),
        context: Mapping[str, str] | None = None,
        message_context: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Opened | str:
        try:
            return open_content(
                content,
                settings=settings(**options),
                recipients=[
                    Recipient(Address("a", "b"), each) for each in destinations
                ],
                connection_context=context or {},
                message_context=message_context or {},
            )
        except MessageRejected as refused:
            return str(refused)

    def test_mode(self) -> None:
        """The context variable overrides the option, if it says anything known."""
        for option in ("allow", "reject", "passthru"):
            for variable in ("allow", "REJECT", "passthru"):
                self.assertEqual(
                    mcmt_mode(
                        settings(mcmt_reception=option), {"mcmt_reception": variable}
                    ),
                    variable.lower(),
                )
            for context in ({}, {"mcmt_reception": "perhaps"}):
                self.assertEqual(
                    mcmt_mode(settings(mcmt_reception=option), context), option
                )

    def test_plain_mail(self) -> None:
        """What is no container is not touched, whatever the mode."""
        for mode in ("allow", "reject", "passthru"):
            self.assertEqual(
                self.opened(PLAIN, mcmt_reception=mode), Opened(PLAIN, None)
            )

    def test_allow(self) -> None:
        """The mail is the rfc822 part's, the push part stands beside it."""
        self.assertEqual(
            self.opened(CONTAINER),
            Opened(
                b"From: news@example.com\r\nSubject: mail\r\n\r\nYou have mail.", PUSH
            ),
        )

    def test_reject_and_passthru(self) -> None:
        """One refuses containers, the other does not look into them."""
        refusal = "550 5.7.1 multi-channel messages are not accepted here"
        self.assertEqual(self.opened(CONTAINER, mcmt_reception="reject"), refusal)
        self.assertEqual(
            self.opened(CONTAINER, context={"mcmt_reception": "reject"}), refusal
        )
        self.assertEqual(
            self.opened(CONTAINER, mcmt_reception="passthru"), Opened(CONTAINER, None)
        )
        broken = CONTAINER.replace(b"--cut--", b"")
        self.assertEqual(
            self.opened(broken, mcmt_reception="passthru"), Opened(broken, None)
        )

    def test_push_only(self) -> None:
        """A container without mail enters where it can only go by push."""
        refusal = "550 5.6.0 multi-channel message without rfc822 part"
        opened = self.opened(PUSH_ONLY)
        assert isinstance(opened, Opened)
        self.assertEqual(opened.mail, b"")
        self.assertEqual(opened.push, PushPart("0a1b2c", b'{"aps":{"alert":"Hi"}}'))
        self.assertEqual(self.opened(PUSH_ONLY, mcmt_push_only=False), refusal)
        self.assertEqual(self.opened(PUSH_ONLY, destinations=(APN, MAIL)), refusal)
        neither = PUSH_ONLY.replace(b"vnd.msys.apn", b"vnd.msys.gcm")
        self.assertEqual(self.opened(neither), refusal)

    def test_broken(self) -> None:
        """A container that cannot be read is refused with its own reason."""
        answer = self.opened(CONTAINER.replace(b'{"aps"', b"{aps"))
        assert isinstance(answer, str)
        self.assertRegex(answer, r"^550 5\.6\.\d .")

    def test_token(self) -> None:
        """A missing token is DLV_Dest_ID, the message's before the connection's."""
        bare = PUSH_ONLY.replace(b"X-Device-Token: 0a1b2c\r\n", b"")

        def token(content: bytes = bare, **contexts: Any) -> str:
            opened = self.opened(content, **contexts)
            assert isinstance(opened, Opened)
            assert opened.push is not None
            return opened.push.token

        connection, message = {"DLV_Dest_ID": "cc"}, {"DLV_Dest_ID": "ee"}
        self.assertEqual(token(), "")
        self.assertEqual(token(context=connection), "cc")
        self.assertEqual(token(context=connection, message_context=message), "ee")
        self.assertEqual(token(PUSH_ONLY, context=connection), "0a1b2c")
        self.assertIsNone(with_token(None, connection))
