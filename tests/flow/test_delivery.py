"""Plain stories of messages on their way through the whole program."""

from __future__ import annotations

from math import inf

from attrs import evolve

from mcmtpush.simulator.script import Action, Answer, Script
from tests.flow.story import FlowCase, script
from tests.support.pipe import RESPONSE_SECONDS


BAD_TOKEN = "bad0" * 16
SILENCE = RESPONSE_SECONDS + 1.0


REFUSE_BAD = script(action=Action.REFUSE, token=bytes.fromhex(BAD_TOKEN), status=8)
BUSY = script(action=Action.REFUSE, every=1, status=1)


class DeliveryTests(FlowCase):
    """One way in, one way out."""

    def test_message_is_delivered_and_recorded(self) -> None:
        """A message goes to the simulator at once and gets its D after the silence."""
        pipe = self.pipe()
        injection = pipe.inject()
        pipe.run(RESPONSE_SECONDS - 0.5)
        self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        self.assertEqual(pipe.spooled(), injection.ids)
        self.assert_records(pipe, injection, "")
        pipe.run(SILENCE)
        (record,) = pipe.records("DTP", injection)
        self.assertEqual((record.kind, record.proof), ("D", "presumed"))
        self.assertEqual(record.token, injection.token)
        self.assert_at_rest(pipe)

    def test_refused_token_fails_for_good(self) -> None:
        """A token that Apple does not know is a P record with code 8."""
        pipe = self.pipe(REFUSE_BAD)
        injection = pipe.inject(token=BAD_TOKEN)
        pipe.run(SILENCE)
        (record,) = pipe.records("DTP", injection)
        self.assertEqual((record.kind, record.status), ("P", 8))
        self.assert_at_rest(pipe)

    def test_impossible_token_is_not_even_sent(self) -> None:
        """What is no token at all fails without a connection."""
        pipe = self.pipe()
        injection = pipe.inject(token="no such token")
        pipe.run(SILENCE)
        self.assert_records(pipe, injection, "P")
        self.assertEqual(list(pipe.frames), [])
        self.assert_at_rest(pipe)

    def test_tail_behind_a_refused_one_comes_again(self) -> None:
        """What Apple discarded behind a bad token is delivered later, exactly once."""
        pipe = self.pipe(REFUSE_BAD)
        before, bad, behind = (
            pipe.inject(token=token) for token in ("aa" * 32, BAD_TOKEN, "cc" * 32)
        )
        pipe.run(2 * SILENCE)
        self.assertEqual(len(pipe.judged(behind, "discarded")), 1)
        self.assertEqual(len(pipe.judged(behind, "accepted")), 1)
        self.assertEqual(len(pipe.judged(before, "accepted")), 1)
        self.assertEqual(pipe.records("D", before)[0].proof, "proven")
        self.assert_records(pipe, bad, "P")
        self.assert_records(pipe, behind, "D")
        self.assert_at_rest(pipe)

    def test_every_recipient_gets_a_push_and_a_record(self) -> None:
        """Three recipients, three pushes, three records with an id each."""
        pipe = self.pipe()
        injection = pipe.inject("a@one.example", "b@one.example", "c@two.example")
        pipe.run(SILENCE)
        self.assertEqual(len(set(injection.ids)), 3)
        self.assert_records(pipe, injection, "D", "D", "D")
        people = [r.message.recipient for r in pipe.records("D")]
        self.assertCountEqual(people, injection.recipients)
        self.assertEqual(len(pipe.judged(injection, "accepted")), 3)
        self.assert_at_rest(pipe)


