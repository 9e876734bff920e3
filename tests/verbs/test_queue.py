"""The verbs about what waits: output, orders, exit codes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from attrs import evolve
from click.testing import CliRunner, Result

from mcmtpush import cli
from mcmtpush.spool.codec import insert_of
from mcmtpush.spool.order import Orders, read_purge
from mcmtpush.values import QueueKey
from mcmtpush.verbs import queue as module
from tests.spool.test_codec import a_message, a_submission
from tests.spool.test_store import open_store
from tests.support.case import TestCase


class QueueCase(TestCase):
    """A spool with one message, and a gateway that obeys when asked to."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.store = open_store(self.folder)
        self.addCleanup(self.store.close)
        key = QueueKey("default", "default", "a.example")
        message = evolve(a_message(), key=key, received_at=1700000000.0)
        self.store.apply([insert_of(a_submission(message), 1)])
        self.orders = Orders(str(self.folder))
        self.given: list[Any] = []

    def run_verb(self, *words: str) -> Result:
        result = CliRunner().invoke(
            cli.main, ("queue", words[0], "--spool", str(self.folder), *words[1:])
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def obey(self, answer: Any) -> None:
        """Answer the order while the verb waits for it."""

        def sleep(_: float) -> None:
            for name in self.orders.pending():
                self.given.append(read_purge(self.orders.read(name)))
                self.orders.answer(name, answer)

        self.patch(module.time, "sleep", sleep)


class ListTests(QueueCase):
    def test_lines(self) -> None:
        """A line for each queue, and one that sums up."""
        result = self.run_verb("list")
        self.assertEqual(
            result.stdout,
            "a.example  binding default  1 waiting  0 delayed  0 held  "
            "oldest 2023-11-14 22:13:20Z\n1 message in 1 queue\n",
        )

    def test_json(self) -> None:
        """The same for programs."""
        [found] = json.loads(self.run_verb("list", "--json").stdout)
        self.assertEqual(
            found,
            {
                "binding_group": "default",
                "binding": "default",
                "domain": "a.example",
                "messages": 1,
                "delayed": 0,
                "held": 0,
                "oldest_at": 1700000000.0,
            },
        )

    def test_workers(self) -> None:
        """What all of them have, added up."""
        (self.folder / "worker-2").mkdir()
        store = open_store(self.folder / "worker-2")
        self.addCleanup(store.close)
        for row, domain in enumerate(("a.example", "b.example", "a.example"), 1):
            key = QueueKey("default", "default", domain)
            message = evolve(a_message(), key=key, received_at=1600000000.0 + row)
            store.apply([insert_of(a_submission(message), row)])
        self.assertEqual(
            self.run_verb("list").stdout,
            "a.example  binding default  3 waiting  0 delayed  0 held  "
            "oldest 2020-09-13 12:26:41Z\n"
            "b.example  binding default  1 waiting  0 delayed  0 held  "
            "oldest 2020-09-13 12:26:42Z\n4 messages in 2 queues\n",
        )

    def test_no_spool(self) -> None:
        """Where there is none a line says so, and the code is 2."""
        (self.folder / "mcmtpush.db").rename(self.folder / "other.db")
        result = self.run_verb("list")
        self.assertEqual((result.exit_code, result.stdout), (2, ""))
        self.assertIn("there is no spool", result.stderr)


class PurgeTests(QueueCase):
    def test_ordered(self) -> None:
        """The order says what is meant, and the answer is told."""
        self.obey({"purged": 3})
        before = time.time()
        result = self.run_verb("purge", "--domain", "A.example", "--quiet")
        self.assertEqual((result.exit_code, result.stdout), (0, "3 messages purged\n"))
        [order] = self.given
        self.assertEqual(
            (order.text, order.domain, order.binding, order.quiet),
            ("554 5.7.0 [internal] Message manually purged", "a.example", None, True),
        )
        self.assertTrue(before <= order.before <= time.time())
        self.assertEqual(self.orders.pending(), [])

    def test_own_text(self) -> None:
        """A text of the operator's own, for a binding."""
        self.obey({"purged": 1})
        result = self.run_verb("purge", "--binding", "b", "--text", "550 stopped")
        self.assertEqual(result.stdout, "1 message purged\n")
        [order] = self.given
        self.assertEqual(
            (order.text, order.domain, order.binding, order.quiet),
            ("550 stopped", None, "b", False),
        )

    def test_nobody_answers(self) -> None:
        """The order stays for the next start, and the code is 1."""
        result = self.run_verb("purge", "--all", "--wait", "0")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("at its start", result.stderr)
        [name] = self.orders.pending()
        self.assertIsNone(read_purge(self.orders.read(name)).domain)

    def test_refused(self) -> None:
        """What the gateway says against it is told."""
        self.obey({"refused": "odd"})
        result = self.run_verb("purge", "--all")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("odd", result.stderr)

    def test_unusable(self) -> None:
        """Nothing is purged by accident."""
        for words in (
            (),
            ("--all", "--text", "250 fine"),
            ("--all", "--text", "5\n5"),
            ("--all", "--wait", "nan"),
            ("--all", "--wait", "inf"),
            ("--all", "--wait", "-1"),
        ):
            result = self.run_verb("purge", *words)
            self.assertEqual(result.exit_code, 2, words)
        self.assertEqual(self.orders.pending(), [])

    def test_no_spool(self) -> None:
        """A folder in which no gateway looks gets no order."""
        worker = self.folder / "worker-2"
        worker.mkdir()
        for text in ("there is no spool", "spool of one worker"):
            result = self.run_verb("purge", "--all", "--spool", str(worker))
            self.assertEqual((result.exit_code, result.stdout), (2, ""))
            self.assertIn(text, result.stderr)
            self.assertFalse((worker / "orders").exists())
            (worker / "mcmtpush.db").touch()
