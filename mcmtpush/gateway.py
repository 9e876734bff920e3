"""The program in one process: opened at start, drained at stop.

Which parts there are, and who is whose successor, is `mcmtpush.service`'s affair.
"""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcmtpush.config.current import Current
from mcmtpush.config.settings import Configuration
from mcmtpush.counters import Counters, readable
from mcmtpush.drain import Drain
from mcmtpush.embedded import at_once
from mcmtpush.errors import McmtPushError, StartError
from mcmtpush.service import Parts
from mcmtpush.world import World


GOODBYE_SECONDS = 5.0
"""What sessions get at shutdown to finish their transaction."""

_NOT_RECOVERED = "recovery of the spool failed"

log = Logger()


class Gateway(Service):
    """The whole program.

    Attributes:
        configuration: what all parts ask.
        counters: what all parts count.
        parts: those, once it is started.
    """

    parts: Parts

    def __init__(self, configuration: Configuration, world: World) -> None:
        self.configuration = Current(configuration, world.duty.part)
        self.world = world
        self.counters = Counters()
        self._recovering = True
        self._haste = Drain(world.reactor)

    def build(self) -> None:
        """Every part and every arrow; raises McmtPushError."""
        self.parts = Parts(self.configuration, self.world, self.counters)

    # -- started -----------------------------------------------------------------

    def startService(self) -> None:
        """Open everything or raise StartError; called by twistd once it has forked."""
        super().startService()
        try:
            self.build()
            self._open()
        except McmtPushError as error:
            log.critical("not started: {error}", error=str(error))
            raise StartError(str(error)) from error

    def _open(self) -> None:
        self.parts.spool.start()
        at_once(self.parts.simulator.start())
        reason = self.parts.records.start()
        if reason is not None:
            raise StartError(reason)
        self.parts.policy.adopt(
            self.parts.load_policy(self.configuration.process().scripts)
        )
        at_once(self.parts.listener.start())
        self.world.duty.take(taking=True)
        recovered = self.parts.scheduler.start()
        recovered.addCallback(self._recovered)
        recovered.addErrback(lambda fault: log.failure(_NOT_RECOVERED, fault))
        self.parts.retention.start()
        if self.parts.reloading.polls:
            self.parts.pollers.follow(self.configuration.latest)

    def _recovered(self, _: None) -> None:
        self._recovering = False
        if self.running:
            self.parts.obedience.start()

    # -- stopped -----------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Take no more, settle what was written, leave the rest on the disk."""
        super().stopService()
        return Deferred.fromCoroutine(self._drain())

    async def _drain(self) -> None:
        """In the order of a message's way; every step is bounded."""
        log.info("draining")
        self.parts.retention.stop()
        self.parts.pollers.stop()
        self.parts.obedience.stop()
        self.world.duty.take(taking=False)
        await self._haste.step(self.parts.listener.drain(GOODBYE_SECONDS))
        await self._haste.step(self.parts.scheduler.drain())
        await self._haste.settle(self.parts.settler)
        await self.parts.spool.stop()
        if self.parts.ledger is not None:
            self.parts.ledger.close()
        self.parts.policy.adopt(None)
        self.parts.records.close()
        await self.parts.simulator.stop()
        log.info("drained; {counts}", counts=readable(self.counters.snapshot()))

    def hurry(self) -> None:
        """A second signal: wait for nothing more but the spool's last commit."""
        log.warn("in a hurry: what is not settled stays on the disk")
        self._haste.hurry()

    @property
    def empty(self) -> bool:
        """Whether nothing is left to do, and all that was done is noted."""
        parts = self.parts
        left = self._recovering or parts.retention.cleaning or parts.scheduler.queued
        return not left and parts.settler.idle

    def resume(self) -> None:
        """An operator's order, by SIGUSR2: go on with what was suspended or held."""
        lanes, messages = self.parts.lanes.resume(), self.parts.scheduler.release(None)
        log.info(
            "resumed {lanes} suspended lanes, released {messages} held messages",
            lanes=lanes,
            messages=messages,
        )

    def reload(self) -> bool:
        """By SIGHUP: logs may have been rotated, the configuration changed.

        False when the configuration cannot be followed.
        """
        log.info("reopening the record logs, reading the configuration again")
        self.reopen()
        return not self.running or self.parts.reloading.run()

    def reopen(self) -> None:
        """Logs may have been rotated."""
        self.parts.records.reopen()
