"""The law of the house, under any script of faults, crashes and clock jumps.

Every message answered 250 ends in exactly one terminal record, and at rest the
spool is empty.  What a crash may repeat is counted at the crash, message by message.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from mcmtpush.apns.window import MISNAMED
from mcmtpush.config.views import LimitSettings, ThrottleSettings
from mcmtpush.disposition.classify import UNANSWERED
from mcmtpush.errors import ConfigError
from mcmtpush.hooks.api import Message, Request
from mcmtpush.hooks.points import DISPOSE, REQUEST, RESPONSE
from mcmtpush.simulator.script import Action, Answer, Rule, Script
from mcmtpush.spool.order import Orders, Purge, write_purge
from mcmtpush.values import Record
from tests.hooks.stage import a_chain, a_provider
from tests.support.case import TestCase, readable
from tests.support.injector import Injection
from tests.support.pipe import TOKEN, Pipe


BAD_TOKEN = "bad0" * 16
INVALID_TOKENS = ["", "0f0", "0f" * 20, "no such token"]
LONGEST_RETRY_SECONDS = 240.0
PATIENCE_SECONDS = 4 * LONGEST_RETRY_SECONDS

tokens = st.one_of(
    st.just(TOKEN),
    st.just(TOKEN),
    st.just(TOKEN),
    st.sampled_from([TOKEN, BAD_TOKEN, *INVALID_TOKENS]),
)

# Everything an answer may take together stays below the response timeout: the
# gateway's word comes in time, or else nobody could tell silence from a late answer.
answers = st.builds(
    Answer,
    delay_seconds=st.sampled_from([0.0, 0.3]),
    behind=st.sampled_from([0, 0, 2]),
    pieces=st.sampled_from([(6,), (6,), (1, 5), (2,), (2, 2, 2)]),
    reset=st.booleans(),
    identifier=st.sampled_from([None, None, None, 0, 0xFFFF_FFF0]),
)
endings = st.builds(
    Rule,
    action=st.sampled_from([Action.SHUTDOWN, Action.CLOSE, Action.RESET]),
    after=st.integers(0, 4),
    answer=answers,
    times=st.sampled_from([None, 1, 3]),
)
stalls = st.builds(
    Rule,
    action=st.just(Action.STALL),
    after=st.integers(0, 4),
    seconds=st.just(0.5),
    times=st.just(1),
)
refusals = st.builds(
    Rule,
    action=st.just(Action.REFUSE),
    every=st.integers(1, 5),
    status=st.sampled_from([0, 1, 1, 7, 8, 128, 255]),
    answer=answers,
    times=st.sampled_from([None, 1, 3]),
)
bad_token = Rule(action=Action.REFUSE, token=bytes.fromhex(BAD_TOKEN), status=8)
scripts = st.lists(st.one_of(endings, stalls, refusals), max_size=2).map(
    lambda rules: Script(linger_seconds=0.1, rules=(bad_token, *rules))
)
queueings = st.fixed_dictionaries(
    {
        "max_retries": st.sampled_from([0, 2, "auto", "none"]),
        "never_attempt_expired_messages": st.booleans(),
        "max_resident_active_queue": st.sampled_from([-1, 0, 1, 3, 250]),
    }
)


# One definition with several values: what was counted before still counts.
THROTTLES = [ThrottleSettings(count, 10.0, "rate") for count in (1, 20)]
LIMITS = [LimitSettings(count, "limit") for count in (1, 2)]


def fails(*_: object) -> None:
    raise ValueError("boom")


def changes(req: Request, msg: Message) -> None:
    req.json["policy"] = msg.num_retries
    req.headers["apns-priority"] = 5


def half(req: Request, msg: Message) -> None:
    """Every second attempt fails when the change is already made."""
    changes(req, msg)
    if msg.num_retries % 2:
        fails()


POLICIES: Mapping[str, Mapping[str, Callable[..., object]]] = {
    "none": {},
    "fails": {REQUEST: fails},
    "changes": {REQUEST: changes, DISPOSE: lambda msg: msg.context_set(1, "a", 1)},
    "half": {REQUEST: half},
    "fails after": {RESPONSE: fails, DISPOSE: fails},
}
"""None of these makes a success of a failure, which the service could not confirm."""


def is_undecided(record: Record) -> bool:
    """Whether nobody knows if the attempt of this record was taken."""
    if record.native is not None:
        return record.status is not None and record.native.status == 0
    return record.detail in {UNANSWERED, MISNAMED.detail}


class Conservation(RuleBasedStateMachine):
    """Whatever happens to the pipe, and what may have been repeated for it."""

    patience_seconds = PATIENCE_SECONDS

    @initialize(
        script=scripts, queueing=queueings, per_connection=st.sampled_from([0, 0, 2])
    )
    def start(
        self, script: Script, queueing: dict[str, Any], per_connection: int
    ) -> None:
        self.begin(script, queueing, per_connection)

    def begin(
        self, script: Script, queueing: dict[str, Any], per_connection: int
    ) -> None:
        """A folder, a pipe, and nothing to make allowance for yet."""
        self.folder = tempfile.TemporaryDirectory()
        self.pipe = Pipe(Path(self.folder.name), script, **queueing)
        self.pipe.delivering = evolve(
            self.pipe.delivering, max_deliveries_per_connection=per_connection
        )
        self.purges = 0
        self.set_back = self.set_back_before = 0.0  # in this life, in earlier ones
        self.recorded_twice: Counter[str] = Counter()
        self.accepted_twice: Counter[str] = Counter()

    # -- what happens ---------------------------------------------------------------

    @rule(
        counts=st.lists(st.sampled_from([1, 1, 3]), min_size=1, max_size=6),
        tokens=st.lists(tokens, min_size=6, max_size=6),
        settled=st.booleans(),
    )
    def inject(self, counts: list[int], tokens: list[str], settled: bool) -> None:
        for count, token in zip(counts, tokens, strict=False):
            people = [f"{number}@apn_{number % 2}.example" for number in range(count)]
            self.pipe.inject(*people, token=token)
        if settled:
            self.pipe.run()

    @rule(count=st.integers(1, 12))
    def turn(self, count: int) -> None:
        for _ in range(count):
            self.pipe.turn()

    @rule(seconds=st.sampled_from([0.02, 0.3, 1.0, 1.9, 2.5, 20.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.pipe.run(seconds)

    @rule(script=scripts, at_once=st.booleans())
    def follow(self, script: Script, at_once: bool) -> None:
        if at_once:
            self.pipe.apns.disconnect()
        self.pipe.follow(script)

    @rule(network=st.sampled_from(["up", "up", "refuses", "silent"]))
    def network(self, network: str) -> None:
        self.pipe.network = network

    @rule(room=st.sampled_from([0, 1, 5, inf, inf]))
    def log_disk(self, room: float) -> None:
        self.pipe.ledger.room = room

    @rule(fails=st.booleans())
    def spool_disk(self, fails: bool) -> None:
        self.pipe.spool_fails = fails

    @rule(suspended=st.booleans())
    def suspend(self, suspended: bool) -> None:
        self.pipe.queueing = evolve(self.pipe.queueing, suspend_delivery=suspended)

    @rule(seconds=st.sampled_from([-3600.0, -30.0, 30.0, 3600.0, 8000.0]))
    def jump(self, seconds: float) -> None:
        self.pipe.jump += seconds
        self.set_back += max(0.0, -seconds)

    @rule(
        changes=st.fixed_dictionaries(
            {
                "max_outbound_connections": st.sampled_from([1, 3]),
                "max_deliveries_per_connection": st.sampled_from([0, 2]),
                "idle_timeout_seconds": st.sampled_from([1, 5]),
                "message_throttle": st.sampled_from([None, *THROTTLES]),
                "scope_limit": st.sampled_from([None, *LIMITS]),
            }
        ),
        faulty=st.sampled_from([False, False, True]),
    )
    def reload(self, changes: dict[str, Any], faulty: bool) -> None:
        fault = ConfigError("it is not well written", "gw.conf", 1, 1)
        self.pipe.faults = [fault] if faulty else []
        self.change(**changes)

    def change(self, **changes: Any) -> None:
        """Other settings of delivery, for all queues."""
        self.pipe.reload(**changes)

    @rule(hooks=st.sampled_from(list(POLICIES)))
    def policy(self, hooks: str) -> None:
        """Other scripts, some of which fail, as after a reload."""
        functions = POLICIES[hooks]
        chain = a_chain(a_provider(**functions)) if functions else None
        self.pipe.program.parts.policy.adopt(chain)

    @rule(domain=st.sampled_from([None, "apn_0.example", "apn_1.example"]))
    def purge(self, domain: str | None) -> None:
        """An operator gives up what waits; the law holds for that, too."""
        self.purges += 1
        order = Purge("554 5.7.0 purged", self.pipe.now(), domain)
        Orders(str(self.pipe.folder)).give(str(self.purges), write_purge(order))

    @rule()
    def crash(self) -> None:
        self.pipe.crash(at_death=self.note_death)
        self.next_life()

    @rule()
    def restart(self) -> None:
        healthy = not self.pipe.spool_fails and self.pipe.ledger.room == inf
        self.pipe.restart(at_death=None if healthy else self.note_death)
        self.next_life()

    def next_life(self) -> None:
        """A life that begins knows nothing of how the clock went before."""
        self.set_back_before += self.set_back
        self.set_back = 0.0

    def note_death(self) -> None:
        """Who may be accepted, or recorded, once more: who is still on the disk."""
        spooled = set(self.pipe.spooled())
        ended = {record.message.id for record in self.pipe.records("DP")}
        self.recorded_twice.update(spooled & ended)
        for injection in self.pipe.injections:
            if self.pipe.judged(injection, "accepted"):
                self.accepted_twice.update(spooled & set(injection.ids))

    # -- the law ----------------------------------------------------------------------

    def teardown(self) -> None:
        if hasattr(self, "pipe"):
            try:
                self.rest()
                self.check()
            finally:
                self.pipe.close()
                self.folder.cleanup()

    def rest(self) -> None:
        """Without faults everything comes to its end, in time."""
        pipe = self.pipe
        self.end_faults()
        pipe.network, pipe.spool_fails, pipe.ledger.room = "up", False, inf
        pipe.queueing = evolve(pipe.queueing, suspend_delivery=False)
        pipe.faults = []
        pipe.program.parts.policy.adopt(None)
        self.change(message_throttle=None)
        end = pipe.clock.seconds() + self.patience_seconds + self.set_back_before
        while pipe.clock.seconds() < end:
            pipe.run(30.0)
            if not pipe.program.parts.scheduler.queued:
                break
        assert pipe.spooled() == [], "the spool is not empty at rest"
        parts = pipe.program.parts
        assert parts.scheduler.queued == 0, "something is queued at rest"
        assert parts.settler.idle, "something is unsettled at rest"
        assert parts.scheduler._residence.held == 0, "bodies without entries"

    def end_faults(self) -> None:
        self.pipe.follow(Script(rules=(bad_token,)))

    def check(self) -> None:
        for injection in self.pipe.injections:
            event(f"answered {injection.reply[:3]}")
            if injection.reply[:1] in {"4", "5"}:
                assert not self.pipe.judged(injection, "accepted"), injection
            else:
                self.check_transaction(injection)
        for account in self.pipe.accounts:
            account.check()
        for window in self.pipe.windows:
            settled = window.accepted + window.refused
            settled += window.discarded + window.undecided
            assert window.written == settled + len(window)

    def check_transaction(self, injection: Injection) -> None:
        """Each message ended once, and no push was made that need not be."""
        ended = 0
        allowed = 0
        for message_id in injection.ids:
            records = [
                record
                for record in self.pipe.records("DTP", injection)
                if record.message.id == message_id
            ]
            kinds = "".join(record.kind for record in records)
            terminal = kinds.count("D") + kinds.count("P")
            most = 1 + self.recorded_twice[message_id]
            assert 1 <= terminal <= most, (kinds, most, message_id, injection)
            assert kinds[-1] in "DP", (kinds, message_id, injection)
            assert most > 1 or "T" not in kinds.lstrip("T"), (kinds, injection)
            ended += "D" in kinds
            unanswered = sum(map(is_undecided, records))
            allowed += 1 + unanswered + self.accepted_twice[message_id]
            event(f"ended {kinds}")
        accepted = len(self.pipe.judged(injection, "accepted"))
        if injection.ids:
            assert ended <= accepted <= allowed, (ended, accepted, allowed, injection)


class ConservationTests(TestCase):
    """The whole program in memory, run by chance."""

    @readable
    def test_every_message_ends_once(self) -> None:
        """Whatever happened, each answered message has one terminal record."""
        known = settings()
        run_state_machine_as_test(
            Conservation,
            settings=settings(
                max_examples=max(25, known.max_examples // 3),
                stateful_step_count=25,
            ),
        )
