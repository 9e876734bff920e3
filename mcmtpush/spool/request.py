"""What is asked of the spool's thread: something to write, or a question.

A request goes to the thread, comes back with what became of it, and is answered on
the reactor.  Deferreds are Twisted's; the type is imported for checkers only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define

from mcmtpush.errors import SpoolCorruptError
from mcmtpush.spool.codec import Bury, Delete, Insert, Operation
from mcmtpush.spool.fault import is_outside
from mcmtpush.spool.store import Store


if TYPE_CHECKING:
    # Types only; a pure file knows no reactor.
    from twisted.internet.defer import Deferred  # noqa: TID251


Ask = Callable[[Store], tuple[Any, list[SpoolCorruptError]]]
"""A question: gives the answer and what was set aside on the way."""


@define(eq=False)
class Write:
    """Something to write, and whom to tell with what once it is durable.

    Attributes:
        operation: what is written; a burial may become a removal.
        done: fires with `answer`.
        error: why it is not written, None if it is.
        not_kept: how many letters of a burial were removed without being kept.
    """

    operation: Operation
    done: Deferred[Any]
    answer: Any = None
    error: Exception | None = None
    not_kept: int = 0

    @property
    def is_store(self) -> bool:
        """Whether somebody waits for it who can be told to come back later."""
        return isinstance(self.operation, Insert)


@define(eq=False)
class Read:
    """A question, or one for the bodies of `wanted`, which is asked with others.

    Attributes:
        ask: None for bodies.
        rows: how many are read, at most.
        done: fires with `answer`.
        error: why there is no answer, None if there is.
        faults: what was set aside on the way.
    """

    ask: Ask | None
    rows: int
    done: Deferred[Any]
    wanted: Sequence[int] = ()
    answer: Any = None
    error: Exception | None = None
    faults: Sequence[SpoolCorruptError] = ()


Request = Write | Read


def is_kept(one: Write) -> bool:
    """Whether it is to be tried again: the world was at fault, and nobody waits."""
    return one.error is not None and is_outside(one.error) and not one.is_store


def stop_keeping(writes: Sequence[Write]) -> bool:
    """Make removals of burials; whether there were any."""
    burials = [one for one in writes if isinstance(one.operation, Bury)]
    for one in burials:
        rows = one.operation.rows  # type: ignore[union-attr]
        one.operation, one.not_kept = Delete(rows), len(rows)
    return bool(burials)
