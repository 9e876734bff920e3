"""From the scripts of a configuration to the chain of those that are asked.

All faults of all scripts are found in one go.  Scripts are read, compiled and run
here and nowhere else: once for each start and each reload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from mcmtpush.config.views import ScriptSettings
from mcmtpush.errors import ConfigError, ConfigErrors, HookError
from mcmtpush.hooks import lua, python
from mcmtpush.hooks.chain import Chain, Provider
from mcmtpush.hooks.source import Source, fault, read_source
from mcmtpush.ports import Files


Warn = Callable[[str], None]


class Loader(Protocol):
    """One language, for the scripts of one configuration."""

    def load(self, source: Source, warn: Warn) -> list[Provider]:
        """What a script registers, in order; raises ConfigError."""


_CHECKS: Final[Mapping[str, Callable[[Source], None]]] = MappingProxyType(
    {"python": python.check, "lua": lua.check}
)


def check(script: ScriptSettings, files: Files) -> list[str]:
    """What is wrong with a script as far as can be seen without running it."""
    try:
        _CHECKS[script.language](read_source(script, files))
    except ConfigError as error:
        return [error.message]
    return []


def load(
    scripts: Sequence[ScriptSettings],
    files: Files,
    warn: Warn,
    make: Callable[[Sequence[Provider]], Chain],
) -> Chain | None:
    """The chain of these scripts, begun; None if there are none.

    Raises:
        ConfigErrors: a script cannot be read, does not run, or its `init` fails; in
            all of these cases nothing of them is in force.
    """
    if not scripts:
        return None
    loaders: Mapping[str, Loader] = {
        "python": python.PythonLoader(),
        "lua": lua.LuaLoader(files),
    }
    providers: list[Provider] = []
    faults: list[ConfigError] = []
    for script in scripts:
        try:
            loader = loaders[script.language]
            providers += loader.load(read_source(script, files), warn)
        except ConfigError as error:
            faults.append(error)
    if faults:
        raise ConfigErrors(faults)
    chain = make(providers)
    try:
        chain.begin()
    except HookError as error:
        script = next(each for each in scripts if each.name == error.script)
        raise ConfigErrors([fault(script, str(error))]) from None
    return chain
