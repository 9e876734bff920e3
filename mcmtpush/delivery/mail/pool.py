"""The delivery side of one mail queue: which servers are called, and who carries what.

Looks up where the mail goes, keeps some connections, hands messages to those that
are ready.  While no server works messages stay in the queue and nothing is held
against them; a word that concerns all of them is passed on to all that wait.
Knows no bytes and no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcmtpush.config.views import DeliverySettings
from mcmtpush.counters import Counters
from mcmtpush.delivery.goal import connection_goal
from mcmtpush.delivery.mail.call import Call, Contexts, Means, Phase
from mcmtpush.delivery.mail.event import Over
from mcmtpush.delivery.mail.exchange import (
    Hosts,
    Resolver,
    Survey,
    Target,
    Unavailable,
    survey,
)
from mcmtpush.delivery.mail.line import Line
from mcmtpush.delivery.mail.manner import manner_of
from mcmtpush.delivery.mail.trouble import Losses, Trouble
from mcmtpush.delivery.slot import wait_seconds
from mcmtpush.ports import Clock, Dice, Disposition, Now, Queue
from mcmtpush.values import (
    Accepted,
    Answered,
    Attempt,
    Discarded,
    Entry,
    Outcome,
    Undecided,
)


BATCH_LIMIT: Final = 100
"""What is taken from the queue at a time."""

TURN_LIMIT: Final = 1000
"""What one turn settles without a server, so that it stays short."""

CONNECTING_LIMIT: Final = 4
"""Connections opened at the same time while all is well."""

FRESH_SECONDS: Final = 60.0
"""For so long what was looked up is used again."""

CLEAR_SECONDS: Final = 600.0
"""For so long a server whose TLS failed is called in clear at once."""

DRAIN_SECONDS: Final = 20.0
"""What messages that are being sent get to be finished."""

UNREAD_SECONDS: Final = 1.0
"""How long to wait when the spool did not give a message."""

UNSENDABLE: Final = Answered(553, "5.1.3 [internal] address cannot be sent")

_ESTABLISHED: Final = frozenset({Phase.READY, Phase.LOADING, Phase.SENDING})

_COUNTED: Final[dict[type[Outcome], str]] = {
    Accepted: "delivery.mail_accepted",
    Answered: "delivery.mail_refused",
    Undecided: "delivery.mail_undecided",
    Discarded: "delivery.mail_returned",
}

_log = Logger()


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
        disposition, clock, now, dice, counters: as for `delivery.pool.Pool`.

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
        now: Now,  # noqa: ARG002 - every lane is given it; mail has no use for it
        dice: Dice,
        counters: Counters,
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._manner = manner_of(settings, hostname)
        self._own_names = (hostname, self._manner.terms.hostname)
        self._resolver = resolver
        self._disposition = disposition
        self._clock = clock
        self._dice = dice
        self._counters = counters
        self._means = Means(
            connect,
            tls,
            load_mail,
            clock,
            settings.connect_timeout_seconds,
            settings.idle_timeout_seconds,
        )
        self._hosts = Hosts(rest_seconds=self._manner.rest_seconds)
        self._trouble = Trouble(
            sweep_after=self._manner.sweep_after,
            patience_seconds=settings.connect_timeout_to_delay_seconds,
        )
        self._losses = Losses()
        self._line = Line()
        self._calls: list[Call] = []
        self._in_clear: dict[Target, float] = {}
        self._surveying: Deferred[Survey] | None = None
        self._surveyed_at: float | None = None
        self._verdict: Answered | None = None  # of the last survey
        self._turn: IDelayedCall | None = None
        self._waiting: IDelayedCall | None = None  # to connect again
        self._unread: IDelayedCall | None = None  # to load again
        self._last: IDelayedCall | None = None  # the end of draining
        self._dry = False  # a call was ready and nothing was to be taken
        self._drained: list[Deferred[None]] | None = None

    @property
    def connections(self) -> int:
        """How many connections there are, those being made or closed included."""
        return len(self._calls)

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
            self._worked(call.target)
        self._settle(attempts)
        limit = self._settings.max_deliveries_per_connection
        if 0 < limit <= call.delivered:
            call.stop()

    def returned(self, entries: Sequence[Entry], reason: str) -> None:
        """See `call.Watcher`."""
        self._give_back(entries)
        if reason and self._unread is None and self._drained is None:
            _log.warn(
                "{domain}: mail cannot be read from the spool: {reason}; "
                "it stays queued and is tried again",
                domain=self._queue.key.domain,
                reason=reason,
            )
            self._unread = self._clock.callLater(UNREAD_SECONDS, self._read_again)

    def ended(self, call: Call, over: Over) -> None:
        """See `call.Watcher`."""
        self._calls.remove(call)
        if self._drained is None and not (call.answers or over.agreed or call.left):
            if over.tls and self._may_go_in_clear(call):
                self._in_clear[call.target] = self._clock.seconds()
                self._call(call.target)
                return
            self._failed(call.target, over)
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
        if self._verdict is not None and self._is_fresh:
            return
        if self._unread is None:
            self._hand_out()
        wanted = self._queue.backlog or self._line
        if wanted and not self._dry and self._waiting is None:
            self._open()

    def _pass_on(self) -> None:
        """Settle those who wait for nothing better than a word for everybody."""
        if self._verdict is not None and self._is_fresh:
            answer, limit = self._verdict, TURN_LIMIT
        elif self._trouble.sentence is not None:
            answer, limit = self._trouble.sentence, self._trouble.sentenced
        else:
            return
        entries = self._queue.take(min(limit, TURN_LIMIT))
        if entries:
            self._trouble.serve(len(entries))
            self._settle([Attempt(entry, answer) for entry in entries])

    def _hand_out(self) -> None:
        for call in [each for each in self._calls if each.is_ready]:
            entries = self._next()
            if not entries:
                self._dry = True
                return
            call.attempt(entries)

    def _next(self) -> list[Entry]:
        """One message's entries; none if there is nothing to take."""
        while not self._line:
            taken = self._queue.take(BATCH_LIMIT)
            if not taken:
                break
            unsendable = self._line.add(taken)
            if unsendable:
                self._settle([Attempt(entry, UNSENDABLE) for entry in unsendable])
        return self._line.next()

    def _open(self) -> None:
        """Open what the backlog deserves, a few at a time, one after a failure."""
        wanted = connection_goal(
            backlog=self._queue.backlog + len(self._line),
            limit=self._settings.max_outbound_connections,
            aggressiveness=self._settings.connection_aggressiveness,
        )
        connecting = sum(each.phase is Phase.CONNECTING for each in self._calls)
        allowed = 1 if self._trouble.failures else CONNECTING_LIMIT
        count = min(wanted - len(self._calls), allowed - connecting)
        if count > 0 and not self._is_fresh:
            self._look_up()
            return
        for _ in range(count):
            target = self._hosts.next(self._clock.seconds())
            if target is None or self._waiting is not None:
                return
            self._call(target)

    def _call(self, target: Target) -> None:
        terms = self._manner.terms
        if self._clock.seconds() < self._in_clear.get(target, -CLEAR_SECONDS) + (
            CLEAR_SECONDS
        ):
            terms = evolve(terms, tls="no")
        call = Call(self, self._means, target, terms)
        self._calls.append(call)
        call.open()

    # -- where to -----------------------------------------------------------------

    @property
    def _is_fresh(self) -> bool:
        surveyed_at = self._surveyed_at
        if surveyed_at is None:
            return False
        return self._clock.seconds() - surveyed_at < FRESH_SECONDS

    def _look_up(self) -> None:
        if self._surveying is not None:
            return
        self._surveying = Deferred.fromCoroutine(
            survey(
                self._queue.key.domain,
                self._settings.routes,
                self._resolver,
                own_names=self._own_names,
                dice=self._dice,
            )
        )
        self._surveying.addErrback(_unknown).addCallback(self._looked_up)

    def _looked_up(self, found: Survey) -> None:
        self._surveying = None
        if self._drained is not None:
            return
        domain = self._queue.key.domain
        if isinstance(found, Unavailable):
            if len(self._hosts):
                self._surveyed_at = self._clock.seconds()
            else:
                _log.warn(
                    "{domain}: cannot look up where its mail goes: {reason}; "
                    "it stays queued and is tried again",
                    domain=domain,
                    reason=found.reason,
                )
                self._back_off(alone=True)
        else:
            self._surveyed_at = self._clock.seconds()
            self._verdict = found if isinstance(found, Answered) else None
            self._hosts.update(found if isinstance(found, tuple) else ())
            if self._verdict is not None:
                self._give_back(self._line.clear())
                _log.warn(
                    "{domain}: nowhere to send its mail: {text}",
                    domain=domain,
                    text=self._verdict.text,
                )
        self._wake()

    # -- how it goes --------------------------------------------------------------

    def _worked(self, target: Target) -> None:
        """The server takes something, or objects to something."""
        self._hosts.clear(target)
        if self._trouble.clear():
            _log.info(
                "{domain}: {target} takes mail again",
                domain=self._queue.key.domain,
                target=_name(target),
            )

    def _failed(self, target: Target, over: Over) -> None:
        """No connection, or one that was closed without an answer to anything."""
        self._counters.add("delivery.mail_failures")
        now = self._clock.seconds()
        if any(each.phase in _ESTABLISHED for each in self._calls):
            # It works for others: most likely there are enough of them.
            self._back_off(alone=False)
            return
        self._trouble.note(over.answer)
        if self._hosts.fail(target, now):
            _log.warn(
                "{domain}: {target} rests: {reason}",
                domain=self._queue.key.domain,
                target=_name(target),
                reason=over.reason,
            )
        if self._hosts.all_rest(now):
            self._back_off(alone=True)

    def _back_off(self, *, alone: bool) -> None:
        """Connect no more for a while; `alone`: there is no connection that works."""
        if self._waiting is not None:
            return
        if alone:
            self._give_back(self._line.clear())
        self._trouble.fail(self._queue.backlog if alone else 0, self._clock.seconds())
        if alone:
            self._surveyed_at = None
            if self._trouble.failures == 1:
                _log.warn(
                    "{domain}: no mail server takes messages; they stay queued and "
                    "it is tried again",
                    domain=self._queue.key.domain,
                )
        seconds = wait_seconds(self._trouble.failures, self._dice)
        self._waiting = self._clock.callLater(seconds, self._waited)

    def _waited(self) -> None:
        self._waiting = None
        self._trouble.acquit()
        self._wake()

    def _read_again(self) -> None:
        self._unread = None
        self.work()

    def _may_go_in_clear(self, call: Call) -> bool:
        return call.terms.tls == "ifavailable" and call.terms.fallback

    # -- inside -------------------------------------------------------------------

    def _settle(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._counters.add(_COUNTED[type(attempt.outcome)])
        self._disposition.settle(self._queue.key, attempts)
        self._wake()

    def _give_back(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._settle([Attempt(entry, Discarded()) for entry in entries])

    def _release(self) -> None:
        """What was taken goes back when nobody is about to carry it."""
        if not self._calls and (self._waiting is not None or self._drained is not None):
            self._give_back(self._line.clear())

    def _stop(self) -> None:
        """Nothing begins any more."""
        for timer in (self._turn, self._waiting, self._unread):
            if timer is not None:
                timer.cancel()
        self._turn = self._waiting = self._unread = None
        if self._surveying is not None:
            self._surveying.cancel()
        self._give_back(self._line.clear())
        for call in list(self._calls):
            call.stop()
        if self._calls:
            self._last = self._clock.callLater(DRAIN_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._last = None
        for call in list(self._calls):
            call.abort("the program stops")

    def _finish(self) -> None:
        if self._drained is None or self._calls:
            return
        if self._last is not None:
            self._last.cancel()
            self._last = None
        drained, self._drained = self._drained, []
        for done in drained:
            done.callback(None)


def _unknown(failure: Failure) -> Survey:
    """Whatever befell the lookup, it says nothing about the domain."""
    return Unavailable(failure.getErrorMessage())


def _name(target: Target) -> str:
    return f"{target.name} [{target.address}]:{target.port}"
