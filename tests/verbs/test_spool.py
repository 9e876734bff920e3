"""The verbs about a spool: output, exit codes, names in JSON."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

from attrs import evolve
from click.testing import CliRunner, Result

from mcmtpush import cli
from mcmtpush.injection import InjectionError, Reply, Server
from mcmtpush.mcmt.container import open_container
from mcmtpush.spool.codec import bury_of, insert_of
from mcmtpush.spool.folder import DATABASE
from mcmtpush.values import QueueKey
from mcmtpush.verbs import spool as module
from tests.spool.test_codec import PUSH, a_message, a_submission
from tests.spool.test_store import a_letter, open_store
from tests.support.case import TestCase


FIRST, SECOND = "10/00-12345-C6DD1CA4", "20/00-12345-C6DD1CA4"
THIRD = "31/00-12345-C6DD1CA4"
OTHER = QueueKey("default", "default", "other.example")
MAIL = b"Subject: \x1b[31mx\r\n\ty\r\n\r\nbody"


class VerbCase(TestCase):
    """A spool with two dead letters, and the command."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.store = open_store(self.folder)
        self.addCleanup(self.store.close)
        self.die(1, FIRST, died_at=1700000000.5)
        self.die(
            2,
            SECOND,
            key=OTHER,
            died_at=time.time() - 3600,
            status=None,
            reason="554 5.4.7 [internal] exceeded\x1b",
            attempts=2,
        )

    def die(
        self, row: int, number: str, *, key: QueueKey | None = None, **changes: object
    ) -> None:
        """A message fails for good."""
        message = a_message(id=number, message_context={"a": "b"})
        message = evolve(message, key=key or message.key)
        self.store.apply([insert_of(a_submission(message, mail=MAIL), row)])
        self.store.apply([bury_of([a_letter(row, **changes)])])

    def run_verb(self, *words: str) -> Result:
        """What the command says; a traceback is a failed test."""
        result = CliRunner().invoke(cli.main, words)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def dead(self, *words: str) -> Result:
        """A verb about the dead letters of this spool."""
        return self.run_verb("dead", words[0], "--spool", str(self.folder), *words[1:])


class PlaceTests(VerbCase):
    """Which spool."""

    def test_by_configuration(self) -> None:
        """The configuration's spoolbase counts, relative to its file."""
        config = self.folder / "gw.conf"
        config.write_text('spoolbase = "."\n')
        result = self.run_verb("dead", "list", "--config", str(config))
        self.assertEqual(result.exit_code, 0, result.stderr)
        self.assertIn("2 dead letters", result.stdout)

    def test_unusable(self) -> None:
        """No configuration, a broken one, no spool: 2 and a line that says why."""
        broken = self.folder / "broken.conf"
        broken.write_text("nonsense = 1\n")
        empty = self.folder / "empty"
        empty.mkdir()
        for words, text in (
            (("--config", "nowhere.conf"), "--spool FOLDER"),
            (("--config", str(broken)), "run mcmtpush check"),
            (("--spool", str(empty)), "there is no spool"),
            (("--spool", "nowhere"), "does not exist"),
        ):
            for verb in (("dead", "list"), ("dead", "show", "x"), ("spool", "check")):
                result = self.run_verb(*verb, *words)
                self.assertEqual((result.exit_code, result.stdout), (2, ""), words)
                self.assertIn(text, result.stderr)

    def test_not_for_this_user(self) -> None:
        """A folder that may not be looked into: 2, and who may."""
        look = Path.stat

        def stat(path: Path, **options: bool) -> os.stat_result:
            if path.name == DATABASE:
                raise PermissionError(13, "Permission denied", str(path))
            return look(path, **options)

        self.patch(Path, "stat", stat)
        spool = ("--spool", str(self.folder))
        for verb in (
            ("dead", "list"),
            ("dead", "show", "x"),
            ("dead", "replay", "--all"),
            ("spool", "check"),
            ("queue", "list"),
            ("queue", "purge", "--all"),
        ):
            result = self.run_verb(*verb, *spool)
            self.assertEqual((result.exit_code, result.stdout), (2, ""), verb)
            self.assertIn("run this as the gateway's user", result.stderr)

    def test_help(self) -> None:
        """Every verb tells its exit codes."""
        for verb in (
            ("dead",),
            ("dead", "list"),
            ("dead", "show"),
            ("dead", "replay"),
            ("spool",),
            ("spool", "check"),
        ):
            self.assertIn("Exit code: 0", self.run_verb(*verb, "--help").stdout)


