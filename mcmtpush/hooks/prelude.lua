-- What a script finds: the names of Momentum's policies, Lua's own libraries but for
-- those that reach outside, and a bound on what one call may take.
--
-- Run once for each configuration, with a table of what the program lends; returns
-- what the program calls.

local lent = ...

local debug, coroutine = debug, coroutine
local error, rawpcall, rawxpcall, type, tostring = error, pcall, xpcall, type, tostring
local create, resume, sethook = coroutine.create, coroutine.resume, debug.sethook
local getinfo, concat, collect = debug.getinfo, table.concat, collectgarbage
local setfenv, select, clock = setfenv, select, os.clock
local find, gsub = string.find, string.gsub
local rawpairs, rawipairs = pairs, ipairs

-- -- what scripts call _G -----------------------------------------------------------
--
-- A table of their own, with copies of the libraries.  The library that runs Lua looks
-- up names in the real one outside any protection: an error there, as one that a
-- metatable of a script raises, would end the process.

local function copy(library)
  local made = {}
  for name, value in rawpairs(library) do
    made[name] = value
  end
  return made
end

local string, table, math = copy(string), copy(table), copy(math)
local coroutine = copy(coroutine)
local os = { clock = os.clock, date = os.date, difftime = os.difftime, time = os.time }
string.dump = nil

local env = {
  assert = assert,
  error = error,
  getmetatable = getmetatable,
  next = next,
  rawequal = rawequal,
  rawget = rawget,
  rawset = rawset,
  select = select,
  setmetatable = setmetatable,
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  unpack = unpack,
  coroutine = coroutine,
  math = math,
  os = os,
  string = string,
  table = table,
  _VERSION = _VERSION,
}
env._G = env

-- Texts find what scripts add to `string`; their metatable, and that of the program's
-- values, is out of reach.
local texts, values = debug.getmetatable(""), debug.getmetatable(lent.null)
texts.__index, texts.__metatable = string, false
values.__metatable = false

-- -- a bound ------------------------------------------------------------------------

local LIMIT, MEMORY = lent.instruction_limit, lent.memory_limit
local STEP = (LIMIT > 0 and LIMIT < 1000) and LIMIT or 1000
local TOO_LONG = "it took more than " .. LIMIT .. " instructions (instruction_limit)"
local TOO_MUCH = "not enough memory (memory_limit)"
local left, exhausted = 0, nil

-- Instructions may be long ones.  Of the processor's time, not of the day's: who else
-- is at work on the machine does not make a script fail.
local SECONDS = lent.seconds
local TOO_SLOW = "it took more than " .. SECONDS .. " s of processor time: make fewer or"
  .. " shorter texts and tables, or raise instruction_limit (1 s for each 10000000)"
local deadline, look = nil, 0 -- known after the first STEP: most calls are shorter

-- -- garbage ------------------------------------------------------------------------
--
-- Of the values of the program that Lua holds, the library keeps a table, and reuses
-- the places of those that are gone.  A collector that clears a place now and tells of
-- it some steps later makes it give one place to two values: a script would be shown
-- another message than the one it is asked about.  So Lua collects nothing by itself,
-- and here everything at once, between two instructions or two calls.

local CALLS = 2000 -- of the program's own, whose memory Lua does not see
local ROOM = 4 * 1024 * 1024
if MEMORY > 0 and MEMORY < ROOM then
  ROOM = MEMORY
end

local calls, enough = 0, ROOM

local function used()
  return 1024 * collect("count")
end

-- Whether too much of it is alive: looked at here, it is an error of the script.  One
-- that the allocator raises would go through whatever of the program is at work.
local function starved()
  collect("collect")
  collect("stop")
  local alive = used()
  calls, enough = 0, alive + (alive > ROOM and alive or ROOM)
  return MEMORY > 0 and alive > MEMORY
end

collect("stop")

local function tick()
  if LIMIT > 0 then
    left = left - STEP
    if left <= 0 then
      exhausted = TOO_LONG
      error(TOO_LONG, 2)
    end
    if left <= look then
      look = left - 4 * STEP -- to ask costs as much as a few hundred instructions
      local now = clock()
      deadline = deadline or now + SECONDS
      if now > deadline then
        exhausted = TOO_SLOW
        error(TOO_SLOW, 2)
      end
    end
  end
  if used() > enough and starved() then
    exhausted = TOO_MUCH
    error(TOO_MUCH, 2)
  end
