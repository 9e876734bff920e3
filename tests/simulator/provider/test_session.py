"""One client on a pretend wire: every behaviour that a script can ask for."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from mcmtpush.simulator.http2 import ApnsHttp2Factory
from mcmtpush.simulator.journal import Journal
from mcmtpush.simulator.provider.identity import Identity
from mcmtpush.simulator.provider.trust import Keyring
from mcmtpush.simulator.script import Script, read_script
from tests.simulator.caller import KEY, NOW, PAYLOAD, TOKEN, TOPIC, Caller, a_jwt
from tests.support.case import TestCase, readable


MAX_STREAM = (1 << 31) - 1
BAD = "ff" * 32
REFUSED_STREAM = 7


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


class RuleTests(SessionCase):
    def test_refuse(self) -> None:
        """With Apple's reason and its status, or with any of both."""
        self.start(
            {"do": "refuse", "reason": "TooManyRequests", "identifier": 1},
            {"do": "refuse", "reason": "New", "http_status": 418, "identifier": 3},
            {"do": "refuse", "status": 8, "identifier": 5},
            {"do": "refuse", "reason": "ExpiredToken", "timestamp": 7, "identifier": 7},
        )
        caller = self.call()
        heard = [caller.push() for _ in range(4)]
        self.assertEqual(
            [(each.status, each.reason) for each in heard],
            [
                (429, "TooManyRequests"),
                (418, "New"),
                (410, "Unregistered"),
                (410, "ExpiredToken"),
            ],
        )
        times = [orjson.loads(each.body).get("timestamp") for each in heard]
        self.assertEqual(times, [None, None, NOW * 1000, 7])
        self.assertEqual([line.rule for line in self.journal.lines], [0, 1, 2, 3])

    def test_a_burst(self) -> None:
        """So many in a row."""
        self.start(
            {"do": "refuse", "reason": "ServiceUnavailable", "after": 2, "span": 3}
        )
        caller = self.call()
        statuses = [caller.push().status for _ in range(7)]
        self.assertEqual(statuses, [200, 200, 503, 503, 503, 200, 200])

    def test_bursts(self) -> None:
        """So many in a row, again and again."""
        self.start({"do": "refuse", "reason": "Shutdown", "every": 3, "span": 2})
        caller = self.call()
        statuses = [caller.push().status for _ in range(8)]
        self.assertEqual(statuses, [200, 200, 503, 503, 200, 503, 503, 200])

    def test_only_some_requests(self) -> None:
        """Of a topic or a push type."""
        self.start(
            {"do": "refuse", "reason": "Forbidden", "every": 1, "topic": "x.y"},
            {"do": "refuse", "reason": "Shutdown", "every": 1, "push_type": "mdm"},
        )
        caller = self.call_with_token()
        bearer = f"bearer {a_jwt()}"
        said = [
            caller.push(authorization=bearer, **more).reason
            for more in ({}, {"apns_topic": "x.y"}, {"apns_push_type": "mdm"})
        ]
        self.assertEqual(said, ["", "Forbidden", "Shutdown"])

    def test_the_other_half_has_its_own(self) -> None:
        """A rule for the binary half says nothing here."""
        self.start({"do": "close", "every": 1, "protocol": "apn"})
        self.assertEqual(self.call().push().status, 200)

    def test_answers_in_pieces(self) -> None:
        """The JSON in several DATA frames, empty ones among them."""
        self.start(
            {"do": "refuse", "reason": "BadTopic", "every": 1, "split": [1, 0, 4]}
        )
        caller = self.call()
        heard = caller.push()
        self.assertEqual(heard.pieces, [b"{"])
        self.clock.pump([0.02] * 3)
        expected = [b"{", b"", b'"rea', b'son":"BadTopic"}']
        self.assertEqual((heard.pieces, heard.ended), (expected, True))

    def test_headers_only(self) -> None:
        """A refusal without a body, or one that never ends."""
        self.start(
            {"do": "refuse", "reason": "BadTopic", "identifier": 1, "body": ""},
            {
                "do": "refuse",
                "reason": "BadTopic",
                "identifier": 3,
                "body": "",
                "unfinished": True,
            },
            {"do": "refuse", "reason": "BadTopic", "identifier": 5, "unfinished": True},
            {"do": "refuse", "reason": "BadTopic", "identifier": 7, "body": "<html>"},
            http2={"error_streams": 1000},
        )
        caller = self.call()
        heard = [caller.push() for _ in range(4)]
        body = b'{"reason":"BadTopic"}'
        self.assertEqual(
            [(each.status, each.body, each.ended) for each in heard],
            [
                (400, b"", True),
                (400, b"", False),
                (400, body, False),
                (400, b"<html>", True),
            ],
        )

    def test_delays(self) -> None:
        """Of one answer; the others do not wait."""
        self.start(
            {"do": "accept", "delay": 5, "identifier": 1},
            {"do": "refuse", "reason": "Shutdown", "behind": 1, "identifier": 3},
        )
        caller = self.call()
        slow, held = caller.push(), caller.push()
        self.assertEqual((slow.status, held.status), (0, 0))
        self.assertEqual(caller.push().status, 200)
        self.assertEqual((slow.status, held.status), (0, 503))
        self.clock.advance(5)
        self.assertEqual(slow.status, 200)
        self.assertEqual(self.verdicts()[-1], (1, "accepted"))

    def test_a_stream_is_never_answered(self) -> None:
        """Though the push was taken."""
        self.start({"do": "ignore", "identifier": 3})
        caller = self.call()
        heard = [caller.push() for _ in range(3)]
        self.clock.advance(3600)
        self.assertEqual([each.status for each in heard], [200, 0, 200])
        line = self.journal.lines[1]
        self.assertEqual((line.verdict, line.http_status), ("accepted", None))

    def test_a_stream_is_reset(self) -> None:
        """With any code; the push was not taken."""
        self.start(
            {"do": "reset_stream", "identifier": 1},
            {"do": "reset_stream", "identifier": 3, "code": "INTERNAL_ERROR"},
            {"do": "reset_stream", "identifier": 5, "code": 4711},
        )
        caller = self.call()
        heard = [caller.push() for _ in range(3)]
        self.assertEqual([each.reset for each in heard], [7, 2, 4711])
        self.assertEqual({v for _, v in self.verdicts()}, {"discarded"})

    def test_window_updates_are_withheld(self) -> None:
        """Bodies go out until the window is used up, and on when it is opened."""
        self.start({"do": "withhold", "seconds": 9, "after": 0})
        caller = self.call()
        body = b'{"a":"%s"}' % (b"x" * 4000)
        for _ in range(16):
            caller.push(body)
        self.assertEqual(caller.window(), 65535 - 16 * len(body))
        self.clock.advance(9)
        self.assertGreater(caller.window(), 32767)

    def test_small_windows(self) -> None:
        """A stream's window may be less than a payload."""
        self.start(http2={"window": 10})
        caller = self.call()
        h2 = caller._h2
        h2.send_headers(
            1,
            [
                (":method", "POST"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", f"/3/device/{TOKEN}"),
                ("apns-topic", TOPIC),
            ],
        )
        self.assertEqual(caller.window(1), 10)
        sent, rest, rounds = h2, PAYLOAD, 0
        while rest:
            room = caller.window(1)
            self.assertGreater(room, 0)
            sent.send_data(1, rest[:room], end_stream=room >= len(rest))
            rest, rounds = rest[room:], rounds + 1
            caller.talk()
        self.assertGreater(rounds, 1)
        self.assertEqual(
            [line.payload for line in self.journal.lines], [PAYLOAD.decode()]
        )

    def test_a_client_without_room(self) -> None:
        """The JSON of a reason waits for the client's window."""
        caller = self.call()
        h2 = caller._h2
        h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 5})
        heard = caller.push(b"[]")
        self.assertEqual((heard.body, heard.ended), (b'{"rea', False))
        h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1})
        caller.talk()
        h2.increment_flow_control_window(9, 1)
        caller.talk()
        self.assertEqual((heard.body, heard.ended), (b'{"reason":', False))
        h2.increment_flow_control_window(50, 1)
        caller.talk()
        self.assertEqual((heard.reason, heard.ended), ("BadRequestPayload", True))

    def test_bytes_are_written_as_they_are(self) -> None:
        """Such as a PING, or garbage."""
        ping = "000008060000000000" + "01" * 8
        self.start({"do": "write", "bytes": ping, "after": 1})
        caller = self.call()
        caller.push()
        self.assertTrue(caller.writes[-1].endswith(bytes.fromhex(ping)))

    def test_close_and_reset(self) -> None:
        """The request on which it happens is lost."""
        for do in ("close", "reset"):
            self.start({"do": do, "identifier": 3})
            caller = self.call()
            heard = [caller.push(talk=False) for _ in range(3)]
            caller.talk()
            self.assertEqual([each.status for each in heard], [200, 0, 0])
            self.assertEqual(
                (caller.closed, caller.aborted), (do == "close", do == "reset")
            )
            self.assertEqual(
                self.verdicts(), [(1, "accepted"), (3, "discarded"), (5, "discarded")]
            )

    def test_before_the_first_request(self) -> None:
        """Straight after the handshake."""
        self.start({"do": "close", "after": 0, "connection": 2})
        self.assertEqual([self.call().closed for _ in range(3)], [False, True, False])

    def test_stall(self) -> None:
        """Nothing is read; what had come is judged later, or never."""
        self.start({"do": "stall", "after": 1, "seconds": 4})
        caller = self.call()
        heard = [caller.push(talk=False) for _ in range(3)]
        caller.talk()
        self.assertTrue(caller.paused)
        self.assertEqual([each.status for each in heard], [200, 0, 0])
        self.clock.advance(4)
        self.assertFalse(caller.paused)
        self.assertEqual([each.status for each in heard], [200] * 3)
        other = self.call()
        other.push(talk=False)
        other.push()
        other.hang_up()
        self.assertEqual(self.verdicts()[-1], (3, "discarded"))


