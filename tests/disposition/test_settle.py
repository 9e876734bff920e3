"""Settling: record, then forget or retry, whatever fails in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcmtpush.config.views import QueueSettings
from mcmtpush.counters import Counters
from mcmtpush.disposition.decide import TOO_OFTEN, TOO_OLD
from mcmtpush.disposition.settle import Settler
from mcmtpush.errors import LocalProtocolError, SpoolError, SpoolFullError
from mcmtpush.values import (
    HELD,
    Accepted,
    Attempt,
    DeadLetter,
    Discarded,
    Entry,
    Expired,
    Message,
    Outcome,
    PushPart,
    QueueKey,
    Record,
    Refused,
    Undecided,
)
from tests.support.case import TestCase, readable


KEY = QueueKey("default", "default", "apn.example.net")
START = 1700000000.0
LATE = "554 5.4.5 [internal] Delivery not attempted (message expired)"


def entry(row: int, attempts: int = 0) -> Entry:
    message = Message(f"id-{row}", "", "", START, "a@b", "c@d", KEY, 10)
    push = PushPart(f"{row:064x}", b"")
    return Entry(row, START, attempts=attempts, message=message, push=push)


class Logs:
    """Writes into a list, unless told to fail."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.written: list[Record] = []
        self.kept: list[Record] = []

    def write(self, records: Sequence[Record]) -> str | None:
        self.kept += records
        return self.flush()

    def flush(self) -> str | None:
        if self.trouble is None:
            self.written += self.kept
            self.kept = []
        return self.trouble if self.kept else None


class Spool:
    """Remembers calls; each is answered when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, list[int], Deferred[None]]] = []
        self.asked: list[tuple[str, list[int]]] = []

    def ask(self, verb: str, rows: list[int]) -> Deferred[None]:
        answer: Deferred[None] = Deferred()
        self.asked.append((verb, rows))
        self.waiting.append((verb, rows, answer))
        return answer

    def forget(self, rows: Sequence[int]) -> Deferred[None]:
        return self.ask("forget", list(rows))

    def bury(self, letters: Sequence[DeadLetter]) -> Deferred[None]:
        return self.ask("bury", [each.row for each in letters])

    def reschedule(self, entries: Sequence[Entry]) -> Deferred[None]:
        return self.ask("reschedule", [each.row for each in entries])

    def commit(self) -> None:
        while self.waiting:
            self.waiting.pop(0)[2].callback(None)

    def refuse(self, error: Exception) -> None:
        waiting, self.waiting = self.waiting, []
        for _, _, answer in waiting:
            answer.errback(error)


class Queues:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.paused: str | None = None

    def retry(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        self.told.append(("retry", [each.row for each in entries]))

    def requeue(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        self.told.append(("requeue", [each.row for each in entries]))

    def hold(self, key: QueueKey, entries: Sequence[Entry]) -> None:
        self.told.append(("hold", [each.row for each in entries]))

    def done(self, key: QueueKey, count: int) -> None:
        self.told.append(("done", count))

    def pause(self, reason: str) -> None:
        self.paused = reason
        self.told.append(("pause", reason))

    def resume(self) -> None:
        self.paused = None
        self.told.append(("resume", None))


class Notices:
    """Remembers whom it was to tell; answered when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[Record, Entry]] = []
        self.waiting: list[Deferred[None]] = []

    def send(self, failures: Sequence[tuple[Record, Entry]]) -> Deferred[None]:
        self.sent += failures
        answer: Deferred[None] = Deferred()
        self.waiting.append(answer)
        return answer

    def store(self) -> None:
        """All notices so far are durable."""
        while self.waiting:
            self.waiting.pop(0).callback(None)


PLAIN = QueueSettings(generate_bounces=False, dead_letter_retention_seconds=0)
"""Failed messages leave no trace but their record."""


