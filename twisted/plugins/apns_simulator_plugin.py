"""Makes `twistd apns-simulator` known to twistd."""

from __future__ import annotations

from twisted.application.service import ServiceMaker


apns_simulator = ServiceMaker(
    "mcmtpush APNs simulator",
    "mcmtpush.simulator.tap",
    "A pretend Apple push gateway (binary protocol) with a journal and faults.",
    "apns-simulator",
)
