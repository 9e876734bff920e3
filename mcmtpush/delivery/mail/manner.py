"""How a queue's mail is to be delivered, from its settings."""

from __future__ import annotations

from typing import Final, Literal

from attrs import frozen

from mcmtpush.config.views import DeliverySettings
from mcmtpush.delivery.mail.event import Terms


TlsMode = Literal["no", "ifavailable", "required"]

HOSTNAME: Final = "__hostname__"
"""In `ehlo_hostname`: our own name."""


@frozen
class Manner:
    """What the settings ask for.

    Attributes:
        terms: how we talk.
        rest_seconds: for how long a server that failed is avoided.
        sweep_after: so many vain rounds over all servers put the queue off; 0 never.
    """

    terms: Terms
    rest_seconds: float
    sweep_after: int


def manner_of(settings: DeliverySettings, hostname: str) -> Manner:
    """From the settings of a queue; `hostname` is ours."""
    name = settings.ehlo_hostname
    tls: TlsMode = settings.tls_mode
    terms = Terms(
        hostname=hostname if not name or name == HOSTNAME else name,
        tls=tls,
        fallback=settings.tls_ifavailable_fallback,
        extended=settings.delivery_method != "smtp" or tls != "no",
    )
    return Manner(
        terms,
        settings.host_failure_retry_seconds,
        settings.mx_failures_to_delay,
    )
