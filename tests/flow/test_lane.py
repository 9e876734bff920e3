"""Stories of lanes over HTTP/2: provider tokens, routes, and the end."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mcmtpush.apns.bearer import RENEW_SECONDS
from mcmtpush.simulator.script import Action, Answer, Http2, Rule, Script
from tests.flow.story import Http2Case, on
from tests.support.apple import BINARY, HTTP2, TOKENS
from tests.support.injector import Injection
from tests.support.pipe import REQUEST_SECONDS, RESPONSE_SECONDS, Pipe


OTHER: Final = "cd" * 32


class LaneCase(Http2Case):
    def deliver(self, pipe: Pipe, count: int = 1, seconds: float = 5.0) -> None:
        """So many more arrive and are delivered in that time."""
        injections = [pipe.inject() for _ in range(count)]
        pipe.run(seconds)
        for injection in injections:
            self.assert_records(pipe, injection, "D")

    def tokens(self, pipe: Pipe) -> int:
        """How many provider tokens a server would have seen: one for each life."""
        return len({account._connection._traffic._bearer for account in pipe.accounts})


class TokenTests(LaneCase):
    """Provider tokens, verified by the other side."""

    def test_one_first(self) -> None:
        """One request until the first success, then all: none is refused."""
        pipe = self.http2(tokens=True, http2=Http2(latency_seconds=0.5))
        injections = [pipe.inject() for _ in range(20)]
        pipe.run(0.3)
        self.assertEqual(sum(each.given for each in pipe.accounts), 1)
        pipe.run(3)
        for injection in injections:
            self.assert_records(pipe, injection, "D")
        lines = pipe.journal.lines
        self.assertEqual({line.verdict for line in lines}, {"accepted"})
        self.assertEqual({line.auth for line in lines}, {"token"})
        self.assert_at_rest(pipe)

    def test_one_message_is_one_connection(self) -> None:
        """A slow answer to the only message is no reason for another connection."""
        pipe = self.http2(tokens=True, http2=Http2(latency_seconds=5.0))
        self.deliver(pipe, seconds=10.0)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 1)

    def test_farewell_to_a_token(self) -> None:
        """A GOAWAY may say what is wrong with a token, too: another is made."""
        pipe = self.http2(
            on(
                Action.SHUTDOWN,
                after=2,
                last_stream="below",
                reason="ExpiredProviderToken",
                connections=frozenset({1}),
            ),
            tokens=True,
            http2=Http2(latency_seconds=0.1),
        )
        self.deliver(pipe)
        pipe.run(1300)
        self.deliver(pipe)
        self.assertEqual(self.tokens(pipe), 2)

    def test_one_at_a_time_while_nothing_succeeds(self) -> None:
        """Refused ones are sent one by one, to the last."""
        pipe = self.http2(
            on(Action.REFUSE, reason="Unregistered", every=1),
            tokens=True,
            http2=Http2(latency_seconds=0.1),
            delivering={"max_outbound_connections": 1},
        )
        injections = [pipe.inject() for _ in range(10)]
        pipe.run(5)
        for injection in injections:
            self.assert_records(pipe, injection, "P")
        verdicts = {line.verdict for line in pipe.journal.lines}
        self.assertEqual(verdicts, {"refused"})

    def test_grows_old(self) -> None:
        """A new token means a new connection; no push is lost between them."""
        pipe = self.http2(tokens=True)
        for _ in range(int(2.5 * RENEW_SECONDS / 100)):
            self.deliver(pipe, seconds=100.0)
        self.assertEqual(self.tokens(pipe), 3)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 3)
        self.assertEqual({line.verdict for line in pipe.journal.lines}, {"accepted"})
        self.assert_at_rest(pipe)

    def test_expires(self) -> None:
        """Where tokens live shorter than promised a new one is made, once in time."""
        pipe = self.http2(tokens=True, http2=Http2(token_life_seconds=1500.0))
        self.deliver(pipe)
        pipe.run(1600)
        self.deliver(pipe)
        self.assertEqual(self.tokens(pipe), 2)
        refused = [line for line in pipe.journal.lines if line.verdict == "refused"]
        self.assertEqual([line.reason for line in refused], ["ExpiredProviderToken"])
        self.assert_at_rest(pipe)

    def test_key_rotates(self) -> None:
        """A key that Apple does not know is told and waited for, then goes on."""
        pipe = self.http2(tokens=True)
        self.deliver(pipe)
        good = (pipe.folder / "AuthKey.p8").read_bytes()
        bad = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (pipe.folder / "AuthKey.p8").write_bytes(bad + b"\n")
        pipe.run(30)
        injection = pipe.inject()
        pipe.run(200)
        self.assertEqual(pipe.judged(injection, "accepted"), [])
        self.assertGreaterEqual(self.counted(pipe, "delivery.alerts"), 1)
        (pipe.folder / "AuthKey.p8").write_bytes(good)
        pipe.run(400)
        self.assertEqual(pipe.records("DTP", injection)[-1].kind, "D")
        self.assert_at_rest(pipe)

    def test_clock_is_set(self) -> None:
        """After a step of the wall clock the tokens are right again."""
        pipe = self.http2(tokens=True)
        self.deliver(pipe)
        pipe.run(1300)
        for step in (7200.0, -7200.0):
            pipe.jump += step
            pipe.run(2)
            self.deliver(pipe, seconds=1300.0)
        self.assert_at_rest(pipe)


class RouteTests(LaneCase):
    """Both interfaces, side by side."""

    def both(self, *rules: Rule, **http2: Any) -> Pipe:
        """HTTP/2 preferred, the binary interface behind it."""
        pipe = self.http2(*rules, **http2)
        pipe.delivering = evolve(
            pipe.delivering, routes=(HTTP2, evolve(BINARY, preference=1))
        )
        return pipe

    def ways(self, pipe: Pipe) -> list[str]:
        """How each push went, in order."""
        return [getattr(line, "protocol", "apn") for line in pipe.frames]

    def test_falls_back_and_returns(self) -> None:
        """While the preferred route cannot be had, and no longer."""
        pipe = self.both()
        pipe.ways[HTTP2.host] = "refuses"
        injection = pipe.inject()
        pipe.run(RESPONSE_SECONDS + 5.0)
        self.assert_records(pipe, injection, "D")
        pipe.ways.clear()
        pipe.run(200)
        self.deliver(pipe)
        self.assertEqual(self.ways(pipe), ["apn", "apn2"])
        self.assert_at_rest(pipe)

    def test_a_wrong_certificate_falls_back(self) -> None:
        """Trouble on the preferred route costs no message anything."""
        pipe = self.both(on(Action.REFUSE, reason="BadCertificate", every=1))
        injection = pipe.inject()
        pipe.run(RESPONSE_SECONDS + 5.0)
        self.assert_records(pipe, injection, "D")
        self.assertEqual(self.ways(pipe), ["apn2", "apn"])
        self.assert_at_rest(pipe)

    def test_the_other_way_round(self) -> None:
        """The binary interface preferred, and away."""
        pipe = self.http2()
        pipe.delivering = evolve(
            pipe.delivering, routes=(BINARY, evolve(HTTP2, preference=1))
        )
        pipe.ways[BINARY.host] = "silent"
        injection = pipe.inject()
        pipe.run(15)
        self.assert_records(pipe, injection, "D")
        self.assertEqual(self.ways(pipe), ["apn2"])

    def test_domains_do_not_meet(self) -> None:
        """Three domains, three ways, at once; the failing one holds nobody up."""
        pipe = self.http2(
            Rule(
                action=Action.REFUSE,
                reason="BadCertificate",
                every=1,
                protocols=frozenset({"apn2"}),
                topic="com.example.app",
            )
        )
        pipe.domains = {
            "binary.example": evolve(pipe.delivering, routes=(BINARY,)),
            "token.example": evolve(
                pipe.delivering,
                routes=(TOKENS,),
                key=pipe.key,
                topic="com.example.other",
            ),
        }
        domains = ("binary.example", "token.example", "apn_example.com")
        injection = pipe.inject(*(f"a@{domain}" for domain in domains))
        pipe.run(20)
        self.assert_records(pipe, injection, "D", "D", "")
        pipe.follow(Script())
        pipe.run(60)
        self.assert_records(pipe, injection, "D", "D", "D")
        self.assert_at_rest(pipe)


class EndTests(LaneCase):
    """Stops, crashes and idle connections."""

    def under_way(self, tokens: bool = False) -> tuple[Pipe, list[Injection]]:
        """Five messages, none of them answered yet."""
        pipe = self.http2(tokens=tokens, http2=Http2(latency_seconds=1.0))
        injections = [pipe.inject() for _ in range(5)]
        pipe.run(0.5)
        return pipe, injections

    def test_drains(self) -> None:
        """What was sent is answered before the end, the rest waits."""
        for tokens in (False, True):
            pipe, injections = self.under_way(tokens)
            sent = 1 if tokens else 5
            pipe.restart(
                at_death=lambda pipe=pipe, sent=sent: self.assertEqual(
                    len(pipe.records("D")), sent
                )
            )
            pipe.run(20)
            for injection in injections:
                self.assert_records(pipe, injection, "D")
                self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
            self.assert_at_rest(pipe)

    def test_drain_is_bounded(self) -> None:
        """A gateway that does not answer keeps nobody for ever."""
        pipe = self.http2(on(Action.IGNORE, every=1, times=5))
        for _ in range(5):
            pipe.inject()
        pipe.run(1)
        before = pipe.clock.seconds()
        pipe.restart()
        self.assertLess(pipe.clock.seconds() - before, REQUEST_SECONDS + 5.0)
        pipe.run(100)
        self.assertEqual(len(pipe.records("D")), 5)
        self.assert_at_rest(pipe)

    def test_crash(self) -> None:
        """What was under way is sent again, under the same apns-id."""
        pipe, injections = self.under_way()
        pipe.crash()
        pipe.run(20)
        for injection in injections:
            self.assert_records(pipe, injection, "D")
            ids = {line.apns_id for line in pipe.judged(injection, "accepted")}
            self.assertEqual(len(ids), 1)
        self.assert_at_rest(pipe)

    def test_idle(self) -> None:
        """A connection that closes for being idle meets new messages."""
        pipe = self.http2(delivering={"http2_idle_seconds": 5})
        self.deliver(pipe, seconds=1.0)
        for _ in range(12):
            pipe.run(3.9)
            self.deliver(pipe, seconds=2.5)
        self.assertGreater(self.counted(pipe, "delivery.connections"), 1)
        self.assert_at_rest(pipe)

    def test_so_many_for_each_connection(self) -> None:
        """`max_deliveries_per_connection` holds over HTTP/2, too."""
        pipe = self.http2(delivering={"max_deliveries_per_connection": 3})
        self.deliver(pipe, 10, seconds=20.0)
        counts = [account.given for account in pipe.accounts]
        self.assertEqual(counts, [3, 3, 3, 1])
        self.assert_at_rest(pipe)

    def test_behind_a_slow_answer(self) -> None:
        """An answer that comes after the deadline changes nothing any more."""
        late = Answer(delay_seconds=REQUEST_SECONDS + 5.0)
        pipe = self.http2(on(Action.ACCEPT, every=1, times=1, answer=late))
        injection = pipe.inject()
        pipe.run(100)
        self.assert_records(pipe, injection, "TD")
        self.assert_at_rest(pipe)
