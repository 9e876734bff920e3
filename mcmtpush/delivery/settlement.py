"""What becomes of that which a binary connection wrote: settled, counted and told.

What an answer, silence and the end mean is the window's business.
"""

from __future__ import annotations

from attrs import define

from mcmtpush.apns.frames import ErrorPacket, encode_known_bad
from mcmtpush.apns.window import Window
from mcmtpush.counters import Counters
from mcmtpush.delivery.proof import Manners, count_answer
from mcmtpush.delivery.silence import Silence
from mcmtpush.delivery.voice import Voice
from mcmtpush.values import Attempt


@define(eq=False)
class Settlement:
    """Of one connection; `manners` is what its queue knows of the gateway."""

    window: Window
    silence: Silence
    counters: Counters
    manners: Manners

    def answer(self, packet: ErrorPacket, peer: str) -> list[Attempt]:
        """The one answer is here, from this address: it settles all the rest."""
        window = self.window
        presumed = window.accepted
        settled = window.answer(packet.status, packet.identifier)
        count_answer(self.counters, window, presumed)
        Voice(peer).answered(packet, window)
        return settled

    def presume(self, now: float) -> list[Attempt]:
        """Those that met silence for long enough."""
        settled = self.silence.settle(now)
        if settled:
            self.counters.add("delivery.presumed", len(settled))
        return settled

    def flush(self) -> bytes:
        """A frame known to be bad, about to be written."""
        self.counters.add("delivery.flushes")
        return encode_known_bad(self.window.flush())

    def end(self, peer: str, reason: str) -> list[Attempt]:
        """The connection is gone: nobody will know of the rest."""
        window = self.window
        if window.flush_identifier is not None and not window.over:
            self.counters.add("delivery.flush_unanswered")
            if self.manners.miss():
                Voice(peer).proves_nothing()
        undecided = window.end()
        if undecided:
            Voice(peer).closed(len(undecided), reason)
            self.counters.add("delivery.undecided", len(undecided))
        return undecided
