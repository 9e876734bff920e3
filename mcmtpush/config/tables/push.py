"""The options of Apple's HTTP/2 interface, which routes with the scheme apn2 use.

Every row is `name=(default, help)` below what its group shares, as in
`config.tables.sending`.
"""

from __future__ import annotations

from mcmtpush.config.tables.declaration import SENDING, Option, rows


PUSH_TYPES = (
    "alert",
    "background",
    "complication",
    "controls",
    "fileprovider",
    "liveactivity",
    "location",
    "mdm",
    "pushtotalk",
    "voip",
    "widgets",
)
"""What Apple's `apns-push-type` may say."""

HTTP2: tuple[Option, ...] = (
    *rows(
        "path",
        SENDING,
        used=True,
        apn_key_file=(None, "Key (.p8) that signs provider tokens; none cancels."),
    ),
    *rows(
        "string",
        SENDING,
        used=True,
        apn_key_id=(None, "Apple's id of that key, 10 characters."),
        apn_team_id=(None, "Apple's id of the developer team, 10 characters."),
        apn_topic=(None, "Bundle id of the app; the push type adds its suffix."),
        apn_collapse_id=(None, "Notifications of one id replace one another."),
    ),
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=PUSH_TYPES,
        apn_push_type=("alert", "Push type of messages that do not say theirs."),
    ),
    *rows(
        "choice",
        SENDING,
        used=True,
        choices=("unset", "1", "5", "10"),
        apn_priority=("unset", "Priority of messages that do not say theirs."),
    ),
    *rows(
        "proxy",
        SENDING,
        used=True,
        choices=("none",),
        apn_proxy=(None, "HTTP proxy towards apn2 routes; none cancels."),
    ),
    *rows(
        "route",
        SENDING,
        used=True,
        apn_manage_host=(None, "Host for channels; unset is found by the route."),
    ),
)
