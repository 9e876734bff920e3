"""The composition root: every part is built here, every arrow drawn here.

An arrow that is not on this screen does not exist.  When the parts are opened and
drained is `mcmtpush.gateway`'s affair.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger
from twisted.names.client import createResolver

from mcmtpush.config.current import Current
from mcmtpush.config.views import ScriptSettings
from mcmtpush.counters import Counters
from mcmtpush.disposition.notice import Notifier
from mcmtpush.disposition.settle import Settler
from mcmtpush.embedded import EmbeddedSimulator
from mcmtpush.hooks.chain import Chain, Provider
from mcmtpush.hooks.loading import load as load_policy
from mcmtpush.hooks.policy import Policy
from mcmtpush.intake import Doors, Intake
from mcmtpush.lanes import Lanes
from mcmtpush.obedience import Obedience
from mcmtpush.pollers import Pollers
from mcmtpush.pressure import Pressure
from mcmtpush.queues.scheduler import Scheduler
from mcmtpush.reception.listener import Listener
from mcmtpush.records.token import TokenEvents
from mcmtpush.records.writer import RecordLogs
from mcmtpush.reload import Reload
from mcmtpush.retention import Retention
from mcmtpush.spool.folder import open_spool
from mcmtpush.spool.order import Orders
from mcmtpush.spool.worker import WriterThread
from mcmtpush.spool.writer import SpoolWriter
from mcmtpush.values import Attempt, MessageIds, QueueKey
from mcmtpush.world import World


log = Logger()


class Parts:
    """All parts of one process, each with its successors.

    Opens the spool; raises McmtPushError.
    """

    def __init__(
        self, configuration: Current, world: World, counters: Counters
    ) -> None:
        duty, clock, now = world.duty, world.reactor, world.now
        process = configuration.process()
        shared = configuration.started.process().spoolbase
        self._world, self._counters = world, counters
        self.ids = MessageIds(world.pid(), world.dice.randrange(0x10000))
        self.simulator = EmbeddedSimulator.of(process, clock, now)
        writing = duty.writing(shared)
        self.tokens = TokenEvents(
            process.token_events, process.token_events_mode, writing
        )
        self.records = RecordLogs(
            process.loggers,
            tokens=self.tokens,
            clock=clock,
            now=now,
            counters=counters,
            lock=writing,
            heartbeats=duty.part.first,
        )
        self.spool = SpoolWriter(
            open_spool(
                process.spoolbase,
                mode=process.spool_mode,
                force_fsync=process.force_fsync,
                pid=world.pid(),
                lock=duty.lock,
            ),
            worker=WriterThread(),
            to_reactor=clock.callFromThread,
            clock=clock,
            counters=counters,
        )
        self.policy = Policy()
        self.ledger = duty.ledger(shared, clock.seconds)
        self.lanes = Lanes(
            reactor=clock,
            configuration=configuration,
            mails=self.spool,
            now=now,
            dice=world.dice,
            counters=counters,
            resolver=createResolver,
            policy=self.policy,
            ledger=self.ledger,
        )
        self.pollers = Pollers(
            clock=clock,
            dice=world.dice,
            counters=counters,
            tokens=self.tokens,
            connector=self.lanes.connector,
        )
        self.scheduler = Scheduler(
            clock=clock,
            now=now,
            spool=self.spool,
            settings_for=configuration.queue,
            open_lane=self.lanes.open,
            expire=self._expire,
            counters=counters,
            scan_interval_seconds=process.delayed_queue_scan_interval_seconds,
            max_resident_messages=process.max_resident_messages,
        )
        self.pressure = Pressure(
            goal=process.memory_goal_percent,
            high_water=process.memory_hwm_percent,
            memory=world.memory,
            seconds=clock.seconds,
            save=self.scheduler.save_memory,
            tell=_say_memory,
        )
        self.retention = Retention(self.spool, clock, now)
        intake = Intake(self.spool, self.scheduler)
        doors = Doors(
            reactor=clock,
            configuration=configuration,
            intake=intake,
            ids=self.ids,
            now=now,
            counters=counters,
            sessions=duty.sessions(shared),
            is_full=self.pressure.is_full,
        )
        notices = Notifier(
            mails=self.spool,
            reception=intake,
            route=configuration.routing_key,
            settings_for=configuration.queue,
            ids=self.ids,
            hostname=process.hostname,
            now=now,
            counters=counters,
        )
        self.settler = Settler(
            records=self.records,
            spool=self.spool,
            notices=notices,
            queues=self.scheduler,
            settings_for=configuration.queue,
            now=now,
            clock=clock,
            counters=counters,
        )
        self.lanes.disposition = self.policy.disposition = self.settler
        orders = duty.orders or Orders(process.spoolbase)
        self.obedience = Obedience(orders, self.scheduler, clock)
        self.listener = Listener(
            clock,
            [(listen, doors.of(listen)) for listen in process.listens],
            duty.sockets,
            doors.sessions,
        )
        self.reloading = Reload(
            current=configuration,
            reread=world.reread,
            contexts=doors.contexts,
            lanes=self.lanes,
            scheduler=self.scheduler,
            pollers=self.pollers,
            pressure=self.pressure,
            notices=notices,
            policy=self.policy,
            load_policy=self.load_policy,
            # Reading empties Apple's list: only for who keeps what is read.
            polls=process.token_events is not None and duty.part.first,
        )

    def load_policy(self, scripts: Sequence[ScriptSettings]) -> Chain | None:
        """Scripts, ready to be adopted.  Raises ConfigErrors."""

        def make(providers: Sequence[Provider]) -> Chain:
            return Chain(providers, self._counters, log, self._world.reactor.seconds)

        def warn(text: str) -> None:
            log.warn("{text}", text=text)

        return load_policy(scripts, self._world.files, warn, make)

    def _expire(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        self.settler.settle(key, attempts)


def _say_memory(what: str, used: float, limit: float) -> None:
    log.warn(
        "{what}: {used:.0f} % are used, the limit is {limit} %",
        what=what,
        used=used,
        limit=limit,
    )
