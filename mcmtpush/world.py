"""What the outside lends: the only place where it comes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from mcmtpush.duty import Duty
from mcmtpush.files import DiskFiles
from mcmtpush.ports import Dice, Files, Memory, Now
from mcmtpush.reload import Reread


@frozen
class World:
    """Time, chance, memory, files, and the reactor.

    Attributes:
        reactor: Twisted's, with timers that do not jump.
        now: the wall clock.
        dice: chance.
        pid: asked late, since daemonising changes it.
        memory: how much of it is used.
        reread: the configuration, as its files are now.
        files: where scripts of policy are.
        duty: of a worker.
    """

    reactor: Any
    now: Now
    dice: Dice
    pid: Callable[[], int]
    memory: Memory
    reread: Reread
    files: Files = field(factory=DiskFiles)
    duty: Duty = field(factory=Duty)
