"""Scripts without a language, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field

from mcmtpush.counters import Counters
from mcmtpush.hooks.chain import Chain, Provider
from mcmtpush.values import Message, QueueKey


KEY = QueueKey("default", "default", "apn.example")
MESSAGE = Message(
    "id",
    "batch",
    "connection",
    1.0,
    "s@x",
    "r@y",
    KEY,
    321,
    1,
    {"ip": "::1"},
    {"a": "b"},
)


@define
class Told:
    """The operator."""

    texts: list[str] = field(factory=list)

    def error(self, format: str, **kwargs: Any) -> None:  # noqa: A002 - theirs
        self.texts.append(format.format(**kwargs))


def explain(error: BaseException) -> tuple[int, str]:
    """Every fault is in line 7."""
    return 7, str(error)


def a_provider(script: str = "night", **functions: Callable[..., object]) -> Provider:
    """A script with these functions."""
    return Provider(script, functions, explain)


def a_chain(*providers: Provider, told: Told | None = None) -> Chain:
    """Asks these; time stands still."""
    return Chain(providers, Counters(), told or Told(), lambda: 1000.0)
