"""Operators purge what waits."""

from __future__ import annotations

from typing import Any

from mcmtpush.simulator.script import Action
from mcmtpush.spool.order import Orders, Purge, write_purge
from mcmtpush.verbs.queue import PURGED
from tests.flow.story import FlowCase, script
from tests.support.pipe import RESPONSE_SECONDS, Pipe


BUSY = script(action=Action.REFUSE, every=1, status=1)


class PurgeTests(FlowCase):
    """By an order in the spool's folder, which the gateway obeys."""

    def purge(self, pipe: Pipe, **changes: Any) -> None:
        order = Purge(**{"text": PURGED, "before": pipe.now(), **changes})
        Orders(str(pipe.folder)).give("1", write_purge(order))

    def test_waiting_messages_fail(self) -> None:
        """What waits, delayed or not, gets its one P record with the text."""
        pipe = self.pipe(BUSY)
        delayed = pipe.inject()
        pipe.run(RESPONSE_SECONDS + 1.0)
        pipe.network = "silent"
        pipe.apns.disconnect()
        waiting = [pipe.inject() for _ in range(3)]
        other = pipe.inject("1@other.example")
        pipe.run(1.0)
        self.purge(pipe, domain="apn_example.com")
        pipe.run(1.0)
        late = pipe.inject()
        pipe.run(10.0)
        self.assert_records(pipe, delayed, "TP")
        for injection in waiting:
            self.assert_records(pipe, injection, "P")
        self.assertEqual({each.detail for each in pipe.records("P")}, {PURGED})
        self.assert_records(pipe, late, "")
        self.assert_records(pipe, other, "")
        answer = Orders(str(pipe.folder)).take_answer("1")
        self.assertEqual(answer, {"purged": 4})
        self.assertEqual(len(pipe.spooled()), 2)

    def test_an_order_survives_a_crash(self) -> None:
        """What was ordered before a crash is done after it, later mail is not met."""
        pipe = self.pipe()
        pipe.network = "silent"
        injection = pipe.inject()
        pipe.run(1.0)
        self.purge(pipe)
        late = pipe.inject()
        pipe.run(0.5)
        pipe.crash()
        pipe.run(20.0)
        self.assert_records(pipe, injection, "P")
        self.assert_records(pipe, late, "")
        self.assertEqual(Orders(str(pipe.folder)).take_answer("1"), {"purged": 1})

    def test_nonsense_is_refused(self) -> None:
        """A file that is no order is answered, and touches nothing."""
        pipe = self.pipe()
        Orders(str(pipe.folder)).give("1", b"{}")
        pipe.run(10.0)
        answer = Orders(str(pipe.folder)).take_answer("1")
        self.assertEqual(answer, {"refused": "wrong or missing: text, before"})