class ListTests(VerbCase):
    """mcmtpush dead list."""

    def test_text(self) -> None:
        """A line each, without orders to the terminal and without tokens, and a sum."""
        result = self.dead("list")
        first, second, last = result.stdout.splitlines()
        self.assertEqual(
            first,
            f"2023-11-14 22:13:20Z  {FIRST}  4711@apn_example.com  8  1 attempt  "
            "Invalid token",
        )
        self.assertTrue(
            second.endswith("  -  2 attempts  554 5.4.7 [internal] exceeded?"), second
        )
        self.assertEqual(last, "2 dead letters")
        self.assertNotIn(PUSH.token, result.stdout)

    def test_filters(self) -> None:
        """Filters hold together; nothing found is no error."""
        for words, count in (
            (("--domain", "other.example"), 1),
            (("--since", "2h"), 1),
            (("--since", "30m"), 0),
            (("--status", "8"), 1),
            (("--status", "8", "--domain", "other.example"), 0),
        ):
            result = self.dead("list", *words)
            self.assertEqual(result.exit_code, 0)
            self.assertEqual(len(result.stdout.splitlines()), count + 1, words)
        self.assertTrue(result.stdout.endswith("0 dead letters\n"))
        self.assertEqual(self.dead("list", "--since", "soon").exit_code, 2)

    def test_json(self) -> None:
        """A list of objects, tokens redacted; an empty one is a list as well."""
        first, second = json.loads(self.dead("list", "--json").stdout)
        self.assertEqual(
            first,
            {
                "id": FIRST,
                "batch_id": "20/00-12345-C6DD1CA4",
                "connection_id": "30/00-12345-C6DD1CA4",
                "received_at": 1700000000.123456,
                "died_at": 1700000000.5,
                "keep_until": 1700009000.0,
                "sender": "sender@example.com",
                "recipient": "4711@apn_example.com",
                "binding_group": "default",
                "binding": "default",
                "domain": "apn_example.com",
                "attempts": 1,
                "size": 1024,
                "status": 8,
                "reason": "Invalid token",
                "token": "abababab…",
                "replayed_as": None,
            },
        )
        self.assertIsNone(second["status"])
        empty = self.dead("list", "--json", "--domain", "nobody.example")
        self.assertEqual(json.loads(empty.stdout), [])


class ShowTests(VerbCase):
    """mcmtpush dead show."""

    def test_text(self) -> None:
        """Everything, the bodies last; the mail cannot speak to the terminal."""
        result = self.dead("show", FIRST)
        self.assertEqual(result.exit_code, 0)
        for text in (
            f"id: {FIRST}\n",
            "died_at: 2023-11-14 22:13:20Z\n",
            f"token: {PUSH.token}\n",
            "message_context: a=b\n",
            '"alert": "hi"',
            "Subject: ?[31mx\n\ty\n\nbody\n",
        ):
            self.assertIn(text, result.stdout)

    def test_json(self) -> None:
        """The list's names, and the bodies."""
        shown = json.loads(self.dead("show", FIRST, "--json").stdout)
        self.assertEqual(shown["payload"], {"aps": {"alert": "hi"}})
        self.assertEqual(shown["mail"], MAIL.decode())
        self.assertEqual(shown["token"], PUSH.token)
        self.assertEqual(shown["message_context"], {"a": "b"})

    def test_payload_is_readable(self) -> None:
        """Letters and pictures of any script; what cannot be printed is escaped."""
        text = "Zo\u00eb \U0001f4f1\u200d\u202e\x9b"
        payload = json.dumps({"alert": text}, ensure_ascii=False).encode()
        submission = a_submission(
            a_message(id=THIRD), mail=MAIL, push=evolve(PUSH, payload=payload)
        )
        self.store.apply([insert_of(submission, 3)])
        self.store.apply([bury_of([a_letter(3)])])
        self.assertIn(
            '"alert": "Zo\u00eb \U0001f4f1\\u200d\\u202e\\u009b"\n',
            self.dead("show", THIRD).stdout,
        )

    def test_unknown(self) -> None:
        """An id that is not there is 1."""
        result = self.dead("show", "99/00-12345-C6DD1CA4")
        self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertIn("no dead letter 99/00", result.stderr)


