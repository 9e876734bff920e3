"""How far one mail transaction is, recipient by recipient.

Knows no replies and sends nothing.
"""

from __future__ import annotations

from collections import deque

from mcmtpush.delivery.mail.event import Step
from mcmtpush.delivery.mail.transaction import Transaction
from mcmtpush.values import Accepted, Answered, Discarded, Outcome, Undecided


class Course:
    """One transaction under way.

    Attributes:
        unsent: commands that were not sent yet, in order.
        is_open: on the server's side.
        is_written: the content, as far as the transport.
        taken: recipients that the server takes and that have no outcome yet.
    """

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.unsent: deque[tuple[Step, bytes]] = deque()
        self.is_open = False
        self.is_written = False
        self._outcomes: list[Outcome | None] = [None] * len(transaction.recipients)
        self._answered = 0  # RCPT commands
        self.taken: list[int] = []

    def wants(self, step: Step) -> bool:
        """Whether this command makes sense still."""
        return step is not Step.DATA or bool(self.taken)

    def take_recipient(self) -> None:
        """The next one may have it."""
        if self._outcomes[self._answered] is None:
            self.taken.append(self._answered)
        self._answered += 1

    def refuse_recipient(self, answer: Answered) -> None:
        """The next one may not."""
        if self._outcomes[self._answered] is None:
            self._outcomes[self._answered] = answer
        self._answered += 1

    def refuse(self, answer: Answered) -> None:
        """Nobody may have it."""
        self._outcomes = [answer] * len(self._outcomes)

    def refuse_taken(self, answer: Answered) -> None:
        """None of those who might have it after all."""
        self._fill(answer)

    def deliver(self) -> None:
        """All who may have it have it."""
        self._fill(Accepted("proven"))

    def outcomes(self, *, dot_left: bool) -> tuple[Outcome, ...]:
        """One for each recipient; those without an answer get what is true then."""
        if self.is_written and dot_left:
            self._fill(Undecided())
        return tuple(Discarded() if each is None else each for each in self._outcomes)

    def _fill(self, outcome: Outcome) -> None:
        for index in self.taken:
            self._outcomes[index] = outcome
        self.taken = []