end

-- Whoever catches errors does not catch these.
local function pass(...)
  if exhausted then
    error(exhausted, 0)
  end
  return ...
end

-- Library functions whose time grows with what they are given or make: so much counts
-- as instructions, about as many as would take that time.
local LONG = 1000
local lib = { string = copy(string), table = copy(table) }

local function spend(amount)
  if LIMIT > 0 and amount > LONG then
    left = left - amount / 4
    if left <= 0 then
      exhausted = TOO_LONG
      error(TOO_LONG, 3)
    end
  end
end

local function paid(made, ...)
  spend(#made)
  return made, ...
end

function string.rep(text, times)
  local size = #text * times
  if MEMORY > 0 and size > MEMORY then
    error(TOO_MUCH, 2)
  end
  spend(size + times) -- of nothing it may make a great many, too
  return (lib.string.rep(text, times))
end

for _, name in rawipairs({ "upper", "lower", "reverse" }) do
  local make = string[name]
  string[name] = function(text)
    return paid(make(text))
  end
end

function string.format(...)
  return paid(lib.string.format(...))
end

function string.gsub(...)
  return paid(lib.string.gsub(...))
end

function table.concat(...)
  return paid(lib.table.concat(...))
end

-- Moves all that is behind it.
function table.insert(list, ...)
  if select("#", ...) > 1 and type(list) == "table" then
    spend(4 * #list)
  end
  return (lib.table.insert(list, ...))
end

function table.remove(list, ...)
  if select("#", ...) > 0 and type(list) == "table" then
    spend(4 * #list)
  end
  return (lib.table.remove(list, ...))
end

function table.sort(list, ...)
  if type(list) == "table" then
    spend(100 * #list)
  end
  return (lib.table.sort(list, ...))
end

function env.pcall(f, ...)
  return pass(rawpcall(f, ...))
end

function env.xpcall(f, handler)
  return pass(rawxpcall(f, handler))
end

function coroutine.create(f)
  local made = create(f)
  sethook(made, tick, "", STEP)
  return made
end

function coroutine.resume(...)
  return pass(resume(...))
end

local function unwrap(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

function coroutine.wrap(f)
  local made = coroutine.create(f)
  return function(...)
    return unwrap(pass(resume(made, ...)))
  end
end

-- -- calls from the program ---------------------------------------------------------

local source, line = "", 0

local function locate(fault)
  local level = 2
  while true do
    local info = getinfo(level, "Sl")
    if not info then
      return fault
    end
    if info.currentline > 0 and info.source ~= "=policy" then
      source, line = info.source, info.currentline
      return fault
    end
    level = level + 1
  end
end

local function finish(ok, ...)
  if not ok then
    error((...), 0)
  end
  return (...)
end

local function call(f, self, a, b)
  left, exhausted, source, line = LIMIT, nil, "", 0
  deadline, look = nil, LIMIT
  calls = calls + 1
  if calls >= CALLS or used() > enough then
    starved() -- nothing of the calls before is in use any more
  end
  return finish(rawxpcall(function()
    return f(self, a, b)
  end, locate))
end

sethook(tick, "", STEP)

-- -- what is known of the program's values ------------------------------------------

values.__len = function(value)
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
  string = string,
  table = table,
  math = math,
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

-- -- no way out ---------------------------------------------------------------------

_G.debug, _G.io, _G.package, _G.module, _G.python, _G.newproxy = nil, nil, nil, nil, nil, nil
_G.dofile, _G.load, _G.loadfile, _G.loadstring = nil, nil, nil, nil
_G.collectgarbage, _G.getfenv, _G.setfenv, _G.gcinfo = nil, nil, nil, nil

return {
  call = call,
  confine = confine,
  where = function()
    return source, line
  end,
  begin = function()
    registered, open = {}, true
  end,
  take = function()
    open = false
    return registered
  end,
}