class ReplayTests(VerbCase):
    """mcmtpush dead replay, with the injection recorded."""

    def setUp(self) -> None:
        super().setUp()
        self.sent: list[tuple[Server, str, str, bytes]] = []
        self.reply: Reply | InjectionError = Reply(
            250, "2.0.0 OK 77/00-12345-C6DD1CA4", "DATA"
        )
        self.patch(module, "inject", self.inject)

    def inject(
        self, server: Server, sender: str, to: str, content: bytes, *, hostname: str
    ) -> Reply:
        """Record, and answer as told."""
        self.sent.append((server, sender, to, content))
        if isinstance(self.reply, InjectionError):
            raise self.reply
        return self.reply

    def test_by_id(self) -> None:
        """It is sent once, marked, and skipped the next time."""
        result = self.dead("replay", FIRST, "--server", "gw:26")
        self.assertEqual(result.exit_code, 0, result.stdout)
        self.assertEqual(
            result.stdout,
            f"{FIRST} replayed as 77/00-12345-C6DD1CA4\n"
            "1 replayed, 0 skipped, 0 failed\n",
        )
        ((server, sender, to, content),) = self.sent
        self.assertEqual(server, Server("gw", 26))
        self.assertEqual((sender, to), ("sender@example.com", "4711@apn_example.com"))
        self.assertEqual(open_container(content).push, PUSH)
        self.assertIn(f"X-Mcmtpush-Replay-Of: {FIRST}".encode(), content)
        self.assertIn("replayed as 77/00", self.dead("list").stdout)
        self.assertIn("0 replayed, 1 skipped", self.dead("replay", FIRST).stdout)
        self.assertEqual(len(self.sent), 1)
        self.dead("replay", FIRST, "--again")
        self.assertEqual(len(self.sent), 2)

    def test_by_filter(self) -> None:
        """Filters choose as in the list; --all is all."""
        self.dead("replay", "--domain", "other.example", "--rate", "1000/s")
        self.assertEqual(len(self.sent), 1)
        self.assertIn("1 replayed, 1 skipped", self.dead("replay", "--all").stdout)

    def test_dry_run(self) -> None:
        """Nothing happens, also where nothing could."""
        with self.store._transaction():
            result = self.dead("replay", "--all", "--dry-run")
        self.assertEqual(result.exit_code, 0)
        self.assertIn("2 would be replayed", result.stdout)
        self.assertEqual(self.sent, [])

    def test_failures(self) -> None:
        """A refusal, a gateway that is away and an unknown id end with 1."""
        self.reply = Reply(550, "5.7.1 no", "RCPT TO")
        self.assertEqual(self.dead("replay", FIRST).exit_code, 1)
        self.reply = InjectionError("nothing listens")
        result = self.dead("replay", "--all")
        self.assertEqual((result.exit_code, len(self.sent)), (1, 2))
        self.assertIn("nothing listens", result.stdout)
        self.assertEqual(self.dead("replay", "99/00-1-1").exit_code, 1)
        self.assertNotIn("replayed as", self.dead("list").stdout)

    def test_unusable(self) -> None:
        """Without a choice nothing is sent; nor to a spool that cannot be marked."""
        for words in (
            (),
            ("--all", "--rate", "fast"),
            ("--all", "--server", "a:b"),
            ("--status", "9223372036854775808"),
            ("--status", "-1"),
        ):
            self.assertEqual(self.dead("replay", *words).exit_code, 2, words)
        self.assertEqual(self.sent, [])


