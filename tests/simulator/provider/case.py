"""A server with a script and callers, for the tests of sessions."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
from twisted.internet.task import Clock

from mcmtpush.simulator.http2 import ApnsHttp2Factory
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.provider.identity import Identity
from mcmtpush.simulator.provider.trust import Keyring
from mcmtpush.simulator.reader import read_script
from mcmtpush.simulator.script import Script
from tests.simulator.caller import KEY, NOW, TOPIC, Caller
from tests.support.case import TestCase


class SessionCase(TestCase):
    """A server with a script, its clock, its journal, and callers."""

    def setUp(self) -> None:
        self.start()

    def start(self, *rules: dict[str, Any], **more: Any) -> None:
        text = orjson.dumps({"linger": 0, **more, "rules": list(rules)})
        self.follow(read_script(text))

    def follow(self, script: Script) -> None:
        self.clock = Clock()
        self.written: list[bytes] = []
        self.journal = Journal(write=self.written.append, keep=1000)
        self.factory = ApnsHttp2Factory(
            script=script,
            journal=self.journal,
            clock=self.clock,
            now=lambda: NOW + self.clock.seconds(),
            dice=Random(script.seed),
            keyring=Keyring([KEY]),
            identity=Identity((TOPIC,)),
        )

    def call(self) -> Caller:
        """A client with a certificate."""
        return Caller(self.factory.buildProtocol(None))

    def call_with_token(self) -> Caller:
        """A client that needs a provider token."""
        self.factory.identity = None
        return self.call()

    def verdicts(self) -> list[tuple[int, str]]:
        return [(line.stream, line.verdict) for line in self.journal.lines]
