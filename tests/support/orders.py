"""Orders of operators, in memory."""

from __future__ import annotations

from typing import Any

from mcmtpush.errors import SpoolError


class Folder:
    """Orders in memory; fails when told to."""

    def __init__(self) -> None:
        self.orders: dict[str, bytes] = {}
        self.answers: dict[str, Any] = {}
        self.fails = False
        self.unreadable: set[str] = set()

    def pending(self) -> list[str]:
        if self.fails:
            raise SpoolError("no disk")
        return sorted(self.orders)

    def read(self, name: str) -> bytes:
        if name in self.unreadable:
            raise SpoolError(f"cannot read the order {name}")
        return self.orders[name]

    def answer(self, name: str, answer: Any) -> None:
        del self.orders[name]
        self.answers[name] = answer
