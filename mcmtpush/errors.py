"""Everything that can go wrong, by who has to do something about it.

A class exists where somebody does something different on catching it; its
fields carry the facts, its text is built from them.  The outcome of a delivery
attempt is never an exception: see `mcmtpush.values`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import define


Severity = Literal["error", "warning"]


class McmtPushError(Exception):
    """The root of this program's errors."""


@define(eq=False)
class ConfigError(McmtPushError):
    """One fault of a configuration, as one line an operator can act on.

    `line` and `column` count from 1; 0 means the file as a whole.  `option` is
    the option or scope concerned, or None for a fault of the grammar.
    """

    message: str
    file: str
    line: int = 0
    column: int = 0
    option: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}"


class ConfigErrors(McmtPushError):
    """All faults of a configuration at once; raised by whoever needs it whole."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


@define(eq=False)
class MessageRejected(McmtPushError):
    """A message or command is refused, with the SMTP answer that says why."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


class ProtocolError(McmtPushError):
    """A protocol was broken; raised only as one of its two kinds."""


class LocalProtocolError(ProtocolError):
    """This program broke the rules: a bug, loud, caught by no stage."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the rules: drop the peer, keep the messages."""


@define(eq=False)
class HookError(McmtPushError):
    """A script of the operator failed.

    `hook` is the hook it was called for, `script` the stanza it comes from; `line`
    counts from 1, 0 where it is not known.
    """

    hook: str
    script: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line} of " if self.line else ""
        return f'{self.hook} failed in {place}script "{self.script}": {self.reason}'


class SpoolError(McmtPushError):
    """The spool could not do what was asked; nothing was acknowledged."""


class SpoolFullError(SpoolError):
    """No room on the disk: answer 452 and go on delivering."""


class SpoolLostError(SpoolError):
    """The spool's files are gone: answer 451 and deliver what this process knows."""


@define(eq=False)
class SpoolCorruptError(SpoolError):
    """A row that cannot be read; it is set aside and the rest goes on."""

    row: int
    reason: str

    def __str__(self) -> str:
        return f"spool row {self.row} is unreadable: {self.reason}"


class StartError(McmtPushError):
    """The program cannot start; one line says why."""
