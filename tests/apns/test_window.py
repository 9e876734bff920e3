"""What silence, an answer and an end settle: the table row by row, then anything."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.apns.window import (
    LAST_IDENTIFIER,
    MISNAMED,
    UNDECIDED,
    Window,
    following,
    refusal,
)
from mcmtpush.errors import LocalProtocolError
from mcmtpush.values import (
    Accepted,
    Attempt,
    Discarded,
    Entry,
    Refused,
    Undecided,
)
from tests.support.case import TestCase, readable


TIMEOUT = 5.0
PRESUMED = Accepted("presumed")
PROVEN = Accepted("proven")


def attempts(first: int, count: int, size: int = 100) -> list[Attempt]:
    """So many with identifiers in a row."""
    made = []
    for row in range(count):
        made.append(Attempt(Entry(row, 0.0), UNDECIDED, first, size))
        first = following(first)
    return made


def a_window(**changes: int) -> Window:
    return Window(response_timeout_seconds=TIMEOUT, **changes)


def filled(presumed: int, unsettled: int, first: int = 1) -> Window:
    """So many of each, the older ones settled by silence already."""
    window = a_window(first_identifier=first)
    window.add(attempts(window.next_identifier, presumed), 0.0)
    assert len(window.silence(TIMEOUT)) == presumed
    window.add(attempts(window.next_identifier, unsettled), TIMEOUT)
    return window


def outcomes(settled: list[Attempt]) -> list[object]:
    return [attempt.outcome for attempt in settled]


class TableTests(TestCase):
    """Identifiers 1 to 3 were presumed accepted, 4 to 8 are unsettled."""

    def setUp(self) -> None:
        self.window = filled(presumed=3, unsettled=5)

    def test_refused_in_the_middle(self) -> None:
        """Before it all are proven, it is refused, behind it all are discarded."""
        settled = self.window.answer(8, 6)
        self.assertEqual(
            outcomes(settled),
            [PROVEN, PROVEN, Refused(8, "Invalid Token"), Discarded(), Discarded()],
        )
        self.assertEqual([each.transaction_id for each in settled], [4, 5, 6, 7, 8])

    def test_first_refused(self) -> None:
        """The oldest unsettled one is named: nothing is proven by it."""
        settled = self.window.answer(1, 4)
        self.assertEqual(
            outcomes(settled), [Refused(1, "Processing Error"), *[Discarded()] * 4]
        )

    def test_last_refused(self) -> None:
        """The youngest is named: nothing is discarded."""
        settled = self.window.answer(5, 8)
        self.assertEqual(
            outcomes(settled), [*[PROVEN] * 4, Refused(5, "Invalid Token Size")]
        )

    def test_shutdown(self) -> None:
        """Status 10 names the last one that was taken."""
        settled = self.window.answer(10, 6)
        self.assertEqual(outcomes(settled), [*[PROVEN] * 3, *[Discarded()] * 2])
        self.assertEqual(self.window.refused, 0)

    def test_shutdown_behind_the_last(self) -> None:
        """Status 10 for the youngest: all were taken."""
        self.assertEqual(outcomes(self.window.answer(10, 8)), [PROVEN] * 5)

    def test_shutdown_at_a_presumed_one(self) -> None:
        """Status 10 for one that is settled: it was taken indeed, nothing since."""
        self.assertEqual(outcomes(self.window.answer(10, 3)), [Discarded()] * 5)
        self.assertEqual(self.window.late, 0)

    def test_late(self) -> None:
        """A presumed one is refused after all: counted, and the rest is discarded."""
        self.assertEqual(outcomes(self.window.answer(8, 2)), [Discarded()] * 5)
        self.assertEqual((self.window.late, self.window.refused), (1, 0))

    def test_fate_of_the_presumed(self) -> None:
        """An answer also tells what became of those presumed: proven, late or lost."""
        for status, named, expected in (
            (8, 6, (3, 0, 0)),
            (8, 3, (2, 1, 0)),
            (8, 2, (1, 1, 1)),
            (8, 1, (0, 1, 2)),
            (10, 6, (3, 0, 0)),
            (10, 3, (3, 0, 0)),
            (10, 1, (1, 0, 2)),
            (8, 9, (0, 0, 0)),
            (8, 0, (0, 0, 0)),
        ):
            window = filled(presumed=3, unsettled=5)
            window.answer(status, named)
            fate = (window.confirmed, window.late, window.lost)
            self.assertEqual(fate, expected, (status, named))

    def test_unknown_statuses(self) -> None:
        """A status nobody knows is a refusal like any other."""
        for status in (3, 6, 9, 11, 128, 200, 254, 255):
            window = filled(presumed=3, unsettled=3)
            self.assertEqual(
                outcomes(window.answer(status, 5)),
                [PROVEN, refusal(status), Discarded()],
            )

    def test_not_written_yet(self) -> None:
        """An identifier of the future names nobody: nothing can be concluded."""
        self.assertEqual(outcomes(self.window.answer(8, 9)), [MISNAMED] * 5)
        self.assertEqual(self.window.undecided, 5)

    def test_zero(self) -> None:
        """No notification has identifier 0, whatever the status."""
        for status in (0, 2, 8, 10, 128, 255):
            window = filled(presumed=3, unsettled=2)
            self.assertEqual(outcomes(window.answer(status, 0)), [MISNAMED] * 2)

    def test_end(self) -> None:
        """No answer came: nobody knows, and what was presumed stays presumed."""
        self.assertEqual(outcomes(self.window.end()), [Undecided()] * 5)
        self.assertEqual((self.window.accepted, self.window.undecided), (3, 5))

    def test_silence(self) -> None:
        """Silence for the whole timeout, to the very moment, is acceptance."""
        self.assertEqual(self.window.silence(2 * TIMEOUT - 0.001), [])
        settled = self.window.silence(2 * TIMEOUT)
        self.assertEqual(outcomes(settled), [PRESUMED] * 5)

    def test_empty_window(self) -> None:
        """With nothing unsettled every event settles nothing."""
        for event in (
            lambda window: window.answer(8, 2),
            lambda window: window.answer(10, 3),
            lambda window: window.answer(8, 77),
            lambda window: window.silence(99.0),
            lambda window: window.end(),
        ):
            self.assertEqual(event(filled(presumed=3, unsettled=0)), [])


class FlushTests(TestCase):
    """Identifiers 1 to 3 were presumed, 4 to 8 are unsettled, 9 is the flush."""

    def setUp(self) -> None:
        self.window = filled(presumed=3, unsettled=5)
        self.assertEqual(self.window.flush(), 9)

    def fate(self) -> tuple[int, int, int, bool]:
        window = self.window
        return window.confirmed, window.late, window.lost, window.flushed

    def test_answered(self) -> None:
        """Whatever status names the flush: all before it is proven."""
        for status in (0, 1, 2, 4, 5, 7, 8, 10, 128, 255):
            self.setUp()
            self.assertEqual(outcomes(self.window.answer(status, 9)), [PROVEN] * 5)
            self.assertEqual(self.fate(), (3, 0, 0, True))
            self.assertEqual((self.window.accepted, self.window.refused), (8, 0))

    def test_zero(self) -> None:
        """Identifier 0 with status 2 is the flush; with another status nobody."""
        self.assertEqual(outcomes(self.window.answer(2, 0)), [PROVEN] * 5)
        self.assertEqual(self.fate(), (3, 0, 0, True))
        for status in (0, 1, 8, 10, 128, 255):
            self.setUp()
            self.assertEqual(outcomes(self.window.answer(status, 0)), [MISNAMED] * 5)
            self.assertEqual(self.fate(), (0, 0, 0, False))

    def test_void(self) -> None:
        """A refusal before it is settled as if there were no flush."""
        self.assertEqual(
            outcomes(self.window.answer(2, 5)),
            [PROVEN, Refused(2, "Missing Device Token"), *[Discarded()] * 3],
        )
        self.assertEqual(self.fate(), (3, 0, 0, False))

    def test_void_by_shutdown(self) -> None:
        """A shutdown before it names the last one taken; the rest goes again."""
        self.assertEqual(
            outcomes(self.window.answer(10, 7)), [*[PROVEN] * 4, Discarded()]
        )
        self.assertFalse(self.window.flushed)

    def test_void_by_a_late_one(self) -> None:
        """A presumed one is refused after all."""
        self.assertEqual(outcomes(self.window.answer(8, 3)), [Discarded()] * 5)
        self.assertEqual(self.fate(), (2, 1, 0, False))

    def test_behind_the_flush(self) -> None:
        """What was never written is no flush either."""
        self.assertEqual(outcomes(self.window.answer(2, 10)), [MISNAMED] * 5)
        self.assertFalse(self.window.flushed)

    def test_nothing_behind_it(self) -> None:
        """There is no room any more, and adding or asking twice is an error."""
        self.assertEqual(self.window.room, 0)
        self.assertRaises(LocalProtocolError, self.window.add, attempts(9, 1), 9.0)
        self.assertRaises(LocalProtocolError, self.window.flush)
        self.window.end()
        self.assertRaises(LocalProtocolError, self.window.flush)

    def test_silence_and_end(self) -> None:
        """Both settle as ever; the flush itself is counted nowhere."""
        settled = self.window.silence(2 * TIMEOUT)
        self.assertEqual(outcomes(settled), [PRESUMED] * 5)
        self.assertEqual(self.window.end(), [])
        self.assertEqual((self.window.written, self.window.accepted), (8, 8))
        self.setUp()
        self.assertEqual(outcomes(self.window.end()), [Undecided()] * 5)

    def test_empty_window(self) -> None:
        """With nothing unsettled it proves what was presumed."""
        window = filled(presumed=3, unsettled=0)
        self.assertEqual(window.answer(2, window.flush()), [])
        self.assertEqual((window.confirmed, window.accepted), (3, 3))

    def test_comes_round(self) -> None:
        """The flush takes 1 behind the last of 32 bits, never 0."""
        window = filled(presumed=1, unsettled=2, first=LAST_IDENTIFIER - 2)
        self.assertEqual(window.flush(), 1)
        self.assertEqual(outcomes(window.answer(2, 1)), [PROVEN] * 2)

    def test_unproven(self) -> None:
        """Proof is missing for all that was written, until the one answer."""
        window = a_window()
        self.assertEqual(window.unproven, 0)
        window.add(attempts(1, 3), 0.0)
        self.assertEqual(window.unproven, 3)
        window.silence(TIMEOUT)
        self.assertEqual(window.unproven, 3)
        window.answer(2, window.flush())
        self.assertEqual(window.unproven, 0)


class RefusalTests(TestCase):
    def test_codes(self) -> None:
        """Codes are kept, but for the two that would mislead whoever reads them."""
        for status, expected in {
            0: Refused(255, "No Errors Encountered (0)"),
            1: Refused(1, "Processing Error"),
            2: Refused(2, "Missing Device Token"),
            8: Refused(8, "Invalid Token"),
            9: Refused(9, "Unknown Status 9"),
            128: Refused(7, "Protocol Error (128)"),
            255: Refused(255, "None (unknown)"),
        }.items():
            self.assertEqual(refusal(status), expected)


class OverTests(TestCase):
    """An answer or the end is the last event."""

    def test_every_event_after(self) -> None:
        """Silence and the end find nothing; more is an error of this program."""
        for ending in (
            lambda window: window.answer(8, 4),
            lambda window: window.answer(8, 0),
            lambda window: window.end(),
        ):
            window = filled(presumed=3, unsettled=5)
            self.assertFalse(window.over)
            self.assertEqual(len(ending(window)), 5)
            self.assertTrue(window.over)
            self.assertEqual((len(window), window.room), (0, 0))
            self.assertIsNone(window.silent_at)
            self.assertEqual(window.silence(999.0), [])
            self.assertEqual(window.end(), [])
            self.assertRaises(LocalProtocolError, window.answer, 8, 5)
            self.assertRaises(
                LocalProtocolError,
                window.add,
                attempts(window.next_identifier, 1),
                9.0,
            )


class AddTests(TestCase):
    def test_identifiers_count_from_one(self) -> None:
        """The first is 1 and each batch goes on where the last one ended."""
        window = a_window()
        self.assertEqual(window.next_identifier, 1)
        window.add(attempts(1, 4), 0.0)
        self.assertEqual(window.next_identifier, 5)
        window.add([], 0.0)
        self.assertEqual((window.next_identifier, window.written), (5, 4))

    def test_refuses_foreign_identifiers(self) -> None:
        """A gap, a repetition or another order is an error of this program."""
        for wrong in (attempts(2, 3), attempts(0, 2), attempts(1, 3)[::-1]):
            self.assertRaises(LocalProtocolError, a_window().add, wrong, 0.0)

    def test_come_round(self) -> None:
        """Behind the last of 32 bits comes 1, and answers still find the right one."""
        window = filled(presumed=2, unsettled=4, first=LAST_IDENTIFIER - 3)
        self.assertEqual(window.next_identifier, 3)
        settled = window.answer(8, 1)
        self.assertEqual(
            [(each.transaction_id, each.outcome) for each in settled],
            [
                (LAST_IDENTIFIER - 1, PROVEN),
                (LAST_IDENTIFIER, PROVEN),
                (1, Refused(8, "Invalid Token")),
                (2, Discarded()),
            ],
        )

    def test_late_across_the_turn(self) -> None:
        """One from before the turn is known to be older, not of the future."""
        window = filled(presumed=2, unsettled=4, first=LAST_IDENTIFIER - 3)
        window.answer(8, LAST_IDENTIFIER - 2)
        self.assertEqual((window.late, window.discarded), (1, 4))

    def test_room_by_count(self) -> None:
        """Room shrinks by what is unsettled and comes back with silence."""
        window = a_window(max_count=10)
        window.add(attempts(1, 7), 0.0)
        self.assertEqual(window.room, 3)
        window.silence(TIMEOUT)
        self.assertEqual(window.room, 10)

    def test_room_by_bytes(self) -> None:
        """When the frames weigh too much there is no room, however few they are."""
        window = a_window(max_bytes=1000)
        window.add(attempts(1, 9, size=110), 0.0)
        self.assertGreater(window.room, 0)
        window.add(attempts(10, 1, size=110), 1.0)
        self.assertEqual(window.room, 0)
        window.silence(TIMEOUT)
        self.assertGreater(window.room, 0)

    def test_silent_at(self) -> None:
        """The oldest batch says when silence will have lasted long enough."""
        window = a_window()
        self.assertIsNone(window.silent_at)
        window.add(attempts(1, 1), 3.0)
        window.add(attempts(2, 1), 4.0)
        self.assertEqual(window.silent_at, 8.0)

    @readable
    @given(
        st.floats(0, 1e9, allow_nan=False),
        st.floats(0, 3600, allow_nan=False),
    )
    def test_silent_at_is_silence(self, written_at: float, timeout: float) -> None:
        """At the moment it names, rounded as it may be, the batch is settled."""
        window = Window(response_timeout_seconds=timeout)
        window.add(attempts(1, 2), written_at)
        silent_at = window.silent_at
        assert silent_at is not None
        self.assertEqual(len(window.silence(silent_at)), 2)


class NaiveWindow:
    """The same rules, one message at a time over plain lists."""

    def __init__(self) -> None:
        self.history: list[int] = []  # every identifier ever written, in order
        self.unsettled: list[tuple[int, float]] = []
        self.presumed: list[int] = []
        self.flush: int | None = None
        self.fate: Counter[str] = Counter()

    def write(self, identifiers: list[int], now: float) -> None:
        self.history += identifiers
        self.unsettled += [(identifier, now) for identifier in identifiers]

    def silence(self, now: float) -> dict[int, object]:
        silent = [each for each, at in self.unsettled if at + TIMEOUT <= now]
        self.unsettled = self.unsettled[len(silent) :]
        self.presumed += silent
        return dict.fromkeys(silent, PRESUMED)

    def answer(self, status: int, named: int) -> dict[int, object]:
        result: dict[int, object] = {}
        if self.flush is not None and (status, named) == (2, 0):
            named = self.flush
        if self.flush is not None and named == self.flush:
            result.update((each, PROVEN) for each, _ in self.unsettled)
            self.unsettled = []
            self.fate["confirmed"] += len(self.presumed)
            return result
        self.look_back(status, named)
        for identifier, _ in self.unsettled:
            if named not in self.history:
                result[identifier] = MISNAMED
                continue
            before = self.history.index(identifier) - self.history.index(named)
            if before < 0:
                result[identifier] = PROVEN
            elif before > 0:
                result[identifier] = Discarded()
            else:
                result[identifier] = PROVEN if status == 10 else refusal(status)
        self.unsettled = []
        return result

    def look_back(self, status: int, named: int) -> None:
        """What an answer says about each of those presumed."""
        for identifier in self.presumed if named in self.history else ():
            before = self.history.index(identifier) - self.history.index(named)
            if before < 0 or (before == 0 and status == 10):
                self.fate["confirmed"] += 1
            else:
                self.fate["lost" if before else "late"] += 1

    def end(self) -> dict[int, object]:
        result: dict[int, object] = {}
        result.update(dict.fromkeys([each for each, _ in self.unsettled], Undecided()))
        self.unsettled = []
        return result


class WindowMachine(RuleBasedStateMachine):
    """A window beside its naive twin; everything settles once and alike."""

    @initialize(
        first=st.sampled_from([1, 1, 1000, LAST_IDENTIFIER - 5, LAST_IDENTIFIER])
    )
    def begin(self, first: int) -> None:
        self.window = a_window(first_identifier=first)
        self.naive = NaiveWindow()
        self.now = 0.0
        self.settled: Counter[int] = Counter()
        self.kinds: Counter[str] = Counter()

    def check(self, settled: list[Attempt], expected: dict[int, object]) -> None:
        found = {each.transaction_id: each.outcome for each in settled}
        assert found == expected, (found, expected)
        assert len(found) == len(settled)
        for attempt in settled:
            self.settled[attempt.transaction_id] += 1
            self.kinds[type(attempt.outcome).__name__] += 1

    @precondition(lambda self: self.window.room)
    @rule(count=st.integers(1, 5))
    def write(self, count: int) -> None:
        batch = attempts(self.window.next_identifier, count)
        self.window.add(batch, self.now)
        self.naive.write([each.transaction_id for each in batch], self.now)

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.5, 5.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.check(self.window.silence(self.now), self.naive.silence(self.now))

    @precondition(lambda self: self.window.room)
    @rule()
    def flush(self) -> None:
        self.naive.flush = self.window.flush()
        assert self.naive.flush not in {0, *self.naive.history}

    @precondition(lambda self: not self.window.over)
    @rule(status=st.sampled_from([0, 1, 2, 8, 9, 10, 128, 200, 255]), data=st.data())
    def answer(self, status: int, data: st.DataObject) -> None:
        known = self.naive.history[-12:]
        strange = [0, self.window.next_identifier, 77_777]
        named = data.draw(st.sampled_from([*known, *known, *strange]))
        expected = self.naive.answer(status, named)
        self.check(self.window.answer(status, named), expected)

    @rule()
    def end(self) -> None:
        self.check(self.window.end(), self.naive.end())

    @invariant()
    def conserves(self) -> None:
        window = self.window
        assert window.written == len(self.naive.history)
        assert len(window) == len(self.naive.unsettled)
        assert window.written == len(window) + (
            window.accepted + window.refused + window.discarded + window.undecided
        )
        assert self.kinds == +Counter(
            Accepted=window.accepted,
            Refused=window.refused,
            Discarded=window.discarded,
            Undecided=window.undecided,
        )
        fate = Counter(confirmed=window.confirmed, late=window.late, lost=window.lost)
        assert +fate == self.naive.fate, (fate, self.naive.fate)
        assert set(self.settled.values()) <= {1}
        assert len(self.settled) == window.written - len(window)


# How a window may stand: presumed, unsettled, flushed or not, and how it ended.
STATES = {
    f"{presumed} presumed, {unsettled} unsettled, {end}": (presumed, unsettled, end)
    for presumed in (0, 3)
    for unsettled in (0, 4)
    for end in ("open", "flushing", "answered", "ended")
}
STATUSES = (0, 1, 2, 8, 9, 10, 128, 200, 255)
OVER = frozenset({"answered", "ended"})


class PairTests(TestCase):
    """Every event in every state, beside the naive twin."""

    def make(self, presumed: int, unsettled: int, end: str) -> None:
        self.window, self.naive = a_window(), NaiveWindow()
        self.now = 0.0
        self.write(presumed)
        self.now = TIMEOUT
        self.window.silence(self.now)
        self.naive.silence(self.now)
        self.write(unsettled)
        if end == "flushing":
            self.naive.flush = self.window.flush()
        elif end == "answered":
            named = presumed + unsettled
            self.window.answer(10, named)
            self.naive.answer(10, named)
        elif end == "ended":
            self.window.end()
            self.naive.end()

    def write(self, count: int) -> None:
        batch = attempts(self.window.next_identifier, count)
        if batch:
            self.window.add(batch, self.now)
            self.naive.write([each.transaction_id for each in batch], self.now)

    def same(self, settled: list[Attempt], expected: object, pair: object) -> None:
        found = {each.transaction_id: each.outcome for each in settled}
        self.assertEqual((found, len(settled)), (expected, len(found)), pair)
        window = self.window
        sums = window.accepted + window.refused + window.discarded + window.undecided
        self.assertEqual(window.written, sums + len(window), pair)
        self.assertEqual(len(window), len(self.naive.unsettled), pair)
        fate = Counter(confirmed=window.confirmed, late=window.late, lost=window.lost)
        self.assertEqual(+fate, self.naive.fate, pair)

    def test_every_pair(self) -> None:
        """Writing, flushing, silence, every answer and the end, in every state."""
        pairs = 0
        for name, state in STATES.items():
            self.make(*state)
            last = len(self.naive.history)
            for status in STATUSES:
                # Each that was written, nobody's 0, the flush or the future, far off.
                for named in (*range(last + 3), 77_777):
                    self.make(*state)
                    pairs += 1
                    if state[2] in OVER:
                        with self.assertRaises(LocalProtocolError, msg=name):
                            self.window.answer(status, named)
                        continue
                    expected = self.naive.answer(status, named)
                    settled = self.window.answer(status, named)
                    self.same(settled, expected, (name, status, named))
            for event in (self.silences, self.ends, self.writes, self.flushes):
                self.make(*state)
                event(name, state[2])
                pairs += 1
        self.assertGreater(pairs, 900)

    def silences(self, name: str, _end: str) -> None:
        for seconds in (TIMEOUT - 0.1, 0.1, TIMEOUT):
            self.now += seconds
            expected = self.naive.silence(self.now)
            self.same(self.window.silence(self.now), expected, (name, "silence"))

    def ends(self, name: str, _end: str) -> None:
        self.same(self.window.end(), self.naive.end(), (name, "end"))

    def writes(self, name: str, end: str) -> None:
        if end == "open":
            self.write(2)
            self.same([], {}, (name, "write"))
            return
        batch = attempts(self.window.next_identifier, 2)
        with self.assertRaises(LocalProtocolError, msg=name):
            self.window.add(batch, self.now)

    def flushes(self, name: str, end: str) -> None:
        if end == "open":
            flush = self.window.flush()
            self.assertNotIn(flush, [0, *self.naive.history], name)
            self.same([], {}, (name, "flush"))
            return
        with self.assertRaises(LocalProtocolError, msg=name):
            self.window.flush()


class WindowMachineTests(TestCase):
    @readable
    def test_anything(self) -> None:
        """Whatever happens in whatever order, every one settles once and rightly."""
        run_state_machine_as_test(WindowMachine)
