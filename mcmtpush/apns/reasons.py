"""Status codes of Apple's binary interface: their texts and what they call for.

Only the codes; what is done about a class is disposition's business.  Source:
Apple, "Binary Provider API", table of status codes; the classes are those of
Momentum's `apn_status_classifier`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


NO_ERROR: Final = 0
PROCESSING_ERROR: Final = 1
MISSING_TOKEN: Final = 2
MISSING_TOPIC: Final = 3
MISSING_PAYLOAD: Final = 4
INVALID_TOKEN_SIZE: Final = 5
INVALID_TOPIC_SIZE: Final = 6
INVALID_PAYLOAD_SIZE: Final = 7
INVALID_TOKEN: Final = 8
SHUTDOWN: Final = 10
PROTOCOL_ERROR: Final = 128
UNKNOWN: Final = 255

STATUS_TEXT: Final[Mapping[int, str]] = MappingProxyType(
    {
        NO_ERROR: "No Errors Encountered",
        PROCESSING_ERROR: "Processing Error",
        MISSING_TOKEN: "Missing Device Token",
        MISSING_TOPIC: "Missing Topic",
        MISSING_PAYLOAD: "Missing Payload",
        INVALID_TOKEN_SIZE: "Invalid Token Size",
        INVALID_TOPIC_SIZE: "Invalid Topic Size",
        INVALID_PAYLOAD_SIZE: "Invalid Payload Size",
        INVALID_TOKEN: "Invalid Token",
        SHUTDOWN: "Shutdown",
        PROTOCOL_ERROR: "Protocol Error",
        UNKNOWN: "None (unknown)",
    }
)
"""The text that goes into records; never used to decide anything."""


class StatusClass(Enum):
    """What a status says about trying again."""

    SUCCESS = "success"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"


_PERMANENT: Final = frozenset({2, 3, 4, 5, 6, 7, 8, PROTOCOL_ERROR})


def status_text(code: int) -> str:
    """The text of a status; codes without one are named by their number."""
    return STATUS_TEXT.get(code) or f"Unknown Status {code}"


def classify_status(code: int) -> StatusClass:
    """The class of a status; what is not known to be permanent may pass."""
    if code == NO_ERROR:
        return StatusClass.SUCCESS
    if code in _PERMANENT:
        return StatusClass.PERMANENT
    return StatusClass.TEMPORARY
