"""Which app a connection is for, by the certificate that it shows."""

from __future__ import annotations

from typing import Any

from mcmtpush.config.certificate import topic_of


def shown_topic(transport: Any) -> str | None:
    """The app in the certificate that we show on this connection.

    None when we show none, when it names no app, and without TLS.
    """
    handle = getattr(transport, "getHandle", None)
    # A plain socket has a handle, too.
    get = getattr(handle(), "get_certificate", None) if handle else None
    shown = get(as_cryptography=True) if get else None
    return None if shown is None else topic_of(shown)
