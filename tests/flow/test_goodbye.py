"""Stories of a server over HTTP/2 that goes away."""

from __future__ import annotations

from typing import Any, Final

from mcmtpush.simulator.script import Action, Answer, Http2, Rule
from tests.flow.story import Http2Case, on
from tests.support.injector import Injection
from tests.support.pipe import REQUEST_SECONDS, Pipe


LATE: Final = REQUEST_SECONDS + 2.0
CANCEL_CODE: Final = 8


class GoodbyeTests(Http2Case):
    """GOAWAY, with every last stream there may be."""

    def say(self, **rule: Any) -> tuple[Pipe, list[Injection]]:
        """Six requests under way, and a GOAWAY behind the fourth."""
        answer = rule.pop("answer", Answer())
        pipe = self.http2(
            Rule(
                action=Action.SHUTDOWN,
                after=4,
                connections=frozenset({1}),
                answer=answer,
                **rule,
            ),
            http2=Http2(latency_seconds=0.2),
        )
        injections = [pipe.inject() for _ in range(6)]
        pipe.run(10)
        return pipe, injections

    def assert_all(
        self,
        pipe: Pipe,
        injections: list[Injection],
        *,
        discarded: int,
        connections: int = 2,
    ) -> None:
        """Each delivered once; so many were sent in vain."""
        for injection in injections:
            self.assert_records(pipe, injection, "D")
            self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        found = [line for line in pipe.journal.lines if line.verdict == "discarded"]
        self.assertEqual(len(found), discarded)
        self.assertEqual(self.counted(pipe, "delivery.connections"), connections)
        self.assert_at_rest(pipe)

    def test_at(self) -> None:
        """Those up to the last stream are awaited, the others go elsewhere."""
        self.assert_all(*self.say(), discarded=2)

    def test_below(self) -> None:
        """None was looked at: all go elsewhere, none is charged."""
        self.assert_all(*self.say(last_stream="below"), discarded=6)

    def test_above(self) -> None:
        """All are awaited on the old connection."""
        self.assert_all(*self.say(last_stream="above"), discarded=0, connections=1)

    def test_number(self) -> None:
        """A last stream in the middle."""
        self.assert_all(*self.say(last_stream=3), discarded=4)

    def test_twice(self) -> None:
        """First without a limit, then with the true one, as servers do it."""
        pipe, injections = self.say(last_stream="above", twice=True)
        self.assert_all(pipe, injections, discarded=0, connections=1)
        self.assertEqual(self.counted(pipe, "delivery.goaways"), 2)

    def test_with_a_reason(self) -> None:
        """What concerns the credential makes the lane stand back, at no charge."""
        pipe, injections = self.say(
            last_stream="below", reason="BadCertificateEnvironment", twice=True
        )
        self.assert_all(pipe, injections, discarded=6)
        self.assertEqual(self.counted(pipe, "delivery.alerts"), 1)
        self.assertEqual(self.counted(pipe, "delivery.connect_failures"), 1)

    def test_every_reason(self) -> None:
        """No reason of a GOAWAY costs a message anything."""
        for reason in (
            "Shutdown",
            "IdleTimeout",
            "ExpiredProviderToken",
            "InternalServerError",
            "BadCertificate",
            "NeverHeardOfIt",
        ):
            pipe, injections = self.say(last_stream="below", reason=reason)
            self.assert_all(pipe, injections, discarded=6)

    def test_abrupt(self) -> None:
        """Without their answers those below it are undecided, and come again."""
        pipe, injections = self.say(abandon=True)
        pipe.run(100)
        kinds = ["".join(r.kind for r in pipe.records("DTP", i)) for i in injections]
        self.assertEqual(kinds, ["TD"] * 4 + ["D"] * 2)
        for injection in injections[:4]:
            first, last = pipe.records("DTP", injection)
            self.assertEqual(first.status, 255)
            self.assertEqual(first.transaction_id, last.transaction_id)
        self.assert_at_rest(pipe)

    def test_before_anything(self) -> None:
        """A server that only says good-bye is not stormed."""
        pipe = self.http2(on(Action.SHUTDOWN, after=0, last_stream=0, times=8))
        injection = pipe.inject()
        pipe.run(60)
        self.assertLess(len(pipe.asked), 8)
        pipe.run(200)
        self.assert_records(pipe, injection, "D")

    def test_one_connection_only(self) -> None:
        """The place of the old one is taken when its answers are here."""
        pipe = self.http2(
            on(Action.SHUTDOWN, after=2, connections=frozenset({1})),
            http2=Http2(latency_seconds=2.0),
            delivering={"max_outbound_connections": 1},
        )
        injections = [pipe.inject() for _ in range(4)]
        pipe.run(20)
        self.assert_all(pipe, injections, discarded=2)
        connections = [line.connection for line in pipe.frames if line.http_status]
        self.assertEqual(connections, [1, 1, 2, 2])
