"""The parent of workers: holds what they share, starts them, and replaces the dead.

    sockets, locks of the spools, log, simulator, orders of operators   here
    reception, spool, queues, delivery, records                         in each worker

Part of the composition root.  When a worker may live is `mcmtpush.supervisor`'s affair.
"""

from __future__ import annotations

import os
import posixpath
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcmtpush.config.current import Current
from mcmtpush.config.part import folder_of, pack
from mcmtpush.config.reload import needs_restart
from mcmtpush.config.settings import Configuration
from mcmtpush.counters import Counters, readable
from mcmtpush.duty import LEDGER
from mcmtpush.embedded import EmbeddedSimulator, at_once
from mcmtpush.errors import ConfigError, McmtPushError, StartError
from mcmtpush.hooks.source import read_source
from mcmtpush.intercom import (
    Answered,
    Begin,
    Counted,
    Declined,
    Emptied,
    Failed,
    Follow,
    Order,
    Ready,
    Resume,
    Said,
    Stop,
)
from mcmtpush.obedience import Delegation
from mcmtpush.post import (
    BOARD,
    FROM_CHILD,
    LOCK,
    SOCKETS,
    TO_CHILD,
    Child,
    Post,
    repeat,
)
from mcmtpush.reception.board import Board, make_board
from mcmtpush.reception.opening import HeldSocket, hold
from mcmtpush.reception.tls import ServerContexts
from mcmtpush.records.token import TokenEvents
from mcmtpush.records.writer import RecordLogs
from mcmtpush.reload import prepare, say
from mcmtpush.shared.database import prepare as prepare_ledger
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.roster import forget
from mcmtpush.spool.census import has_work
from mcmtpush.spool.folder import DATABASE, lock_spool, open_spool, worker_folders
from mcmtpush.spool.order import Orders
from mcmtpush.supervisor import Action, Event, State
from mcmtpush.world import World


LAST_SECONDS: Final = 10.0
"""What a worker that is to hurry gets before it is killed."""

FORGET_SECONDS: Final = 1.0
"""Until it is said again that a worker has nothing, when that could not be noted."""


log = Logger()


