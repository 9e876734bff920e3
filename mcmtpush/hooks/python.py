"""Policy in Python: a file whose functions are named after hooks.

Its code is compiled once and runs in this process, with all of its rights and
without a limit of time: an endless loop stops the program.  It sees what
`mcmtpush.hooks.api` promises, and the standard library.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from mcmtpush.errors import HookError
from mcmtpush.hooks import api
from mcmtpush.hooks.chain import Provider
from mcmtpush.hooks.points import INIT, remarks, usable
from mcmtpush.hooks.source import Source, fault


def check(source: Source) -> None:
    """Compile it and do nothing more; raises ConfigError."""
    _compile(source)


class PythonLoader:
    """Loads one module after the other; nothing is shared between them."""

    def load(self, source: Source, warn: Callable[[str], None]) -> list[Provider]:
        """Run the module; raises ConfigError.  `warn` hears what is not called."""
        script = source.settings
        module = ModuleType(f"mcmtpush.policy.{script.name}")
        module.__file__ = source.path
        code = _compile(source)
        # Where dataclasses, and others that look at annotations, look for it.
        sys.modules[module.__name__] = module
        run = Provider(
            script.name,
            {INIT: lambda: exec(code, module.__dict__)},  # noqa: S102 - that is the point
            _explainer(source.path),
        )
        try:
            run.call(INIT)
        except HookError as error:
            place = f"{source.path}:{error.line}" if error.line else source.path
            raise fault(script, f"{place}: {error.reason}") from None
        own = _functions(module)
        for text in remarks(script.name, script.name, own):
            warn(text)
        functions = {name: own[name] for name in usable(own)}
        return [Provider(script.name, functions, run.explain)]


def _functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Its functions, but for those that this program lent it."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if callable(thing)
        and not isinstance(thing, type)
        and thing is not getattr(api, name, None)
    }


def _compile(source: Source) -> CodeType:
    try:
        return compile(source.text, source.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = f"{source.path}:{error.lineno}" if error.lineno else source.path
        raise fault(source.settings, f"{place}: {error.msg}") from None
    except ValueError as error:  # a NUL
        raise fault(source.settings, f"{source.path}: {error}") from None


def _explainer(path: str) -> Callable[[BaseException], tuple[int, str]]:
    def explain(error: BaseException) -> tuple[int, str]:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == path]
        text = "".join(traceback.format_exception_only(error))
        return (lines[-1] or 0) if lines else 0, text

    return explain
