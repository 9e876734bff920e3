"""Looking up the addresses of a host, in bounded time."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Any, cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from mcmtpush.ports import Clock


def look_up(
    host: str,
    port: int,
    resolver: IHostnameResolver,
    clock: Clock,
    timeout_seconds: float,
) -> Deferred[list[str]]:
    """The addresses of a host, as text; of an address, itself.

    Fails with `DNSLookupError` when it is no name, or takes too long.
    """
    answer = _Answer()
    if version_of(host):
        answer.found.append(host)
        answer.resolutionComplete()
        return answer.done
    if not _is_name(host):
        # The system's resolver would never answer.
        return fail(DNSLookupError(f"{host!r} is no host name"))
    answer.done.addTimeout(
        timeout_seconds,
        cast("IReactorTime", clock),
        lambda *_: Failure(
            DNSLookupError(f"{host} was not looked up within {timeout_seconds:g} s")
        ),
    )
    resolver.resolveHostName(answer, host, port)
    return answer.done


def version_of(text: str) -> int:
    """4 or 6; 0 for what is no address."""
    try:
        return ip_address(text).version
    except ValueError:
        return 0


def _is_name(text: str) -> bool:
    try:
        return bool(text.encode("idna"))
    except UnicodeError:
        return False


@implementer(IResolutionReceiver)
class _Answer:
    """What a resolver says; `done` fires once, with `found`."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.done: Deferred[Any] = Deferred(self._cancel)
        self._resolution: IHostResolution | None = None
        self._given_up = False

    def resolutionBegan(self, resolution: IHostResolution) -> None:  # noqa: N802
        """The resolver starts."""
        self._resolution = resolution

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        """One more."""
        self.found.append(cast("Any", address).host)

    def resolutionComplete(self) -> None:  # noqa: N802
        """There are no more."""
        if not self._given_up:
            self.done.callback(self.found)

    def _cancel(self, _: object) -> None:
        self._given_up = True
        if self._resolution is not None:
            # The system's resolver cannot be stopped: its answer comes too late.
            with suppress(NotImplementedError):
                self._resolution.cancel()
