"""Policy in Lua: Momentum's names, and what a script cannot do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from unittest import mock

from attrs import evolve
from twisted.logger import capturedLogs, formatEvent

from mcmtpush.config.views import ScriptSettings
from mcmtpush.errors import ConfigErrors, HookError
from mcmtpush.hooks import api, lua
from mcmtpush.hooks.chain import Chain
from mcmtpush.hooks.loading import check, load
from mcmtpush.hooks.lua import filter_attribute
from mcmtpush.hooks.points import DISPOSE, REQUEST, RESPONSE, remarks
from tests.config.samples import MemoryFiles
from tests.hooks.stage import a_chain
from tests.hooks.test_request import MESSAGE, a_request
from tests.support.case import TestCase


FOLDER = "/etc/mcmtpush"
MAIN = f"{FOLDER}/gw.conf"
SCRIPT = ScriptSettings(
    "push", "lua", "push.policy", (FOLDER,), MAIN, 3, 5, instruction_limit=1_000_000
)
REGISTER = 'msys.registerModule("push", mod)\n'


class LuaCase(TestCase):
    """A disk with scripts."""

    def setUp(self) -> None:
        self.files = MemoryFiles({})
        self.warned: list[str] = []
        self.script = SCRIPT

    def write(self, text: str, path: str = "push/policy") -> None:
        self.files.contents[f"{FOLDER}/{path}.lua"] = text.encode("latin-1")

    def load(self, *scripts: ScriptSettings) -> Chain:
        given: Sequence[ScriptSettings] = scripts or [self.script]
        chain = load(given, self.files, self.warned.append, lambda p: a_chain(*p))
        assert chain is not None
        return chain

    def functions(self, **bodies: str) -> Chain:
        """A script whose functions have these bodies."""
        arguments = {REQUEST: "req, msg", RESPONSE: "resp", DISPOSE: "msg"}
        text = "local mod = {}\n" + "".join(
            f"function mod:{name}({arguments.get(name, '')})\n{body}\nend\n"
            for name, body in bodies.items()
        )
        self.write(text + REGISTER)
        return self.load()

    def request(self, body: str, payload: bytes | None = None) -> api.Request:
        """What the body makes of a request."""
        request = a_request() if payload is None else a_request(payload)
        self.functions(**{REQUEST: body}).call(REQUEST, request, self.message())
        return request

    def message(self, **variables: str) -> api.Message:
        return api.Message(MESSAGE, 2, variables)

    def said(self, body: str, payload: bytes | None = None) -> str:
        """What the body prints."""
        with capturedLogs() as events:
            self.request(body, payload)
        return "\n".join(
            str(formatEvent(event)).removeprefix("scriptlet: ") for event in events
        )

    def fails(self, body: str) -> HookError:
        return self.assertRaises(HookError, self.request, body)


class LoadTests(LuaCase):
    """Stanzas, modules, faults."""

    def faults(self, *scripts: ScriptSettings) -> list[str]:
        errors = self.assertRaises(ConfigErrors, self.load, *scripts)
        return [str(error) for error in errors.errors]

    def test_several_modules(self) -> None:
        """A script may register more than one; they are asked in that order."""
        self.write(
            "local function says(word)\n"
            "  return {apn_request_eval = function(self, req)\n"
            "    req.token = req.token .. word end}\nend\n"
            'msys.registerModule("a", says("1"))\nmsys.registerModule("b", says("2"))\n'
        )
        request = a_request()
        self.load().call(REQUEST, request, self.message())
        self.assertEqual(request.token, "ab" * 32 + "12")
        self.assertEqual(self.warned, [])

    def test_scripts_share(self) -> None:
        """One interpreter, as Momentum has it; order is that of the stanzas."""
        self.write("shared = 'x'", "a")
        self.write("assert(shared == 'x') shared = 'y'", "b")
        self.load(evolve(SCRIPT, source="a"), evolve(SCRIPT, source="b", name="b"))

    def test_boot(self) -> None:
        """Momentum's base script may be named and required; nothing is in it."""
        self.functions(**{REQUEST: "return 0"})
        boot = evolve(SCRIPT, name="boot", source="msys.boot")
        self.load(boot, SCRIPT)
        self.assertEqual(check(boot, self.files), [])
        self.assertEqual(self.warned, [])

    def test_require(self) -> None:
        """Modules beside the configuration, once each; Momentum's; no others."""
        self.write("count = (count or 0) + 1 return {word = 'w' .. count}", "lib/words")
        self.write(
            "local one, two = require('lib.words'), require('lib/words')\n"
            "assert(one == two and one.word == 'w1')\n"
            "for _, name in ipairs{'strict', 'json', 'msys.apn', 'msys.core',"
            " 'msys.delivery', 'msys.extended.message'} do assert(require(name)) end\n"
            "assert(require('json') == json)\n"
            "assert(not pcall(require, 'socket'))\n"
            "assert(not pcall(require, '../../etc/passwd'))\n"
        )
        self.load()

    def test_syntax_error(self) -> None:
        """With its line, before anything is run; `check` says the same."""
        self.write("x = 1\nx = = 2")
        expected = (
            f"script \"push\": {FOLDER}/push/policy.lua:2: unexpected symbol near '='"
        )
        self.assertEqual(self.faults(), [f"{MAIN}:3:5: error: {expected}"])
        self.assertEqual(check(SCRIPT, self.files), [expected])

    def test_check_runs_nothing(self) -> None:
        """A script that would fail is well written."""
        self.write("error('no')")
        self.assertEqual(check(SCRIPT, self.files), [])

    def test_bit_operators(self) -> None:
        """They are refused at their line, not misunderstood."""
        self.write("local a = 1\nlocal b = a & 2")
        (text,) = check(SCRIPT, self.files)
        self.assertIn("policy.lua:2: ", text)

    def test_body_that_fails(self) -> None:
        """With its line; a faulty library is named."""
        self.write("local x = 1\nerror('boom')")
        place = f"{FOLDER}/push/policy.lua"
        start = f'{MAIN}:3:5: error: script "push": '
        self.assertEqual(self.faults(), [f"{start}{place}:2: boom"])
        self.write("\n\nerror('deep')", "lib")
        self.write("require('lib')")
        self.assertEqual(self.faults(), [f"{start}{place}: {FOLDER}/lib.lua:3: deep"])

    def test_init(self) -> None:
        """`true` and nothing else."""
        self.functions(init="return true")
        for body in ("", "return 1", "return false", "error('no')"):
            with self.assertRaisesRegex(ConfigErrors, "init failed", msg=body):
                self.functions(init=body)

    def test_warnings(self) -> None:
        """Of hooks that are not called, of tables without one, of no table at all."""
        self.functions(**{"validate_data": "", REQUEST: ""})
        self.write('msys.registerModule("push", {helper = print})')
        self.load()
        self.write("local mod = {}")
        self.load()
        self.assertEqual(
            self.warned,
            [
                'script "push": validate_data is not called by this version',
                remarks("push", "push", [])[0],
                'script "push": it registers no module',
            ],
        )

    def test_registering_later(self) -> None:
        """A hook cannot register another one."""
        error = self.fails("msys.registerModule('x', {})")
        self.assertIn("when its script is loaded", error.reason)

    def test_not_installed(self) -> None:
        """One line says how to."""
        self.write("")
        with mock.patch.dict(sys.modules, {"lupa": None}):
            (text,) = self.faults()
            self.assertIn("pip install 'mcmtpush[lua]'", text)
            self.assertEqual(len(check(SCRIPT, self.files)), 1)