class World:
    """A settler among stand-ins."""

    def __init__(self, settings: QueueSettings = PLAIN) -> None:
        self.notices = Notices()
        self.logs = Logs()
        self.spool = Spool()
        self.queues = Queues()
        self.clock = Clock()
        self.counters = Counters()
        self.at = START + 10
        self.settler = Settler(
            records=self.logs,
            spool=self.spool,  # type: ignore[arg-type]
            notices=self.notices,
            queues=self.queues,
            settings_for=lambda _: settings,
            now=lambda: self.at,
            clock=self.clock,
            counters=self.counters,
        )

    def settle(self, *outcomes: Outcome) -> list[Entry]:
        """Settle rows 1, 2, ... with these outcomes; returns their entries."""
        attempts = [
            Attempt(entry(row), outcome, 40 + row, 187, "192.0.2.10")
            for row, outcome in enumerate(outcomes, 1)
        ]
        self.settler.settle(KEY, attempts)
        return [attempt.entry for attempt in attempts]


class AftermathTests(TestCase):
    """What is left of messages that failed for good or are undecided."""

    def test_dead_letters(self) -> None:
        """A failed push message is buried, with its reason, instead of forgotten."""
        world = World(
            evolve(PLAIN, delivery_method="apn", dead_letter_retention_seconds=60)
        )
        world.settle(Refused(8, "Invalid Token"), Accepted("proven"))
        self.assertEqual(world.spool.asked, [("forget", [2]), ("bury", [1])])
        self.assertEqual(world.queues.told, [])
        world.spool.commit()
        self.assertEqual(world.queues.told, [("done", 1), ("done", 1)])

    def test_failed_mail_is_forgotten(self) -> None:
        """Only push messages become dead letters."""
        world = World(
            evolve(PLAIN, delivery_method="esmtp", dead_letter_retention_seconds=60)
        )
        world.settle(Refused(8, "Invalid Token"))
        self.assertEqual(world.spool.asked, [("forget", [1])])

    def test_the_notice_comes_first(self) -> None:
        """Nothing of the batch is forgotten before the sender's notice is durable."""
        world = World(evolve(PLAIN, generate_bounces=True))
        failed, _ = world.settle(Refused(8, "Invalid Token"), Accepted("proven"))
        (told,) = world.notices.sent
        self.assertEqual((told[0].kind, told[1]), ("P", failed))
        self.assertEqual(world.logs.written[0], told[0])
        self.assertEqual(world.spool.asked, [])
        self.assertFalse(world.settler.idle)
        world.notices.store()
        self.assertEqual(world.spool.asked, [("forget", [1, 2])])

    def test_hold(self) -> None:
        """An undecided message waits for an operator once that is durable."""
        world = World(evolve(PLAIN, ambiguous_policy="hold"))
        (held,) = world.settle(Undecided())
        self.assertEqual(held.next_attempt_at, HELD)
        self.assertEqual([record.kind for record in world.logs.written], ["T"])
        self.assertEqual(world.spool.asked, [("reschedule", [1])])
        self.assertEqual(world.queues.told, [])
        world.spool.commit()
        self.assertEqual(world.queues.told, [("hold", [1])])

    def test_drop(self) -> None:
        """Or it ends, with a record that says which policy ended it."""
        world = World(evolve(PLAIN, ambiguous_policy="drop"))
        world.settle(Undecided())
        (record,) = world.logs.written
        self.assertEqual((record.kind, record.status), ("P", 255))
        self.assertIn("apn_ambiguous_policy", record.detail)
        self.assertEqual(world.spool.asked, [("forget", [1])])