class RetryTests(FlowCase):
    """What does not work at once."""

    def test_temporary_refusal_is_tried_again(self) -> None:
        """Status 1 is a T record, and D after the retry interval."""
        pipe = self.pipe(BUSY, retry_interval_seconds=60)
        injection = pipe.inject()
        pipe.run(30)
        self.assert_records(pipe, injection, "T")
        pipe.follow(Script())
        pipe.run(60 - 30 - 1)
        self.assertEqual(pipe.judged(injection, "accepted"), [])
        pipe.run(2)
        self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        pipe.run(SILENCE)
        self.assert_records(pipe, injection, "TD")
        self.assert_at_rest(pipe)

    def test_too_many_retries(self) -> None:
        """Two retries are three attempts; the last record says what was exceeded."""
        pipe = self.pipe(BUSY, max_retries=2)
        injection = pipe.inject()
        pipe.run(1000)
        self.assert_records(pipe, injection, "TTP")
        self.assertEqual(len(pipe.judged(injection, "refused")), 3)
        (record,) = pipe.records("P")
        text = "554 5.4.7 [internal] exceeded max retries without delivery"
        self.assertEqual((record.status, record.detail), (1, text))
        self.assert_at_rest(pipe)

    def test_attempts_outlive_a_crash(self) -> None:
        """A crash between attempts gives a message neither more nor fewer of them."""
        pipe = self.pipe(BUSY, max_retries=2)
        injection = pipe.inject()
        for _ in range(4):
            pipe.run(45)
            pipe.crash()
        pipe.run(1000)
        self.assert_records(pipe, injection, "TTP")

    def test_too_old(self) -> None:
        """What nobody took within message_expiration fails, network or not."""
        pipe = self.pipe(message_expiration_seconds=600)
        pipe.network = "refuses"
        injection = pipe.inject()
        pipe.run(500)
        self.assert_records(pipe, injection, "")
        pipe.run(300)
        self.assert_records(pipe, injection, "P")
        text = "554 5.4.7 [internal] exceeded max time without delivery"
        self.assertEqual(pipe.records("P")[0].detail, text)
        self.assert_at_rest(pipe)

    def test_close_without_a_word(self) -> None:
        """A connection that ends in silence leaves a T record, then it is delivered."""
        pipe = self.pipe(script(action=Action.CLOSE, every=1, times=1))
        injection = pipe.inject()
        pipe.run(30)
        self.assert_records(pipe, injection, "TD")
        first = pipe.records("T")[0]
        text = "Connection closed without an answer"
        self.assertEqual((first.status, first.detail), (255, text))
        self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        self.assert_at_rest(pipe)

    def test_answer_for_a_stranger(self) -> None:
        """An answer that names nothing we wrote decides nothing; it is sent again."""
        odd = Answer(identifier=999_999)
        pipe = self.pipe(
            script(action=Action.REFUSE, every=1, status=8, times=1, answer=odd)
        )
        injection = pipe.inject()
        pipe.run(30)
        self.assert_records(pipe, injection, "TD")
        text = "Answer that named no notification of this connection"
        self.assertEqual(pipe.records("T")[0].detail, text)
        self.assert_at_rest(pipe)

    def test_answers_for_strangers_are_no_storm(self) -> None:
        """A gateway that says nothing else is tried ever more seldom."""
        odd = Answer(identifier=0)
        pipe = self.pipe(script(action=Action.REFUSE, every=1, status=10, answer=odd))
        injection = pipe.inject()
        pipe.run(300)
        self.assertLess(len(pipe.records("T")), 14)
        pipe.follow(Script())
        pipe.run(120)
        self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        self.assert_at_rest(pipe)

    def test_clock_set_back_does_not_delay(self) -> None:
        """An hour back on the wall clock costs a waiting message a scan at most."""
        pipe = self.pipe(BUSY, retry_interval_seconds=60)
        injection = pipe.inject()
        pipe.run(5)
        pipe.follow(Script())
        pipe.jump -= 3600
        pipe.run(60 + 15 + SILENCE)
        self.assert_records(pipe, injection, "TD")

    def test_clock_set_back_before_a_start(self) -> None:
        """Set back while the program is down, the clock does not delay either."""
        pipe = self.pipe(BUSY, retry_interval_seconds=60)
        injection = pipe.inject()
        pipe.run(5)
        pipe.follow(Script())
        pipe.crash(at_death=lambda: setattr(pipe, "jump", -86400.0))
        pipe.run(240 + 15 + SILENCE)
        self.assert_records(pipe, injection, "TD")


