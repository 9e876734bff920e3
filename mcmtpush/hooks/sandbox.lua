-- What scripts call _G: a table of their own, with copies of the libraries but for
-- what reaches outside.  Returns it.
--
-- The library that runs Lua looks up names in the real one outside any protection: an
-- error there, as one that a metatable of a script raises, would end the process.
--
-- First of three that are run once for each configuration, each with a table of what
-- the program lends; `momentum.lua` and `bound.lua` get what this returns as well.

local lent = ...

collectgarbage("stop") -- `bound.lua` says why

local function copy(library)
  local made = {}
  for name, value in pairs(library) do
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

return env
