"""The life of one worker, whatever happens to it and in which order."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.supervisor import (
    CALM_SECONDS,
    LONGEST_REST,
    TABLE,
    Action,
    Event,
    Life,
    State,
)
from tests.support.case import TestCase, readable


class Parent(RuleBasedStateMachine):
    """Does what it is told, with a process that may die or finish at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.process = True
        self.ready = False  # the process
        self.was_ready = False  # any process
        self.stopped = 0
        self.resting = False
        self.ends: list[Action] = []
        self.told: list[Action] = []

    def do(self, action: Action | None) -> None:
        match action:
            case Action.SPAWN:
                assert not self.process, "two processes at once"
                self.process, self.ready = True, False
            case Action.REST:
                assert not self.resting
                self.resting = True
            case Action.STOP | Action.HURRY:
                self.told.append(action)
            case Action.GIVE_UP | Action.BURY:
                self.ends.append(action)
                self.resting = False

    @precondition(lambda self: self.process)
    @rule()
    def says_ready(self) -> None:
        self.ready = True
        self.was_ready |= not self.stopped
        assert self.life.feel(Event.READY) is None

    @precondition(lambda self: self.process)
    @rule(seconds=st.floats(0, 2 * CALM_SECONDS), finished=st.booleans())
    def dies(self, seconds: float, finished: bool) -> None:
        self.process = False
        event = Event.FINISHED if finished else Event.DIED
        action = self.life.feel(event, seconds)
        replaced = not (self.stopped or finished) and self.was_ready
        assert (action is Action.REST) == replaced
        assert (action is Action.GIVE_UP) == (
            not (self.stopped or finished or self.was_ready)
        )
        if action is Action.REST and seconds >= CALM_SECONDS:
            assert self.life.rest_seconds == 0
        self.do(action)

    @precondition(lambda self: self.resting)
    @rule()
    def has_rested(self) -> None:
        self.resting = False
        self.do(self.life.feel(Event.RESTED))
        assert self.process

    @rule()
    def is_to_stop(self) -> None:
        self.stopped += 1
        self.do(self.life.feel(Event.STOP))

    @invariant()
    def holds(self) -> None:
        assert self.life.running == self.process
        assert 0 <= self.life.rest_seconds <= LONGEST_REST
        assert len(self.ends) <= 1, "it ends once"
        over = not (self.process or self.resting)
        assert over == (self.life.state is State.OVER) == bool(self.ends)
        assert not (self.stopped and self.resting), "the dead are not replaced"
        if self.stopped and self.process:
            assert self.told[0] is Action.STOP
            assert set(self.told[1:]) <= {Action.HURRY}


class LifeTests(TestCase):
    @readable
    def test_any_life(self) -> None:
        """One process at a time, one end, no life after a stop."""
        run_state_machine_as_test(Parent)

    def test_rests_get_longer_and_short_again(self) -> None:
        """At once, then 1 s doubling to 60; a long life is forgiven."""
        life, rests = Life(), []
        life.feel(Event.READY)
        for lived in [5.0] * 9 + [CALM_SECONDS, 1.0, 1.0]:
            self.assertIs(life.feel(Event.DIED, lived), Action.REST)
            rests.append(life.rest_seconds)
            self.assertIs(life.feel(Event.RESTED), Action.SPAWN)
            life.feel(Event.READY)
        self.assertEqual(rests, [0, 1, 2, 4, 8, 16, 32, 60, 60, 0, 1, 2])

    def test_a_restart_that_fails_is_tried_again(self) -> None:
        """Only the first start is all or nothing."""
        life = Life()
        life.feel(Event.READY)
        for _ in range(3):
            self.assertIs(life.feel(Event.DIED), Action.REST)
            self.assertIs(life.feel(Event.RESTED), Action.SPAWN)
        self.assertIs(Life().feel(Event.DIED), Action.GIVE_UP)

    def test_what_is_not_in_the_table(self) -> None:
        """Comes too late, or twice, and changes nothing."""
        for state in State:
            for event in Event:
                if (state, event) not in TABLE:
                    life = Life()
                    life.state = state
                    self.assertIsNone(life.feel(event))
                    self.assertIs(life.state, state)
        self.assertEqual({state for state, _ in TABLE}, set(State) - {State.OVER})