class HoldingTests(FlowCase):
    """What operators and disks hold up."""

    def test_suspended_delivery_keeps(self) -> None:
        """Under suspend_delivery messages are taken in and stay; then they go."""
        pipe = self.pipe(suspend_delivery=True)
        injection = pipe.inject()
        pipe.run(300)
        self.assertEqual(pipe.spooled(), injection.ids)
        self.assertEqual(list(pipe.frames), [])
        pipe.queueing = evolve(pipe.queueing, suspend_delivery=False)
        pipe.run(15 + SILENCE)
        self.assert_records(pipe, injection, "D")
        self.assert_at_rest(pipe)

    def test_full_log_disk_pauses(self) -> None:
        """Without room for records nothing is forgotten or sent; with room all goes."""
        pipe = self.pipe()
        pipe.ledger.room = 1
        first = pipe.inject("a@one.example", "b@one.example")
        pipe.run(SILENCE)
        second = pipe.inject()
        pipe.run(60)
        self.assertEqual(len(pipe.ledger.lines), 1)
        self.assertCountEqual(pipe.spooled(), first.ids + second.ids)
        self.assertEqual(pipe.judged(second, "accepted"), [])
        pipe.ledger.room = inf
        pipe.run(2 + SILENCE)
        self.assert_records(pipe, first, "D", "D")
        self.assert_records(pipe, second, "D")
        self.assertEqual(len(pipe.frames), 3)
        self.assert_at_rest(pipe)

    def test_full_spool_disk_refuses(self) -> None:
        """Messages are answered 452; one whose removal waits is not sent again."""
        pipe = self.pipe()
        first = pipe.inject()
        pipe.run(1)
        pipe.spool_fails = True
        pipe.run(SILENCE)
        second = pipe.inject()
        pipe.run(60)
        self.assertEqual(second.reply[:9], "452 4.3.1")
        self.assert_records(pipe, first, "D")
        self.assertEqual(pipe.spooled(), first.ids)
        pipe.spool_fails = False
        pipe.run(2)
        self.assert_at_rest(pipe)
        self.assertEqual(len(pipe.frames), 1)


class LifeTests(FlowCase):
    """Ends and beginnings of the program."""

    def test_backlog_is_delivered_after_a_restart(self) -> None:
        """What waited on the disk is delivered by the next process, once."""
        pipe = self.pipe()
        pipe.network = "refuses"
        waiting = [pipe.inject() for _ in range(50)]
        pipe.run(5)
        pipe.restart()
        pipe.network = "up"
        pipe.run(15 + SILENCE)
        for injection in waiting:
            self.assert_records(pipe, injection, "D")
            self.assertEqual(len(pipe.judged(injection, "accepted")), 1)
        self.assert_at_rest(pipe)

    def test_drain_settles_what_was_written(self) -> None:
        """A stop waits for the window; nothing is sent or recorded again."""
        pipe = self.pipe()
        sent = [pipe.inject() for _ in range(20)]
        pipe.run(0.5)
        self.assertEqual(len(pipe.frames), 20)
        pipe.restart()
        self.assertEqual(len(pipe.records("D")), 20)
        pipe.run(60)
        self.assertEqual(len(pipe.frames), 20)
        for injection in sent:
            self.assert_records(pipe, injection, "D")
        self.assert_at_rest(pipe)

    def test_drain_in_the_middle_of_everything(self) -> None:
        """Whenever the stop comes, what was answered is recorded once in the end."""
        for turns in range(0, 24, 2):
            pipe = self.pipe()
            sent = [pipe.inject("a@one.example", "b@two.example") for _ in range(3)]
            for _ in range(turns):
                pipe.turn()
            pipe.restart()
            pipe.run(30)
            for injection in sent:
                kinds = ["D"] * len(injection.ids)
                self.assert_records(pipe, injection, *kinds)
                self.assertLessEqual(len(pipe.judged(injection, "accepted")), 2)
            self.assert_at_rest(pipe)

    def test_crash_in_the_middle_of_everything(self) -> None:
        """Whenever the crash comes, nothing answered is lost; only pushes repeat."""
        for turns in range(0, 24, 2):
            pipe = self.pipe()
            sent = [pipe.inject() for _ in range(3)]
            for _ in range(turns):
                pipe.turn()
            pipe.crash()
            pipe.run(30)
            for injection in sent:
                self.assert_records(pipe, injection, *["D"] * len(injection.ids))
                self.assertLessEqual(len(pipe.judged(injection, "accepted")), 2)
            self.assert_at_rest(pipe)
