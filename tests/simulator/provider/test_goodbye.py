"""Every way in which the server can say good-bye."""

from __future__ import annotations

from typing import Any

from tests.simulator.caller import Caller
from tests.simulator.provider.case import SessionCase


MAX_STREAM = (1 << 31) - 1


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
