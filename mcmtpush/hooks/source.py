"""Where the script is that a stanza names.

push.night, push/night    the file push/night.py (or .lua) in one of the folders
push/night.py             that very file in one of the folders
/srv/policy/night.py      that very file
"""

from __future__ import annotations

import posixpath
from typing import Final

from attrs import frozen

from mcmtpush.config.views import ScriptSettings
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Files


BOOT: Final = "msys.boot"
"""Momentum's own base script, which its configurations name; nothing is in it here."""

SUFFIXES: Final = {"lua": ".lua", "python": ".py"}


@frozen
class Source:
    """A script that was found and read.

    Attributes:
        settings: of its stanza.
        path: of the file.
        text: its content.
    """

    settings: ScriptSettings
    path: str
    text: str


def fault(script: ScriptSettings, text: str) -> ConfigError:
    """Something is wrong with a script, said at its stanza."""
    message = f'script "{script.name}": {text}'
    return ConfigError(message, script.file, script.line, script.column, "script")


def candidates(script: ScriptSettings) -> list[str]:
    """The paths at which it may be, in order."""
    source, suffix = script.source, SUFFIXES[script.language]
    if source.startswith("/"):
        return [source]
    relative = [source.replace(".", "/") + suffix]
    if source.endswith(suffix):
        relative.append(source)
    return [
        posixpath.join(folder, path) for folder in script.folders for path in relative
    ]


def read_source(script: ScriptSettings, files: Files) -> Source:
    """Find and read it; raises ConfigError."""
    if script.language == "lua" and script.source.replace("/", ".") == BOOT:
        return Source(script, BOOT, "")
    paths = candidates(script)
    for path in paths:
        try:
            content = files.read(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise fault(script, f"cannot read {path}: {error.strerror}") from None
        try:
            return Source(script, path, content.decode("utf-8"))
        except UnicodeDecodeError:
            raise fault(script, f"{path} is not UTF-8") from None
    looked = ", ".join(paths)
    raise fault(script, f'there is no "{script.source}"; looked for {looked}')