class RequestTests(LuaCase):
    """`req` and `msg` in Lua."""

    def test_vendor_idiom(self) -> None:
        """`req.json.aps.alert = …`, and `tostring`."""
        request = self.request(
            'req.json.aps.alert = "ho"\nassert(tostring(req.json) == '
            '\'{"aps":{"alert":"ho"}}\')'
        )
        self.assertEqual(request.json, {"aps": {"alert": "ho"}})

    def test_fields(self) -> None:
        """Read and written."""
        request = self.request(
            "assert(req.command == 0 and req.id == 'an-id' and req.expiry == 1000)\n"
            "req.token = req.token:upper() req.expiry = 5\n"
            "req.headers['apns-priority'] = 5 req.headers['apns-topic'] = 't'\n"
            "req.json = {aps = {['content-available'] = 1}, list = {1, json.null}}"
        )
        self.assertEqual((request.token, request.expiry), ("AB" * 32, 5))
        self.assertEqual(
            dict(request.headers), {"apns-priority": "5", "apns-topic": "t"}
        )
        self.assertEqual(
            request.json, {"aps": {"content-available": 1}, "list": [1, None]}
        )

    def test_walking(self) -> None:
        """`pairs`, `ipairs` and `#`, over JSON, headers and tables."""
        payload = b'{"b":1,"a":["x",null,"z"],"big":12345678901234567890}'
        said = self.said(
            "for k, v in pairs(req.json) do print(k) end\n"
            "for i, v in ipairs(req.json.a) do print(i, v) end\n"
            "print(#req.json.a, #req.json, type(req.json), req.json.a[2])\n"
            "print(req.json.big)\n"
            "req.headers['apns-id'] = 'x'\n"
            "for k, v in pairs(req.headers) do print(k, v) end\n"
            "for k, v in pairs({q = 1}) do print(k, v) end\n"
            "for i, v in ipairs({'r'}) do print(i, v) end",
            payload,
        )
        self.assertEqual(
            said.splitlines(),
            ["b", "a", "big", "1\tx", "3\t3\tuserdata\tnil", "1.2345678901235e+19",
             "apns-id\tx", "q\t1", "1\tr"],
        )  # fmt: skip

    def test_untouched_payload(self) -> None:
        """Looking at it changes nothing, not even what Lua cannot hold."""
        payload = b'{"b":1,"a":[null,12345678901234567890,1.0,"\xc3\xa9"]}'
        request = self.request("local x = req.json.a[2] + req.json.a[3]", payload)
        self.assertEqual(
            request.json, {"b": 1, "a": [None, 12345678901234567890, 1.0, "\u00e9"]}
        )

    def test_message(self) -> None:
        """Momentum's methods and constants, in both places."""
        self.request(
            "local M, C = msys.core.ECMESS_CTX_MESS, ECMESS_CTX_CONN\n"
            "assert(msg:context_get(M, 'a') == 'b')\n"
            "assert(msg:context_get(C, 'ip') == '::1')\n"
            "assert(msg:context_get(M, 'none') == '')\n"
            "assert(msg:context_exists(M, 'a') == 1)\n"
            "assert(msg:context_exists(C, 'a') == 0)\n"
            "local ok, v = msg:context_exists_and_get(M, 'a')\n"
            "assert(ok == 1 and v == 'b')\n"
            "ok, v = msg:context_exists_and_get(M, 'z')\n"
            "assert(ok == 0 and v == nil)\n"
            "msg:context_set(M, 'n', 5) assert(msg:context_get(M, 'n') == '5')\n"
            "assert(msg:context_delete(M, 'n') == 1)\n"
            "assert(msg:context_delete(M, 'n') == 0)\n"
            "assert(msg:mailfrom() == 's@x' and msg:rcptto() == 'r@y')\n"
            "assert(msg:get_delivery_method() == 'apn')\n"
            "assert(msg:get_message_size() == 321)\n"
            "assert(tostring(msg.id) == 'id' and msg.batch_id == 'batch')\n"
            "assert(msg.conn_id == 'connection' and msg.priority == 1)\n"
            "assert(msg.num_retries == 2 and msg:routing_domain() == 'apn.example')"
        )

    def test_response_and_dispose(self) -> None:
        """With the classifier and the idiom of channel conversion."""
        chain = self.functions(
            **{
                RESPONSE: "if resp.status != 8 then error('?') end resp.status = 1",
                DISPOSE: "require('msys.apn') require('msys.delivery')\n"
                "local M = msys.core.ECMESS_CTX_MESS\n"
                "local status = msg:context_get(M, 'DLV_Response_Status')\n"
                "if status ~= '' and msys.apn.apn_status_classifier(status) =="
                " msys.delivery.DELIVERY_PERMFAILED then\n"
                "  msg:context_delete(M, 'DLV_Response_Status')\nend\n"
                "return msys.delivery.DELIVERY_DONE",
            }
        )
        response = api.Response(msys := 8, 5)
        chain.call(RESPONSE, response)
        self.assertEqual((msys, response.status), (8, 1))
        for status, left in (("8", ""), ("1", "1")):
            message = self.message(DLV_Response_Status=status)
            chain.call(DISPOSE, message)
            self.assertEqual(message.context_get(1, "DLV_Response_Status"), left)

    def test_stop(self) -> None:
        """1 stops the chain."""
        self.write(
            "local function mod(word, stop)\n"
            "return {apn_request_eval = function(self, req)\n"
            "req.token = req.token .. word return stop end} end\n"
            "msys.registerModule('a', mod('1', 0))\n"
            "msys.registerModule('b', mod('2', 1))\n"
            "msys.registerModule('c', mod('3', 0))"
        )
        request = a_request()
        self.load().call(REQUEST, request, self.message())
        self.assertTrue(request.token.endswith("ab12"))

    def test_self_lives_on(self) -> None:
        """`self` is the registered table, from call to call."""
        chain = self.functions(
            **{REQUEST: "self.n = (self.n or 0) + 1 req.token = tostring(self.n)"}
        )
        for expected in ("1", "2", "3"):
            request = a_request()
            chain.call(REQUEST, request, self.message())
            self.assertEqual(request.token, expected)

    def test_json_library(self) -> None:
        """`decode`, `encode`, `new`, errors with a code."""
        self.request(
            "local v = json.decode('{\"a\":[1,2]}') assert(v.a[2] == 2)\n"
            "assert(json.encode(v) == '{\"a\":[1,2]}')\n"
            "assert(json.encode({1, {b = true}}) == '[1,{\"b\":true}]')\n"
            "local o = json.new() o.x = {} o.x.y = v assert(tostring(o) =="
            ' \'{"x":{"y":{"a":[1,2]}}}\')\n'
            "local none, code, text = json.decode('{')\n"
            "assert(none == nil and code == json.ERROR_PARSE_EOF and #text > 0)\n"
            "none, code = json.decode('[1 2]')\n"
            "assert(code == json.ERROR_PARSE_UNEXPECTED)\n"
            "none, code = json.decode(('['):rep(2000))\n"
            "assert(code == json.ERROR_DEPTH)\n"
            "assert(json.strerror(json.ERROR_PARSE_EOF) == 'parse eof')\n"
            "assert(json.decode('5') == 5 and json.decode('null') == nil)"
        )

    def test_print(self) -> None:
        """One line in the diagnostics, not without end."""
        self.assertEqual(self.said("print('a', 1, nil, true)"), "a\t1\tnil\ttrue")
        self.assertEqual(len(self.said("print(('x'):rep(5000))")), 1000)


