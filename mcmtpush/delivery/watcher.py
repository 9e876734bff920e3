"""What a slot asks of a pool and tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mcmtpush.config.views import Route
from mcmtpush.values import Attempt


if TYPE_CHECKING:
    from mcmtpush.delivery.slot import Slot


class Watcher(Protocol):
    """The pool, as a slot knows it."""

    def settle(self, attempts: list[Attempt]) -> None:
        """These are no longer this slot's."""

    def changed(self, slot: Slot) -> None:
        """Its phase or its room changed."""

    def choose_route(self) -> Route | None:
        """For one more connection; None when there is no route at all."""

    def failed(self, route: Route | None, reason: str, address: str) -> None:
        """No connection, or one that was closed without taking anything.

        `address` is whom we were connected to, empty if to nobody.
        """

    def relieve(self, slot: Slot) -> None:
        """Proof is due: have another slot ready, then stop it; told every second."""

    def worked(self, route: Route) -> None:
        """The gateway took something, or objected to something."""
