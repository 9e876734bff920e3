"""Why a multi-channel message is refused: every answer, once.

`docs/reference/mcmt.md` lists the same texts; a test holds the two together.
Neither the sender's words nor a device token ever stand in an answer.
"""

from __future__ import annotations

from enum import Enum

from mcmtpush.errors import MessageRejected


class Refusal(Enum):
    """One reason: its enhanced status code and the text that the injector reads.

    5.6.0 is for a message that is not put together right, 5.6.1 for a push part
    whose content cannot be used.
    """

    NUL_BYTE = ("5.6.0", "the message holds a NUL byte")
    NOT_A_CONTAINER = ("5.6.0", "the message is not multipart/vnd.msys.mcmt")
    UNREADABLE = ("5.6.0", "the message cannot be read")

    HEADER_TOO_LONG = ("5.6.0", "{where}: longer than {limit} bytes")
    BAD_HEADER_LINE = (
        "5.6.0",
        "{where}, line {line}: neither a field nor the empty line after them",
    )
    NO_EMPTY_LINE = ("5.6.0", "{where}: the empty line after it is missing")
    JSON_IN_HEADER = (
        "5.6.0",
        "{where}, line {line}: an empty line must stand before the JSON",
    )
    BARE_CR = ("5.6.0", "{where}: a carriage return without its line feed")
    FIELD_TWICE = ("5.6.0", "{where}: {field} stands there twice")
    BAD_FIELD = ("5.6.0", "{where}: {field} is not printable UTF-8 text")
    BAD_RETURN_PATH = ("5.6.0", "{where}: Return-Path is not one address")

    NO_BOUNDARY = ("5.6.0", "the message: Content-Type names no usable boundary")
    BOUNDARY_NOT_FOUND = (
        "5.6.0",
        "the message: no part begins with the boundary that Content-Type names",
    )
    NO_END = ("5.6.0", "the message: the closing boundary line is missing")
    EMPTY_PART = (
        "5.6.0",
        "part {number}: nothing stands between two boundary lines",
    )
    TOO_MANY_PARTS = ("5.6.0", "the message has more than {limit} parts")
    SECOND_MAIL = ("5.6.0", "part {number}: a second message/rfc822 part")
    SECOND_PUSH = ("5.6.0", "part {number}: a second message/vnd.msys.apn part")

    UNKNOWN_ENCODING = (
        "5.6.1",
        "{where}: an unknown Content-Transfer-Encoding",
    )
    BAD_BASE64 = ("5.6.0", "{where}: the base64 is broken: {reason}")
    BAD_QUOTED_PRINTABLE = (
        "5.6.0",
        "{where}: the quoted-printable is broken at its line {line}",
    )

    NO_JSON = ("5.6.1", "{where}: the JSON is missing")
    NOT_UTF8 = ("5.6.1", "{where}: byte {offset} of the JSON is not UTF-8")
    BROKEN_JSON = (
        "5.6.1",
        "{where}: the JSON is broken at its line {line}, column {column}: {reason}",
    )
    NOT_AN_OBJECT = ("5.6.1", "{where}: the JSON is not an object")
    TOO_DEEP = ("5.6.1", "{where}: the JSON is nested too deeply")
    BIG_INTEGER = (
        "5.6.1",
        "{where}: line {line}, column {column} of the JSON: more than 64 bits",
    )

    def __init__(self, enhanced: str, template: str) -> None:
        self.enhanced = enhanced
        self.template = template

    def because(self, **facts: object) -> MessageRejected:
        """The exception to raise; `facts` fill the template."""
        return MessageRejected(550, self.enhanced, self.template.format(**facts))


FOREIGN_ERRORS = (ValueError, LookupError, RecursionError)
"""What reading strangers' bytes may raise beside our own words (UnicodeError,
binascii.Error and JSON errors are ValueErrors); none of it leaves this package."""
