"""What an operator can do about a word of Apple's: one sentence for each.

Source: Apple, "Handling notification responses from APNs", in this program's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


_CREDENTIAL: Final = (
    "check apn_key_file, apn_key_id and apn_team_id against each other and against "
    "the clock of this machine; `mcmtpush keys test` rehearses them"
)
_ENVIRONMENT: Final = (
    "routes and the credential belong to different environments (sandbox and "
    "production): correct one of them"
)
_TOPIC: Final = (
    "check that apn_topic, or the message's X-APNs-Topic, is a bundle id that the "
    "credential is for"
)
_BROADCAST: Final = (
    "look at what the messages bring: Apple wants a Live Activity update"
)
_PROGRAM: Final = "this should not happen: please report it"

ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BadCertificate": "the certificate in tls_certificate is of no use to Apple: "
        "replace it",
        "BadCertificateEnvironment": _ENVIRONMENT,
        "BadEnvironmentKeyIdInToken": _ENVIRONMENT,
        "BadEnvironmentKeyInToken": _ENVIRONMENT,
        "InvalidProviderToken": _CREDENTIAL,
        "ExpiredProviderToken": "new tokens are called expired, too: check the clock "
        "of this machine",
        "MissingProviderToken": "Apple saw neither a certificate nor a token: set "
        "apn_key_file, apn_key_id and apn_team_id, or tls_certificate",
        "UnrelatedKeyIdInToken": "two keys were used where Apple wants one: give each "
        "domain whose keys are unrelated a binding or domain of its own",
        "TooManyProviderTokenUpdates": "tokens of this key are made too often, maybe "
        "by another program: no more than one in 20 minutes may be",
        "Forbidden": "the credential may not do this: look at the rights of the key "
        "in Apple's developer account",
        "BadTopic": _TOPIC,
        "TopicDisallowed": _TOPIC,
        "MissingTopic": _TOPIC,
        "TopicMismatch": _TOPIC,
        "DeviceTokenNotForTopic": "the device tokens belong to another app than "
        "apn_topic says, or to another environment",
        "BadCollapseId": "check apn_collapse_id",
        "BadExpirationDate": "check apn_expiry; a channel that stores nothing takes "
        "broadcasts only with 0, there or as the message's X-APNs-Expiration",
        "BadPriority": "check apn_priority",
        "InvalidPushType": "check apn_push_type",
        "BadChannelId": "check X-APNs-Channel-ID of the messages: `mcmtpush channels "
        "list` shows the channels there are",
        "BadRequestParams": _BROADCAST,
        "BadRequestPayload": _BROADCAST,
        "MissingPushType": _PROGRAM,
        "BadMessageId": _PROGRAM,
        "MissingChannelId": _PROGRAM,
        "MissingDeviceToken": _PROGRAM,
        "DuplicateHeaders": _PROGRAM,
        "BadPath": "a gateway that does not know the path of Apple's requests: check "
        "routes",
        "MethodNotAllowed": _PROGRAM,
        "FeatureNotEnabled": "switch broadcasts on for the app in Apple's developer "
        "account",
        "ChannelNotRegistered": "the channel is gone: `mcmtpush channels list` shows "
        "those there are",
        "": "what answers there is not Apple, who always says why: check routes",
        "CannotCreateChannelConfig": "the app has as many channels as it may have: "
        "delete some with `mcmtpush channels delete`",
    }
)
_OTHERWISE: Final = "Apple's documentation of responses may know more"


def advice(reason: str) -> str:
    """What to do, without a full stop."""
    return ADVICE.get(reason, _OTHERWISE)
