"""One client on a pretend wire: answers, limits, any script, any bytes."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.provider.fieldblock import BY_HPACK
from tests.simulator.caller import NOW, PAYLOAD, TOKEN, TOPIC, a_jwt
from tests.simulator.provider.case import SessionCase
from tests.support.case import readable


BAD = "ff" * 32
REFUSED_STREAM = 7


class AnswerTests(SessionCase):
    def test_accepted(self) -> None:
        """Headers alone, and a line in the journal before them."""
        name = "123e4567-e89b-12d3-a456-42665544000a"
        heard = self.call().push(
            apns_id=name,
            apns_expiration="17",
            apns_priority="5",
            apns_collapse_id="c",
            apns_push_type="alert",
        )
        self.assertEqual((heard.status, heard.ended, heard.pieces), (200, True, []))
        self.assertEqual(heard.headers["apns-id"], name)
        self.assertEqual(heard.headers["date"], "Tue, 14 Nov 2023 22:13:20 GMT")
        self.assertEqual(
            orjson.loads(self.written[0]),
            {
                "time": float(NOW),
                "connection": 1,
                "command": 3,
                "identifier": 1,
                "token": TOKEN,
                "payload": PAYLOAD.decode(),
                "expiry": 17,
                "priority": 5,
                "verdict": "accepted",
                "status": None,
                "reason": None,
                "protocol": "apn2",
                "stream": 1,
                "method": "POST",
                "path": f"/3/device/{TOKEN}",
                "topic": TOPIC,
                "push_type": "alert",
                "apns_id": name,
                "collapse_id": "c",
                "channel_id": None,
                "http_status": 200,
                "rule": None,
                "auth": "certificate",
                "key_id": None,
                "team_id": None,
                "der_signature": False,
            },
        )

    def test_refused(self) -> None:
        """The reason as JSON; the connection goes on."""
        caller = self.call()
        heard = caller.push(path="/3/device/ff")
        self.assertEqual((heard.status, heard.reason), (400, "BadDeviceToken"))
        self.assertNotIn("apns-unique-id", heard.headers)
        self.assertEqual(caller.push().status, 200)
        first, _ = self.journal.lines
        self.assertEqual(
            (first.verdict, first.status, first.reason, first.http_status),
            ("refused", 400, "BadDeviceToken", 400),
        )

    def test_ids_are_made_up_alike(self) -> None:
        """The same seed gives the same ids, and no two requests share one."""
        found = []
        for _ in range(2):
            self.start()
            caller = self.call()
            heard = [caller.push() for _ in range(3)]
            found.append([each.headers["apns-id"] for each in heard])
        self.assertEqual(found[0], found[1])
        self.assertEqual(len(set(found[0])), 3)

    def test_environment(self) -> None:
        """Only development has the id of its delivery log."""
        self.assertIn("apns-unique-id", self.call().push().headers)
        self.start(http2={"environment": "production"})
        self.assertNotIn("apns-unique-id", self.call().push().headers)

    def test_date_skew(self) -> None:
        """The clock that answers show may be wrong."""
        self.start(http2={"date_skew": -3600})
        heard = self.call().push()
        self.assertEqual(heard.headers["date"], "Tue, 14 Nov 2023 21:13:20 GMT")

    def test_latency(self) -> None:
        """Every answer takes its time, and its line as well."""
        self.start(http2={"latency": 2})
        caller = self.call()
        heard = [caller.push() for _ in range(2)]
        self.clock.advance(1.9)
        self.assertEqual([each.status for each in heard], [0, 0])
        self.assertEqual(self.written, [])
        self.clock.advance(0.1)
        self.assertEqual([each.status for each in heard], [200, 200])
        self.assertEqual(self.verdicts(), [(1, "accepted"), (3, "accepted")])

    def test_one_write_for_a_batch(self) -> None:
        """What came together is answered together."""
        caller = self.call()
        before = len(caller.writes)
        for _ in range(5):
            caller.push(talk=False)
        caller.talk()
        self.assertEqual(len(caller.writes) - before, 1)
        self.assertEqual(len(self.written), 1)

    def test_the_end_of_a_connection(self) -> None:
        """What was judged and not answered has a line that says so."""
        self.start(http2={"latency": 2})
        caller = self.call()
        caller.push()
        caller.hang_up()
        (line,) = self.journal.lines
        self.assertEqual((line.verdict, line.http_status), ("accepted", None))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """A client that does not want its answer gets none."""
        self.start(http2={"latency": 2})
        caller = self.call()
        heard = caller.push()
        caller.cancel(1)
        self.clock.advance(2)
        self.assertEqual(heard.status, 0)
        self.assertEqual(self.verdicts(), [(1, "accepted")])

    def test_no_http2(self) -> None:
        """Garbage is answered with a GOAWAY, and the connection ends."""
        caller = self.call()
        caller.protocol.dataReceived(b"\0\0\x01\0\0\0\0\0\x05x")
        self.assertTrue(caller.closed)
        self.assertEqual([code for _, code, _ in caller.goodbyes], [1])

    def test_no_http2_while_answers_wait(self) -> None:
        """They never go out, and their lines say so."""
        self.start(http2={"latency": 2})
        caller = self.call()
        heard = caller.push()
        caller.protocol.dataReceived(b"\0\0\x01\0\0\0\0\0\x05x")
        self.clock.advance(2)
        caller.hang_up()
        (line,) = self.journal.lines
        self.assertEqual((line.verdict, line.http_status), ("accepted", None))
        self.assertEqual((heard.status, self.clock.getDelayedCalls()), (0, []))

    def test_many_answers(self) -> None:
        """Whoever writes them, hpack or a short way, they say the same."""
        self.start(
            {"do": "refuse", "reason": "Unregistered", "token": "ffff", "timestamp": 5}
        )
        caller = self.call()
        kinds: list[set[Any]] = [set(), set()]
        ids = set()
        for _ in range(2 * BY_HPACK):
            for at, token in enumerate((TOKEN, BAD)):
                heard = caller.push(path=f"/3/device/{token}")
                ids.add(heard.headers.pop("apns-id"))
                ids.add(heard.headers.pop("apns-unique-id", ""))
                kinds[at].add((*heard.headers.items(), heard.body, heard.ended))
        body = b'{"reason":"Unregistered","timestamp":5}'
        date = ("date", "Tue, 14 Nov 2023 22:13:20 GMT")
        self.assertEqual(kinds[0], {((":status", "200"), date, b"", True)})
        self.assertEqual(kinds[1], {((":status", "410"), date, body, True)})
        self.assertEqual(len(ids), 6 * BY_HPACK + 1)

    def test_channels(self) -> None:
        """A channel is made, used, shown and removed."""
        caller = self.call()
        path = f"/1/apps/{TOPIC}/channels"
        asked = b'{"message-storage-policy":0,"push-type":"LiveActivity"}'
        made = caller.push(asked, path=path, apns_topic=None, apns_request_id="r")
        self.assertEqual((made.status, made.headers["apns-request-id"]), (201, "r"))
        channel = made.headers["apns-channel-id"]
        sent = caller.push(
            path=f"/4/broadcasts/apps/{TOPIC}",
            apns_channel_id=channel,
            apns_push_type="liveactivity",
            apns_topic=None,
        )
        self.assertEqual((sent.status, sent.body), (200, b""))
        shown = caller.push(b"", path=path, method="GET", apns_channel_id=channel)
        self.assertEqual(orjson.loads(shown.body), orjson.loads(asked))
        removed = caller.push(b"", path=path, method="DELETE", apns_channel_id=channel)
        self.assertEqual((removed.status, removed.body), (204, b""))
        commands = [line.command for line in self.journal.lines]
        self.assertEqual(commands, [1, 4, 1, 1])


class LimitTests(SessionCase):
    def test_a_certificate(self) -> None:
        """It may open many streams at once."""
        self.assertEqual(self.call().limits, [1000])

    def test_tokens_begin_with_one_stream(self) -> None:
        """Until the first success."""
        caller = self.call_with_token()
        self.assertEqual(caller.limits, [1])
        caller.push(authorization="bearer x")
        self.assertEqual(caller.limits, [1])
        caller.push(authorization=f"bearer {a_jwt()}")
        self.assertEqual(caller.limits, [1, 1000])

    def test_a_burst_on_a_fresh_connection(self) -> None:
        """All but the first of it are refused."""
        caller = self.call_with_token()
        bearer = f"bearer {a_jwt()}"
        heard = [caller.push(authorization=bearer, talk=False) for _ in range(3)]
        caller.talk()
        self.assertEqual([each.status for each in heard], [200, 0, 0])
        self.assertEqual([each.reset for each in heard], [None, 7, 7])
        self.assertEqual(
            sorted(self.verdicts()),
            [(1, "accepted"), (3, "discarded"), (5, "discarded")],
        )

    def test_after_an_error(self) -> None:
        """One stream, until the next success; a token that is gone is no error."""
        self.start({"do": "refuse", "reason": "Unregistered", "token": "ffff"})
        caller = self.call()
        caller.push(path=f"/3/device/{BAD}")
        self.assertEqual(caller.limits, [1000])
        caller.push(b"[]")
        self.assertEqual(caller.limits, [1000, 1])
        caller.push(b"[]")
        self.assertEqual(caller.limits, [1000, 1])
        caller.push()
        self.assertEqual(caller.limits, [1000, 1, 1000])

    def test_a_lower_limit_counts_when_it_is_known(self) -> None:
        """A client that obeys is never refused for what it could not know."""
        self.start(http2={"latency": 1, "streams": 10})
        caller = self.call()
        bad = caller.push(b"[]")
        late = [caller.push(talk=False) for _ in range(3)]
        self.clock.advance(1)
        self.assertEqual((bad.status, caller.limits), (400, [10, 1]))
        caller.talk()
        known = caller.push()
        self.clock.advance(1)
        self.assertEqual([each.status for each in late], [200] * 3)
        self.assertEqual((known.status, known.reset), (0, REFUSED_STREAM))

    def test_goaway_on_violation(self) -> None:
        """Or the whole connection goes, with Apple's own words."""
        self.start(http2={"violation": "goaway", "latency": 1})
        caller = self.call_with_token()
        bearer = f"bearer {a_jwt()}"
        heard = [caller.push(authorization=bearer, talk=False) for _ in range(3)]
        caller.talk()
        text = b"Maximum active streams violated for this endpoint."
        self.assertEqual(caller.goodbyes, [(1, REFUSED_STREAM, text)])
        self.clock.advance(1)
        self.assertEqual([each.status for each in heard], [200, 0, 0])
        self.assertTrue(caller.closed)

    def test_violation_allowed(self) -> None:
        """Or nobody minds."""
        self.start(http2={"violation": "allow"})
        caller = self.call_with_token()
        bearer = f"bearer {a_jwt()}"
        heard = [caller.push(authorization=bearer, talk=False) for _ in range(3)]
        caller.talk()
        self.assertEqual([each.status for each in heard], [200] * 3)

    def test_a_rule_sets_the_limit(self) -> None:
        """Down below what is open, and no success raises it."""
        self.start(
            {"do": "limit", "streams": 2, "after": 1},
            {"do": "limit", "streams": 7, "after": 3},
        )
        caller = self.call()
        for _ in range(4):
            caller.push()
        self.assertEqual(caller.limits, [1000, 2, 7])

    def test_settings_may_be_late(self) -> None:
        """Nothing is said before them, whatever was asked."""
        self.start(http2={"settings_delay": 3})
        caller = self.call()
        heard = caller.push()
        self.assertEqual(caller.writes, [])
        self.clock.advance(3)
        self.assertEqual((caller.limits, heard.status), ([1000], 200))


