"""Which record goes to which log, heartbeats, and logs that fail alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock

from mcmtpush.config.views import LoggerSettings
from mcmtpush.counters import Counters
from mcmtpush.records import logfile
from mcmtpush.records.token import TokenEvents
from mcmtpush.records.writer import RecordLogs
from mcmtpush.values import Record
from tests.records.test_macros import DELIVERED, FAILED, REFUSED
from tests.support.case import TestCase


ALL = [DELIVERED, REFUSED, FAILED]
SHORT = {
    "log_delivery_format": "D %i",
    "log_tempfail_format": "T %i",
    "log_permfail_format": "P %i",
}


def numbered(record: Record, id: str) -> Record:  # noqa: A002 - as in Message
    return evolve(record, message=evolve(record.message, id=id))


class LogsCase(TestCase):
    """A folder, a clock, and logs in short formats."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.clock = Clock()
        self.counters = Counters()
        self.at = 1700000000.0

    def logger(self, name: str = "main", **options: object) -> LoggerSettings:
        path = str(self.folder / f"{name}.ec")
        return LoggerSettings(name, **{"logfile": path, **SHORT, **options})

    def logs(self, *loggers: LoggerSettings, tokens: str | None = None) -> RecordLogs:
        logs = RecordLogs(
            loggers,
            tokens=TokenEvents(tokens, 0o640),
            clock=self.clock,
            now=lambda: self.at + self.clock.seconds(),
            counters=self.counters,
        )
        self.addCleanup(logs.close)
        return logs

    def lines(self, name: str = "main") -> list[str]:
        return (self.folder / f"{name}.ec").read_text().splitlines()


class TokenEventTests(LogsCase):
    def test_only_tokens_that_a_status_declared_invalid(self) -> None:
        """A P record with status 8 makes an event; others, and T records, do not."""
        tokens = self.folder / "tokens.jsonl"
        logs = self.logs(self.logger(), tokens=str(tokens))
        gone = evolve(REFUSED, kind="P", status=8, detail="Invalid Token", token="ab")
        for record in (gone, evolve(gone, status=7), evolve(gone, kind="T")):
            self.assertIsNone(logs.write([record]))
        (line,) = tokens.read_text().splitlines()
        event = json.loads(line)
        self.assertEqual(event["token"], "ab")
        self.assertEqual(event["domain"], gone.message.key.domain)
        self.assertEqual(
            (event["reason"], event["source"]), ("Invalid Token", "status")
        )


class RecordLogsTests(LogsCase):
    def test_a_batch_in_the_documented_bytes(self) -> None:
        """Default formats, one line a record, in the order of the batch."""
        logs = self.logs(LoggerSettings("main", str(self.folder / "main.ec")))
        self.assertIsNone(logs.start())
        self.assertIsNone(logs.write(ALL))
        self.clock.advance(60)
        self.assertEqual(
            (self.folder / "main.ec").read_bytes(),
            b'1700000009@D@10/00-04711-001F3556@"news@example.net"@"4711"'
            b"@apn.example.net@default@default@192.0.2.10@187@42\n"
            b'1700000009@T@10/00-04711-001F3556@"news@example.net"@"4711"'
            b"@apn.example.net@default@default@192.0.2.10@187@42@1@Processing Error\n"
            b"1700000009@P@10/00-04711-001F3556@news@example.net@4711"
            b"@apn.example.net@default@default@192.0.2.10@8@Invalid Token\n"
            b"1700000060@M\n",
        )
        self.assertEqual(self.counters.get("records.written"), 3)

    def test_one_write_to_the_system_for_a_log_and_batch(self) -> None:
        """Batches stay batches, whatever the number of their records."""
        logs = self.logs(self.logger("a"), self.logger("b"))
        logs.start()
        written: list[bytes] = []
        self.patch(
            logfile.os, "write", lambda _, data: written.append(data) or len(data)
        )
        logs.write(ALL * 100)
        self.assertEqual([data.count(b"\n") for data in written], [300, 300])

    def test_switches(self) -> None:
        """Each kind of record can be switched off in each log."""
        logs = self.logs(
            self.logger("d", log_tempfail=False, log_permfail=False),
            self.logger("t", log_delivery=False, log_permfail=False),
            self.logger("p", log_delivery=False, log_tempfail=False),
        )
        self.assertIsNone(logs.write(ALL))
        found = [line[0] for name in "dtp" for line in self.lines(name)]
        self.assertEqual(found, ["D", "T", "P"])

    def test_several_processes(self) -> None:
        """All write their records under one lock; one writes the heartbeats."""
        entered: list[str] = []

        class Lock:
            def __enter__(self) -> None:
                entered.append("records")

            def __exit__(self, *_: object) -> None:
                pass

        for heartbeats in (True, False):
            logs = RecordLogs(
                [self.logger(log_heartbeat_format="M")],
                tokens=TokenEvents(None, 0o640),
                clock=self.clock,
                now=lambda: self.at,
                counters=self.counters,
                lock=Lock(),
                heartbeats=heartbeats,
            )
            self.addCleanup(logs.close)
            self.assertIsNone(logs.start())
            self.assertIsNone(logs.write([DELIVERED]))
        self.assertEqual(len(entered), 2)
        self.clock.pump([60, 60])
        self.assertEqual([line[0] for line in self.lines()], ["D", "D", "M", "M"])

    def test_a_disabled_logger_touches_nothing(self) -> None:
        """No file, no heartbeat, no reason to wait."""
        logs = self.logs(self.logger(enabled=False))
        self.assertIsNone(logs.start())
        self.assertIsNone(logs.write(ALL))
        self.clock.advance(600)
        self.assertFalse(self.folder.exists())

    def test_without_loggers_everything_is_written(self) -> None:
        """Nobody wants records: nothing may wait for them."""
        logs = self.logs()
        self.assertIsNone(logs.start())
        self.assertIsNone(logs.write(ALL))
        self.assertIsNone(logs.flush())

    def test_heartbeats(self) -> None:
        """An M line every so many seconds, for each log by its own setting."""
        logs = self.logs(
            self.logger("slow", heartbeat_seconds=60, log_heartbeat_format="%t@M"),
            self.logger("off", heartbeat_seconds=0),
        )
        logs.start()
        self.clock.advance(59)
        self.assertEqual(self.lines("slow"), [])
        self.clock.pump([1, 60])
        self.assertEqual(self.lines("slow"), ["1700000060@M", "1700000120@M"])
        self.assertEqual(self.lines("off"), [])
        logs.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_modes(self) -> None:
        """Each log has its own permission bits."""
        logs = self.logs(
            self.logger("a", logmode=0o600), self.logger("b", logmode=0o666)
        )
        logs.start()
        modes = [
            stat.S_IMODE((self.folder / f"{name}.ec").stat().st_mode) for name in "ab"
        ]
        self.assertEqual(modes, [0o600, 0o666])

    def test_loggers_with_one_path_share_the_file(self) -> None:
        """Two formats in one file: whole lines, one file to fail and reopen."""
        path = str(self.folder / "both.ec")
        logs = self.logs(
            self.logger("a", logfile=path),
            self.logger("b", logfile=path, log_delivery_format="again %i"),
        )
        logs.write([DELIVERED])
        self.assertEqual(
            self.lines("both"),
            ["D 10/00-04711-001F3556", "again 10/00-04711-001F3556"],
        )

    def test_reopening_after_a_rename(self) -> None:
        """Lines before the reopening are in the renamed file, later ones are not."""
        logs = self.logs(self.logger())
        logs.start()
        logs.write([numbered(DELIVERED, "1")])
        (self.folder / "main.ec").rename(self.folder / "old.ec")
        logs.write([numbered(DELIVERED, "2")])
        self.assertIsNone(logs.reopen())
        logs.write([numbered(DELIVERED, "3")])
        self.assertEqual(self.lines("old"), ["D 1", "D 2"])
        self.assertEqual(self.lines(), ["D 3"])