class FaultTests(LuaCase):
    """What goes wrong in a hook: its line and its words."""

    def test_places(self) -> None:
        """Bodies begin at line 3, whoever raised it."""
        for body, line, reason in (
            ("\nerror('boom')", 4, "boom"),
            ("\n\nlocal x = nil .. 'a'", 5, "attempt to concatenate a nil value"),
            ("error({})", 3, "an error that is no text"),
            ("error()", 3, "an error that is no text"),
            ("req.headers['apns-prio'] = 1", 3, "a request has no header apns-prio"),
            ("\nreq.nope = 1", 4, "there is no nope to be set"),
            ("req.command = 1", 3, "there is no command to be set"),
            ("req.json.aps.x = print", 3, "a function is no JSON value"),
            ("req.token = '\\255'", 3, "codec can't decode"),
            ("req.token = {}", 3, "token is a text"),
            ("req.expiry = 0/0", 3, "expiry is a number"),
            ("msg:context_get(nil, 'a')", 3, "ECMESS_CTX_MESS"),
            ("msg:header('Subject')", 3, "there is no header to be read"),
            ("msg:inject('a', 'b')", 3, "there is no inject to be read"),
            ("local function f() return 1 + f() end f()", 3, "stack overflow"),
        ):
            error = self.fails(body)
            self.assertEqual(error.line, line, body)
            self.assertIn(reason, error.reason)
            self.assertNotIn("\n", error.reason)

    def test_next_call_is_clean(self) -> None:
        """A failure leaves nothing behind for the next message."""
        chain = self.functions(**{REQUEST: "if req.token == 'x' then error('no') end"})
        for token, fails in (("x", True), ("y", False), ("x", True), ("y", False)):
            request = a_request()
            request.token = token
            if fails:
                self.assertRaises(
                    HookError, chain.call, REQUEST, request, self.message()
                )
            else:
                chain.call(REQUEST, request, self.message())


