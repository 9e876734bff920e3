"""One place for a connection: empty, connecting, in use, or waiting to try again.

Knows when to connect again and when to give a connection back; how many slots
there are and what they carry is the pool's business, what the bytes mean the
connection's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from mcmtpush.config.views import Route
from mcmtpush.delivery.alarm import Alarm
from mcmtpush.delivery.backoff import pause_seconds, wait_seconds
from mcmtpush.delivery.connection import Connection
from mcmtpush.delivery.means import Means
from mcmtpush.delivery.pace import careful_start
from mcmtpush.delivery.phase import Event, Phase, advance
from mcmtpush.delivery.watcher import Watcher
from mcmtpush.errors import ConfigError, LocalProtocolError
from mcmtpush.values import Attempt, Entry


PROBE_COUNT: Final = 20
"""What a connection may carry after a failure, until something is accepted."""


class Slot:
    """One slot; see `phase` for its life.

    Attributes:
        phase: what it is doing.
        failures: connections in a row that could not be made or were closed
            without a word and without taking anything.
        replaces: its last connection took something and was ended by an answer, as
            every refusal ends one, and there is no other yet.
    """

    def __init__(self, watcher: Watcher, means: Means) -> None:
        self._watcher = watcher
        self._means = means
        self._route: Route | None = None
        self._connection: Connection | None = None
        self._connecting: Deferred[IProtocol] | None = None
        self._alarm = Alarm(means.clock)
        self._refusals = 0
        self._start = 0  # what the next connection may carry at first
        self.phase = Phase.IDLE
        self.failures = 0
        self.replaces = False

    # -- what the pool asks -------------------------------------------------------

    @property
    def room(self) -> int:
        """How many entries `attempt` may be given now."""
        if self.phase is not Phase.READY or self._connection is None:
            return 0
        room = self._connection.room
        if self.failures:
            room = min(room, max(0, PROBE_COUNT - self._connection.unsettled))
        return room

    @property
    def unsettled(self) -> int:
        """How many entries it has been given that are not settled."""
        return 0 if self._connection is None else self._connection.unsettled

    @property
    def full(self) -> bool:
        """Whether its connection works and takes no more for now."""
        connection = self._connection
        if self.phase is not Phase.READY or connection is None:
            return False
        return connection.crowded or not connection.room

    @property
    def troubled(self) -> bool:
        """Whether its connection is about to end as others would."""
        connection = self._connection
        if self.phase is not Phase.READY or connection is None:
            return False
        return bool(connection.trouble)

    def attempt(self, entries: Sequence[Entry]) -> None:
        """Send these; only with `room`."""
        connection = self._connection
        if connection is None:
            raise LocalProtocolError("a slot without a connection was given entries")
        connection.attempt(entries)
        if connection.spent and self.phase is Phase.READY:
            self.stop()

    def open(self) -> None:
        """Connect by the next route; only when idle."""
        self._advance(Event.OPEN)
        means = self._means
        self._route = self._watcher.choose_route()
        connection = means.dialects.connection(self, self._route, self._start)
        self._connection = connection
        self._alarm.start(means.settings.connect_timeout_seconds, self._time_out)
        try:
            endpoint = self._endpoint()
        except ConfigError as error:
            self._break(error.message)
            return
        self._connecting = endpoint.connect(_OneFactory(connection))
        self._connecting.addErrback(self._refuse, connection)

    def stop(self) -> None:
        """Take no more; a connection asks for proof, waits for it, then closes."""
        phase = self.phase
        self._advance(Event.STOP)
        if phase is Phase.READY and self._connection is not None:
            self._connection.finish()
        elif phase in (Phase.CONNECTING, Phase.WAITING):
            self._let_go()
        if self.phase is Phase.STOPPED:
            self._watcher.changed(self)

    # -- what the connection tells ------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """See `Owner`."""
        if connection is not self._connection:
            return
        self._alarm.stop()
        self._connecting = None
        self.replaces = False
        self._advance(Event.CONNECTED)
        self._means.counters.add("delivery.connections")
        self._watcher.changed(self)

    def settled(self, connection: Connection, attempts: list[Attempt]) -> None:
        """See `Owner`."""
        if connection.accepted or connection.answered:
            self._trust(accepted=bool(connection.accepted))
        self._watcher.settle(attempts)

    def resumed(self, connection: Connection) -> None:
        """See `Owner`."""
        if connection is self._connection:
            self._watcher.changed(self)

    def idled(self, connection: Connection) -> None:
        """See `Owner`."""
        if connection is self._connection:
            self.stop()

    def matured(self, connection: Connection) -> None:
        """See `Owner`."""
        if connection is self._connection and self.phase is Phase.READY:
            self._watcher.relieve(self)

    def ended(self, connection: Connection, reason: Failure) -> None:
        """See `Owner`."""
        if connection is not self._connection:
            return
        if connection.answered:
            self._start = careful_start(self._start, connection.accepted)
        if self.phase is Phase.CONNECTING or self._is_trouble(connection):
            self._break(connection.trouble or reason.getErrorMessage())
        elif self.phase is Phase.DRAINING or connection.accepted:
            self._connection = None
            self.replaces = connection.answered
            self._advance(Event.ENDED)
            self._watcher.changed(self)
        elif connection.answered:
            self._connection = None
            self._refusals += 1
            self._wait(pause_seconds(self._refusals))
        else:
            text = connection.farewell or reason.getErrorMessage()
            self._break(f"closed before it accepted anything ({text})")

    # -- inside -------------------------------------------------------------------

    def _advance(self, event: Event) -> None:
        self.phase = advance(self.phase, event)

    def _is_trouble(self, connection: Connection) -> bool:
        return bool(connection.trouble) and self.phase is not Phase.DRAINING

    def _endpoint(self) -> IStreamClientEndpoint:
        if self._route is None:
            raise ConfigError("no routes are set", "configuration", option="routes")
        return self._means.connect(self._route)

    def _refuse(self, failure: Failure, connection: Connection) -> None:
        """The endpoint could not connect, or was cancelled."""
        if connection is self._connection:
            self._break(failure.getErrorMessage())

    def _time_out(self) -> None:
        seconds = self._means.settings.connect_timeout_seconds
        self._break(f"not connected within {seconds} s")

    def _break(self, reason: str) -> None:
        """No connection was had, or none worth the name: back off."""
        address = self._connection.remote_ip if self._connection else ""
        self._let_go()
        means = self._means
        self.failures += 1
        self.replaces = False
        means.counters.add("delivery.connect_failures")
        self._watcher.failed(self._route, reason, address)
        self._wait(wait_seconds(self.failures, means.dice))

    def _wait(self, seconds: float) -> None:
        self._advance(Event.BROKEN)
        self._alarm.start(seconds, self._waited)
        self._watcher.changed(self)

    def _waited(self) -> None:
        self._advance(Event.WAITED)
        self._watcher.changed(self)

    def _trust(self, *, accepted: bool) -> None:
        """The gateway works; what was held against it is forgotten."""
        self.failures = 0
        if accepted:
            self._refusals = 0
        if self._route is not None:
            self._watcher.worked(self._route)

    def _let_go(self) -> None:
        """Forget the connection, made or not, and any timer."""
        self._alarm.stop()
        connection, self._connection = self._connection, None
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        if connection is not None:
            connection.abort()


class _OneFactory(Factory):
    """Builds the one connection that is there already."""

    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, _addr: IAddress | None) -> Any:
        """Twisted has a transport for it."""
        return self._connection
