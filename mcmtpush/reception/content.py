"""Rules for the content of a message as received: line ends, NUL, headers.

They see a multi-channel container as one message and look at nothing but its
first line, its line ends and where the headers end.
"""

from __future__ import annotations

import re

from mcmtpush.config.views import ReceptionSettings
from mcmtpush.errors import MessageRejected
from mcmtpush.reception import reply


_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")
_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_LONE_LF = re.compile(rb"(?<!\r)\n")


def begins_with_header(content: bytes) -> bool:
    """True if the first line is a header field."""
    return _HEADER.match(content) is not None


def apply_rules(content: bytes, settings: ReceptionSettings) -> bytes:
    """The content, repaired where the settings say `fix`; refuses what is left."""
    if b"\0" in content:
        raise MessageRejected(*reply.NUL_IN_CONTENT)
    pairs = content.count(b"\r\n")
    if content.count(b"\r") != pairs:
        raise MessageRejected(*reply.LONE_CR)
    if content.count(b"\n") != pairs:
        content = _treat_lone_lf(content, settings)
    if settings.rfc2822_missing_headers == "reject" and not begins_with_header(content):
        raise MessageRejected(*reply.NO_HEADERS)
    return content


def _treat_lone_lf(content: bytes, settings: ReceptionSettings) -> bytes:
    blank = _BLANK_LINE.search(content)
    end = blank.end() if blank else len(content)
    headers, body = content[:end], content[end:]
    if _LONE_LF.search(headers):
        if settings.rfc2822_lone_lf_in_headers == "pedantic":
            raise MessageRejected(*reply.LONE_LF_HEADERS)
        headers = _LONE_LF.sub(b"\r\n", headers)
    if settings.rfc2822_lone_lf_in_body != "ignore" and _LONE_LF.search(body):
        if settings.rfc2822_lone_lf_in_body == "pedantic":
            raise MessageRejected(*reply.LONE_LF_BODY)
        body = _LONE_LF.sub(b"\r\n", body)
    return headers + body