class SettleTests(TestCase):
    def setUp(self) -> None:
        self.world = World()
        self.logs = self.world.logs
        self.spool = self.world.spool
        self.told = self.world.queues.told

    def test_accepted(self) -> None:
        """A D record with all that is known, then forget, then done."""
        (settled,) = self.world.settle(Accepted("proven"))
        self.assertEqual(
            self.logs.written,
            [
                Record(
                    kind="D",
                    at=START + 10,
                    message=settled.message,
                    token=f"{1:064x}",
                    transaction_id=41,
                    size=187,
                    remote_ip="192.0.2.10",
                    proof="proven",
                )
            ],
        )
        self.assertEqual(self.spool.asked, [("forget", [1])])
        self.assertEqual(self.told, [])
        self.assertFalse(self.world.settler.idle)
        self.spool.commit()
        self.assertEqual(self.told, [("done", 1)])
        self.assertTrue(self.world.settler.idle)

    def test_refused_for_good(self) -> None:
        """A P record with the service's own words."""
        self.world.settle(Refused(8, "Invalid Token"))
        (record,) = self.logs.written
        self.assertEqual(
            (record.kind, record.status, record.detail, record.proof),
            ("P", 8, "Invalid Token", ""),
        )
        self.assertEqual(self.spool.asked, [("forget", [1])])

    def test_refused_for_now(self) -> None:
        """A T record; the attempt is charged and the time of the next one kept."""
        (settled,) = self.world.settle(Refused(1, "Processing Error"))
        (record,) = self.logs.written
        self.assertEqual(
            (record.kind, record.status, record.detail), ("T", 1, "Processing Error")
        )
        self.assertEqual(
            (settled.attempts, settled.next_attempt_at), (1, START + 10 + 1200)
        )
        self.assertEqual(self.spool.asked, [("reschedule", [1])])
        self.spool.commit()
        self.assertEqual(self.told, [("retry", [1])])

    def test_refused_once_too_often(self) -> None:
        """One P record and no T; the status is the last one, the text is ours."""
        world = World(evolve(PLAIN, never_retry=True))
        world.settle(Refused(1, "Processing Error"))
        (record,) = world.logs.written
        self.assertEqual(
            (record.kind, record.status, record.detail), ("P", 1, TOO_OFTEN)
        )
        self.assertEqual(world.spool.asked, [("forget", [1])])

    def test_discarded(self) -> None:
        """Nothing to record, nothing to charge, nothing to make durable."""
        (settled,) = self.world.settle(Discarded())
        self.assertEqual(self.logs.written, [])
        self.assertEqual(self.spool.asked, [])
        self.assertEqual(self.told, [("requeue", [1])])
        self.assertEqual(settled.attempts, 0)

    def test_undecided(self) -> None:
        """A T record that says so; not charged, put back at once."""
        (settled,) = self.world.settle(Undecided())
        (record,) = self.logs.written
        self.assertEqual(
            (record.kind, record.status, record.detail),
            ("T", 255, "Connection closed without an answer"),
        )
        self.assertEqual(self.told, [("requeue", [1])])
        self.assertEqual(settled.attempts, 0)

    def test_undecided_and_too_old(self) -> None:
        """It ends as a failure with the text for old messages."""
        self.world.at = START + 86400
        self.world.settle(Undecided())
        (record,) = self.logs.written
        self.assertEqual(
            (record.kind, record.status, record.detail), ("P", 255, TOO_OLD)
        )
        self.assertEqual(self.spool.asked, [("forget", [1])])

    def test_expired_while_waiting(self) -> None:
        """A P record without a status and with the text it came with."""
        attempt = Attempt(entry(7, attempts=2), Expired(LATE))
        attempt.entry.push = None
        self.world.settler.settle(KEY, [attempt])
        (record,) = self.logs.written
        self.assertEqual(
            (record.kind, record.status, record.detail, record.token),
            ("P", None, LATE, ""),
        )
        self.assertEqual(attempt.entry.attempts, 2)
        self.spool.commit()
        self.assertEqual(self.told, [("done", 1)])

    def test_a_mixed_batch_is_one_call_each(self) -> None:
        """One write, one forget, one reschedule, one requeue, orders kept."""
        self.world.settle(
            Discarded(),
            Accepted("presumed"),
            Refused(1, ""),
            Undecided(),
            Refused(8, ""),
            Refused(255, ""),
            Accepted("proven"),
            Discarded(),
        )
        self.assertEqual([record.kind for record in self.logs.written], list("DTTPTD"))
        self.assertEqual(
            self.spool.asked, [("forget", [2, 5, 7]), ("reschedule", [3, 6])]
        )
        self.spool.commit()
        self.assertEqual(
            self.told,
            [("requeue", [1, 4, 8]), ("done", 3), ("retry", [3, 6])],
        )
        self.assertEqual(
            self.world.counters.snapshot(),
            {
                "disposition.delivered": 2,
                "disposition.discarded": 2,
                "disposition.failed": 1,
                "disposition.presumed": 1,
                "disposition.proven": 1,
                "disposition.retried": 2,
                "disposition.undecided": 1,
            },
        )

    def test_an_entry_without_its_message_is_a_bug(self) -> None:
        """It would have to be recorded without knowing whom it was about."""
        with self.assertRaises(LocalProtocolError):
            self.world.settler.settle(KEY, [Attempt(Entry(1, START), Undecided())])


