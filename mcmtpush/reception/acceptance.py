"""Whether a message may enter, and as what.

Pure rules on envelopes and on multi-channel containers: nothing here knows a
connection.  Refusals are MessageRejected with the reply that says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import evolve, frozen

from mcmtpush.config.views import ReceptionSettings
from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.container import is_container, open_container
from mcmtpush.reception import reply
from mcmtpush.reception.address import NULL, Address
from mcmtpush.values import PushPart, QueueKey


RECIPIENTS_CEILING = 10_000
"""Most recipients of one message when the configuration sets no limit."""

_MODES: Mapping[str, Literal["allow", "reject", "passthru"]] = {
    "allow": "allow",
    "reject": "reject",
    "passthru": "passthru",
}


DELIVERED = frozenset({"apn", "esmtp", "smtp"})
"""The values of `delivery_method` that have a way out."""


@frozen
class Destination:
    """Where a recipient's domain leads: its queue and how that is delivered."""

    key: QueueKey
    delivery_method: str
    blackholed: bool = False


@frozen
class Recipient:
    """One accepted RCPT TO."""

    address: Address
    destination: Destination


@frozen
class Opened:
    """A message's content after its container, if any, was opened."""

    mail: bytes
    push: PushPart | None


# -- the envelope -----------------------------------------------------------------


def check_sender(address: Address, settings: ReceptionSettings) -> None:
    """Refuse a sender of a kind that is not welcome."""
    if address == NULL:
        if not settings.allow_null_envelope_sender:
            raise MessageRejected(*reply.NULL_SENDER)
    elif not address.domain:
        raise MessageRejected(*reply.SENDER_UNQUALIFIED)
    elif address.domain.startswith("[") and not settings.allow_ip_literal:
        raise MessageRejected(*reply.SENDER_LITERAL)


def check_recipient(address: Address, settings: ReceptionSettings) -> None:
    """Refuse a recipient of a kind that is not welcome."""
    if not address.domain:
        raise MessageRejected(*reply.RECIPIENT_UNQUALIFIED)
    if address.domain.startswith("[") and not settings.allow_ip_literal:
        raise MessageRejected(*reply.RECIPIENT_LITERAL)


def check_destination(domain: str, destination: Destination) -> None:
    """Refuse a domain that is blackholed, or that there is no way to deliver to."""
    if destination.blackholed:
        raise MessageRejected(*reply.BLACKHOLED)
    if destination.delivery_method.lower() not in DELIVERED:
        raise MessageRejected(
            550,
            "5.4.4",
            f"domain {domain} has delivery_method = "
            f'"{destination.delivery_method}", which is not delivered here',
        )


def recipients_limit(settings: ReceptionSettings) -> int:
    """Most recipients of one message."""
    return settings.max_recipients_per_message or RECIPIENTS_CEILING


# -- the container ----------------------------------------------------------------


def mcmt_mode(
    settings: ReceptionSettings, connection_context: Mapping[str, str]
) -> Literal["allow", "reject", "passthru"]:
    """What is done with containers: the context variable, else the option."""
    override = connection_context.get("mcmt_reception", "").lower()
    return _MODES.get(override, settings.mcmt_reception)


def open_content(
    content: bytes,
    *,
    settings: ReceptionSettings,
    recipients: Sequence[Recipient],
    connection_context: Mapping[str, str],
    message_context: Mapping[str, str],
) -> Opened:
    """The mail and the push part of a message as received.

    A container is refused, left alone or opened as `mcmt_reception` says.  One
    without rfc822 part is taken if `mcmt_push_only` is set, it has a push part
    and every recipient is delivered by push; its mail is then empty.
    """
    if not is_container(content):
        return Opened(content, None)
    mode = mcmt_mode(settings, connection_context)
    if mode == "passthru":
        return Opened(content, None)
    if mode == "reject":
        raise MessageRejected(*reply.MCMT_REFUSED)
    container = open_container(content)
    push = with_token(container.push, message_context, connection_context)
    if container.mail is not None:
        return Opened(container.mail, push)
    if push is None or not settings.mcmt_push_only or not _all_by_push(recipients):
        raise MessageRejected(*reply.NO_MAIL_PART)
    return Opened(b"", push)


def with_token(push: PushPart | None, *contexts: Mapping[str, str]) -> PushPart | None:
    """The push part; without a token of its own it takes `DLV_Dest_ID`'s."""
    if push is None or push.token:
        return push
    for context in contexts:
        if token := context.get("DLV_Dest_ID"):
            return evolve(push, token=token)
    return push


def _all_by_push(recipients: Sequence[Recipient]) -> bool:
    return all(
        recipient.destination.delivery_method.lower() == "apn"
        for recipient in recipients
    )
