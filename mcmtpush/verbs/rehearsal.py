"""What the answer to a push that nobody can get says about its credential.

A table of Apple's reasons; asks nobody and prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mcmtpush.values import Native


NOBODY: Final = "00" * 32
"""A device token of the right form that no device has."""


@frozen
class Finding:
    """Whether the credential works; None when the answer does not say.  And why."""

    works: bool | None
    text: str


_WORKS: Final = "the credential works: all that was refused is the device token"
_ENVIRONMENT: Final = (
    "the credential is for the other environment: production is api.push.apple.com, "
    "development is api.sandbox.push.apple.com"
)
_STUMBLED: Final = Finding(None, "the service is in trouble: try again later")

_FINDINGS: Final[Mapping[str, Finding]] = {
    "BadDeviceToken": Finding(True, _WORKS),
    "DeviceTokenNotForTopic": Finding(True, _WORKS),
    "Unregistered": Finding(True, _WORKS),
    "ExpiredToken": Finding(True, _WORKS),
    "TooManyRequests": Finding(
        True, "the credential works: it was only rehearsed too often for one token"
    ),
    "MissingTopic": Finding(
        False, "the certificate is for several topics: set apn_topic"
    ),
    "BadTopic": Finding(False, "apn_topic is not a topic: it is the app's bundle id"),
    "TopicDisallowed": Finding(
        False,
        "the credential is not for this topic: look at apn_topic, apn_push_type, and "
        "the app that the key or certificate is for",
    ),
    "InvalidPushType": Finding(False, "apn_push_type is not known there"),
    "BadPriority": Finding(False, "apn_priority does not go with apn_push_type"),
    "BadCollapseId": Finding(False, "apn_collapse_id is too long"),
    "InvalidProviderToken": Finding(
        False,
        "the provider token is not believed: the key in apn_key_file, apn_key_id and "
        "apn_team_id do not belong together, or the key was revoked, or this "
        "machine's clock is wrong",
    ),
    "ExpiredProviderToken": Finding(
        False,
        "the provider token, made just now, looks too old: this machine's clock is "
        "wrong",
    ),
    "MissingProviderToken": Finding(
        False,
        "neither a provider token nor a certificate arrived: give a key, or a "
        "tls_certificate that Apple issued",
    ),
    "UnrelatedKeyIdInToken": Finding(
        False, "the key is not related to the one this team used there before"
    ),
    "BadEnvironmentKeyIdInToken": Finding(False, _ENVIRONMENT),
    "BadEnvironmentKeyInToken": Finding(False, _ENVIRONMENT),
    "BadCertificateEnvironment": Finding(False, _ENVIRONMENT),
    "BadCertificate": Finding(
        False,
        "the certificate is not accepted: it expired, was revoked, or is no one's",
    ),
    "Forbidden": Finding(
        False, "the key or certificate may not do this: look at what it was made for"
    ),
    "TooManyProviderTokenUpdates": Finding(
        None, "provider tokens were made too often: try again in 20 minutes"
    ),
    "InternalServerError": _STUMBLED,
    "ServiceUnavailable": _STUMBLED,
    "Shutdown": _STUMBLED,
}
"""By Apple's reason."""


def judge(native: Native) -> Finding:
    """What an answer says, or the end of a connection; reasons may be unknown."""
    if 200 <= native.status < 300:
        return Finding(
            True,
            "the credential works: the push was even accepted, as a simulator does",
        )
    found = _FINDINGS.get(native.reason)
    if found is not None:
        return found
    if native.status == 403:
        return Finding(False, "the credential is refused for a reason not known here")
    if native.status >= 500:
        return _STUMBLED
    return Finding(None, "the answer says nothing about the credential")
