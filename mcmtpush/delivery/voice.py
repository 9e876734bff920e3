"""What operators are told of one connection to a gateway."""

from __future__ import annotations

from attrs import frozen
from twisted.logger import Logger

from mcmtpush.apns.frames import ErrorPacket
from mcmtpush.apns.reasons import status_text
from mcmtpush.apns.window import Window


_log = Logger()


@frozen
class Voice:
    """Speaks of one gateway, by its address."""

    peer: str

    def closed(self, undecided: int, reason: str) -> None:
        """It is gone, and so many will never be known of."""
        _log.info(
            "{peer} closed without an answer, {count} undecided: {reason}",
            peer=self.peer,
            count=undecided,
            reason=reason,
        )

    def broke_rules(self, error: Exception) -> None:
        """It said what is no answer."""
        self._warn("{peer}: {error}; disconnecting", error=error)

    def dead(self) -> None:
        """It was asked whether it is there."""
        self._warn("{peer} does not answer a ping")

    def proves_nothing(self) -> None:
        """It was asked for proof, the first time since it last gave some."""
        self._warn(
            "{peer} did not answer a notification known to be bad; what it took "
            "is not proven. If it never answers, set apn_flush_interval to 0",
        )

    def answered(self, packet: ErrorPacket, window: Window) -> None:
        """It answered; only what shows something to be wrong is worth a word."""
        told = {
            "status": packet.status,
            "identifier": packet.identifier,
            "text": status_text(packet.status),
        }
        if window.late or window.lost:
            self._warn(
                "{peer} answered {status} ({text}) when {late} refused and {lost} "
                "discarded notifications were already presumed to be accepted; "
                "delivery_response_timeout is too short",
                late=window.late,
                lost=window.lost,
                **told,
            )
        elif window.undecided:
            self._warn(
                "{peer} answered {status} ({text}) for {identifier}, which was never "
                "written there; {count} are undecided",
                count=window.undecided,
                **told,
            )

    def _warn(self, text: str, /, **facts: object) -> None:
        _log.warn(text, peer=self.peer, **facts)


def misnamed(packet: ErrorPacket) -> str:
    """Why a connection ended that was answered for what was never written there."""
    return (
        f"it answered {packet.status} ({status_text(packet.status)}) for "
        f"{packet.identifier}, which was never written there"
    )
