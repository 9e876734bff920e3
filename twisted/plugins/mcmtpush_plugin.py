"""Tells twistd that `mcmtpush` exists."""

from __future__ import annotations

from twisted.application.service import ServiceMaker


mcmtpush = ServiceMaker(
    "mcmtpush",
    "mcmtpush.tap",
    "Push notifications the way mail is sent: ESMTP in, durable queue, Apple out.",
    "mcmtpush",
)