class GlobalsTests(LuaCase):
    """What scripts do to their names stays theirs: none of it ends the process."""

    def test_strict(self) -> None:
        """The idiom works, whether a hook fails or not, and in every script."""
        self.write(
            "setmetatable(_G, {__index = function(t, k)\n"
            "  error('undeclared variable ' .. k, 2) end})",
            "strict",
        )
        self.write(
            "local mod = {}\nfunction mod:apn_request_eval(req)\n"
            "if req.token == 'x' then return 0 end\nreturn nosuch\nend\n" + REGISTER
        )
        chain = self.load(evolve(SCRIPT, source="strict"), SCRIPT)
        request = a_request()
        error = self.assertRaises(
            HookError, chain.call, REQUEST, request, self.message()
        )
        place = f"{FOLDER}/strict.lua:2"  # where it was raised
        self.assertEqual(error.reason, f"{place}: undeclared variable nosuch")
        request.token = "x"
        chain.call(REQUEST, request, self.message())

    def test_everything_is_gone(self) -> None:
        """Without any name, a script's error is told as ever."""
        for body in (
            "setmetatable(_G, {__index = error, __newindex = error})",
            "rawset(_G, 'debug', {traceback = error})",
            "local set, all = rawset, _G for k in pairs(all) do set(all, k, nil) end",
            (
                "for _, l in ipairs{string, table, math, os} do for k in pairs(l) do"
                " l[k] = nil end end"
            ),
        ):
            error = self.fails(f"{body} local x = nil .. 'a'")
            self.assertIn("attempt to concatenate a nil value", error.reason)

    def test_one_table(self) -> None:
        """`_G` is that of modules, too, and texts know what is added to `string`."""
        self.write("function string.twice(s) return s .. s end word = 'w'", "lib")
        self.write(
            "require('lib') assert(_G._G == _G and _G.word == 'w' and word == 'w')\n"
            "assert(('a'):twice() == 'aa')"
        )
        self.load()

    def test_metatables(self) -> None:
        """Those of texts and of the program's values are out of reach."""
        self.request(
            "for _, v in ipairs{'', req, msg, req.json, json.null, print} do\n"
            "assert(not getmetatable(v)) end\n"
            "assert(not getmetatable(msg.context_get))\n"
            "local m = {} assert(getmetatable(setmetatable({}, m)) == m)"
        )


