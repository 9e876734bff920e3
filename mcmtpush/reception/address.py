"""Envelope addresses: the arguments of MAIL FROM and RCPT TO.

The grammar is RFC 5321's, with these liberties: an underscore may stand in a
domain (`apn_example.com`), blanks may follow the colon, a source route is
dropped.  Whether an address is welcome is not known here.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from mcmtpush.errors import MessageRejected
from mcmtpush.reception import reply
from mcmtpush.reception.reply import Refusal


ADDRESS_LIMIT = 512
"""Longest address in bytes: twice what RFC 5321 grants to a path."""

DOMAIN_LIMIT = 255
"""Longest domain in bytes."""


class Address(NamedTuple):
    """An address as written, without brackets; both empty for the null sender.

    `domain` is an address literal when it begins with a square bracket, and
    empty alone when the address is unqualified.
    """

    local: str
    domain: str

    @property
    def text(self) -> str:
        """For envelopes: `local@domain`, or nothing for the null sender."""
        return f"{self.local}@{self.domain}" if self.domain else self.local


NULL = Address("", "")


class Words(NamedTuple):
    """How one of the two commands says what is wrong."""

    syntax: Refusal
    not_ascii: Refusal
    too_long: Refusal


SENDER = Words(reply.MAIL_SYNTAX, reply.SENDER_NOT_ASCII, reply.SENDER_TOO_LONG)
RECIPIENT = Words(
    reply.RCPT_SYNTAX, reply.RECIPIENT_NOT_ASCII, reply.RECIPIENT_TOO_LONG
)

_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABELS = rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_PATH = re.compile(
    rb"""[ \t]*<
    (?:@%(labels)s(?:,@%(labels)s)*:)?                          # source route
    (?:
        (%(atom)s(?:\.%(atom)s)*|"(?:[ !#-\[\]-~]|\\[ -~])*")   # local part
        (?:@(%(labels)s|\[[0-9A-Za-z:.]+\]))?                   # domain
    )?
    >(?:[ \t]+([!-~].*))?"""
    % {b"labels": _LABELS, b"atom": _ATOM},
    re.VERBOSE,
)


def parse_sender(argument: bytes) -> tuple[Address, bytes]:
    """The sender and the parameters behind it, from what follows `MAIL `."""
    if argument[:5].upper() != b"FROM:":
        raise MessageRejected(*reply.MAIL_SYNTAX)
    return _parse_path(argument[5:], SENDER)


def parse_recipient(argument: bytes) -> tuple[Address, bytes]:
    """The recipient and the parameters behind it, from what follows `RCPT `."""
    if argument[:3].upper() != b"TO:":
        raise MessageRejected(*reply.RCPT_SYNTAX)
    address, parameters = _parse_path(argument[3:], RECIPIENT)
    if address == NULL:
        raise MessageRejected(*reply.RCPT_SYNTAX)
    return address, parameters


def _parse_path(text: bytes, words: Words) -> tuple[Address, bytes]:
    match = _PATH.fullmatch(text)
    if match is None:
        raise MessageRejected(*(words.syntax if text.isascii() else words.not_ascii))
    local, domain, parameters = match.groups(b"")
    if len(local) + len(domain) >= ADDRESS_LIMIT or len(domain) > DOMAIN_LIMIT:
        raise MessageRejected(*words.too_long)
    address = Address(local.decode("ascii"), domain.decode("ascii"))
    if address.domain.startswith("[") and not _is_literal(address.domain):
        raise MessageRejected(*words.syntax)
    return address, parameters


def _is_literal(domain: str) -> bool:
    inner = domain[1:-1]
    six = inner[:5].lower() == "ipv6:"
    try:
        return isinstance(ip_address(inner[5:] if six else inner), IPv6Address) == six
    except ValueError:
        return False


def check_mail_parameters(parameters: bytes, size_limit: int) -> None:
    """Obey SIZE= and BODY= of MAIL FROM; anything else is refused by name."""
    sized = False
    for word in parameters.split():
        keyword, _, value = word.upper().partition(b"=")
        if keyword == b"SIZE":
            if sized or not value.isdigit():
                raise MessageRejected(*reply.BAD_SIZE)
            sized = True
            if int(value) > size_limit:
                raise MessageRejected(*reply.TOO_LARGE)
        elif keyword != b"BODY" or value not in {b"7BIT", b"8BITMIME"}:
            raise unsupported(word)


def check_recipient_parameters(parameters: bytes) -> None:
    """RCPT TO has no parameters here."""
    for word in parameters.split():
        raise unsupported(word)


def unsupported(word: bytes) -> MessageRejected:
    """What is said about a parameter that is not known."""
    name = word.decode("ascii", "replace")
    return MessageRejected(555, "5.5.4", f"parameter {name} is not supported")
