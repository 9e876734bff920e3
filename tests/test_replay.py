"""Dead letters sent again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, evolve, field

from mcmtpush.errors import SpoolError
from mcmtpush.injection import InjectionError, Reply
from mcmtpush.mcmt.container import open_container
from mcmtpush.replay import Pace, Replay, id_in, parse_rate, parse_span, replay_of
from mcmtpush.spool.dead import Letter, Original, Selection
from mcmtpush.values import PushPart
from tests.support.case import TestCase


OLD = "10/00-12345-C6DD1CA4"
MAIL = b"Received: here\r\nSubject: old\r\n\r\nthe \xff mail"
LETTER = Letter(
    row=1,
    id=OLD,
    batch_id="b",
    connection_id="c",
    received_at=1.0,
    died_at=2.0,
    keep_until=3.0,
    sender="s@x",
    recipient="4711@apn_example.com",
    binding_group="default",
    binding="default",
    domain="apn_example.com",
    attempts=3,
    size=100,
    connection_context=None,
    message_context=None,
    status=8,
    reason="Invalid token",
    token="ab" * 32,
    return_path="bounce@x",
    replayed_as=None,
)
ORIGINAL = Original('{"aps":{"alert":"grün"},"k":1}'.encode(), MAIL)


@define
class FewLetters:
    """A handful, and what was noted about them."""

    letters: list[Letter]
    originals: dict[int, Original | None] = field(factory=dict)
    marks: list[tuple[str, str]] = field(factory=list)
    stuck: bool = False

    def select(self, selection: Selection) -> Iterator[Letter]:
        return iter(self.letters)

    def original(self, letter: Letter) -> Original | None:
        return self.originals.get(letter.row, ORIGINAL)

    def mark(self, letter: Letter, replayed_as: str) -> None:
        if self.stuck:
            raise SpoolError("database is locked")
        self.marks.append((letter.id, replayed_as))


class Watch:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    def seconds(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class ContentTests(TestCase):
    """The message that is made."""

    def content(self, **changes: Any) -> bytes:
        """Of a letter; keywords change it."""
        return self.content_of(evolve(LETTER, **changes), ORIGINAL)

    def content_of(self, letter: Letter, original: Original) -> bytes:
        """Of a letter with other bodies."""
        return replay_of(
            letter, original, hostname="gw", date="today", message_id="1@gw"
        )

    def test_same_push_and_mail(self) -> None:
        """Token, payload, return path and mail come through; the old id is named."""
        content = self.content()
        container = open_container(content)
        self.assertEqual(
            container.push, PushPart("ab" * 32, ORIGINAL.payload or b"", "bounce@x")
        )
        self.assertEqual(container.mail, MAIL)
        inner = content.partition(b"message/vnd.msys.apn")[2]
        self.assertIn(f"X-Mcmtpush-Replay-Of: {OLD}\r\n".encode(), inner)

    def test_words_for_the_http2_interface(self) -> None:
        """They come through, but the apns-id: this is another notification."""
        letter = evolve(LETTER, headers='{"apns-topic":"com.x","apns-id":"1"}')
        push = open_container(self.content_of(letter, ORIGINAL)).push
        assert push is not None
        self.assertEqual(push.headers, {"apns-topic": "com.x"})

    def test_null_sender_and_no_mail(self) -> None:
        """A push without mail gets one; the header has an author in any case."""
        letter = evolve(LETTER, sender="", return_path=None, token="")
        content = self.content_of(letter, evolve(ORIGINAL, mail=b""))
        self.assertIn(b"From: mcmtpush@gw\r\n", content)
        container = open_container(content)
        self.assertIn(b"Subject: ", container.mail or b"")
        assert container.push is not None
        self.assertEqual((container.push.token, container.push.return_path), ("", None))

    def test_what_cannot_be_sent(self) -> None:
        """Without a push part, or with a payload that is none, there is no replay."""
        for letter, original in (
            (evolve(LETTER, token=None), ORIGINAL),
            (LETTER, Original(None, MAIL)),
            (LETTER, Original(b"[]", MAIL)),
            (LETTER, Original(b"{", MAIL)),
            (evolve(LETTER, recipient="ä@x"), ORIGINAL),
        ):
            with self.assertRaises(ValueError):
                self.content_of(letter, original)


class ReplayTests(TestCase):
    """A run."""

    def setUp(self) -> None:
        self.letters = FewLetters([self.letter(1), self.letter(2), self.letter(3)])
        self.sent: list[tuple[str, str, bytes]] = []
        self.replies: list[Reply | InjectionError] = []
        self.watch = Watch()
        self.said: list[str] = []
        self.rate: float | None = None

    def letter(self, number: int, **changes: Any) -> Letter:
        """A letter with an id of its own."""
        return evolve(LETTER, row=number, id=f"old-{number}", **changes)

    def send(self, sender: str, recipient: str, content: bytes) -> Reply:
        """Record, and answer as told."""
        self.sent.append((sender, recipient, content))
        number = len(self.sent)
        reply = self.replies.pop(0) if self.replies else None
        if isinstance(reply, InjectionError):
            raise reply
        return reply or Reply(250, f"2.0.0 OK 0{number}/00-00001-C6DD1CA4", "DATA")

    def run_replay(
        self, *ids: str, again: bool = False, dry_run: bool = False
    ) -> Replay:
        """Replay them all."""
        replay = Replay(
            letters=self.letters,
            send=self.send,
            pace=Pace(self.rate, seconds=self.watch.seconds, sleep=self.watch.sleep),
            hostname="gw",
            date=lambda: "today",
            message_id=lambda: "1@gw",
            say=self.said.append,
        )
        replay.run(Selection(ids), again=again, dry_run=dry_run)
        return replay

    def test_all_are_sent_and_marked(self) -> None:
        """Each goes to its recipient, from its sender, and is marked afterwards."""
        replay = self.run_replay()
        self.assertEqual(len(self.sent), 3)
        self.assertEqual(self.sent[0][:2], ("s@x", "4711@apn_example.com"))
        self.assertEqual(self.letters.marks[2], ("old-3", "03/00-00001-C6DD1CA4"))
        self.assertEqual(self.said[0], "old-1 replayed as 01/00-00001-C6DD1CA4")
        self.assertEqual(
            replay.summary(dry_run=False), "3 replayed, 0 skipped, 0 failed"
        )
        self.assertEqual(self.watch.slept, [])

    def test_replayed_before(self) -> None:
        """What was replayed is skipped, unless it is asked for again."""
        self.letters.letters[1] = self.letter(2, replayed_as="new-2")
        replay = self.run_replay()
        self.assertEqual((replay.replayed, replay.skipped, replay.failed), (2, 1, 0))
        self.assertIn("old-2 skipped: replayed as new-2", self.said)
        self.assertEqual(self.run_replay(again=True).replayed, 3)

    def test_dry_run(self) -> None:
        """Nothing is sent and nothing marked."""
        self.rate = 1.0
        self.letters.letters[1] = self.letter(2, token=None)
        replay = self.run_replay(dry_run=True)
        self.assertEqual((self.sent, self.letters.marks), ([], []))
        self.assertEqual(
            replay.summary(dry_run=True), "2 would be replayed, 0 skipped, 1 failed"
        )
        self.assertEqual(
            self.said[:2],
            [
                "old-1 would be replayed to 4711@apn_example.com",
                "old-2 not replayed: it has no push part",
            ],
        )
        self.assertEqual(self.watch.slept, [])

    def test_refused_for_good(self) -> None:
        """One that the gateway refuses does not keep the others."""
        self.replies = [Reply(550, "5.7.1 relaying denied", "RCPT TO")]
        replay = self.run_replay()
        self.assertEqual((replay.replayed, replay.failed), (2, 1))
        self.assertIsNone(replay.stopped)
        self.assertEqual(
            self.said[0],
            "old-1 not replayed: refused at RCPT TO: 550 5.7.1 relaying denied",
        )

    def test_refused_for_now(self) -> None:
        """A gateway that is full, or away, is left alone."""
        for reply in (
            Reply(452, "4.3.1 no room", "DATA"),
            InjectionError("nothing listens"),
        ):
            self.sent.clear()
            self.replies = [reply]
            replay = self.run_replay()
            self.assertEqual(len(self.sent), 1)
            self.assertEqual((replay.replayed, replay.failed), (0, 1))
            self.assertIn("; stopped: ", replay.summary(dry_run=False))

    def test_not_marked(self) -> None:
        """When a mark cannot be set, no more are sent that could not be marked."""
        self.letters.stuck = True
        replay = self.run_replay()
        self.assertEqual((len(self.sent), replay.replayed), (1, 1))
        self.assertIn("old-1 could not be marked", replay.stopped or "")

    def test_output_that_fails(self) -> None:
        """What was sent is marked, even when nobody can be told."""

        def say(_: str) -> None:
            raise OSError(28, "No space left on device")

        replay = Replay(
            letters=self.letters,
            send=self.send,
            pace=Pace(None, seconds=self.watch.seconds, sleep=self.watch.sleep),
            hostname="gw",
            date=lambda: "today",
            message_id=lambda: "1@gw",
            say=say,
        )
        with self.assertRaises(OSError):
            replay.run(Selection(), again=False, dry_run=False)
        self.assertEqual(len(self.sent), 1)
        self.assertEqual(self.letters.marks, [("old-1", "01/00-00001-C6DD1CA4")])

    def test_unknown_ids(self) -> None:
        """Ids that are not there are failures; so is one given up meanwhile."""
        self.letters.letters = [self.letter(1), self.letter(2)]
        self.letters.originals[2] = None
        replay = self.run_replay("old-1", "old-2", "old-9", "old-9")
        self.assertEqual((replay.replayed, replay.failed), (1, 2))
        self.assertEqual(
            self.said[1:],
            [
                "old-2 not replayed: it was given up meanwhile",
                "old-9 not replayed: there is no such dead letter",
            ],
        )

    def test_rate(self) -> None:
        """They go evenly."""
        self.rate = 4.0
        self.run_replay()
        self.assertEqual(self.watch.slept, [0.25, 0.25])


class PaceTests(TestCase):
    """So many a second."""

    def test_lost_time_is_lost(self) -> None:
        """After a long answer the next one goes at once, and no faster after that."""
        watch = Watch()
        pace = Pace(2.0, seconds=watch.seconds, sleep=watch.sleep)
        pace.wait()
        watch.time += 10.0
        pace.wait()
        self.assertEqual(watch.slept, [])
        watch.time += 0.125
        pace.wait()
        self.assertEqual(watch.slept, [0.375])


class ParseTests(TestCase):
    """What people write."""

    def test_rates(self) -> None:
        """A number, a second, a minute, an hour."""
        for text, rate in {"10/s": 10.0, "5": 5.0, "90/m": 1.5, "0.5/s": 0.5}.items():
            self.assertEqual(parse_rate(text), rate)
        for text in ("", "0", "0/s", "-1/s", "10/d", "ten", "1e3/s", "1/s/s"):
            with self.assertRaises(ValueError, msg=text):
                parse_rate(text)

    def test_spans(self) -> None:
        """Seconds to weeks."""
        spans = {"90s": 90.0, "1.5m": 90.0, "2h": 7200.0, "7d": 604800.0, "1w": 604800}
        for text, seconds in spans.items():
            self.assertEqual(parse_span(text), seconds)
        for text in ("", "2", "h", "-2h", "2 h", "2y"):
            with self.assertRaises(ValueError, msg=text):
                parse_span(text)

    def test_ids(self) -> None:
        """The id in an answer, or all of an answer without one."""
        self.assertEqual(id_in(f"2.0.0 OK {OLD}"), OLD)
        self.assertEqual(id_in("2.0.0 queued"), "2.0.0 queued")
