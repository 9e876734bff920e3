"""Which scripts of policy are run, and where they are looked for.

Trusts that the tree passed every check.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from mcmtpush.config.chain import asking
from mcmtpush.config.listen import is_on
from mcmtpush.config.options import OPTIONS
from mcmtpush.config.scopes import resolve
from mcmtpush.config.tree import Scope
from mcmtpush.config.views import ScriptSettings


SCRIPT_LANGUAGES: Final[Mapping[str, Literal["lua", "python"]]] = {
    "scriptlet": "lua",
    "python": "python",
}
"""What the scripts in these scopes are written in."""


def read_scripts(root: Scope, folders: Sequence[str]) -> tuple[ScriptSettings, ...]:
    """The scripts of policy in the order of their stanzas; those without a source not.

    `folders` are looked in behind the one of the stanza's file.
    """
    found = []
    for scope in filter(is_on, root.of_kind(*SCRIPT_LANGUAGES)):
        ask = asking([scope])
        for script in scope.of_kind("script"):
            source = resolve(OPTIONS["source"], [script])
            if source.setting is None or not source.value or script.place is None:
                continue
            beside = posixpath.dirname(source.setting.place.file)
            own = (beside, *folders)
            found.append(
                ScriptSettings(
                    name=script.name or "",
                    language=SCRIPT_LANGUAGES[scope.kind],
                    source=source.value,
                    folders=tuple(dict.fromkeys(map(posixpath.abspath, own))),
                    file=script.place.file,
                    line=script.place.line,
                    column=script.place.column,
                    memory_limit=ask("memory_limit"),
                    instruction_limit=ask("instruction_limit"),
                )
            )
    return tuple(found)
