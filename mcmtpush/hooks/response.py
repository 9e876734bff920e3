"""`resp`: what Apple said, and what is made of it."""

from __future__ import annotations


class Response:
    """`resp` of `apn_response_eval`.

    Attributes:
        command: 8, of the binary answer; 0 over HTTP/2.
        id: what it is about, see `Request`.
        http_status: of the HTTP/2 answer; 0 over the binary interface.
        reason: Apple's word for it, over HTTP/2; else empty.
    """

    __slots__ = ("_status", "command", "http_status", "id", "reason")

    def __init__(
        self,
        status: int,
        id: int | str,  # noqa: A002 - Momentum's word
        http_status: int = 0,
        reason: str = "",
    ) -> None:
        self._status = status
        self.command = 0 if http_status else 8
        self.id = id
        self.http_status = http_status
        self.reason = reason

    @property
    def status(self) -> int:
        """The status code; a changed one decides what becomes of the message."""
        return self._status

    @status.setter
    def status(self, status: float) -> None:
        self._status = read_status(status)


def read_status(value: object) -> int:
    """A status code from a number, or a text that is one; raises ValueError."""
    try:
        status = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{value!r:.40} is no status code") from None
    if not 0 <= status <= 999 or (type(value) is float and status != value):
        raise ValueError(f"{value!r:.40} is no status code")
    return int(status)
