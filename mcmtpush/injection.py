"""One push from the command line into a gateway, by SMTP as any injector would.

Shares no code with reception: what it sends is what a stranger would send.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import frozen

from mcmtpush.errors import McmtPushError, MessageRejected
from mcmtpush.mcmt.compose import alert_payload
from mcmtpush.mcmt.payload import read_payload


DEFAULT_PORT: Final = 2525
TIMEOUT_SECONDS: Final = 60.0


class InjectionError(McmtPushError):
    """No answer was had; the text says why and what to do."""


@frozen
class Server:
    """Where to inject."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@frozen
class Reply:
    """The answer that ended the dialogue; `step` is the command it answers."""

    code: int
    text: str
    step: str

    @property
    def accepted(self) -> bool:
        """Whether the message is now the server's."""
        return self.step == "DATA" and 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def parse_server(text: str) -> Server:
    """`host:port`, `[::1]:port`, `host` alone (port 2525) or `:port` (this machine).

    Raises:
        ValueError: it is none of these.
    """
    host, bracket, tail = text.rpartition("]")
    host, _, port = (host + bracket, "", tail[1:]) if bracket else text.partition(":")
    if bracket and tail[:1] not in {"", ":"}:
        raise ValueError(f'"{text}": a colon belongs between "]" and the port')
    if ":" in port:
        raise ValueError(f'"{text}": write an IPv6 address in brackets')
    if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise ValueError(f'"{port}" is not a port from 1 to 65535')
    return Server(
        host.removeprefix("[").removesuffix("]") or "127.0.0.1",
        int(port or DEFAULT_PORT),
    )


def build_payload(
    base: bytes | None, alert: str | None, badge: int | None, sound: str | None
) -> dict[str, Any]:
    """The JSON object to send: `base`, when there is one, with the rest laid over it.

    Raises:
        ValueError: `base` is not a JSON object, or its `aps` is none.
    """
    payload: dict[str, Any] = {}
    if base is not None:
        try:
            payload = orjson.loads(read_payload(base, where="the payload"))
        except MessageRejected as error:
            raise ValueError(error.text) from None
    aps = payload.get("aps", {})
    if not isinstance(aps, Mapping):
        raise ValueError(  # noqa: TRY004 - of what was typed
            '"aps" in the payload is not an object'
        )
    over = alert_payload(alert, badge, sound)["aps"]
    return {**payload, "aps": {**aps, **over}} if over else payload


def inject(
    server: Server, sender: str, recipient: str, content: bytes, *, hostname: str
) -> Reply:
    """Hand a message over, in one transaction of its own.

    Args:
        server: where.
        sender: for MAIL FROM, possibly empty.
        recipient: for RCPT TO.
        content: the whole message.
        hostname: said in EHLO.

    Raises:
        InjectionError: the server cannot be reached, or went away.
    """
    client = smtplib.SMTP(local_hostname=hostname, timeout=TIMEOUT_SECONDS)
    try:
        return _converse(client, server, sender, recipient, content)
    except smtplib.SMTPServerDisconnected as error:
        if isinstance(error.__context__, TimeoutError):  # it is smtplib that hung up
            raise InjectionError(
                f"{server} did not answer within {TIMEOUT_SECONDS:.0f} seconds: look "
                "into its log before you send again"
            ) from None
        raise InjectionError(
            f"{server} hung up before it answered: look into its log"
        ) from None
    except ConnectionRefusedError:
        raise InjectionError(
            f"nothing listens on {server}: start the gateway (twistd --nodaemon "
            "mcmtpush --config FILE), or name another one with --server HOST:PORT"
        ) from None
    except TimeoutError:
        raise InjectionError(
            f"{server} did not answer within {TIMEOUT_SECONDS:.0f} seconds: check the "
            "address, and whether a firewall is between"
        ) from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InjectionError(
            f"cannot reach {server}: {reason}; check --server"
        ) from None
    finally:
        client.close()


def _converse(
    client: smtplib.SMTP, server: Server, sender: str, recipient: str, content: bytes
) -> Reply:
    """Say what has to be said, up to the first refusal."""
    try:
        reply = _reply(client.connect(server.host, server.port), "connecting")
        if reply.code != 220:
            return reply
        client.ehlo_or_helo_if_needed()
        reply = _reply(client.mail(sender), "MAIL FROM")
        if reply.code == 250:
            reply = _reply(client.rcpt(recipient), "RCPT TO")
        if reply.step == "RCPT TO" and reply.code in {250, 251}:
            reply = _reply(client.data(content), "DATA")
    except smtplib.SMTPHeloError as error:
        return _reply((error.smtp_code, error.smtp_error), "EHLO")
    except smtplib.SMTPResponseException as error:
        return _reply((error.smtp_code, error.smtp_error), "DATA")
    with contextlib.suppress(smtplib.SMTPException, OSError):
        client.docmd("QUIT")
    return reply


def _reply(answer: tuple[int, bytes | str], step: str) -> Reply:
    code, text = answer
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return Reply(code, text, step)