class ScriptTests(SessionCase):
    @readable
    @given(
        st.integers(0, 1000),
        st.lists(
            st.sampled_from(
                [
                    {"do": "refuse", "reason": "Shutdown", "chance": 0.3},
                    {"do": "ignore", "chance": 0.2},
                    {"do": "reset_stream", "chance": 0.3},
                    {"do": "accept", "chance": 0.3, "delay": 1},
                    {"do": "shutdown", "chance": 0.1, "last_stream": "below"},
                    {"do": "shutdown", "every": 7, "twice": True},
                    {"do": "close", "chance": 0.1},
                    {"do": "stall", "every": 5, "seconds": 1},
                    {"do": "limit", "streams": 2, "every": 4},
                ]
            ),
            max_size=4,
        ),
        st.lists(st.sampled_from(["push", "wait"]), max_size=20),
    )
    def test_the_journal_is_true(
        self, seed: int, rules: list[dict[str, Any]], steps: list[str]
    ) -> None:
        """Every request has one line, and its answer is what the line says."""
        runs = []
        for _ in range(2):
            self.start(*rules, seed=seed, linger=1)
            caller = self.call()
            for step in steps:
                if caller.closed or caller.paused or step == "wait":
                    self.clock.advance(0.5)
                else:
                    caller.push()
            self.clock.pump([0.5] * 20)
            caller.hang_up()
            lines = {line.stream: line for line in self.journal.lines}
            self.assertEqual(len(lines), len(self.journal.lines))
            self.assertEqual(lines.keys(), caller.heard.keys())
            for stream, heard in caller.heard.items():
                line = lines[stream]
                self.assertEqual(line.http_status, heard.status or None)
                wanted = {200: "accepted", 503: "refused"}.get(heard.status)
                self.assertIn(
                    line.verdict, {wanted} if wanted else {"accepted", "discarded"}
                )
                if heard.reset is not None:
                    self.assertEqual(line.verdict, "discarded")
                for last, _, _ in caller.goodbyes:
                    if stream > last:
                        self.assertEqual(line.verdict, "discarded")
            runs.append([line[2:] for line in self.journal.lines])
        self.assertEqual(runs[0], runs[1])

    @readable
    @given(st.lists(st.integers(1, 40), max_size=30))
    def test_any_split_of_the_stream(self, sizes: list[int]) -> None:
        """It does not matter in which pieces the bytes come."""
        self.start({"do": "refuse", "reason": "Shutdown", "every": 2})
        caller = self.call()
        heard = [caller.push(talk=False) for _ in range(3)]
        data = caller._h2.data_to_send()
        for size in sizes:
            caller.protocol.dataReceived(data[:size])
            data = data[size:]
        caller.protocol.dataReceived(data)
        self.assertEqual([each.status for each in heard], [200, 503, 200])

    @readable
    @given(st.binary(max_size=60))
    def test_garbage(self, data: bytes) -> None:
        """Whatever comes, the server lives on."""
        self.start()
        caller = self.call()
        caller._h2.receive_data = lambda _: []  # type: ignore[method-assign]
        caller.protocol.dataReceived(data)
        caller.protocol.dataReceived(b"x" * 20)
        caller.hang_up()
        self.assertEqual(self.call().push().status, 200)
