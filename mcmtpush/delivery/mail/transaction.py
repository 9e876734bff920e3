"""One mail transaction: its commands, and its content as it goes over the wire.

Knows no replies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mcmtpush.values import Answered


ADDRESS_LIMIT: Final = 480
"""Longer addresses do not fit on a command line (RFC 5321, 4.5.3.1.4)."""

_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f<>]")


@frozen
class Transaction:
    """A message for some recipients, who all get the same.

    Attributes:
        sender: may be empty.
        recipients: addresses; never empty.
        content: dot-stuffed, with the final dot; see `encode_content`.
        size: bytes of the message itself.
        plain: nothing but ASCII is in it.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    size: int
    plain: bool

    @property
    def needs_utf8(self) -> bool:
        """Whether its addresses are not ASCII (RFC 6531)."""
        return not all(map(str.isascii, (self.sender, *self.recipients)))

    def objection(self, extensions: Mapping[str, str]) -> Answered | None:
        """Why a server with these extensions need not be asked, or None."""
        limit = extensions.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit[:18]) < self.size:
            return Answered(
                552, f"5.3.4 [internal] message too large: the server takes {limit}"
            )
        if self.needs_utf8 and "SMTPUTF8" not in extensions:
            return Answered(
                553, "5.6.7 [internal] address is not ASCII, no SMTPUTF8 offered"
            )
        return None

    def mail(self, extensions: Mapping[str, str]) -> bytes:
        """The MAIL command, with the parameters that the server knows."""
        parameters = ""
        if "SIZE" in extensions:
            parameters += f" SIZE={self.size}"
        if "8BITMIME" in extensions and not self.plain:
            parameters += " BODY=8BITMIME"
        if self.needs_utf8:
            parameters += " SMTPUTF8"
        return f"MAIL FROM:<{self.sender}>{parameters}\r\n".encode()

    def rcpt(self, index: int) -> bytes:
        """The RCPT command for one recipient."""
        return f"RCPT TO:<{self.recipients[index]}>\r\n".encode()


def make_transaction(
    sender: str, recipients: tuple[str, ...], mail: bytes
) -> Transaction:
    """From the envelope and the mail as it is in the spool."""
    content, size = encode_content(mail)
    return Transaction(sender, recipients, content, size, mail.isascii())


def is_sendable(address: str) -> bool:
    """Whether it can stand in a command without becoming something else."""
    if len(address) > ADDRESS_LIMIT or _FORBIDDEN.search(address):
        return False
    try:
        address.encode()
    except UnicodeEncodeError:
        return False
    return " " not in address or address.startswith('"')


def encode_content(mail: bytes) -> tuple[bytes, int]:
    """What follows 354, and the size before dots were doubled.

    Every line ends in CRLF afterwards: a bare CR or LF reads as the end of the
    message to some servers and would let a sender slip in another one.
    """
    if _BARE.search(mail):
        mail = _BARE.sub(b"\r\n", mail)
    if mail and not mail.endswith(b"\r\n"):
        mail += b"\r\n"
    size = len(mail)
    if mail.startswith(b"."):
        mail = b"." + mail
    return mail.replace(b"\r\n.", b"\r\n..") + b".\r\n", size
