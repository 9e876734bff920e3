-- What scripts find by Momentum's names, and how they are loaded.  Returns what the
-- program calls for that.
--
-- Second of three, behind `sandbox.lua`.

local lent, env = ...

local error, type, tostring, select = error, type, tostring, select
local setfenv, concat, find, gsub = setfenv, table.concat, string.find, string.gsub
local rawpairs, rawipairs = pairs, ipairs

-- -- what is known of the program's values ------------------------------------------

debug.getmetatable(lent.null).__len = function(value)
  return lent.length(value)
end

function env.pairs(value)
  if type(value) ~= "userdata" then
    return rawpairs(value)
  end
  local keys, at = lent.keys(value), 0
  return function()
    at = at + 1
    local key = keys[at]
    if key ~= nil then
      return key, value[key]
    end
  end
end

function env.ipairs(value)
  if type(value) ~= "userdata" then
    return rawipairs(value)
  end
  local at = 0
  return function()
    at = at + 1
    local item = value[at]
    if item ~= nil then
      return at, item
    end
  end
end

-- -- Momentum's names ---------------------------------------------------------------

local registered, open = {}, false

local delivery, core, apn = {}, {}, {}
for name, value in rawpairs(lent.constants) do
  core[name] = value
  if find(name, "^DELIVERY_") then
    delivery[name] = value
  elseif find(name, "^APNS_") then
    apn[name] = value
  end
  env[name] = value
end
apn.apn_status_classifier = lent.apn_status_classifier

local msys = { core = core, apn = apn, delivery = delivery, extended = { message = {} } }

function msys.registerModule(name, functions)
  if not open then
    error("a module is registered when its script is loaded", 2)
  end
  if type(name) ~= "string" or type(functions) ~= "table" then
    error("registerModule wants a name and a table", 2)
  end
  registered[#registered + 1] = { name, functions }
end

local json = {
  decode = lent.decode,
  encode = lent.encode,
  new = lent.new,
  null = lent.null,
  strerror = lent.strerror,
}
for name, value in rawpairs(lent.json_errors) do
  json[name] = value
end

function env.print(...)
  local texts = {}
  for at = 1, select("#", ...) do
    texts[at] = tostring((select(at, ...)))
  end
  lent.print(concat(texts, "\t"))
end

env.msys, env.json = msys, json

local loaded = {
  strict = true,
  json = json,
  msys = msys,
  ["msys.boot"] = msys,
  ["msys.core"] = core,
  ["msys.apn"] = apn,
  ["msys.delivery"] = delivery,
  ["msys.extended.message"] = msys.extended.message,
  string = env.string,
  table = env.table,
  math = env.math,
}

local function confine(chunk)
  return setfenv(chunk, env)
end

function env.require(name)
  local wanted = tostring(name)
  local key = gsub(wanted, "/", ".")
  if loaded[key] == nil then
    loaded[key] = true
    local result = confine(lent.compile(wanted))()
    if result ~= nil then
      loaded[key] = result
    end
  end
  return loaded[key]
end

return {
  confine = confine,
  begin = function()
    registered, open = {}, true
  end,
  take = function()
    open = false
    return registered
  end,
}
