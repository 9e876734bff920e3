"""What an answer proved, counted, and whether a gateway answers when it is asked.

Knows no bytes and no connections.
"""

from __future__ import annotations

from attrs import define

from mcmtpush.apns.window import Window
from mcmtpush.counters import Counters


@define(eq=False)
class Manners:
    """What the connections of one queue learned of their gateway.

    Attributes:
        answers: the last frame known to be bad that was written was answered;
            True as long as none was written.
    """

    answers: bool = True

    def miss(self) -> bool:
        """One was written for nothing; whether the one before was answered."""
        before, self.answers = self.answers, False
        return before


def count_answer(counters: Counters, window: Window, presumed: int) -> None:
    """Count what an answer said; `presumed` were accepted before it came."""
    counts = {
        "delivery.answers": 1,
        "delivery.proven": window.accepted - presumed,
        "delivery.refused": window.refused,
        "delivery.discarded": window.discarded,
        "delivery.undecided": window.undecided,
        "delivery.late": window.late,
        "delivery.presumed_then_proven": window.confirmed,
        "delivery.presumed_then_discarded": window.lost,
    }
    if window.flush_identifier is not None:
        counts["delivery.flushed" if window.flushed else "delivery.flush_void"] = 1
    for name, count in counts.items():
        counters.add(name, count)
