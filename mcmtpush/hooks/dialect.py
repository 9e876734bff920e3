r"""What Momentum's Lua says otherwise than Lua 5.1: `!=`.

Nothing else is translated: of its bit operators, `\` and octal numbers a Lua 5.1
would need the whole grammar, and says itself at which line it stumbles over one.
"""

from __future__ import annotations

import re


_TOKEN = re.compile(
    r"""
      --\[(?P<comment>=*)\[.*?\](?P=comment)\]
    | --[^\n]*
    | \[(?P<string>=*)\[.*?\](?P=string)\]
    | "(?:\\.|[^"\\\n])*"
    | '(?:\\.|[^'\\\n])*'
    | (?P<unequal>!=)
    """,
    re.DOTALL | re.VERBOSE,
)


def translate(text: str) -> str:
    """The same script with `~=`; every line and column stays where it was."""
    return _TOKEN.sub(lambda found: "~=" if found["unequal"] else found[0], text)
