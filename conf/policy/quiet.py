"""A sample of policy: quiet at night, and short texts.

In the configuration:

    python {
      script "quiet" { source = "policy.quiet" }
    }

"""

from __future__ import annotations

from mcmtpush.hooks.api import (
    DELIVERY_PERMFAILED,
    ECMESS_CTX_CONN,
    ECMESS_CTX_MESS,
    apn_status_classifier,
)


LONGEST = 120


def init():
    """Read what is needed later; without `return True` nothing is started."""
    return True


def apn_request_eval(req, msg):
    """Before a push is sent: `req` may be changed, and is checked again."""
    # Pushes of a campaign do not wake anybody, and only the last one is shown.
    # A listen or peer says which: context = [ campaign = "spring" ].
    campaign = msg.context_get(ECMESS_CTX_CONN, "campaign")
    if campaign:
        req.headers["apns-priority"] = 5
        req.headers["apns-collapse-id"] = campaign
    aps = req.json.get("aps", {})
    alert = aps.get("alert")
    if isinstance(alert, str) and len(alert) > LONGEST:
        aps["alert"] = alert[: LONGEST - 1] + "…"
    return 0


def apn_response_eval(resp):
    """When Apple refused one: an app that is not there yet may come back."""
    if resp.reason == "DeviceTokenNotForTopic":
        resp.status = 1
    return 0


def generic_delivery_msg_dispose(msg):
    """Before the record is made: what is set here is `%vctx_mess{…}` in the log."""
    status = msg.context_get(ECMESS_CTX_MESS, "DLV_Response_Status")
    if status and apn_status_classifier(status) == DELIVERY_PERMFAILED:
        msg.context_set(ECMESS_CTX_MESS, "fallback", "mail")
