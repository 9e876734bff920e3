"""What policy code may import, and what it is given: nothing else here is promised.

A policy module in Python is a file with functions named after hooks::

    from mcmtpush.hooks.api import DELIVERY_PERMFAILED, apn_status_classifier

    def apn_request_eval(req, msg):
        req.headers["apns-collapse-id"] = msg.id
        return 0

What is changed on `req`, `resp` and `msg` holds when all scripts that were asked
are done and none failed, and for the present attempt alone.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.apns import reasons
from mcmtpush.apns.reasons import StatusClass, classify_status
from mcmtpush.hooks.header import Headers
from mcmtpush.hooks.message import ECMESS_CTX_CONN, ECMESS_CTX_MESS, Message
from mcmtpush.hooks.request import Request
from mcmtpush.hooks.response import Response


__all__ = [
    "APNS_INVALID_PAYLOAD_SIZE",
    "APNS_INVALID_TOKEN",
    "APNS_INVALID_TOKEN_SIZE",
    "APNS_INVALID_TOPIC_SIZE",
    "APNS_MISSING_DEVICE_TOKEN",
    "APNS_MISSING_PAYLOAD",
    "APNS_MISSING_TOPIC",
    "APNS_NO_ERROR",
    "APNS_PROCESSING_ERROR",
    "APNS_SHUTDOWN",
    "DELIVERY_CONTINUE",
    "DELIVERY_DONE",
    "DELIVERY_PERMFAILED",
    "DELIVERY_SUCCESS",
    "DELIVERY_TEMPFAILED",
    "ECMESS_CTX_CONN",
    "ECMESS_CTX_MESS",
    "Headers",
    "Message",
    "Request",
    "Response",
    "apn_status_classifier",
]

APNS_NO_ERROR: Final = reasons.NO_ERROR
APNS_PROCESSING_ERROR: Final = reasons.PROCESSING_ERROR
APNS_MISSING_DEVICE_TOKEN: Final = reasons.MISSING_TOKEN
APNS_MISSING_TOPIC: Final = reasons.MISSING_TOPIC
APNS_MISSING_PAYLOAD: Final = reasons.MISSING_PAYLOAD
APNS_INVALID_TOKEN_SIZE: Final = reasons.INVALID_TOKEN_SIZE
APNS_INVALID_TOPIC_SIZE: Final = reasons.INVALID_TOPIC_SIZE
APNS_INVALID_PAYLOAD_SIZE: Final = reasons.INVALID_PAYLOAD_SIZE
APNS_INVALID_TOKEN: Final = reasons.INVALID_TOKEN
APNS_SHUTDOWN: Final = reasons.SHUTDOWN

DELIVERY_CONTINUE: Final = 0
DELIVERY_DONE: Final = 1
DELIVERY_SUCCESS: Final = 2
DELIVERY_TEMPFAILED: Final = 3
DELIVERY_PERMFAILED: Final = 4

_CLASSES: Final = {
    StatusClass.SUCCESS: DELIVERY_SUCCESS,
    StatusClass.TEMPORARY: DELIVERY_TEMPFAILED,
    StatusClass.PERMANENT: DELIVERY_PERMFAILED,
}


def apn_status_classifier(status: int) -> int:
    """One of `DELIVERY_SUCCESS`, `DELIVERY_TEMPFAILED` and `DELIVERY_PERMFAILED`."""
    return _CLASSES[classify_status(int(status))]