class FailingLogTests(LogsCase):
    """One log on a full disk beside one that works."""

    def setUp(self) -> None:
        super().setUp()
        self.folder.mkdir()
        (self.folder / "full.ec").symlink_to("/dev/full")
        self.both = self.logs(self.logger("good"), self.logger("full"))

    def make_room(self) -> None:
        (self.folder / "full.ec").unlink()

    def test_the_reason_comes_back_and_the_lines_are_kept(self) -> None:
        """Later batches wait behind the first; then all come, in order."""
        self.assertIn("No space left", self.both.write([numbered(DELIVERED, "1")]))
        self.assertIn("No space left", self.both.write([numbered(FAILED, "2")]))
        self.assertIn("No space left", self.both.flush())
        self.assertEqual(self.counters.get("records.failures"), 3)
        self.make_room()
        self.assertIsNone(self.both.flush())
        self.assertEqual(self.lines("full"), ["D 1", "P 2"])

    def test_the_other_log_gets_no_line_twice(self) -> None:
        """What is written is written, however often the rest is tried again."""
        self.both.write([numbered(DELIVERED, "1")])
        self.both.flush()
        self.assertEqual(self.lines("good"), ["D 1"])
        self.make_room()
        self.assertIsNone(self.both.write([numbered(DELIVERED, "2")]))
        self.assertIsNone(self.both.flush())
        self.assertEqual(self.lines("good"), ["D 1", "D 2"])
        self.assertEqual(self.lines("full"), ["D 1", "D 2"])

    def test_nothing_kept_is_overlooked(self) -> None:
        """A batch that the failing log does not want is not all written either."""
        logs = self.logs(self.logger("good"), self.logger("full", log_permfail=False))
        logs.write([DELIVERED])
        self.assertIsNotNone(logs.write([FAILED]))

    def test_heartbeats_do_not_pile_up(self) -> None:
        """While lines wait there are none; afterwards they go on."""
        full = self.logger("full", heartbeat_seconds=60, log_heartbeat_format="%t@M")
        logs = self.logs(full)
        logs.start()
        self.clock.pump([60] * 3)
        self.make_room()
        self.clock.pump([60] * 2)
        self.assertEqual(self.lines("full"), ["1700000060@M", "1700000300@M"])

    def test_a_log_that_cannot_be_opened_at_start(self) -> None:
        """Start goes on, says why, and the first write says it again."""
        (self.folder / "good.ec").mkdir()
        logs = self.logs(self.logger("good"))
        self.assertIn("Is a directory", logs.start())
        self.assertIn("Is a directory", logs.write([numbered(DELIVERED, "1")]))
        (self.folder / "good.ec").rmdir()
        self.assertIsNone(logs.flush())
        self.assertEqual(self.lines("good"), ["D 1"])

    def test_closing_tells_of_lost_lines(self) -> None:
        """Lines that no disk took are reported when the program ends."""
        self.both.write([DELIVERED])
        self.assertIn("No space left", self.both.close())
