"""Which language a route speaks, and what all connections of a queue share in it."""

from __future__ import annotations

from attrs import define, field

from mcmtpush.config.views import DeliverySettings, Route
from mcmtpush.counters import Counters
from mcmtpush.delivery.binary import BinaryConnection
from mcmtpush.delivery.connection import Connection, Owner
from mcmtpush.delivery.desk import Desk
from mcmtpush.delivery.http2 import Http2Connection
from mcmtpush.delivery.proof import Manners
from mcmtpush.delivery.routes import HTTP2, HTTPS_PORT, port_of
from mcmtpush.ports import Clock, Now


@define(eq=False)
class Dialects:
    """Makes the connections of one queue."""

    settings: DeliverySettings
    clock: Clock
    now: Now
    counters: Counters
    desk: Desk
    _manners: Manners = field(init=False, factory=Manners)

    def connection(self, owner: Owner, route: Route | None, start: int) -> Connection:
        """One that is not connected yet; `start` is for `BinaryConnection`."""
        if route is not None and route.scheme == HTTP2:
            return Http2Connection(
                owner,
                authority=_authority(route),
                settings=self.settings,
                desk=self.desk,
            )
        return BinaryConnection(
            owner,
            settings=self.settings,
            clock=self.clock,
            now=self.now,
            counters=self.counters,
            manners=self._manners,
            start=start,
            hooks=self.desk.hooks,
        )


def _authority(route: Route) -> bytes:
    """Host and port as requests name them; the usual port is left out."""
    host = route.host
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    port = port_of(route)
    text = host if port == HTTPS_PORT else f"{host}:{port}"
    return text.encode("idna" if not text.isascii() else "ascii")
