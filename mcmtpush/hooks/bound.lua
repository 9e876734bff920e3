-- What one call of a script may take, in instructions, time and memory.  Returns how
-- the program calls, and asks where an error was.
--
-- Last of three, behind `sandbox.lua` and `momentum.lua`: what this bounds has all its
-- names, and the way out is closed behind it.

local lent, env = ...

local debug, collect = debug, collectgarbage
local error, rawpcall, rawxpcall, type = error, pcall, xpcall, type
local create, resume, sethook = coroutine.create, coroutine.resume, debug.sethook
local getinfo, select, clock, ipairs = debug.getinfo, select, os.clock, ipairs
local string, table, coroutine = env.string, env.table, env.coroutine

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
-- another message than the one it is asked about.  So Lua collects nothing by itself
-- from `sandbox.lua` on, and here everything at once, between two instructions or calls.

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
local lib = _G -- whose functions are as they were

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

for _, name in ipairs({ "upper", "lower", "reverse" }) do
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

-- -- no way out ---------------------------------------------------------------------

_G.debug, _G.io, _G.package, _G.module, _G.python, _G.newproxy = nil, nil, nil, nil, nil, nil
_G.dofile, _G.load, _G.loadfile, _G.loadstring = nil, nil, nil, nil
_G.collectgarbage, _G.getfenv, _G.setfenv, _G.gcinfo = nil, nil, nil, nil

sethook(tick, "", STEP)

return {
  call = call,
  where = function()
    return source, line
  end,
}
