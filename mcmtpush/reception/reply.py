"""What this server says: banner, EHLO, every refusal, and how a reply is written.

Texts are Momentum's where it documents one.  This file does not know when
something is refused, only in which words.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcmtpush._version import __version__
from mcmtpush.config.extensions import keyword, left_out
from mcmtpush.config.views import ReceptionSettings
from mcmtpush.errors import MessageRejected


Refusal = tuple[int, str, str]
"""Code, enhanced status code, text: the arguments of `MessageRejected`."""

LINE_LIMIT = 510
"""Longest reply line without its CR LF, as RFC 5321 has it."""

_IDS_LIMIT = 23

# -- the wire and the dialogue ----------------------------------------------------

UNRECOGNIZED: Refusal = (500, "5.5.2", "unrecognized command")
LINE_TOO_LONG: Refusal = (500, "5.5.2", "line too long")
BARE_LINE_END: Refusal = (500, "5.5.2", "bare CR or LF, commands end with CR LF")
NUL_IN_COMMAND: Refusal = (500, "5.5.2", "NUL byte in command")
TRAILING_BLANK: Refusal = (501, "5.5.4", "Syntax error (trailing whitespace)")
NO_PARAMETERS: Refusal = (501, "5.5.4", "Syntax error (no parameters allowed)")
BAD_SEQUENCE: Refusal = (503, "5.5.1", "bad sequence of commands")
HELLO_FIRST: Refusal = (550, "5.5.1", "RFC2821 HELO/EHLO needed")
BAD_EHLO: Refusal = (501, "5.5.2", "invalid EHLO")
BAD_HELO: Refusal = (501, "5.5.2", "invalid HELO")
BAD_RSET: Refusal = (501, "5.5.4", "invalid arguments to RSET")
SECOND_SENDER: Refusal = (501, "5.5.1", "MAIL FROM already established")
NO_SENDER: Refusal = (503, "5.5.1", "RCPT TO without MAIL FROM")
DATA_ARGUMENT: Refusal = (501, "5.5.4", "unexpected argument to DATA")
DATA_NO_SENDER: Refusal = (503, "5.5.1", "DATA without MAIL FROM")
DATA_NO_RECIPIENT: Refusal = (503, "5.5.1", "DATA without RCPT TO")
NO_TLS: Refusal = (502, "5.5.1", "STARTTLS is not offered here")
TLS_BROKEN: Refusal = (454, "4.7.0", "TLS not available due to a local problem")
TLS_INJECTION: Refusal = (554, "5.7.0", "commands behind STARTTLS in clear text")

# -- addresses and parameters -----------------------------------------------------

MAIL_SYNTAX: Refusal = (501, "5.5.2", "MAIL FROM syntax error")
RCPT_SYNTAX: Refusal = (501, "5.5.2", "RCPT TO syntax error")
SENDER_NOT_ASCII: Refusal = (553, "5.6.7", "sender must be ASCII, no SMTPUTF8 here")
RECIPIENT_NOT_ASCII: Refusal = (
    553,
    "5.6.7",
    "recipient must be ASCII, no SMTPUTF8 here",
)
SENDER_TOO_LONG: Refusal = (553, "5.1.7", "sender address is too long")
RECIPIENT_TOO_LONG: Refusal = (553, "5.1.3", "recipient address is too long")
SENDER_UNQUALIFIED: Refusal = (553, "5.1.7", "sender address needs a domain")
RECIPIENT_UNQUALIFIED: Refusal = (553, "5.1.3", "recipient address needs a domain")
SENDER_LITERAL: Refusal = (553, "5.1.7", "address literals are not accepted")
RECIPIENT_LITERAL: Refusal = (553, "5.1.3", "address literals are not accepted")
NULL_SENDER: Refusal = (550, "5.7.1", "null envelope sender is not accepted")
BAD_SIZE: Refusal = (501, "5.5.4", "SIZE needs a number, once")
RELAYING_DENIED: Refusal = (550, "5.7.1", "relaying denied")

# -- limits -----------------------------------------------------------------------

BATCH_LIMIT: Refusal = (452, "4.5.3", "Service unavailable, batch limit reached")
CONNECTION_RECIPIENTS: Refusal = (
    452,
    "4.5.3",
    "Service unavailable, recipients per connection limit reached",
)
MESSAGE_RECIPIENTS: Refusal = (
    452,
    "4.5.3",
    "Service unavailable, recipients per message limit reached",
)
NO_MEMORY: Refusal = (452, "4.3.4", "allocated resources exceeded")
TOO_LARGE: Refusal = (552, "5.3.4", "message size limit exceeded")

# -- the end of DATA --------------------------------------------------------------

SPOOL_FULL: Refusal = (452, "4.3.1", "no room to store the message, try later")
NOT_STORED: Refusal = (451, "4.3.0", "transaction failed")
SMUGGLING: Refusal = (550, "5.6.0", "line with a lone dot not between two CR LF")
LONE_CR: Refusal = (550, "5.6.0", "lone CR in message")
LONE_LF_HEADERS: Refusal = (550, "5.6.0", "lone LF in headers")
LONE_LF_BODY: Refusal = (550, "5.6.0", "lone LF in body")
NUL_IN_CONTENT: Refusal = (550, "5.6.0", "NUL byte in message")
NO_HEADERS: Refusal = (550, "5.6.0", "missing headers")
BLACKHOLED = (551, "5.7.1", "recipient blackholed")
MCMT_REFUSED: Refusal = (550, "5.7.1", "multi-channel messages are not accepted here")
NO_MAIL_PART: Refusal = (550, "5.6.0", "multi-channel message without rfc822 part")


def render(code: int, enhanced: str, text: str) -> bytes:
    """One reply line.  Whatever stands in `text`, it stays one line of ASCII."""
    line = f"{code} {enhanced} {text}"[:LINE_LIMIT].encode("ascii", "replace")
    if not line.decode("ascii").isprintable():
        line = bytes(byte if 32 <= byte < 127 else 63 for byte in line)
    return line + b"\r\n"


def render_refusal(refused: MessageRejected) -> bytes:
    """The reply that says why."""
    return render(refused.code, refused.enhanced, refused.text)


def accepted(ids: Sequence[str]) -> bytes:
    """A transaction is durable: the ids of its messages, as many as fit one line."""
    text = " ".join(["OK", *ids[:_IDS_LIMIT]])
    return render(250, "2.0.0", text if len(ids) <= _IDS_LIMIT else f"{text} ...")


# -- replies that never vary ------------------------------------------------------

MAIL_ACCEPTED = render(250, "2.1.0", "MAIL FROM accepted")
RCPT_ACCEPTED = render(250, "2.1.5", "RCPT TO accepted.")
GO_ON = b'354 continue.  finished with "\\r\\n.\\r\\n"\r\n'
OK = render(250, "2.0.0", "OK")
CANNOT_VERIFY = render(252, "2.0.0", "cannot verify, send a message and see")
HELP = render(
    214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT STARTTLS"
)
START_TLS = render(220, "2.0.0", "ready to start TLS")

# -- last words: the connection is closed after these -----------------------------

SESSION_LIMIT = render(421, "4.4.5", "Service unavailable, concurrency limit reached")
IDLE = render(421, "4.4.2", "idle for too long, closing the connection")
GOING_DOWN = render(421, "4.3.2", "Reconfiguration in progress")
INTERNAL_ERROR = render(421, "4.3.0", "internal error, try again later")
TOO_MANY_ERRORS = render(421, "4.7.0", "too many bad commands")

# -- the banner and the answer to EHLO ----


def banner(settings: ReceptionSettings, date: str) -> bytes:
    """The first line: `220 <host> ESMTP mcmtpush <version> <date>`.

    A `static_banner` replaces all of it, if it begins with 220 as it must.
    """
    static = settings.static_banner
    if static is not None and static.startswith("220"):
        return _line(static)
    host = settings.banner_hostname or settings.hostname
    return _line(f"220 {host} ESMTP mcmtpush {__version__} {date}")


def keywords(settings: ReceptionSettings, *, offer_tls: bool) -> list[str]:
    """What EHLO advertises, our own first, then additions of `smtp_extensions`."""
    size = f"SIZE {settings.max_message_size}" if settings.max_message_size else "SIZE"
    own = ["PIPELINING", "8BITMIME", size, "ENHANCEDSTATUSCODES"]
    if offer_tls:
        own.append("STARTTLS")
    known = {"PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES", "STARTTLS"}
    for entry in settings.smtp_extensions:
        name = keyword(entry)
        if not left_out(entry) and name not in known:
            known.add(name)
            own.append(entry)
    return own


def ehlo(settings: ReceptionSettings, peer: str, *, offer_tls: bool) -> bytes:
    """The whole answer to EHLO."""
    host = settings.banner_hostname or settings.hostname
    lines = [f"{host} says EHLO to {peer}", *keywords(settings, offer_tls=offer_tls)]
    return b"".join(
        [*(_line(f"250-{line}") for line in lines[:-1]), _line(f"250 {lines[-1]}")]
    )


def helo(settings: ReceptionSettings, peer: str) -> bytes:
    """The answer to HELO."""
    host = settings.banner_hostname or settings.hostname
    return _line(f"250 {host} says HELO to {peer}")


def _line(text: str) -> bytes:
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable())
    return text.encode("ascii", "replace") + b"\r\n"
