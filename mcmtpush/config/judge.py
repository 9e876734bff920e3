"""Who knows languages that are not the configuration's, and what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from mcmtpush.config.finding import about
from mcmtpush.config.listen import is_on
from mcmtpush.config.script import read_scripts
from mcmtpush.config.tokens import printable
from mcmtpush.config.tree import Scope, Setting
from mcmtpush.config.views import ScriptSettings
from mcmtpush.errors import ConfigError
from mcmtpush.ports import Files


@frozen
class Judges:
    """Those who know languages that are not the configuration's.

    Each says in sentences what is wrong; none means nothing.

    Attributes:
        format: of the format of a record.
        ciphers: of a cipher list.
        script: of the content of a simulator's script.
        policy: of a script of policy, which is found and read for that.
    """

    format: Callable[[str], list[str]]
    ciphers: Callable[[str], list[str]]
    script: Callable[[bytes], list[str]]
    policy: Callable[[ScriptSettings, Files], list[str]]


def ask_judges(root: Scope, files: Files, judges: Judges) -> Iterator[ConfigError]:
    """About settings: cipher lists, formats of records, the simulator's script."""
    for scope in root.walk():
        for definitions in scope.settings.values():
            setting = definitions[-1]
            name = setting.option.name
            if name == "tls_ciphers" and setting.value:
                yield from _say(setting, judges.ciphers(setting.value))
            elif scope.kind == "apn_logger" and name.endswith("_format"):
                yield from _say(setting, judges.format(setting.value))
            elif scope.kind == "apns_simulator" and name == "script" and is_on(scope):
                yield from _judge_script(setting, files, judges)


def _say(setting: Setting, problems: list[str]) -> Iterator[ConfigError]:
    for problem in problems:
        yield about(setting, f"{setting.option.name}: {problem}")


def _judge_script(
    setting: Setting, files: Files, judges: Judges
) -> Iterator[ConfigError]:
    path = setting.value
    try:
        content = files.read(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        yield about(setting, f"script {path} cannot be read: {reason}")
        return
    for problem in judges.script(content):
        yield about(setting, f"script {path}: {problem}")


def judge_policy(
    root: Scope, folders: Sequence[str], files: Files, judges: Judges
) -> Iterator[ConfigError]:
    """About scripts of policy, found as `Configuration` finds them."""
    for script in read_scripts(root, folders):
        for problem in judges.policy(script, files):
            yield ConfigError(
                printable(problem), script.file, script.line, script.column, "script"
            )
