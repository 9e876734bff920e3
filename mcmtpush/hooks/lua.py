"""Policy in Lua: Momentum's scripts, run by Lua 5.1.

All scripts of a configuration share one interpreter, as they do there; another
configuration gets another.  It reaches no file, no process and nothing of this
program but what `sandbox.lua` and the two behind it are lent.  Its memory is bounded,
and so is what one call may take: LuaJIT would run faster and, once it has compiled a
loop, count nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files as resources
from typing import Any, Final

from attrs import evolve
from twisted.logger import Logger

from mcmtpush.config.views import ScriptSettings
from mcmtpush.errors import HookError
from mcmtpush.hooks import api
from mcmtpush.hooks.chain import Provider
from mcmtpush.hooks.dialect import translate
from mcmtpush.hooks.jsonvalue import read_value, write_value
from mcmtpush.hooks.luavalue import NULL, HeadersView, JsonView, shown, taken
from mcmtpush.hooks.points import INIT, remarks, usable
from mcmtpush.hooks.source import BOOT, Source, fault, read_source
from mcmtpush.ports import Files


PRINT_LIMIT: Final = 1000

RESERVE_BYTES: Final = 64 * 1024 * 1024
"""Of the interpreter's memory, above `memory_limit`."""

LEAST_SECONDS: Final = 1.0
SECONDS_PER_INSTRUCTION: Final = 1e-7
"""Of processor time for one call: some fifty times what short instructions take."""

JSON_ERRORS: Final[Mapping[str, int]] = {
    "ERROR_DEPTH": 2,
    "ERROR_PARSE_EOF": 3,
    "ERROR_PARSE_UNEXPECTED": 4,
    "ERROR_PARSE_NULL": 5,
    "ERROR_PARSE_BOOLEAN": 6,
    "ERROR_PARSE_NUMBER": 7,
    "ERROR_PARSE_ARRAY": 8,
    "ERROR_PARSE_OBJECT_KEY_NAME": 9,
    "ERROR_PARSE_OBJECT_KEY_SEP": 10,
    "ERROR_PARSE_OBJECT_VALUE_SEP": 11,
    "ERROR_PARSE_STRING": 12,
    "ERROR_PARSE_COMMENT": 13,
}
"""As json-c numbers them; of these the first three are told."""

_MISSING: Final = "Lua is not installed: pip install 'mcmtpush[lua]'"
_CONSTANTS: Final = {
    name: getattr(api, name)
    for name in api.__all__
    if name.startswith(("APNS_", "DELIVERY_", "ECMESS_"))
}
_PLACE = re.compile(r"\A[^\n]*?:(\d+): ")

_log = Logger()


class LuaRequest:
    """`req` as Lua sees it."""

    __slots__ = ("_kind", "_request")

    def __init__(self, request: api.Request, kind: Any) -> None:
        self._request = request
        self._kind = kind

    @property
    def headers(self) -> HeadersView:
        """See `api.Request`."""
        return HeadersView(self._request.headers)

    @headers.setter
    def headers(self, given: object) -> None:
        headers = taken(given, self._kind)
        if not isinstance(headers, dict):
            raise TypeError("headers is a table of texts")
        self._request.headers = headers

    @property
    def command(self) -> int:
        """See `api.Request`."""
        return self._request.command

    @property
    def id(self) -> int | str:
        """See `api.Request`."""
        return self._request.id

    @property
    def token(self) -> str:
        """See `api.Request`."""
        return self._request.token

    @token.setter
    def token(self, token: str) -> None:
        self._request.token = token

    @property
    def expiry(self) -> int:
        """See `api.Request`."""
        return self._request.expiry

    @expiry.setter
    def expiry(self, expiry: float) -> None:
        self._request.expiry = expiry

    @property
    def json(self) -> object:
        """See `api.Request`."""
        return shown(self._request.json, self._kind)

    @json.setter
    def json(self, given: object) -> None:
        self._request.json = taken(given, self._kind)


_READ: Final[Mapping[type, frozenset[str]]] = {
    LuaRequest: frozenset({"command", "id", "token", "expiry", "json", "headers"}),
    api.Response: frozenset({"command", "id", "status", "http_status", "reason"}),
    api.Message: frozenset(
        name
        for name in dir(api.Message)
        if not name.startswith("_") and name not in {"changed", "variables"}
    ),
}
_WRITTEN: Final[Mapping[type, frozenset[str]]] = {
    LuaRequest: frozenset({"token", "expiry", "json", "headers"}),
    api.Response: frozenset({"status"}),
}
_NOTHING: Final[frozenset[str]] = frozenset()


def filter_attribute(thing: object, name: object, writing: bool) -> object:
    """What Lua may reach of the program's values: their fields, no more."""
    known = _WRITTEN if writing else _READ
    if name in known.get(type(thing), _NOTHING):
        return name
    verb = "set" if writing else "read"
    raise AttributeError(f"there is no {name} to be {verb}")


def check(source: Source) -> None:
    """Compile it and do nothing more; raises ConfigError."""
    library = _library(source.settings)
    _compile(library, library.LuaRuntime(), source)


