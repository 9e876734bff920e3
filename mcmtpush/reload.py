"""The configuration is read again while the program runs.

With any error nothing changes.  Otherwise what may change does, for all parts in one
turn of the reactor, and what needs a restart is named.  Knows no option by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define
from twisted.logger import Logger

from mcmtpush.config.current import Current
from mcmtpush.config.finding import has_errors
from mcmtpush.config.part import ALONE
from mcmtpush.config.reload import needs_restart, same_way_out
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import ScriptSettings
from mcmtpush.disposition.notice import Notifier
from mcmtpush.errors import ConfigError, ConfigErrors
from mcmtpush.hooks.chain import Chain
from mcmtpush.hooks.policy import Policy
from mcmtpush.lanes import Lanes
from mcmtpush.pollers import Pollers
from mcmtpush.pressure import Pressure
from mcmtpush.queues.scheduler import Scheduler
from mcmtpush.reception.tls import ServerContexts


Reread = Callable[[], tuple[Configuration | None, Sequence[ConfigError]]]
"""Reads and checks: the configuration, None with an error, and all findings."""

log = Logger()


@define(eq=False, kw_only=True)
class Reload:
    """Everybody who is told of another configuration.

    Attributes:
        current: what all others ask.
        contexts: TLS of the listens.
        load_policy: makes other scripts ready; raises ConfigErrors.
        polls: whether feedback services are polled at all.
    """

    current: Current
    reread: Reread
    contexts: ServerContexts
    lanes: Lanes
    scheduler: Scheduler
    pollers: Pollers
    pressure: Pressure
    notices: Notifier
    policy: Policy
    load_policy: Callable[[Sequence[ScriptSettings]], Chain | None]
    polls: bool

    def run(self) -> bool:
        """Read, and follow what was read; False when there are errors."""
        read, findings = self.reread()
        contexts, chain = ServerContexts(), None
        if read is not None:
            findings = [*findings, *prepare(self.current, read, contexts)]
            if self.current.part == ALONE:  # else the parent says it once
                findings += needs_restart(self.current.started, read)
        if read is not None and not has_errors(findings):
            try:
                chain = self.load_policy(read.process().scripts)
            except ConfigErrors as faults:
                findings = [*findings, *faults.errors]
        if not say(findings) or read is None:
            return False
        self._follow(read, contexts)
        self.policy.adopt(chain)
        return True

    def _follow(self, read: Configuration, contexts: ServerContexts) -> None:
        before = self.current.latest
        self.current.adopt(read)
        process = self.current.process()
        self.contexts.replace(contexts)
        self.pressure.goal = process.memory_goal_percent
        self.pressure.high_water = process.memory_hwm_percent
        self.notices.hostname = process.hostname
        self.lanes.follow()
        lanes = self.scheduler.renew(lambda key: not same_way_out(before, read, key))
        pollers = self.pollers.follow(read) if self.polls else 0
        log.info(
            "the configuration was read again: {lanes} lanes and {pollers} feedback "
            "pollers begin anew",
            lanes=lanes,
            pollers=pollers,
        )


def prepare(
    current: Current, read: Configuration, contexts: ServerContexts
) -> list[ConfigError]:
    """What would make every new session of a listen fail."""
    faults = []
    for listen in current.kept_listens(read):
        try:
            contexts.prepare(read.reception(listen.address, "127.0.0.1").tls)
        except ConfigError as fault:
            faults.append(fault)
    return faults


def say(findings: Sequence[ConfigError]) -> bool:
    """Tell the diagnostics; False when there are errors, so that nothing changes."""
    for finding in findings:
        tell = log.error if finding.severity == "error" else log.warn
        tell("{finding}", finding=str(finding))
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        log.error(
            "the configuration was read again and has {count} error(s): nothing is "
            "changed",
            count=errors,
        )
    return not errors
