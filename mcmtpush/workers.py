"""The parent of workers: holds what they share, and speaks to them as one.

    sockets, locks of the spools, log, simulator, orders of operators   here
    reception, spool, queues, delivery, records                         in each worker

Part of the composition root.  How they are started and replaced is `mcmtpush.crew`'s
affair.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcmtpush.config.current import Current
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import ProcessSettings
from mcmtpush.counters import Counters, readable
from mcmtpush.crew import Crew
from mcmtpush.delegation import Delegation
from mcmtpush.duty import LEDGER
from mcmtpush.embedded import EmbeddedSimulator, at_once
from mcmtpush.errors import McmtPushError, StartError
from mcmtpush.inheritance import Inheritance, left_over, lock_post
from mcmtpush.intercom import (
    Answered,
    Counted,
    Declined,
    Emptied,
    Failed,
    Follow,
    Ready,
    Resume,
    Said,
)
from mcmtpush.post import Post, repeat
from mcmtpush.records.token import TokenEvents
from mcmtpush.records.writer import RecordLogs
from mcmtpush.revision import Revision
from mcmtpush.shared.database import prepare as prepare_ledger
from mcmtpush.shared.ledger import Ledger
from mcmtpush.spool.order import Orders
from mcmtpush.supervisor import Event
from mcmtpush.world import World


log = Logger()


class Workers(Service):
    """All of them; to the outside, what a `Gateway` is.

    Args:
        configuration: what the program was started with.
        world: see `mcmtpush.world`.
        count: how many workers take messages in.
        fail: told why the program ends, when it ends because a worker cannot start.
    """

    def __init__(
        self,
        configuration: Configuration,
        world: World,
        count: int,
        fail: Callable[[str], None],
    ) -> None:
        self.current = Current(configuration)
        self.world = world
        self.count = count
        self._inheritance = Inheritance()
        self._revision = Revision(self.current, world.files)
        self._crew = Crew(
            reactor=world.reactor,
            inherited=self._inheritance,
            revision=self._revision,
            heard=self._heard,
            fail=fail,
            less=self._check_over,
        )
        self._over: Deferred[None] | None = None

    # -- started ----------------------------------------------------------------

    def startService(self) -> None:
        """Open what is shared, or raise StartError; processes come with the reactor."""
        super().startService()
        try:
            self._open()
        except McmtPushError as error:
            log.critical("not started: {error}", error=str(error))
            self._let_go()
            raise StartError(str(error)) from error
        self.world.reactor.callWhenRunning(self._spawn_all)

    def _open(self) -> None:
        """In the order in which a process without workers does it."""
        process = self.current.process()
        reactor, now = self.world.reactor, self.world.now
        self._lock_spools(process)
        # All are locked: no worker of an earlier parent counts any more.
        path = posixpath.join(process.spoolbase, LEDGER)
        prepare_ledger(path)
        self._crew.ledger = Ledger(path, worker=0, seconds=reactor.seconds)
        self.simulator = EmbeddedSimulator.of(process, reactor, now)
        at_once(self.simulator.start())
        self._try_logs(process)
        self._revision.begin()
        self._inheritance.open(process.listens, self.count)
        orders, crew = Orders(process.spoolbase), self._crew
        self.delegation = Delegation(orders, reactor, crew.awaited, crew.tell_ready)

    def _lock_spools(self, process: ProcessSettings) -> None:
        posts, pid = self._crew.posts, self.world.pid()
        for number in range(1, self.count + 1):
            posts.append(lock_post(process, number, pid))
        for number in left_over(process.spoolbase, self.count, self.world.now()):
            posts.append(lock_post(process, number, pid, drains=True))

    def _try_logs(self, process: ProcessSettings) -> None:
        logs = RecordLogs(
            process.loggers,
            tokens=TokenEvents(process.token_events, process.token_events_mode),
            clock=self.world.reactor,
            now=self.world.now,
            counters=Counters(),
        )
        reason = logs.reopen()
        logs.close()
        if reason is not None:
            raise StartError(reason)

    def _spawn_all(self) -> None:
        if self.running:
            self.delegation.start()
            self._crew.spawn()

    # -- what they say -----------------------------------------------------------

    def _heard(self, post: Post, word: Any) -> None:
        match word:
            case Said():
                repeat(post, word)
            case Counted(counts=counts):
                post.counts = Counter(counts)
            case Ready():
                self._crew.feel(post, Event.READY)
                log.info(
                    "worker {number} is ready, process {pid}",
                    number=post.number,
                    pid=post.process.pid,
                )
                self.delegation.remind(post.number)
            case Failed(reason=reason):
                post.reason = reason
            case Declined():
                self._declined(post)
            case Emptied():
                post.finished = True
            case Answered(name=name, answer=answer):
                self.delegation.note(post.number, name, answer)

    def _declined(self, post: Post) -> None:
        """A script does not run, say: who is started from now on shall not try it."""
        log.error(
            "worker {number} does not follow what was read again; workers that are "
            "started get what held before",
            number=post.number,
        )
        self._revision.go_back()

    # -- stopped ----------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Take no more connections, have all workers drained, leave."""
        super().stopService()
        log.info("draining")
        self._crew.leaving = True
        self.delegation.stop()
        self._inheritance.hang_up()
        over = self._over = Deferred()
        self._crew.stop()
        self._check_over()
        return over.addCallback(self._close)

    def _check_over(self) -> None:
        if self._over is None or self._crew.awaited():
            return
        over, self._over = self._over, None
        over.callback(None)

    def _let_go(self) -> None:
        self._inheritance.close()
        self._crew.unlock()

    def _close(self, _: object) -> Deferred[None]:
        self._let_go()
        self._crew.ledger.close()
        log.info("drained; {counts}", counts=readable(self.totals()))
        return self.simulator.stop()

    def hurry(self) -> None:
        """A second signal."""
        log.warn("in a hurry: what is not settled stays on the disk")
        self._crew.stop()

    # -- for all workers -------------------------------------------------------------

    def totals(self) -> dict[str, int]:
        """Counters of all processes that there are and were, by name in order."""
        return self._crew.totals()

    def resume(self) -> None:
        """By SIGUSR2."""
        self._crew.tell(Resume())

    def reload(self) -> None:
        """By SIGHUP: read once, for all workers or for none."""
        log.info("reopening the record logs, reading the configuration again")
        self._crew.tell(Follow(self._revision.follow(*self.world.reread())))
