"""`msg`: a message, its variables, and at the end what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from mcmtpush.values import Message as AcceptedMessage


ECMESS_CTX_MESS: Final = 1
"""The variables of the message."""
ECMESS_CTX_CONN: Final = 2
"""The variables of the connection that it came in by."""


class Message:
    """`msg`: the message, its variables, and at the end what became of it.

    Attributes:
        id, batch_id, conn_id: as the record logs show them.
        priority: 0 or 1.
        num_retries: attempts that were charged before.
    """

    __slots__ = (
        "_accepted",
        "_contexts",
        "_method",
        "batch_id",
        "conn_id",
        "id",
        "num_retries",
        "priority",
    )

    def __init__(
        self,
        accepted: AcceptedMessage,
        attempts: int,
        variables: Mapping[str, str] | None = None,
        method: str = "apn",
    ) -> None:
        self._accepted = accepted
        self._method = method
        message = accepted.message_context
        self._contexts = {
            ECMESS_CTX_MESS: {**message, **(variables or {})},
            ECMESS_CTX_CONN: dict(accepted.connection_context),
        }
        self.id = accepted.id
        self.batch_id = accepted.batch_id
        self.conn_id = accepted.connection_id
        self.priority = accepted.priority
        self.num_retries = attempts

    def context_get(self, type: int, key: str) -> str:  # noqa: A002 - Momentum's word
        """The variable; empty if there is none."""
        return self._context(type).get(key, "")

    def context_set(self, type: int, key: str, value: object) -> None:  # noqa: A002
        """Set a variable, kept as text."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        self._context(type)[str(key)] = str(value)

    def context_exists(self, type: int, key: str) -> int:  # noqa: A002
        """1 or 0."""
        return int(key in self._context(type))

    def context_exists_and_get(
        self,
        type: int,  # noqa: A002
        key: str,
    ) -> tuple[int, str | None]:
        """1 and the variable, or 0 and nothing."""
        context = self._context(type)
        return int(key in context), context.get(key)

    def context_delete(self, type: int, key: str) -> int:  # noqa: A002
        """1 if there was one, else 0."""
        return int(self._context(type).pop(key, None) is not None)

    def mailfrom(self) -> str:
        """The sender of the envelope, maybe empty."""
        return self._accepted.sender

    def rcptto(self) -> str:
        """The recipient of the envelope."""
        return self._accepted.recipient

    def routing_domain(self) -> str:
        """The domain it is queued for, lower case."""
        return self._accepted.key.domain

    def binding(self) -> str:
        """The binding it is queued for."""
        return self._accepted.key.binding

    def get_delivery_method(self) -> str:
        """`apn`."""
        return self._method

    def get_message_size(self) -> int:
        """Bytes that were received."""
        return self._accepted.size

    @property
    def variables(self) -> Mapping[str, str]:
        """All of `ECMESS_CTX_MESS`."""
        return self._contexts[ECMESS_CTX_MESS]

    def changed(
        self, accepted: AcceptedMessage, but: frozenset[str] = frozenset()
    ) -> AcceptedMessage:
        """The message with its variables as they are now; the same if nothing changed.

        Those of `but` stay as the message has them.
        """
        said, own = self._contexts[ECMESS_CTX_MESS], accepted.message_context
        kept = {name: text for name, text in said.items() if name not in but}
        kept |= {name: own[name] for name in but if name in own}
        connection = self._contexts[ECMESS_CTX_CONN]
        if kept == own and connection == accepted.connection_context:
            return accepted
        return evolve(accepted, message_context=kept, connection_context=connection)

    def _context(self, which: int) -> dict[str, str]:
        try:
            return self._contexts[which]
        except (KeyError, TypeError):
            raise ValueError(
                "the type of a context is ECMESS_CTX_MESS or ECMESS_CTX_CONN"
            ) from None