class GoawayTests(SessionCase):
    """Three requests are open, a rule says good-bye on the second of them."""

    def say(self, *, latency: float = 1, **rule: Any) -> tuple[Caller, list[int]]:
        """The client, and the status of each stream after all is over."""
        self.start(
            {"do": "shutdown", "identifier": 3, **rule},
            http2={"latency": latency},
        )
        caller = self.call()
        heard = [caller.push() for _ in range(3)]
        self.clock.pump([0.5] * 6)
        return caller, [each.status for each in heard]

    def test_at(self) -> None:
        """The one it is said on is answered, those above are not taken."""
        caller, statuses = self.say(reason="Shutdown")
        self.assertEqual(caller.goodbyes, [(3, 0, b'{"reason":"Shutdown"}')])
        self.assertEqual(statuses, [200, 200, 0])
        self.assertEqual(
            sorted(self.verdicts()),
            [(1, "accepted"), (3, "accepted"), (5, "discarded")],
        )
        self.assertTrue(caller.closed)

    def test_below(self) -> None:
        """Nothing that is open was taken."""
        caller, statuses = self.say(
            reason="BadCertificateEnvironment", last_stream="below"
        )
        text = b'{"reason":"BadCertificateEnvironment"}'
        self.assertEqual(caller.goodbyes, [(0, 0, text)])
        self.assertEqual(statuses, [0, 0, 0])
        self.assertEqual({v for _, v in self.verdicts()}, {"discarded"})

    def test_below_what_is_answered(self) -> None:
        """Answers that went out before are no lie."""
        caller, statuses = self.say(latency=0, last_stream="below")
        self.assertEqual(caller.goodbyes, [(1, 0, b"")])
        self.assertEqual(statuses, [200, 0, 0])

    def test_answers_out_of_order(self) -> None:
        """A stream that was answered is not said to have been lost."""
        self.start(
            {"do": "accept", "delay": 1, "identifier": 1},
            {"do": "shutdown", "identifier": 5, "last_stream": "below"},
        )
        caller = self.call()
        heard = [caller.push() for _ in range(3)]
        self.clock.pump([0.5] * 4)
        self.assertEqual(caller.goodbyes, [(3, 0, b"")])
        self.assertEqual([each.status for each in heard], [200, 200, 0])

    def test_behind_what_is_answered(self) -> None:
        """With nothing open, nothing is left out."""
        for latency, last, status in ((0, 3, 200), (1, 0, 0)):
            self.start(
                {"do": "shutdown", "after": 2, "last_stream": "below"},
                http2={"latency": latency},
            )
            caller = self.call()
            heard = [caller.push() for _ in range(2)]
            self.clock.pump([0.5] * 4)
            self.assertEqual(caller.goodbyes, [(last, 0, b"")])
            self.assertEqual([each.status for each in heard], [status] * 2)

    def test_above(self) -> None:
        """All that comes until the end is taken."""
        caller, statuses = self.say(last_stream="above", code="ENHANCE_YOUR_CALM")
        self.assertEqual(caller.goodbyes, [(MAX_STREAM, 11, b"")])
        self.assertEqual(statuses, [200] * 3)

    def test_a_number(self) -> None:
        """Any other last stream."""
        caller, statuses = self.say(last_stream=1)
        self.assertEqual(caller.goodbyes, [(1, 0, b"")])
        self.assertEqual(statuses, [200, 0, 0])

    def test_twice(self) -> None:
        """A second one without a reason says the true last stream."""
        caller, _ = self.say(reason="Shutdown", last_stream="above", twice=True)
        self.assertEqual(
            caller.goodbyes,
            [(MAX_STREAM, 0, b'{"reason":"Shutdown"}'), (5, 0, b"")],
        )

    def test_abrupt(self) -> None:
        """The connection is closed behind it, whatever is open."""
        self.start(
            {"do": "shutdown", "identifier": 3, "abandon": True}, http2={"latency": 1}
        )
        caller = self.call()
        for _ in range(2):
            caller.push()
        self.assertEqual((len(caller.goodbyes), caller.closed), (1, True))
        caller.hang_up()
        lines = [(line.verdict, line.http_status) for line in self.journal.lines]
        self.assertEqual(lines, [("accepted", None)] * 2)

    def test_reset_at_the_end(self) -> None:
        """Instead of a close."""
        caller, _ = self.say(end="reset")
        self.assertEqual((caller.closed, caller.aborted), (False, True))

    def test_behind(self) -> None:
        """Held back until so many more came, which are discarded."""
        self.start({"do": "shutdown", "identifier": 1, "behind": 2})
        caller = self.call()
        heard = [caller.push() for _ in range(2)]
        self.assertEqual(caller.goodbyes, [])
        caller.push()
        self.assertEqual(caller.goodbyes, [(1, 0, b"")])
        self.assertEqual([each.status for each in heard], [200, 0])

    def test_at_the_start(self) -> None:
        """A certificate of the wrong environment, as Apple tells it."""
        self.start({"do": "shutdown", "reason": "BadCertificate", "after": 0})
        caller = self.call()
        self.assertEqual(caller.goodbyes, [(0, 0, b'{"reason":"BadCertificate"}')])
        self.assertEqual(caller.push().status, 0)

    def test_a_client_that_leaves_gets_its_answers(self) -> None:
        """Its own GOAWAY does not end the connection."""
        self.start(http2={"latency": 1})
        caller = self.call()
        heard = caller.push()
        caller.protocol.dataReceived(
            bytes.fromhex("0000080700000000000000000000000000")
        )
        self.clock.advance(1)
        self.assertEqual(heard.status, 200)


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
