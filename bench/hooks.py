"""What a hook of one line costs a message: delivery alone, over both schemes.

Four lines are compared with none at all: one that only returns, and one that sets a
header over HTTP/2 or the alert over the binary protocol, in Python and in Lua.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path

from bench.delivery import backlog
from bench.run import Contender, Figures


PYTHON = """
def apn_request_eval(req, msg):
    {line}
"""
LUA = """
local mod = {{}}
function mod:apn_request_eval(req, msg)
  {line}
end
msys.registerModule("bench", mod)
"""
STANZAS = {
    "": "",
    "py": 'python { script "bench" { source = "policy" } }',
    "lua": 'scriptlet "scriptlet" { script "bench" { source = "policy" } }',
}
CHANGES = {
    ("py", "apn"): "req.json['aps']['alert'] = 'x'",
    ("lua", "apn"): "req.json.aps.alert = 'x'",
    ("py", "apn2"): "req.headers['apns-priority'] = 5",
    ("lua", "apn2"): "req.headers['apns-priority'] = 5",
}


def hooked(
    folder: Path, count: int, *, scheme: str, language: str = "", line: str = ""
) -> Figures:
    """Deliver all that is in the spool, past a script with this line."""
    if language:
        text = (PYTHON if language == "py" else LUA).format(line=line)
        (folder / f"policy.{language}").write_text(text)
    return backlog(folder, count, scheme=scheme, extra=STANZAS[language])


def missing() -> str | None:
    """How to get Lua; None if it is here."""
    return None if find_spec("lupa") else "pip install 'mcmtpush[lua]'"


def contenders(scheme: str) -> list[Contender]:
    """None, and each line in each language."""
    run = partial(hooked, scheme=scheme)
    found = [Contender("no hook", run)]
    for language, name, absent in (("py", "Python", None), ("lua", "Lua", missing)):
        for title, line in (
            ("returns", "return 0"),
            ("changes", CHANGES[language, scheme]),
        ):
            hook = partial(run, language=language, line=line)
            more = [] if absent is None else [absent]
            found.append(Contender(f"{name} {title}", hook, *more))
    return found


BINARY, HTTP2 = contenders("apn"), contenders("apn2")
