"""A failure notice for tests, and its parts as a mail reader sees them."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.message import Message as Parsed
from email.policy import default
from typing import Any

from hypothesis import strategies as st

from mcmtpush.disposition.bounce import render_notice
from mcmtpush.values import Message, QueueKey, Record


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


PIECES = st.sampled_from(
    [
        *("\r\n", "\n", "\r", "\0", "\t", "\x0b", "\x85", "\u2028", "é", "\ud800"),
        *("Bcc: x@y", "\r\n\r\n", "\r\n ", "--=_", "--", "=?utf-8?q?=0D=0Aa:b?="),
        *("<", ">", ";", '"', "@", "(", ",", "550 ", "5.1.1", " "),
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join)