class CheckTests(VerbCase):
    """mcmtpush spool check."""

    def check(self, *words: str) -> Result:
        """Check this spool."""
        return self.run_verb("spool", "check", "--spool", str(self.folder), *words)

    def test_sound(self) -> None:
        """Counts, the verdict, 0."""
        for words in ((), ("--quick",)):
            result = self.check(*words)
            self.assertEqual(result.exit_code, 0)
            self.assertEqual(
                result.stdout,
                "entries: 0\ndelayed: 0\nheld: 0\ndead: 2\nquarantined: 0\n"
                f"{self.folder}/mcmtpush.db: version 3, sound\n",
            )

    def test_damage(self) -> None:
        """What is wrong, a line each, 1."""
        self.store.apply([insert_of(a_submission(), 5)])
        self.store.apply([insert_of(a_submission(), 6)])
        self.store._connection.execute("UPDATE entry SET size = 'x'")
        self.store.load([5])
        result = self.check()
        self.assertEqual(result.exit_code, 1)
        reason = "a column has a value of the wrong type"
        message = a_message()
        self.assertEqual(
            result.stdout.splitlines()[4:],
            [
                "quarantined: 1",
                f"quarantine 1: row 5, {message.id}, {message.recipient}: {reason}",
                f"damage: row 6: {reason}",
                f"{self.folder}/mcmtpush.db: version 3, NOT sound",
            ],
        )

    def test_json(self) -> None:
        """One object, with the verdict."""
        found = json.loads(self.check("--json").stdout)
        self.assertEqual(
            found,
            {
                "path": f"{self.folder}/mcmtpush.db",
                "version": 3,
                "entries": 0,
                "delayed": 0,
                "held": 0,
                "dead": 2,
                "quarantined": 0,
                "quarantine": [],
                "faults": [],
                "sound": True,
            },
        )

    def test_no_database(self) -> None:
        """A file of another kind is 2."""
        self.store.close()
        database = self.folder / "mcmtpush.db"
        database.unlink()
        sqlite3.connect(database).execute("CREATE TABLE theirs (a)").close()
        result = self.check()
        self.assertEqual(result.exit_code, 2)
        self.assertIn("is not a spool of mcmtpush", result.stderr)


class WorkersTests(VerbCase):
    """Spools of several workers."""

    def setUp(self) -> None:
        super().setUp()
        (self.folder / "worker-2").mkdir()
        self.store = open_store(self.folder / "worker-2")
        self.addCleanup(self.store.close)
        self.die(1, "30/00-12345-C6DD1CA4", died_at=1700000001.0)

    def test_dead(self) -> None:
        """All of them are listed, and each is found; no path is told."""
        lines = self.dead("list").stdout.splitlines()
        self.assertEqual(lines[-1], "3 dead letters")
        self.assertIn("30/00-12345-C6DD1CA4", lines[1])
        shown = json.loads(self.dead("show", "30/00-12345-C6DD1CA4", "--json").stdout)
        self.assertNotIn("database", shown)

    def test_check(self) -> None:
        """Sums, a verdict each; in JSON each by itself as well."""
        words = ("spool", "check", "--spool", str(self.folder))
        lines = self.run_verb(*words).stdout.splitlines()
        self.assertIn("dead: 3", lines)
        self.assertEqual(
            lines[-2:],
            [
                f"{self.folder}/{name}mcmtpush.db: version 3, sound"
                for name in ("", "worker-2/")
            ],
        )
        found = json.loads(self.run_verb(*words, "--json").stdout)
        self.assertEqual((found["dead"], found["sound"]), (3, True))
        self.assertEqual([each["dead"] for each in found["spools"]], [2, 1])
