"""Verdicts: Apple's rules as a table, and what scripts add to them."""

from __future__ import annotations

from random import Random

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.feedback import FeedbackRecord
from mcmtpush.apns.frames import Frame, Malformed
from mcmtpush.simulator.script import Action, Answer, Rule, Script
from mcmtpush.simulator.verdict import (
    ConnectionFaults,
    Ending,
    Faults,
    GoneTokens,
    Judgement,
    Stall,
    Verdict,
    find_fault,
)
from tests.support.case import TestCase, readable


GOOD = Frame(2, 7, bytes(range(32)), b'{"aps":{}}', 0, 10)
REFUSE, SHUTDOWN, CLOSE = Action.REFUSE, Action.SHUTDOWN, Action.CLOSE


def payload_of(size: int) -> bytes:
    """A JSON object of exactly so many bytes."""
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


def faults_of(*rules: Rule, seed: int = 1) -> Faults:
    """A server with these rules."""
    return Faults(Script(rules=rules), Random(seed))


def frame(identifier: int) -> Frame:
    """A good frame with this identifier."""
    return GOOD._replace(identifier=identifier)


def run(connection: ConnectionFaults, count: int) -> list[Judgement]:
    """Judgements on frames 1 to `count`, up to the one that ends the connection."""
    found = []
    for identifier in range(1, count + 1):
        found.append(connection.judge(frame(identifier)))
        if isinstance(found[-1].follows, Ending):
            break
    return found


def packet_of(judgement: Judgement) -> str:
    """The packet that follows, as hexadecimal text."""
    assert isinstance(judgement.follows, Ending)
    return judgement.follows.packet.hex(" ")


class FindFaultTests(TestCase):
    def test_the_table(self) -> None:
        """Every documented fault of a frame has the documented status."""
        table: list[tuple[dict[str, object], int]] = [
            ({}, 0),
            ({"token": b""}, 2),
            ({"token": bytes(31)}, 5),
            ({"token": bytes(100)}, 0),
            ({"token": bytes(101)}, 5),
            ({"payload": b""}, 4),
            ({"token": b"", "payload": b""}, 2),
            ({"payload": payload_of(2048)}, 0),
            ({"payload": payload_of(2049)}, 7),
            ({"payload": b"{"}, 7),
            ({"payload": b"[]"}, 7),
            ({"payload": b'{"a":"\xff"}'}, 7),
            ({"priority": 5}, 0),
            ({"priority": 0}, 128),
            ({"priority": 7}, 128),
            ({"identifier": 0, "expiry": None}, 0),
        ]
        for changes, status in table:
            changed = GOOD._replace(**changes)  # type: ignore[arg-type]
            self.assertEqual(find_fault(changed, 256), status, changes)

    def test_old_commands_have_their_own_limit(self) -> None:
        """Commands 0 and 1 carry 256 bytes unless the script says otherwise."""
        for command in (0, 1):
            old = GOOD._replace(command=command, payload=payload_of(256))
            self.assertEqual(find_fault(old, 256), 0)
            longer = old._replace(payload=payload_of(257))
            self.assertEqual(find_fault(longer, 256), 7)
            self.assertEqual(find_fault(longer, 2048), 0)


class JudgeTests(TestCase):
    def test_good_frames_are_accepted(self) -> None:
        """Without rules, good frames are accepted without an end."""
        found = run(faults_of().connect(), 50)
        self.assertEqual(set(found), {Judgement(Verdict.ACCEPTED)})

    def test_refusal_names_the_frame(self) -> None:
        """A faulty frame is answered with its status and identifier."""
        connection = faults_of().connect()
        found = connection.judge(GOOD._replace(token=b"abc"))
        self.assertEqual(found[:3], (Verdict.REFUSED, 5, "Invalid Token Size"))
        self.assertEqual(packet_of(found), "08 05 00 00 00 07")

    def test_command_0_gets_no_packet(self) -> None:
        """The simple format knows no answers: its faults end in silence."""
        connection = faults_of().connect()
        found = connection.judge(GOOD._replace(command=0, token=b"", identifier=0))
        self.assertEqual(found.verdict, Verdict.REFUSED)
        self.assertEqual(packet_of(found), "")

    def test_malformed(self) -> None:
        """What could not be parsed is refused with 128; command 0 in silence."""
        found = faults_of().connect().judge(Malformed(128, 9, "why", 2))
        self.assertEqual(found[:3], (Verdict.REFUSED, 128, "why"))
        self.assertEqual(packet_of(found), "08 80 00 00 00 09")
        found = faults_of().connect().judge(Malformed(128, 0, "too long", 0))
        self.assertEqual(packet_of(found), "")

    def test_zero_for_an_empty_token(self) -> None:
        """A switch answers the empty token with identifier 0, as Apple once did."""
        script = Script(zero_for_empty_token=True)
        connection = Faults(script, Random(1)).connect()
        found = connection.judge(GOOD._replace(token=b""))
        self.assertEqual(packet_of(found), "08 02 00 00 00 00")
        connection = Faults(script, Random(1)).connect()
        found = connection.judge(GOOD._replace(token=b"abc"))
        self.assertEqual(packet_of(found), "08 05 00 00 00 07")

    def test_shared_answer(self) -> None:
        """Apple's own refusals travel as the script's answer says."""
        answer = Answer(delay_seconds=3.0)
        faults = Faults(Script(answer=answer), Random(1))
        found = faults.connect().judge(GOOD._replace(token=b""))
        self.assertEqual(
            found.follows, Ending(bytes.fromhex("08 02 00 00 00 07"), answer)
        )

    def test_faulty_frames_come_before_rules(self) -> None:
        """A rule changes nothing for a frame that Apple would refuse anyway."""
        faults = faults_of(Rule(action=REFUSE, status=1, every=1))
        found = faults.connect().judge(GOOD._replace(token=b""))
        self.assertEqual(found.status, 2)