class LimitTests(LuaCase):
    """What one call may take."""

    def test_endless_loops(self) -> None:
        """However they are wrapped."""
        loop = "while true do end"
        for body in (
            loop,
            f"pcall(function() {loop} end)",
            f"while true do pcall(function() {loop} end) end",
            f"xpcall(function() {loop} end, function(e) return e end)",
            f"coroutine.wrap(function() {loop} end)()",
            f"coroutine.resume(coroutine.create(function() {loop} end))",
            f"for _ in pairs(req.json) do {loop} end",
            f"local x = setmetatable({{}}, {{__index = function() {loop} end}}).x",
        ):
            error = self.fails(body)
            self.assertIn("instruction_limit", error.reason, body)

    def test_each_call_has_its_own(self) -> None:
        """Many calls may take more than one."""
        chain = self.functions(**{REQUEST: "for i = 1, 200000 do end"})
        for _ in range(10):
            chain.call(REQUEST, a_request(), self.message())
        self.script = evolve(SCRIPT, instruction_limit=1000)
        self.assertIn("instruction_limit", self.fails("for i = 1, 9000 do end").reason)

    def test_long_instructions(self) -> None:
        """Of long texts and tables a call makes few, however it catches errors."""
        table = "local t = {} for i = 1, 50000 do t[i] = i end "
        for body in (
            "local t = {} while true do t[#t + 1] = ('x'):rep(1000000) end",
            "while true do pcall(string.rep, 'x', 1000000) end",
            "while true do coroutine.wrap(string.rep)('x', 1000000) end",
            "local s = ('').rep('', 1e9)",
            "local s = ('x'):rep(100000) while true do local u = s:upper() end",
            "local s = ('x'):rep(100000) while true do local u = s:gsub('y', '') end",
            "local t = {('x'):rep(100000)} while true do local u = table.concat(t) end",
            "local s = ('x'):rep(100000) while true do string.format('%s', s) end",
            table + "while true do table.sort(t) end",
            table + "while true do table.insert(t, 1, 1) end",
            table + "while true do table.remove(t, 1) end",
        ):
            self.assertIn("instructions (instruction_limit)", self.fails(body).reason)

    def test_charged_functions(self) -> None:
        """They answer as Lua's own do."""
        self.request(
            "assert(('ab'):rep(2) == 'abab' and ('x'):rep('3') == 'xxx')\n"
            "assert(('x'):rep(-1) == '' and string.upper(5) == '5')\n"
            "local s, n = ('aa'):gsub('a', 'b') assert(s == 'bb' and n == 2)\n"
            "assert(('%d-%s'):format(1, 'x') == '1-x')\n"
            "local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0)\n"
            "assert(table.concat(t, ',') == '0,1,2,3')\n"
            "assert(table.remove(t) == 3 and table.remove(t, 1) == 0)\n"
            "table.sort(t, function(a, b) return a > b end) assert(t[1] == 2)"
        )
        for body, reason in (
            ("table.insert({}, 1, 2, 3)", "wrong number of arguments to 'insert'"),
            ("table.sort(1)", "bad argument #1 to 'sort'"),
            ("string.format('%d', 'x')", "bad argument #2 to 'format'"),
        ):
            self.assertIn(reason, self.fails(body).reason)

    def test_time(self) -> None:
        """Few instructions may take long, too; the next call has its own time."""
        self.patch(lua, "LEAST_SECONDS", 0.02)
        self.patch(lua, "SECONDS_PER_INSTRUCTION", 0)
        chain = self.functions(
            **{
                REQUEST: "if req.token == 'x' then return 0 end\n"
                "local s = ('x'):rep(100000)\n"
                "while true do pcall(string.find, s, 'y') end"
            }
        )
        request = a_request()
        error = self.assertRaises(
            HookError, chain.call, REQUEST, request, self.message()
        )
        self.assertIn("more than 0.02 s of processor time", error.reason)
        self.assertEqual(error.line, 5)
        request.token = "x"
        chain.call(REQUEST, request, self.message())

    def test_no_limit(self) -> None:
        """0 is none."""
        self.script = evolve(SCRIPT, instruction_limit=0, memory_limit=0)
        self.request("for i = 1, 3000000 do end local s = ('x'):rep(1e6)")

    def test_loading_is_limited(self) -> None:
        """So is the body of a script."""
        self.write("while true do end")
        with self.assertRaisesRegex(ConfigErrors, "instruction_limit"):
            self.load()

    def test_memory(self) -> None:
        """A script that wants too much fails, and the next call does not."""
        self.script = evolve(SCRIPT, memory_limit=4_000_000)
        chain = self.functions(
            **{
                REQUEST: "local s = 'x' while req.token ~= '' do s = s .. s end",
            }
        )
        error = self.assertRaises(
            HookError, chain.call, REQUEST, a_request(), self.message()
        )
        self.assertIn("memory_limit", error.reason)
        request = a_request()
        request.token = ""
        chain.call(REQUEST, request, self.message())

    def test_small_pieces(self) -> None:
        """It is the script that fails, whatever it fills the memory with.

        An allocator that refuses would go through whatever is at work just then, and
        leave the process without the interpreter lock, or without itself.
        """
        self.script = evolve(SCRIPT, memory_limit=4_000_000, instruction_limit=0)
        fill = "local t, i = {}, 0 while true do i = i + 1 t[i] = %s end"
        for body in (
            fill % "'s' .. i",
            fill % "('x'):rep(100000) .. i",
            fill % "function() return i end",
            fill % "req.json",
            fill % "setmetatable({}, {})",
            f"pcall(function() {fill % '{i}'} end)",
            f"while true do pcall(function() {fill % '{i}'} end) end",
            f"coroutine.wrap(function() {fill % 'i .. i'} end)()",
            "('x'):rep(1e9)",
        ):
            error = self.fails(body)
            self.assertIn("memory_limit", error.reason, body)

    def test_no_message_for_another(self) -> None:
        """However much garbage there is, a script sees what it is asked about.

        With Lua's own collector at work, this fails within a few hundred calls.
        """
        chain = self.functions(
            **{
                REQUEST: "local t = {} for i = 1, 20 do t[i] = {req.json.n} end\n"
                "req.headers['apns-id'] = tostring(req.json.n)\n"
                "if req.json.n % 3 == 0 then for _ = 1, 500 do local x = {} end end",
            }
        )
        kept = []
        for number in range(5000):
            request = a_request(b'{"n":%d}' % number)
            chain.call(REQUEST, request, self.message())
            self.assertEqual(request.headers["apns-id"], str(number))
            if number % 2:
                kept.append(request)

    def test_much_that_is_alive(self) -> None:
        """A large table leaves room for the work of many calls."""
        self.script = evolve(SCRIPT, memory_limit=8_000_000, instruction_limit=0)
        self.write(
            "local mod, t = {}, {}\n"
            "function mod:init()\n"
            "  for i = 1, 60000 do t['a' .. i] = i end\n  return true\nend\n"
            "function mod:apn_request_eval(req, msg)\n"
            "  local s = t['a7'] .. ('x'):rep(3000) .. msg.id\n"
            "  req.headers['apns-collapse-id'] = 'c' .. #s\nend\n" + REGISTER
        )
        chain = self.load()
        chain.begin()
        for _ in range(3000):
            chain.call(REQUEST, a_request(), self.message())
        self.assertEqual(chain.counters.snapshot(), {})

    def test_headers_as_a_whole(self) -> None:
        """A table may be set."""
        request = self.request("req.headers = {['apns-priority'] = 5}")
        self.assertEqual(dict(request.headers), {"apns-priority": "5"})
        self.assertIn("table of texts", self.fails("req.headers = 5").reason)

    def test_sandbox(self) -> None:
        """No files, no processes, no way into the program."""
        self.request(
            "for _, name in ipairs{'io', 'debug', 'package', 'python', 'dofile',"
            " 'load', 'loadfile', 'loadstring', 'collectgarbage', 'getfenv', 'setfenv',"
            " 'newproxy', 'module'} do assert(_G[name] == nil, name) end\n"
            "for _, name in ipairs{'execute', 'exit', 'getenv', 'remove', 'rename',"
            " 'tmpname', 'setlocale'} do assert(os[name] == nil, name) end\n"
            "assert(string.dump == nil and os.time() > 0)\n"
            "for _, thing in ipairs{req, msg, req.json, req.headers, json.null} do\n"
            "  for _, name in ipairs{'__class__', '__init__', '_request', 'value',"
            " '__dict__', 'variables', 'changed', 'fields'} do\n"
            "    local ok, found = pcall(function() return thing[name] end)\n"
            "    assert(not ok or found == nil, name)\n  end\nend\n"
            "local ok, fault = pcall(function() req.token = {} end)\n"
            "assert(not ok and not pcall(function() return fault.args end))\n"
            "assert(not pcall(function() return msg.context_get.__func__ end))\n"
        )

    def test_filter(self) -> None:
        """Names that are no text are nothing, too."""
        things: tuple[Any, ...] = (api.Message(MESSAGE, 0), object(), print)
        for thing in things:
            for name in (1, None, b"id", "__class__"):
                with self.assertRaises(AttributeError):
                    filter_attribute(thing, name, False)
