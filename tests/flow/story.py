"""What the stories of messages have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from attrs import evolve

from mcmtpush.records.token import event_of
from mcmtpush.records.writer import _is_gone
from mcmtpush.simulator.script import Action, Http2, Rule, Script
from mcmtpush.simulator.vocabulary import APN2
from mcmtpush.values import Record
from tests.support.apple import HTTP2, TOKENS
from tests.support.case import TestCase
from tests.support.injector import Injection
from tests.support.pipe import Pipe


KIND: Final = Http2()
"""As Apple is to a client with a certificate."""


def script(**rule: Any) -> Script:
    """One rule."""
    return Script(rules=(Rule(**rule),))


def on(action: Action, **rule: Any) -> Rule:
    """A rule of the HTTP/2 half alone."""
    return Rule(action=action, protocols=frozenset({APN2}), **rule)


class FlowCase(TestCase):
    """A pipe of its own for each test."""

    def pipe(self, script: Script | None = None, **queueing: Any) -> Pipe:
        folder = Path(self.mktemp())
        pipe = Pipe(folder.absolute(), script, **queueing)
        self.addCleanup(pipe.close)
        return pipe

    def assert_records(self, pipe: Pipe, injection: Injection, *kinds: str) -> None:
        """The kinds of a transaction's records, message by message."""
        found = [
            "".join(r.kind for r in pipe.ledger.lines if r.message.id == each)
            for each in injection.ids
        ]
        self.assertEqual(found, list(kinds))

    def assert_at_rest(self, pipe: Pipe) -> None:
        self.assertEqual(pipe.spooled(), [])
        self.assertEqual(pipe.program.parts.scheduler.queued, 0)
        for account in pipe.accounts:
            account.check()


class Http2Case(FlowCase):
    """A domain that delivers over HTTP/2, by one connection unless told otherwise."""

    def http2(
        self,
        *rules: Rule,
        http2: Http2 = KIND,
        tokens: bool = False,
        delivering: dict[str, Any] | None = None,
        **queueing: Any,
    ) -> Pipe:
        """A pipe with these rules at work; `delivering` changes its settings."""
        pipe = self.pipe(Script(http2=http2, rules=rules), **queueing)
        pipe.delivering = evolve(
            pipe.delivering,
            routes=(TOKENS if tokens else HTTP2,),
            key=pipe.key if tokens else None,
            **(delivering or {}),
        )
        return pipe

    def counted(self, pipe: Pipe, name: str) -> int:
        """A counter of the present life."""
        return pipe.program.counters.snapshot().get(name, 0)

    def events(self, pipe: Pipe) -> list[str]:
        """The reasons of the token events that the records amount to."""
        gone = [record for record in pipe.ledger.lines if _is_gone(record)]
        return [event_of(record).reason for record in gone]

    def record(self, pipe: Pipe, injection: Injection) -> Record:
        """The first one of a message."""
        return pipe.records("DTP", injection)[0]
