"""When a message is tried again, and how often.

Arithmetic on settings only.  Retries count from 1: N retries are N + 1 attempts.
"""

from __future__ import annotations

from mcmtpush.config.views import QueueSettings


_DOUBLINGS = 62
"""More doublings than this are beyond any cap and not worth the arithmetic."""


def delay_before(retry: int, interval_seconds: int, max_interval_seconds: int) -> int:
    """Seconds between a failure and the `retry`-th retry, which is at least the 1st.

    The interval doubles with every retry, up to the cap.
    """
    doubled = interval_seconds << min(retry - 1, _DOUBLINGS)
    return min(doubled, max_interval_seconds)


def retry_limit(settings: QueueSettings) -> int | None:
    """How many retries a message gets, or None if only its age counts.

    `auto` is the greatest number of retries whose delays add up to no more than
    `message_expiration`; without any delay there is no such number.
    """
    if settings.max_retries == "none":
        return None
    if settings.max_retries == "auto":
        return _automatic_limit(settings)
    return settings.max_retries


def _automatic_limit(settings: QueueSettings) -> int | None:
    interval = settings.retry_interval_seconds
    cap = settings.max_retry_interval_seconds
    left = settings.message_expiration_seconds
    if min(interval, cap) <= 0:
        return None
    retries = 0
    while (delay := delay_before(retries + 1, interval, cap)) <= left:
        if delay == cap:
            return retries + left // cap
        left -= delay
        retries += 1
    return retries
