"""Stories over HTTP/2: how many at once, and answers that do not come."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from mcmtpush.simulator.script import Action, Answer, Http2, Script
from tests.flow.story import Http2Case, on
from tests.support.apple import BINARY, HTTP2
from tests.support.injector import Injection
from tests.support.pipe import REQUEST_SECONDS, Pipe


LATE: Final = REQUEST_SECONDS + 2.0
CANCEL_CODE: Final = 8


class StreamTests(Http2Case):
    """How many requests are under way."""

    def inject(self, pipe: Pipe, count: int, **content: Any) -> list[Injection]:
        """So many at once."""
        return [pipe.inject(**content) for _ in range(count)]

    def assert_delivered(self, pipe: Pipe, injections: list[Injection]) -> None:
        """Each once, and each with one record."""
        for injection in injections:
            self.assert_records(pipe, injection, "D")
            self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        self.assert_at_rest(pipe)

    def test_streams_up_and_down(self) -> None:
        """No request is refused while the limit goes from 3 to 1 and to 50."""
        pipe = self.http2(
            on(Action.LIMIT, streams=1, after=5),
            on(Action.LIMIT, streams=50, after=12),
            http2=Http2(streams=3, latency_seconds=0.1),
        )
        injections = self.inject(pipe, 30)
        pipe.run(60)
        self.assert_delivered(pipe, injections)
        self.assertEqual({line.verdict for line in pipe.journal.lines}, {"accepted"})

    def test_one_stream_after_an_error(self) -> None:
        """A refused push takes the limit to one; the next success gives it back."""
        pipe = self.http2(
            on(Action.REFUSE, reason="BadDeviceToken", after=0, times=1),
            http2=Http2(latency_seconds=0.1),
        )
        bad = pipe.inject()
        pipe.run(1)
        injections = self.inject(pipe, 40)
        pipe.run(20)
        self.assert_records(pipe, bad, "P")
        self.assert_delivered(pipe, injections)
        verdicts = [line.verdict for line in pipe.journal.lines]
        self.assertEqual(verdicts.count("discarded"), 0)

    def test_refused_stream(self) -> None:
        """Nothing is charged or recorded; it is sent again, maybe a second later."""
        pipe = self.http2(on(Action.RESET_STREAM, every=1, times=2))
        injection = pipe.inject()
        pipe.run(0.5)
        self.assert_records(pipe, injection, "")
        pipe.run(10)
        self.assert_delivered(pipe, [injection])
        self.assertEqual(len(pipe.judged(injection, "discarded")), 2)

    def test_refuses_every_stream(self) -> None:
        """That is no storm: once a second, and at last another way is taken."""
        pipe = self.http2(on(Action.RESET_STREAM, every=1))
        pipe.delivering = evolve(
            pipe.delivering, routes=(HTTP2, evolve(BINARY, preference=1))
        )
        injection = pipe.inject()
        pipe.run(3 * LATE)
        self.assert_delivered(pipe, [injection])
        self.assertLess(len(pipe.judged(injection, "discarded")), 5 * REQUEST_SECONDS)

    def test_no_streams_at_all(self) -> None:
        """A peer that never allows one is given up, and another way is taken."""
        pipe = self.http2(http2=Http2(streams=0))
        pipe.delivering = evolve(
            pipe.delivering, routes=(HTTP2, evolve(BINARY, preference=1))
        )
        injection = pipe.inject()
        pipe.run(3 * LATE)
        self.assert_delivered(pipe, [injection])

    def test_violation_ends_the_connection(self) -> None:
        """A GOAWAY with code 7 costs a connection and no message."""
        refused = on(
            Action.SHUTDOWN, code=7, last_stream="below", after=3, connections={1}
        )
        pipe = self.http2(refused, http2=Http2(latency_seconds=0.1))
        injections = self.inject(pipe, 6)
        pipe.run(10)
        self.assert_delivered(pipe, injections)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 2)
        self.assertEqual(self.counted(pipe, "delivery.goaways"), 1)

    def test_small_window(self) -> None:
        """Payloads that do not fit the window of a stream leave in pieces."""
        pipe = self.http2(http2=Http2(window=100, latency_seconds=0.1))
        injections = self.inject(pipe, 5, filling=1500)
        pipe.run(10)
        self.assert_delivered(pipe, injections)

    def test_withheld_window(self) -> None:
        """What does not fit waits, and leaves when the window opens again."""
        pipe = self.http2(
            on(Action.WITHHOLD, after=1, seconds=5.0, times=1),
            delivering={"max_outbound_connections": 1},
        )
        injections = self.inject(pipe, 60, filling=3000)
        pipe.run(4)
        self.assertGreater(len(pipe.spooled()), 0)
        pipe.run(20)
        self.assert_delivered(pipe, injections)
        self.assertEqual(self.counted(pipe, "delivery.undecided"), 0)

    def test_window_that_stays_shut(self) -> None:
        """Nobody waits for ever: what was not sent goes elsewhere, not charged."""
        pipe = self.http2(
            on(Action.WITHHOLD, after=1, seconds=1e6, connections={1}),
            delivering={"max_outbound_connections": 1},
        )
        injections = self.inject(pipe, 60, filling=3000)
        pipe.run(LATE + 3)
        self.assert_delivered(pipe, injections)
        self.assertEqual(self.counted(pipe, "delivery.connect_failures"), 1)

    def test_stream_window_that_stays_shut(self) -> None:
        """A request that was never sent whole is sent elsewhere, not charged."""
        pipe = self.http2(
            on(Action.WITHHOLD, after=1, seconds=1e6, connections={1}),
            http2=Http2(window=1000),
            delivering={"max_outbound_connections": 1},
        )
        first = pipe.inject()
        pipe.run(1)
        injections = self.inject(pipe, 3, filling=1500)
        pipe.run(2 * LATE)
        self.assert_delivered(pipe, [first, *injections])

    def test_full_window_opens_a_connection(self) -> None:
        """Long payloads get more connections, one a second; few messages do not."""
        pipe = self.http2(
            on(Action.WITHHOLD, after=1, seconds=1e6),
            delivering={"max_outbound_connections": 3},
        )
        injections = self.inject(pipe, 75, filling=3000)
        pipe.run(1.5)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 2)
        pipe.run(8)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 3)
        pipe.run(3 * LATE)
        self.assert_delivered(pipe, injections)

    def test_a_burst_of_trouble(self) -> None:
        """Twenty 503 in a row: each message waits a quarter of an hour, once."""
        pipe = self.http2(
            on(Action.REFUSE, reason="ServiceUnavailable", after=5, span=20, times=20)
        )
        injections = self.inject(pipe, 40)
        pipe.run(800)
        self.assertEqual(len(pipe.records("D")), 20)
        pipe.run(300)
        kinds = sorted(
            "".join(r.kind for r in pipe.records("DTP", each)) for each in injections
        )
        self.assertEqual(kinds, ["D"] * 20 + ["TD"] * 20)
        self.assert_at_rest(pipe)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 1)

    def test_many_errors_cost_a_connection(self) -> None:
        """Five 500 in a row, and the sixth message finds another connection."""
        pipe = self.http2(
            on(Action.REFUSE, reason="InternalServerError", every=1, connections={1})
        )
        for _ in range(6):
            pipe.inject()
            pipe.run(2)
        self.assertEqual(len(pipe.records("T")), 5)
        self.assertEqual(len(pipe.records("D")), 1)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 2)

    def test_many_forbidden(self) -> None:
        """Five 403 Forbidden in a row: the lane stands back, nobody is sent to it."""
        pipe = self.http2(on(Action.REFUSE, reason="Forbidden", every=1, times=5))
        injections = self.inject(pipe, 5)
        pipe.run(1)
        behind = pipe.inject()
        self.assertEqual(self.counted(pipe, "delivery.connect_failures"), 1)
        pipe.run(5)
        for each in injections:
            self.assert_records(pipe, each, "P")
        self.assert_delivered(pipe, [behind])

    def test_unique_ids(self) -> None:
        """Development answers carry an id of their own; it changes nothing."""
        for environment in ("development", "production"):
            pipe = self.http2(http2=Http2(environment=environment))
            self.inject(pipe, 3)
            pipe.run(5)
            self.assertEqual(len(pipe.records("D")), 3)
            self.assert_at_rest(pipe)


class SilenceTests(Http2Case):
    """Answers that do not come, or not as one would like."""

    def test_never_answered(self) -> None:
        """Charged, undecided, its stream cancelled; the same apns-id again."""
        pipe = self.http2(on(Action.IGNORE, every=1, times=1))
        injection = pipe.inject()
        pipe.run(LATE)
        self.assert_records(pipe, injection, "T")
        record = self.record(pipe, injection)
        assert record.native is not None
        self.assertEqual(
            (record.status, record.native.reason, record.detail),
            (255, "TIMEOUT", f"No answer within {REQUEST_SECONDS:g} s"),
        )
        pipe.run(100)
        self.assert_records(pipe, injection, "TD")
        first, second = pipe.journal.lines
        self.assertEqual(second.apns_id, first.apns_id)
        self.assertEqual(first.collapse_id, None)
        self.assertEqual(second.collapse_id, first.apns_id)
        self.assertEqual(len(pipe.judged(injection, "accepted")), 2)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 1)
        self.assert_at_rest(pipe)

    def test_policy_of_silence(self) -> None:
        """`apn_ambiguous_policy` may forbid the second attempt."""
        for policy, kinds in (("drop", "P"), ("hold", "T")):
            pipe = self.http2(
                on(Action.IGNORE, every=1, times=1), ambiguous_policy=policy
            )
            injection = pipe.inject()
            pipe.run(600)
            self.assert_records(pipe, injection, kinds)
            self.assertEqual(len(pipe.judged(injection, "accepted")), 1)

    def test_answer_without_an_end(self) -> None:
        """Headers of a stream that never ends are no answer."""
        answer = Answer(unfinished=True)
        pipe = self.http2(on(Action.ACCEPT, every=1, times=1, answer=answer))
        injection = pipe.inject()
        pipe.run(100)
        self.assert_records(pipe, injection, "TD")
        self.assert_at_rest(pipe)

    def test_headers_only(self) -> None:
        """A refusal without its JSON is judged by its status."""
        for reason, status, code, kinds in (
            ("InternalServerError", 500, 1, "T"),
            ("Unregistered", 410, 255, "T"),
        ):
            answer = Answer(body="")
            rule = on(Action.REFUSE, reason=reason, every=1, times=1, answer=answer)
            pipe = self.http2(rule)
            injection = pipe.inject()
            pipe.run(10)
            self.assert_records(pipe, injection, kinds)
            record = self.record(pipe, injection)
            self.assertEqual((record.status, record.detail), (code, f"HTTP {status}"))
            self.assertEqual(self.events(pipe), [])

    def test_split_answer(self) -> None:
        """JSON in many DATA frames, some of them empty, late and one by one."""
        answer = Answer(split=(1, 0, 5, 0, 2), gap_seconds=0.3)
        pipe = self.http2(
            on(Action.REFUSE, reason="Unregistered", every=1, answer=answer)
        )
        injection = pipe.inject()
        pipe.run(5)
        self.assert_records(pipe, injection, "P")
        self.assertEqual(self.events(pipe), ["Unregistered"])
        self.assert_at_rest(pipe)

    def test_garbage(self) -> None:
        """A peer that breaks the rules is left; what it had is undecided."""
        pipe = self.http2(
            on(Action.WRITE, data=b"\xff" * 40, after=2, connections=frozenset({1})),
            http2=Http2(latency_seconds=0.1),
        )
        injections = [pipe.inject() for _ in range(3)]
        pipe.run(100)
        for injection in injections:
            self.assert_records(pipe, injection, "TD")
        self.assertEqual(self.counted(pipe, "delivery.protocol_errors"), 1)
        self.assert_at_rest(pipe)

    def test_lost(self) -> None:
        """A connection that breaks: what was sent is undecided and charged."""
        for action in (Action.CLOSE, Action.RESET):
            pipe = self.http2(
                on(action, after=3, connections=frozenset({1})),
                http2=Http2(latency_seconds=0.1),
            )
            injections = [pipe.inject() for _ in range(5)]
            pipe.run(100)
            for injection in injections:
                self.assert_records(pipe, injection, "TD")
                record = self.record(pipe, injection)
                assert record.native is not None
                self.assertEqual(
                    (record.status, record.native.reason), (255, "CONNECTION_LOST")
                )
            self.assert_at_rest(pipe)

    def test_reset_for_another_reason(self) -> None:
        """A stream that is reset otherwise than refused is undecided."""
        pipe = self.http2(on(Action.RESET_STREAM, code=CANCEL_CODE, every=1, times=1))
        injection = pipe.inject()
        pipe.run(100)
        self.assert_records(pipe, injection, "TD")
        self.assertEqual(self.record(pipe, injection).detail, "Stream reset: CANCEL")
        self.assert_at_rest(pipe)

    def test_dead_peer(self) -> None:
        """One that reads and says nothing any more is left soon after a deadline."""
        pipe = self.http2(on(Action.STALL, after=1, seconds=1e6, times=1))
        injections = [pipe.inject() for _ in range(3)]
        pipe.run(200)
        for injection in injections:
            self.assertEqual(pipe.records("DTP", injection)[-1].kind, "D")
        self.assertEqual(self.counted(pipe, "delivery.dead_connections"), 1)
        self.assert_at_rest(pipe)

    def test_no_settings(self) -> None:
        """A peer that never says its settings was not connected to."""
        pipe = self.http2(http2=Http2(settings_delay_seconds=60.0))
        injection = pipe.inject()
        pipe.run(20)
        self.assert_records(pipe, injection, "")
        self.assertGreaterEqual(self.counted(pipe, "delivery.connect_failures"), 2)
        self.assertEqual(self.counted(pipe, "delivery.connections"), 0)
        pipe.follow(Script())
        pipe.run(60)
        self.assert_records(pipe, injection, "D")
        self.assert_at_rest(pipe)