class LuaLoader:
    """Loads scripts into one interpreter, which is made for the first of them."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lua: Any = None

    def load(self, source: Source, warn: Callable[[str], None]) -> list[Provider]:
        """Run the script; raises ConfigError.  `warn` hears what is not called."""
        script = source.settings
        if source.path == BOOT:
            return []
        if self._lua is None:
            self._open(script)
        chunk = self._scripts.confine(_compile(self._library, self._lua, source))
        explain = partial(self._explain, _chunk_name(source))
        run = Provider(script.name, {INIT: partial(self._call, chunk)}, explain)
        self._script = script
        self._scripts.begin()
        try:
            run.call(INIT)
        except HookError as error:
            place = f"{source.path}:{error.line}" if error.line else source.path
            raise fault(script, f"{place}: {error.reason}") from None
        modules = list(self._scripts.take().values())
        if not modules:
            warn(f'script "{script.name}": it registers no module')
        return [self._provider(script.name, each, warn, explain) for each in modules]

    def _provider(
        self, script: str, registered: Any, warn: Callable[[str], None], explain: Any
    ) -> Provider:
        module, table = registered[1], registered[2]
        own = {
            name: function
            for name, function in table.items()
            if isinstance(name, str) and self._kind(function) == "function"
        }
        for text in remarks(script, module, own):
            warn(text)
        functions = {name: partial(self._ask, own[name], table) for name in usable(own)}
        return Provider(script, functions, explain)

    # -- calls --------------------------------------------------------------------

    def _ask(self, function: Any, table: Any, *views: object) -> object:
        return self._call(
            function,
            table,
            *(
                LuaRequest(view, self._kind) if type(view) is api.Request else view
                for view in views
            ),
        )

    def _explain(self, chunk: str, error: BaseException) -> tuple[int, str]:
        """Where it happened, by the interpreter's own word, and what."""
        source, line = self._where()
        text = str(error).partition("\nstack traceback:")[0]
        if isinstance(error, self._library.LuaMemoryError):
            text = "not enough memory (memory_limit)"
        elif isinstance(error, self._library.LuaError):
            text = _PLACE.sub("", text, count=1) or "an error that is no text"
        else:
            text = f"{type(error).__name__}: {text}"
        if source == chunk:
            return int(line), text
        name = source.removeprefix("@")
        return 0, f"{name}:{int(line)}: {text}" if name else text

    # -- the interpreter ----------------------------------------------------------

    def _open(self, script: ScriptSettings) -> None:
        self._library = _library(script)
        self._kind = self._library.lua_type
        self._lua = self._library.LuaRuntime(
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_filter=filter_attribute,
            overflow_handler=float,  # numbers of Lua 5.1 are that
            max_memory=_ceiling(script.memory_limit),
        )
        lent = self._lua.table_from(self._lent(script), recursive=True)
        environment = self._run("sandbox", lent)
        self._scripts = self._run("momentum", lent, environment)
        bound = self._run("bound", lent, environment)
        self._call, self._where = bound.call, bound.where

    def _run(self, name: str, *lent: object) -> Any:
        """One of the program's own chunks, which no error is ever placed in."""
        text = resources("mcmtpush.hooks").joinpath(f"{name}.lua").read_text("utf-8")
        return self._lua.execute(text, *lent, name="=policy")

    def _lent(self, script: ScriptSettings) -> dict[str, object]:
        return {
            "instruction_limit": script.instruction_limit,
            "memory_limit": script.memory_limit,
            "seconds": max(
                LEAST_SECONDS, script.instruction_limit * SECONDS_PER_INSTRUCTION
            ),
            "constants": _CONSTANTS,
            "apn_status_classifier": api.apn_status_classifier,
            "json_errors": JSON_ERRORS,
            "null": NULL,
            "length": len,
            "keys": self._keys,
            "decode": self._decode,
            "encode": self._encode,
            "new": lambda: JsonView({}, self._kind),
            "strerror": _json_error_text,
            "print": _print,
            "compile": self._require,
        }

    def _require(self, name: str) -> Any:
        """The chunk of a module that a script requires; raises ConfigError."""
        wanted = evolve(self._script, source=str(name))
        return _compile(self._library, self._lua, read_source(wanted, self._files))

    def _keys(self, view: JsonView | HeadersView) -> Any:
        return self._lua.table_from(view.keys())

    def _decode(self, text: str) -> object:
        try:
            return shown(read_value(text), self._kind)
        except ValueError as error:
            return None, _json_error(str(error)), str(error)

    def _encode(self, value: object) -> str:
        return write_value(taken(value, self._kind)).decode()


def _ceiling(memory_limit: int) -> int | None:
    """What the allocator grants at most, well above what scripts are granted.

    A refusal of the allocator is met within Lua only: where the library itself asks
    for a few bytes, it would end the process.  So the limit is kept by `bound.lua`,
    and this is for single steps that want a great deal.
    """
    return 3 * memory_limit + RESERVE_BYTES if memory_limit else None


def _library(script: ScriptSettings) -> Any:
    try:
        from lupa import lua51  # noqa: PLC0415 - it may not be installed
    except ImportError:
        raise fault(script, _MISSING) from None
    return lua51


def _chunk_name(source: Source) -> str:
    return f"@{source.path}"


def _compile(library: Any, lua: Any, source: Source) -> Any:
    try:
        return lua.compile(translate(source.text), name=_chunk_name(source))
    except library.LuaError as error:
        text = _PLACE.sub(r"\1: ", str(error), count=1)
        raise fault(source.settings, f"{source.path}:{text}") from None


def _json_error(text: str) -> int:
    if "depth" in text:
        return JSON_ERRORS["ERROR_DEPTH"]
    if "end of data" in text or "empty" in text:
        return JSON_ERRORS["ERROR_PARSE_EOF"]
    return JSON_ERRORS["ERROR_PARSE_UNEXPECTED"]


def _json_error_text(code: int) -> str:
    names = {number: name for name, number in JSON_ERRORS.items()}
    return names.get(code, "no error").removeprefix("ERROR_").lower().replace("_", " ")


def _print(text: str) -> None:
    _log.info("scriptlet: {text}", text=text[:PRINT_LIMIT])
