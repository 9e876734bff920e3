"""Every fault that a rule can make of one request or of its connection."""

from __future__ import annotations

import orjson
from h2.settings import SettingCodes

from tests.simulator.caller import NOW, PAYLOAD, TOKEN, TOPIC, a_jwt
from tests.simulator.provider.case import SessionCase


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

    def test_a_close_overtakes_what_waits(self) -> None:
        """An answer that was still held is not sent, and not said to be."""
        self.start(
            {"do": "accept", "identifier": 1, "delay": 1},
            {"do": "close", "identifier": 3},
        )
        caller = self.call()
        heard = caller.push()
        caller.push()
        self.clock.advance(2)
        caller.hang_up()
        self.assertTrue(caller.closed)
        self.assertEqual(heard.status, 0)
        statuses = {line.stream: line.http_status for line in self.journal.lines}
        self.assertEqual(statuses, {1: None, 3: None})

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
