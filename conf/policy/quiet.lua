-- A sample of policy: what quiet.py does, in Lua.  In the configuration:
--
--     scriptlet "scriptlet" {
--       script "quiet" { source = "policy.quiet" }
--     }
--     alerting {}

require("msys.apn")
require("msys.delivery")

local mod = {}
local LONGEST = 120
local MESS = msys.core.ECMESS_CTX_MESS
local CONN = msys.core.ECMESS_CTX_CONN

-- Read what is needed later; without "return true" nothing is started.
function mod:init()
  return true
end

-- Before a push is sent: req may be changed, and is checked again.
function mod:apn_request_eval(req, msg)
  -- Pushes of a campaign do not wake anybody, and only the last one is shown.
  -- A listen or peer says which: context = [ campaign = "spring" ].
  local campaign = msg:context_get(CONN, "campaign")
  if campaign != "" then
    req.headers["apns-priority"] = 5
    req.headers["apns-collapse-id"] = campaign
  end
  -- Lua counts bytes: a longer text in other letters than Latin ones is let be.
  local aps = req.json.aps
  local alert = aps and aps.alert
  if type(alert) == "string" and #alert > LONGEST and not alert:find("[\128-\255]") then
    aps.alert = alert:sub(1, LONGEST - 3) .. "..."
  end
  return 0
end

-- When Apple refused one: an app that is not there yet may come back.
function mod:apn_response_eval(resp)
  if resp.reason == "DeviceTokenNotForTopic" then
    resp.status = msys.apn.APNS_PROCESSING_ERROR
  end
  return 0
end

-- Before the record is made: what is set here is %vctx_mess{...} in the log.
function mod:generic_delivery_msg_dispose(msg)
  local status = msg:context_get(MESS, "DLV_Response_Status")
  if status != ""
    and msys.apn.apn_status_classifier(status) == msys.delivery.DELIVERY_PERMFAILED then
    msg:context_set(MESS, "fallback", "mail")
  end
  return msys.delivery.DELIVERY_CONTINUE
end

msys.registerModule("quiet", mod)
