"""The configuration as workers are given it: as it was started with, and as it is now.

Read and checked once, for all workers or for none.  Part of the composition root.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from mcmtpush.config.current import Current
from mcmtpush.config.part import pack
from mcmtpush.config.reload import needs_restart
from mcmtpush.config.settings import Configuration
from mcmtpush.errors import ConfigError
from mcmtpush.hooks.source import read_source
from mcmtpush.ports import Files
from mcmtpush.reception.tls import ServerContexts
from mcmtpush.reload import prepare, say


@define(eq=False)
class Revision:
    """One that holds, and the one before.

    Attributes:
        current: what the parent asks.
        files: where scripts of policy are.
        started: what the program was started with, packed with its scripts.
        latest: what was read last and had no errors, packed as well.
    """

    current: Current
    files: Files
    started: str = field(default="", init=False)
    latest: str = field(default="", init=False)
    _before: tuple[Configuration, str] | None = field(default=None, init=False)

    def begin(self) -> None:
        """Make it ready for the first workers.  Raises ConfigError."""
        for fault in prepare(self.current, self.current.latest, ServerContexts()):
            raise fault
        self.started = self.latest = self._pack(self.current.latest)

    def follow(
        self, read: Configuration | None, findings: Sequence[ConfigError]
    ) -> str:
        """Adopt this unless there are errors, and say all findings.

        What workers are to follow, empty if they are not.
        """
        packed = ""
        if read is not None:
            findings = [*findings, *self._objections(read)]
            try:
                packed = self._pack(read)
            except ConfigError as fault:
                findings = [*findings, fault]
        if not say(findings) or read is None:
            return ""
        self._before = self.current.latest, self.latest
        self.current.adopt(read)
        self.latest = packed
        return packed

    def go_back(self) -> None:
        """Who is started from now on shall have what held before."""
        if self._before is not None:
            before, self.latest = self._before
            self.current.adopt(before)
            self._before = None

    def _objections(self, read: Configuration) -> list[ConfigError]:
        faults = prepare(self.current, read, ServerContexts())
        return [*faults, *needs_restart(self.current.started, read)]

    def _pack(self, configuration: Configuration) -> str:
        """With its scripts as they are now.  Raises ConfigError."""
        scripts = configuration.process().scripts
        sources = [read_source(each, self.files) for each in scripts]
        return pack(configuration, {each.path: each.text for each in sources})