def left_over(spoolbase: str, count: int, now: float) -> list[int]:
    """The numbers above `count` whose spools need a worker.  Raises SpoolError."""
    return [
        number
        for number, path in worker_folders(spoolbase)
        if number > count and has_work(posixpath.join(path, DATABASE), now=now)
    ]


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
        self._packed = self._started = ""
        self._before: tuple[Configuration, str] | None = None
        self.world = world
        self.count = count
        self._fail = fail
        self._ended_counts: Counter[str] = Counter()
        self._posts: list[Post] = []
        self._sockets: list[HeldSocket] = []
        self._over: Deferred[None] | None = None
        self._board_at: int | None = None
        self._path = os.pathsep.join(os.path.abspath(each) for each in sys.path)  # noqa: PTH100 - text

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
        for number in range(1, self.count + 1):
            self._posts.append(self._post(number))
        for number in left_over(process.spoolbase, self.count, now()):
            self._posts.append(self._post(number, drains=True))
        # All are locked: no worker of an earlier parent counts any more.
        path = posixpath.join(process.spoolbase, LEDGER)
        prepare_ledger(path)
        self._ledger = Ledger(path, worker=0, seconds=reactor.seconds)
        self.simulator = EmbeddedSimulator.of(process, reactor, now)
        at_once(self.simulator.start())
        self._try_logs()
        for fault in prepare(self.current, self.current.latest, ServerContexts()):
            raise fault
        self._started = self._packed = self._pack(self.current.latest)
        for listen in process.listens:
            self._sockets.append(hold(listen))
            log.info("listening on {address}", address=listen.address)
        self._listens = [each.address for each in process.listens]
        self._board_at = make_board(self.count, len(self._listens))
        self._board = Board.of(self._board_at, self._listens, row=self.count)
        self.delegation = Delegation(
            Orders(process.spoolbase), reactor, self._awaited, self._pass_on
        )

    def _post(self, number: int, *, drains: bool = False) -> Post:
        """With its spool locked, and opened once: it is as good as started then."""
        process = self.current.process()
        folder, pid = folder_of(process.spoolbase, number), self.world.pid()
        lock = lock_spool(folder, mode=process.spool_mode, pid=pid)
        # Its own descriptor of the same lock, which the store closes.
        own = os.fdopen(os.dup(lock.fileno()))
        open_spool(
            folder,
            mode=process.spool_mode,
            force_fsync=process.force_fsync,
            pid=pid,
            lock=own,
        ).close()
        return Post(number, drains, lock)

    def _try_logs(self) -> None:
        process = self.current.process()
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
            for post in self._posts:
                self._spawn(post)

    # -- one worker ----------------------------------------------------------------

    def _spawn(self, post: Post) -> None:
        post.finished, post.reason, post.counts = False, None, Counter()
        post.spawned_at = self.world.reactor.seconds()
        sockets = [] if post.drains else self._sockets
        inherited = dict(enumerate([each.fileno() for each in sockets], SOCKETS))
        child = Child(post, self._heard, self._ended)
        null = os.open(os.devnull, os.O_RDWR)
        try:
            post.process = self.world.reactor.spawnProcess(
                child,
                sys.executable,
                [sys.executable, "-P", "-m", "mcmtpush.worker", str(post.number)],
                env={**os.environ, "PYTHONPATH": self._path},
                childFDs={
                    0: null,
                    1: "r",
                    2: "r",
                    FROM_CHILD: "r",
                    TO_CHILD: "w",
                    LOCK: post.lock.fileno(),
                    BOARD: null if post.drains else self._board_at or null,
                    **inherited,
                },
            )
        except OSError as error:
            self._ended(post, f"cannot start a process: {error}")
            return
        finally:
            os.close(null)
        addresses = [each.settings.address for each in sockets]
        post.tell(
            Begin(
                number=post.number,
                of=len(self._posts),
                drains=post.drains,
                lock=LOCK,
                board=0 if post.drains else BOARD,
                listens=self._listens,
                sockets=dict(zip(addresses, inherited, strict=True)),
                started=self._started,
                latest=self._packed,
            )
        )

    def _heard(self, post: Post, word: Any) -> None:
        match word:
            case Said():
                repeat(post, word)
            case Counted(counts=counts):
                post.counts = Counter(counts)
            case Ready():
                self._act(post, post.life.feel(Event.READY))
                log.info(
                    "worker {number} is ready, process {pid}",
                    number=post.number,
                    pid=post.process.pid,
                )
                self.delegation.remind(post.number)
            case Failed(reason=reason):
                post.reason = reason
            case Declined():
                self._go_back(post)
            case Emptied():
                post.finished = True
            case Answered(name=name, answer=answer):
                self.delegation.note(post.number, name, answer)

    def _ended(self, post: Post, how: str) -> None:
        lived = self.world.reactor.seconds() - post.spawned_at
        post.process = None
        if not post.drains:
            self._board.clear(post.number - 1)
        self._forget(post)
        self._ended_counts.update(post.counts)
        post.counts = Counter()
        if post.timer is not None:
            post.timer.cancel()
            post.timer = None
        event = Event.FINISHED if post.finished else Event.DIED
        action = post.life.feel(event, lived)
        if action is Action.REST:
            log.error(
                "worker {number} has ended: {how}; another one starts in {rest} s",
                number=post.number,
                how=post.reason or how,
                rest=post.life.rest_seconds,
            )
        elif action is Action.GIVE_UP:
            post.reason = post.reason or f"worker {post.number} has ended: {how}"
        self._act(post, action)

    def _forget(self, post: Post) -> None:
        """Its connections are gone; another life begins with none."""
        if post.process is not None or forget(self._ledger, post.number):
            return
        if self.running:
            self.world.reactor.callLater(FORGET_SECONDS, self._forget, post)

    def _act(self, post: Post, action: Action | None) -> None:
        match action:
            case Action.SPAWN:
                self._spawn(post)
            case Action.REST:
                post.timer = self.world.reactor.callLater(
                    post.life.rest_seconds, self._rested, post
                )
            case Action.STOP if post.process is None:
                self._act(post, post.life.feel(Event.DIED))
            case Action.STOP:
                post.tell(Stop(False))
            case Action.HURRY:
                self._hurry(post)
            case Action.GIVE_UP:
                self._give_up(post)
            case Action.BURY:
                self._bury(post)

    def _rested(self, post: Post) -> None:
        post.timer = None
        self._act(post, post.life.feel(Event.RESTED))

    def _hurry(self, post: Post) -> None:
        post.tell(Stop(True))
        if post.timer is None:
            post.timer = self.world.reactor.callLater(LAST_SECONDS, self._kill, post)

    def _kill(self, post: Post) -> None:
        post.timer = None
        if post.process is not None:
            log.error("worker {number} does not end: killed", number=post.number)
            post.process.signalProcess("KILL")

    def _give_up(self, post: Post) -> None:
        """The program cannot start."""
        log.critical("not started: {error}", error=post.reason)
        self._fail(post.reason or "")
        self._check_over()

    def _bury(self, post: Post) -> None:
        if post.timer is not None:
            post.timer.cancel()
            post.timer = None
        if self.running:
            log.info("worker {number} has nothing left to do", number=post.number)
        self._check_over()

    # -- stopped ----------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Take no more connections, have all workers drained, leave."""
        super().stopService()
        log.info("draining")
        self.delegation.stop()
        self._close_sockets()
        over = self._over = Deferred()
        for post in self._posts:
            self._act(post, post.life.feel(Event.STOP))
        self._check_over()
        return over.addCallback(self._close)

    def _check_over(self) -> None:
        if self._over is None or self._awaited():
            return
        over, self._over = self._over, None
        over.callback(None)

    def _close_sockets(self) -> None:
        for each in self._sockets:
            each.close()

    def _let_go(self) -> None:
        self._close_sockets()
        for post in self._posts:
            post.lock.close()
        if self._board_at is not None:
            os.close(self._board_at)
            self._board_at = None

    def _close(self, _: object) -> Deferred[None]:
        self._let_go()
        self._ledger.close()
        log.info("drained; {counts}", counts=readable(self.totals()))
        return self.simulator.stop()

    def hurry(self) -> None:
        """A second signal."""
        log.warn("in a hurry: what is not settled stays on the disk")
        for post in self._posts:
            self._act(post, post.life.feel(Event.STOP))

    # -- for all workers -------------------------------------------------------------

    def totals(self) -> dict[str, int]:
        """Counters of all processes that there are and were, by name in order."""
        counts = self._ended_counts.copy()
        for post in self._posts:
            counts.update(post.counts)
        return dict(sorted(counts.items()))

    def resume(self) -> None:
        """By SIGUSR2."""
        self._tell_all(Resume())

    def reload(self) -> None:
        """By SIGHUP: read once, for all workers or for none."""
        log.info("reopening the record logs, reading the configuration again")
        read, findings = self.world.reread()
        packed = ""
        if read is not None:
            findings = [*findings, *self._objections(read)]
            try:
                packed = self._pack(read)
            except ConfigError as fault:
                findings.append(fault)
        if say(findings) and read is not None:
            self._before = self.current.latest, self._packed
            self.current.adopt(read)
            self._packed = packed
            self._tell_all(Follow(packed))
        else:
            self._tell_all(Follow(""))

    def _objections(self, read: Configuration) -> list[ConfigError]:
        faults = prepare(self.current, read, ServerContexts())
        return [*faults, *needs_restart(self.current.started, read)]

    def _pack(self, configuration: Configuration) -> str:
        """With its scripts as they are now.  Raises ConfigError."""
        scripts = configuration.process().scripts
        sources = [read_source(each, self.world.files) for each in scripts]
        return pack(configuration, {each.path: each.text for each in sources})

    def _go_back(self, post: Post) -> None:
        """A script does not run, say: who is started from now on shall not try it."""
        log.error(
            "worker {number} does not follow what was read again; workers that are "
            "started get what held before",
            number=post.number,
        )
        if self._before is not None:
            before, self._packed = self._before
            self.current.adopt(before)
            self._before = None

    def _tell_all(self, order: Order) -> None:
        for post in self._posts:
            post.tell(order)

    def _awaited(self) -> set[int]:
        """Those that are not over."""
        posts = (post for post in self._posts if post.life.state is not State.OVER)
        return {post.number for post in posts}

    def _pass_on(self, number: int, order: Order) -> None:
        for post in self._posts:
            if post.number == number and post.life.state is State.READY:
                post.tell(order)