class RuleTests(TestCase):
    def test_every(self) -> None:
        """Every third: two accepted, the third refused, on each connection."""
        faults = faults_of(Rule(action=REFUSE, status=8, every=3))
        for _ in range(3):
            found = run(faults.connect(), 9)
            self.assertEqual([judgement.status for judgement in found], [None, None, 8])
            self.assertEqual(packet_of(found[-1]), "08 08 00 00 00 03")
            self.assertEqual(found[-1].reason, "rule 0 of the script")

    def test_every_counted_on_the_server(self) -> None:
        """Counted on the server, frames of all connections come together."""
        rule = Rule(action=REFUSE, status=8, every=3, counting="server")
        faults = faults_of(rule)
        first, second = faults.connect(), faults.connect()
        found = [first.judge(GOOD), second.judge(GOOD), first.judge(GOOD)]
        self.assertEqual([judgement.status for judgement in found], [None, None, 8])

    def test_token(self) -> None:
        """A token is named whole or by its beginning."""
        for prefix in (GOOD.token, GOOD.token[:3]):
            connection = faults_of(
                Rule(action=REFUSE, status=8, token=prefix)
            ).connect()
            other = GOOD._replace(token=bytes(32))
            self.assertEqual(connection.judge(other).status, None)
            self.assertEqual(connection.judge(GOOD).status, 8)

    def test_refuse_after(self) -> None:
        """After two frames the third is refused."""
        found = run(faults_of(Rule(action=REFUSE, status=1, after=2)).connect(), 9)
        self.assertEqual([judgement.status for judgement in found], [None, None, 1])

    def test_close_after(self) -> None:
        """After two frames the connection closes behind the second, wordless."""
        found = run(faults_of(Rule(action=CLOSE, after=2)).connect(), 9)
        self.assertEqual([j.verdict for j in found], [Verdict.ACCEPTED] * 2)
        self.assertEqual(found[-1].follows, Ending(b"", Answer()))

    def test_close_on_a_frame(self) -> None:
        """The frame that makes the gateway close is not accepted."""
        for action, reset in ((CLOSE, False), (Action.RESET, True)):
            connection = faults_of(Rule(action=action, identifier=2)).connect()
            found = run(connection, 9)
            self.assertEqual(
                [j.verdict for j in found], [Verdict.ACCEPTED, Verdict.DISCARDED]
            )
            self.assertEqual(found[-1].follows, Ending(b"", Answer(reset=reset)))

    def test_before_the_first_frame(self) -> None:
        """After 0 frames means straight after the handshake."""
        faults = faults_of(Rule(action=CLOSE, after=0, connections=frozenset({2})))
        first, second = faults.connect(), faults.connect()
        self.assertIsNone(first.open())
        self.assertEqual(second.open(), Ending(b"", Answer()))

    def test_shutdown(self) -> None:
        """Shutdown names the last accepted frame, whatever the occasion was."""
        for rule in (
            Rule(action=SHUTDOWN, after=3),
            Rule(action=SHUTDOWN, every=3),
            Rule(action=SHUTDOWN, identifier=3),
        ):
            found = run(faults_of(rule).connect(), 9)
            self.assertEqual([j.verdict for j in found], [Verdict.ACCEPTED] * 3)
            self.assertEqual(packet_of(found[-1]), "08 0a 00 00 00 03")

    def test_another_identifier(self) -> None:
        """A rule can put any identifier into the packet."""
        rule = Rule(action=SHUTDOWN, after=3, answer=Answer(identifier=999))
        found = run(faults_of(rule).connect(), 9)
        self.assertEqual(packet_of(found[-1]), "08 0a 00 00 03 e7")

    def test_stall(self) -> None:
        """The frame behind which reading stops is accepted; then it goes on."""
        connection = faults_of(
            Rule(action=Action.STALL, after=2, seconds=4.0)
        ).connect()
        found = run(connection, 4)
        self.assertEqual([j.verdict for j in found], [Verdict.ACCEPTED] * 4)
        self.assertEqual([j.follows for j in found], [None, Stall(4.0), None, None])

    def test_connections(self) -> None:
        """A rule may be meant for some connections only, by their number."""
        rule = Rule(action=CLOSE, after=1, connections=frozenset({1, 3}))
        faults = faults_of(rule)
        ends = [faults.connect().judge(GOOD).follows is not None for _ in range(4)]
        self.assertEqual(ends, [True, False, True, False])

    def test_times(self) -> None:
        """A rule with a number of times happens so often on the whole server."""
        faults = faults_of(Rule(action=CLOSE, every=1, times=2))
        ends = [faults.connect().judge(GOOD).follows is not None for _ in range(4)]
        self.assertEqual(ends, [True, True, False, False])

    def test_after_on_the_server_happens_once(self) -> None:
        """The server comes to its second frame once, even if it refuses that one."""
        for spoiled in (GOOD, GOOD._replace(token=b"")):
            faults = faults_of(Rule(action=CLOSE, after=2, counting="server"))
            frames = [GOOD, spoiled, GOOD, GOOD]
            silent = []
            for each in frames:
                follows = faults.connect().judge(each).follows
                silent.append(isinstance(follows, Ending) and not follows.packet)
            self.assertEqual(silent.count(True), 1)
            self.assertEqual(silent.index(True), 1 if spoiled is GOOD else 2)

    def test_first_rule_wins(self) -> None:
        """Of several rules that fit, the first in the script is followed."""
        found = run(
            faults_of(
                Rule(action=REFUSE, status=1, every=2),
                Rule(action=REFUSE, status=8, every=1),
            ).connect(),
            9,
        )
        self.assertEqual([judgement.status for judgement in found], [8])
        self.assertEqual(found[0].reason, "rule 1 of the script")


