"""Apple's reasons and the HTTP status of each.

Source: Apple, "Handling notification responses from APNs" and "Handling error
responses from APNs" (broadcast channels).  The set is open: a script may name
others when it gives their status.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "BadCollapseId": 400,
        "BadDeviceToken": 400,
        "BadExpirationDate": 400,
        "BadMessageId": 400,
        "BadPriority": 400,
        "BadTopic": 400,
        "DeviceTokenNotForTopic": 400,
        "DuplicateHeaders": 400,
        "IdleTimeout": 400,
        "InvalidPushType": 400,
        "MissingDeviceToken": 400,
        "MissingTopic": 400,
        "PayloadEmpty": 400,
        "TopicDisallowed": 400,
        "BadCertificate": 403,
        "BadCertificateEnvironment": 403,
        "ExpiredProviderToken": 403,
        "Forbidden": 403,
        "InvalidProviderToken": 403,
        "MissingProviderToken": 403,
        "UnrelatedKeyIdInToken": 403,
        "BadEnvironmentKeyIdInToken": 403,
        "BadEnvironmentKeyInToken": 403,
        "BadPath": 404,
        "MethodNotAllowed": 405,
        "ExpiredToken": 410,
        "Unregistered": 410,
        "PayloadTooLarge": 413,
        "TooManyProviderTokenUpdates": 429,
        "TooManyRequests": 429,
        "InternalServerError": 500,
        "ServiceUnavailable": 503,
        "Shutdown": 503,
        # Broadcast channels only.
        "BadChannelId": 400,
        "BadRequestParams": 400,
        "BadRequestPayload": 400,
        "CannotCreateChannelConfig": 400,
        "ChannelNotRegistered": 400,
        "FeatureNotEnabled": 400,
        "MissingChannelId": 400,
        "MissingPushType": 400,
        "TopicMismatch": 403,
    }
)

_OF_BINARY: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "InternalServerError",
        2: "MissingDeviceToken",
        3: "MissingTopic",
        4: "PayloadEmpty",
        5: "BadDeviceToken",
        6: "BadTopic",
        7: "PayloadTooLarge",
        8: "Unregistered",
        128: "BadRequestPayload",
        255: "InternalServerError",
    }
)


def reason_of(status: int) -> str:
    """What this half says where the binary one would answer with `status`."""
    return _OF_BINARY.get(status, "InternalServerError")