class FailingTests(TestCase):
    def setUp(self) -> None:
        self.world = World()
        self.logs = self.world.logs
        self.spool = self.world.spool
        self.told = self.world.queues.told

    def test_a_log_on_a_full_disk(self) -> None:
        """Paused, all kept in order, tried each second, continued, resumed."""
        self.logs.trouble = "disk full"
        self.world.settle(Accepted("presumed"))
        self.world.settle(Discarded())
        self.world.settle(Refused(1, ""))
        self.world.clock.pump([1] * 5)
        self.assertEqual(self.told, [("pause", "disk full")])
        self.assertEqual(self.spool.asked, [])
        self.assertFalse(self.world.settler.idle)
        self.assertEqual(self.world.counters.snapshot(), {})
        self.logs.trouble = None
        self.world.clock.advance(1)
        self.assertEqual(self.spool.asked, [("forget", [1]), ("reschedule", [1])])
        self.spool.commit()
        self.assertEqual(
            self.told[1:],
            [("requeue", [1]), ("done", 1), ("retry", [1]), ("resume", None)],
        )
        self.assertEqual([record.kind for record in self.logs.written], ["D", "T"])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_a_new_reason_is_told(self) -> None:
        """Each reason is said once, also when it changes."""
        self.logs.trouble = "disk full"
        self.world.settle(Accepted("presumed"))
        self.logs.trouble = "no such folder"
        self.world.clock.pump([1] * 3)
        self.assertEqual(
            self.told, [("pause", "disk full"), ("pause", "no such folder")]
        )

    def test_a_spool_that_cannot_forget(self) -> None:
        """The rows are kept and tried again; the record is not written again."""
        self.world.settle(Accepted("presumed"), Refused(1, ""))
        self.spool.refuse(SpoolFullError("database or disk is full"))
        (told,) = self.told
        self.assertEqual(told[0], "pause")
        self.assertIn("database or disk is full", told[1])
        self.world.clock.advance(1)
        self.spool.refuse(SpoolError("locked"))
        self.world.clock.advance(1)
        self.spool.commit()
        self.assertEqual(self.spool.asked, [("forget", [1]), ("reschedule", [2])] * 3)
        self.assertEqual(self.told[2:], [("done", 1), ("retry", [2]), ("resume", None)])
        self.assertEqual([record.kind for record in self.logs.written], ["D", "T"])

    def test_flush_tries_at_once(self) -> None:
        """Before the end of the program nobody waits for the second to pass."""
        self.logs.trouble = "disk full"
        self.world.settle(Accepted("presumed"))
        self.logs.trouble = None
        self.world.settler.flush()
        self.spool.commit()
        self.assertTrue(self.world.settler.idle)
        self.assertEqual(self.told[1:], [("done", 1), ("resume", None)])


OUTCOMES = st.sampled_from(
    [
        Accepted("presumed"),
        Accepted("proven"),
        Refused(1, "Processing Error"),
        Refused(8, "Invalid Token"),
        Discarded(),
        Undecided(),
        Expired(LATE),
    ]
)