class ChanceTests(TestCase):
    RULE = Rule(action=REFUSE, status=8, chance=0.1)

    def lengths(self, seed: int, count: int = 20) -> list[int]:
        """How many frames each of the first connections took."""
        faults = faults_of(self.RULE, seed=seed)
        return [len(run(faults.connect(), 500)) for _ in range(count)]

    def test_same_seed_same_faults(self) -> None:
        """The seed decides, and another seed decides otherwise."""
        self.assertEqual(self.lengths(5), self.lengths(5))
        self.assertNotEqual(self.lengths(5), self.lengths(6))

    def test_interleaving_does_not_matter(self) -> None:
        """Two connections fail at the same frames, however they take turns."""
        expected = self.lengths(5, count=2)
        faults = faults_of(self.RULE, seed=5)
        connections = [faults.connect(), faults.connect()]
        counts = [0, 0]
        going = {0, 1}
        while going:
            for at in sorted(going):
                counts[at] += 1
                if connections[at].judge(GOOD).follows is not None:
                    going.discard(at)
        self.assertEqual(counts, expected)

    def test_rates(self) -> None:
        """A chance of 0 never happens, 1 always, 0.1 about every tenth time."""
        for chance, low, high in ((0.0, 0, 0), (1.0, 2000, 2000), (0.1, 140, 260)):
            rule = Rule(action=Action.STALL, chance=chance)
            connection = faults_of(rule).connect()
            found = [connection.judge(GOOD).follows for _ in range(2000)]
            self.assertTrue(low <= 2000 - found.count(None) <= high)

    @readable
    @given(
        st.integers(0, 1 << 53),
        st.lists(
            st.sampled_from(
                [
                    Rule(action=REFUSE, status=8, chance=0.2),
                    Rule(action=SHUTDOWN, every=7, counting="server"),
                    Rule(action=CLOSE, after=4),
                    Rule(action=REFUSE, status=1, every=5, times=2),
                ]
            ),
            max_size=3,
        ),
    )
    def test_any_script_repeats(self, seed: int, rules: list[Rule]) -> None:
        """Whatever the rules, the same stream meets the same fate twice."""
        first, second = (
            [run(faults.connect(), 12) for _ in range(5)]
            for faults in (faults_of(*rules, seed=seed) for _ in range(2))
        )
        self.assertEqual(first, second)
        for found in first:
            ends = [isinstance(j.follows, Ending) for j in found]
            self.assertNotIn(True, ends[:-1])


class GoneTokensTests(TestCase):
    def test_read_once(self) -> None:
        """Reading forgets; a token is told once, with its last time."""
        gone = GoneTokens()
        gone.add(10.7, [b"a", b"b"])
        gone.add(12.0, [b"a"])
        self.assertEqual(
            gone.take(), [FeedbackRecord(10, b"b"), FeedbackRecord(12, b"a")]
        )
        self.assertEqual(gone.take(), [])

    def test_bounded(self) -> None:
        """The oldest is forgotten when there are too many."""
        gone = GoneTokens(limit=2)
        gone.add(1.0, [b"a", b"b", b"c"])
        self.assertEqual([record.token for record in gone.take()], [b"b", b"c"])


class RuleDefaultsTests(TestCase):
    def test_reset_is_the_actions_business(self) -> None:
        """Closing stays a close even where refusals end in a reset."""
        answer = evolve(Answer(), reset=True)
        rule = Rule(action=CLOSE, every=1, answer=answer)
        found = faults_of(rule).connect().judge(GOOD)
        self.assertEqual(found.follows, Ending(b"", Answer()))
