"""The delivery side of one mail queue: which servers are called, and who carries what.

Looks up where the mail goes, keeps some connections, hands messages to those that
are ready.  While no server works messages stay in the queue and nothing is held
against them; a word that concerns all of them is passed on to all that wait.
Knows no bytes and no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint

from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.allowance import Allowance
from mcmtpush.delivery.limit import Limits
from mcmtpush.delivery.mail.call import Call, Contexts, Means
from mcmtpush.delivery.mail.contact import Contact
from mcmtpush.delivery.mail.event import Over
from mcmtpush.delivery.mail.exchange import (
    Resolver,
    Survey,
    Target,
    Unavailable,
    survey,
)
from mcmtpush.delivery.mail.fleet import Fleet
from mcmtpush.delivery.mail.guide import Guide
from mcmtpush.delivery.mail.line import GROUP_LIMIT
from mcmtpush.delivery.mail.manner import manner_of
from mcmtpush.delivery.mail.supply import TURN_LIMIT, Supply
from mcmtpush.delivery.mail.trouble import Losses, Trouble
from mcmtpush.delivery.mail.voice import Voice
from mcmtpush.ports import Clock, Dice, Disposition, Queue
from mcmtpush.throttle import Meters
from mcmtpush.values import Answered, Attempt, Entry


DRAIN_SECONDS: Final = 20.0
"""What messages that are being sent get to be finished."""

UNREAD_SECONDS: Final = 1.0
"""How long to wait when the spool did not give a message."""


class MailPool:
    """Implements `ports.Lane` over calls to mail servers.

    Args:
        queue: what is to be delivered; `queue.key.domain` is looked up.
        settings: of this queue.
        hostname: ours, said in EHLO unless the settings say otherwise.
        resolver: for mail exchangers and addresses.
        connect: makes an endpoint for an address and a port.
        tls: makes TLS connections for STARTTLS.
        load_mail: the mail of a spool row, None if there is none.
        disposition, clock, dice, counters, limits, buckets: as for
            `delivery.pool.Pool`, with which the last two are shared.

    Nothing is done inside `work`: it arranges one call in the next turn of the
    clock, however often it is called.
    """

    def __init__(  # noqa: PLR0913 - each is an arrow that the root draws
        self,
        queue: Queue,
        *,
        settings: DeliverySettings,
        hostname: str,
        resolver: Resolver,
        connect: Callable[[str, int], IStreamClientEndpoint],
        tls: Contexts,
        load_mail: Callable[[int], Deferred[bytes | None]],
        disposition: Disposition,
        clock: Clock,
        dice: Dice,
        counters: Counters,
        limits: Limits,
        buckets: Meters,
    ) -> None:
        self._queue = queue
        self._settings = settings
        manner = manner_of(settings, hostname)

        def look() -> Deferred[Survey]:
            found = survey(
                queue.key.domain,
                settings.routes,
                resolver,
                own_names=(hostname, manner.terms.hostname),
                dice=dice,
            )
            return Deferred.fromCoroutine(found)

        self._guide = Guide(
            look,
            clock=clock,
            rest_seconds=manner.rest_seconds,
            terms=manner.terms,
        )
        self._allowance = Allowance(
            settings,
            key=queue.key,
            limits=limits,
            buckets=buckets,
            clock=clock,
            wake=self._wake,
            yield_one=self._yield_one,
        )
        self._voice = Voice(queue.key.domain)
        self._supply = Supply(queue, disposition, counters)
        self._clock = clock
        self._counters = counters
        means = Means(
            connect,
            tls,
            load_mail,
            clock,
            settings.connect_timeout_seconds,
            settings.idle_timeout_seconds,
        )
        self._trouble = Trouble(
            sweep_after=manner.sweep_after,
            patience_seconds=settings.connect_timeout_to_delay_seconds,
        )
        self._losses = Losses()
        self._fleet = Fleet(
            self,
            means,
            settings=settings,
            allowance=self._allowance,
            counters=counters,
        )
        self._contact = Contact(
            self._guide,
            self._trouble,
            self._voice,
            clock=clock,
            dice=dice,
            strand=self._strand,
            wake=self._wake,
        )
        self._turn: IDelayedCall | None = None
        self._unread: IDelayedCall | None = None  # to load again
        self._last: IDelayedCall | None = None  # the end of draining
        self._dry = False  # a call was ready and nothing was to be taken
        self._drained: list[Deferred[None]] | None = None

    @property
    def connections(self) -> int:
        """How many connections there are, those being made or closed included."""
        return len(self._fleet.calls)

    # -- ports.Lane ---------------------------------------------------------------

    def work(self) -> None:
        """There may be something to take.  Cheap to call, never re-enters."""
        self._dry = False
        self._wake()

    def drain(self) -> Deferred[None]:
        """Take no more; fires when every connection is closed.

        Messages that are being sent are finished, or given up after
        `DRAIN_SECONDS`; those that wait for a connection go back at once.
        """
        done: Deferred[None] = Deferred()
        if self._drained is not None:
            self._drained.append(done)
        else:
            self._drained = [done]
            self._stop()
        self._finish()
        return done

    # -- what calls tell ----------------------------------------------------------

    def ready(self, call: Call) -> None:
        """See `call.Watcher`."""
        self._trouble.acquit()
        if not call.is_noted:
            call.is_noted = True
            self._counters.add("delivery.mail_connections")
        self._wake()

    def settled(self, call: Call, attempts: list[Attempt]) -> None:
        """See `call.Watcher`."""
        if self._drained is None:
            self._losses.judge(attempts, used=call.begun > 1)
        if call.answers:
            self._contact.worked(call.target)
        self._supply.settle(attempts)
        self._wake()
        limit = self._settings.max_deliveries_per_connection
        if 0 < limit <= call.delivered:
            call.stop()

    def returned(self, entries: Sequence[Entry], reason: str) -> None:
        """See `call.Watcher`."""
        self._supply.give_back(entries)
        self._wake()
        if reason and self._unread is None and self._drained is None:
            self._voice.unread(reason)
            self._unread = self._clock.callLater(UNREAD_SECONDS, self._read_again)

    def ended(self, call: Call, over: Over) -> None:
        """See `call.Watcher`."""
        self._fleet.remove(call)
        if self._drained is None and not (call.answers or over.agreed or call.left):
            if over.tls and call.may_go_in_clear:
                self._guide.go_in_clear(call.target)
                if self._call(call.target):
                    return
            else:
                self._counters.add("delivery.mail_failures")
                self._contact.fail(call.target, over, works=self._fleet.works)
        self._release()
        self._wake()
        self._finish()

    # -- a turn -------------------------------------------------------------------

    def _wake(self) -> None:
        if self._turn is None and self._drained is None:
            self._turn = self._clock.callLater(0, self._work)

    def _work(self) -> None:
        self._turn = None
        self._pass_on()
        if self._guide.verdict is None and self._unread is None:
            self._hand_out()
        if not self._wants_more or not self._open():
            self._allowance.decline()

    @property
    def _wants_more(self) -> bool:
        """Whether connections are of use that there are not."""
        if self._guide.verdict is not None or self._contact.is_waiting or self._dry:
            return False
        return self._supply.waiting > 0

    def _pass_on(self) -> None:
        """Settle those who wait for nothing better than a word for everybody."""
        verdict, trouble = self._guide.verdict, self._trouble
        if verdict is not None:
            told = self._supply.answer(verdict, TURN_LIMIT)
        elif trouble.sentence is not None:
            told = self._supply.answer(trouble.sentence, trouble.sentenced)
            if told:
                trouble.serve(told)
        else:
            return
        if told:
            self._wake()

    def _hand_out(self) -> None:
        for call in [each for each in self._fleet.calls if each.is_ready]:
            granted = self._allowance.grant(GROUP_LIMIT)
            entries = self._supply.next(granted) if granted else []
            self._allowance.give_back(granted - len(entries))
            if not entries:
                self._dry = bool(granted)
                return
            call.attempt(entries)

    def _open(self) -> bool:
        """Open what the backlog deserves; whether more is wanted than is permitted."""
        count = self._fleet.missing(
            self._supply.waiting, failing=bool(self._trouble.failures)
        )
        if count > 0 and not self._guide.is_fresh:
            self._guide.look_up(self._looked_up)
            return False
        for _ in range(count):
            target = self._guide.next()
            if target is None or self._contact.is_waiting:
                return False
            if not self._call(target):
                return self._allowance.in_line
        return False

    def _call(self, target: Target) -> bool:
        return self._fleet.call(target, self._guide.terms_for(target))

    def _strand(self) -> int:
        """Nobody carries what was taken; how many wait for a word."""
        self._supply.clear()
        return self._queue.backlog

    def _yield_one(self) -> None:
        """Lanes that have no connection wait for one of ours."""
        self._fleet.yield_one()

    # -- where to -----------------------------------------------------------------

    def _looked_up(self, found: Survey) -> None:
        if self._drained is not None:
            return
        if isinstance(found, Unavailable):
            self._contact.lose_way(found.reason)
        elif isinstance(found, Answered):
            self._supply.clear()
            self._voice.nowhere(found.text)
        self._wake()

    def _read_again(self) -> None:
        self._unread = None
        self.work()

    # -- inside -------------------------------------------------------------------

    def _release(self) -> None:
        """What was taken goes back when nobody is about to carry it."""
        if not self._fleet.calls and (
            self._contact.is_waiting or self._drained is not None
        ):
            self._supply.clear()

    def _stop(self) -> None:
        """Nothing begins any more."""
        for timer in (self._turn, self._unread):
            if timer is not None:
                timer.cancel()
        self._turn = self._unread = None
        self._contact.stop()
        self._guide.stop()
        self._allowance.stop()
        self._supply.clear()
        self._fleet.stop()
        if self._fleet.calls:
            self._last = self._clock.callLater(DRAIN_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._last = None
        self._fleet.abort("it is not waited for any longer")

    def _finish(self) -> None:
        if self._drained is None or self._fleet.calls:
            return
        if self._last is not None:
            self._last.cancel()
            self._last = None
        drained, self._drained = self._drained, []
        for done in drained:
            done.callback(None)