class SettleMachine(RuleBasedStateMachine):
    """Messages come and go while logs and spool fail and recover."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(evolve(PLAIN, max_retries=2))
        self.rows = 0
        self.settled = 0
        self.free: dict[int, Entry] = {}
        self.flying: dict[int, Entry] = {}
        self.forgotten: list[int] = []
        self.seen = 0

    @rule(outcomes=st.lists(OUTCOMES, max_size=5), old=st.integers(0, 3))
    def settle(self, outcomes: list[Outcome], old: int) -> None:
        """Some entries that came back, and some new ones."""
        entries = list(self.free.values())[:old]
        while len(entries) < len(outcomes):
            self.rows += 1
            entries.append(entry(self.rows))
        entries = entries[: len(outcomes)]
        for each in entries:
            self.free.pop(each.row, None)
            self.flying[each.row] = each
        self.settled += len(entries)
        self.world.settler.settle(
            KEY,
            [Attempt(each, out) for each, out in zip(entries, outcomes, strict=True)],
        )

    @rule(trouble=st.sampled_from([None, None, "full", "gone"]))
    def logs(self, trouble: str | None) -> None:
        self.world.logs.trouble = trouble

    @precondition(lambda self: self.world.spool.waiting)
    @rule(commit=st.booleans(), index=st.integers(0, 9))
    def spool(self, commit: bool, index: int) -> None:
        """Answer one call to the spool, not always the oldest."""
        waiting = self.world.spool.waiting
        verb, rows, answer = waiting.pop(index % len(waiting))
        if commit:
            self.forgotten += rows if verb == "forget" else []
            answer.callback(None)
        else:
            answer.errback(SpoolError("no"))

    @rule(seconds=st.integers(0, 2), jump=st.sampled_from([0.0, 60.0, 1e5, -1e5]))
    def time_passes(self, seconds: int, jump: float) -> None:
        self.world.at += seconds + jump
        self.world.clock.advance(seconds)

    @invariant()
    def every_row_leaves_flight_once(self) -> None:
        """Rows are told to the queue only while they are in flight."""
        told, self.seen = (
            self.world.queues.told[self.seen :],
            len(self.world.queues.told),
        )
        for verb, what in told:
            if verb in ("retry", "requeue"):
                for row in what:
                    self.free[row] = self.flying.pop(row)
        done = sum(what for verb, what in self.world.queues.told if verb == "done")
        assert done == len(self.forgotten)
        for row in self.forgotten:
            self.flying.pop(row, None)

    @invariant()
    def terminal_records_come_once_and_before_forgetting(self) -> None:
        ended = [
            record.message.id
            for record in self.world.logs.written
            if record.kind != "T"
        ]
        assert len(set(ended)) == len(ended)
        asked = {
            f"id-{row}"
            for verb, rows in self.world.spool.asked
            if verb == "forget"
            for row in rows
        }
        assert asked <= set(ended)
        assert len(set(self.forgotten)) == len(self.forgotten)

    @invariant()
    def paused_while_something_fails(self) -> None:
        if self.world.queues.paused is not None:
            assert not self.world.settler.idle
        if self.world.logs.kept:
            assert self.world.queues.paused is not None

    def teardown(self) -> None:
        """All faults end: everything settles, and the books balance."""
        self.world.logs.trouble = None
        for _ in range(3):
            self.world.clock.advance(1)
            while self.world.spool.waiting:
                self.spool(commit=True, index=0)
        self.every_row_leaves_flight_once()
        self.terminal_records_come_once_and_before_forgetting()
        assert self.world.settler.idle
        assert self.world.queues.paused is None
        assert not self.flying
        assert len(self.forgotten) + len(self.free) == self.rows
        kinds = Counter(record.kind for record in self.world.logs.written)
        assert kinds["D"] + kinds["P"] == len(self.forgotten)
        counts = self.world.counters.snapshot()
        names = ("delivered", "failed", "retried", "discarded", "undecided")
        counted = sum(counts.get(f"disposition.{name}", 0) for name in names)
        assert counted == self.settled


class SettleMachineTests(TestCase):
    @readable
    def test_every_attempt_ends_once(self) -> None:
        """One end for every attempt, one terminal record for every message."""
        run_state_machine_as_test(SettleMachine)
