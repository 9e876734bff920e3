"""Findings about a configuration: made at a place, put in order, counted.

What is worth a finding is the business of `config.merge`, `config.lint` and
`config.credentials`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mcmtpush.config.tokens import printable
from mcmtpush.config.tree import Place, Scope, Setting
from mcmtpush.errors import ConfigError, Severity


def about(
    what: Setting | Scope, message: str, severity: Severity = "error"
) -> ConfigError:
    """A finding at the place of a setting, or where a scope was opened first."""
    name = what.option.name if isinstance(what, Setting) else what.kind
    place = what.place or Place("", 0, 0)
    message = printable(message)
    return ConfigError(message, place.file, place.line, place.column, name, severity)


def in_order(main: str, findings: Iterable[ConfigError]) -> list[ConfigError]:
    """Each said once, from top to bottom, the main file first."""
    files = {main: 0}
    unique: dict[tuple[str, str | None], ConfigError] = {}
    for finding in findings:
        files.setdefault(finding.file, len(files))
        unique.setdefault((str(finding), finding.option), finding)
    return sorted(unique.values(), key=lambda f: (files[f.file], f.line, f.column))


def stricter(findings: Iterable[ConfigError]) -> list[ConfigError]:
    """The same, every warning an error."""
    return [
        ConfigError(f.message, f.file, f.line, f.column, f.option) for f in findings
    ]


def has_errors(findings: Iterable[ConfigError]) -> bool:
    """Whether one of them is an error."""
    return any(finding.severity == "error" for finding in findings)


def as_data(finding: ConfigError) -> dict[str, Any]:
    """For JSON: severity, file, line, column, option, message."""
    return {
        "severity": finding.severity,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "option": finding.option,
        "message": finding.message,
    }


def summary(path: str, findings: Sequence[ConfigError]) -> str:
    """One line: how many errors and warnings the configuration at `path` has."""
    errors = sum(finding.severity == "error" for finding in findings)
    counts = [
        f"{number} {noun if number == 1 else noun + 's'}"
        for number, noun in ((errors, "error"), (len(findings) - errors, "warning"))
        if number
    ]
    return f"{path}: {', '.join(counts) or 'no errors, no warnings'}"
