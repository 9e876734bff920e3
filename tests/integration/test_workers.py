"""Several workers in processes of their own, below a parent, as a user starts them."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from tests.integration.gateway import (
    TWISTD,
    Site,
    environment,
    terminate,
    wait_until,
)
from tests.integration.test_crash import PROFILE, Findings, Load
from tests.integration.test_plugin import kill, message


READY = re.compile(r"worker (\d+) is ready, process (\d+)")


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and ") Z " in stat.read_text())


def suspended(text: str) -> str:
    """The same configuration, but nothing is delivered."""
    return text.replace("retry_interval = 60", "suspend_delivery = true")


class WorkerCase(TestCase):
    """A site with workers."""

    def site(self, workers: int = 2, extra: str = "", **replacements: str) -> Site:
        """In a folder of its own."""
        site = Site.make(
            Path(self.mktemp()).absolute(),
            **{"delivery_response_timeout": "200", **replacements},
        )
        self.configure(site, lambda text: f"workers = {workers}\n{extra}\n{text}")
        return site

    def configure(self, site: Site, change: Callable[[str], str]) -> None:
        """Write another configuration."""
        site.configuration.write_text(change(site.configuration.read_text()))

    def workers(self, site: Site, lives: int = 2) -> dict[int, int]:
        """The pid of each, once so many have been ready."""
        wait_until(
            f"{lives} workers", lambda: len(READY.findall(site.output())) >= lives
        )
        return {int(k): int(pid) for k, pid in READY.findall(site.output())}

    def says(self, site: Site, sign: str, after: int = 0) -> None:
        """Wait for this in the output."""
        wait_until(sign, lambda: sign in site.output()[after:])

    def send(self, site: Site, number: int) -> set[str]:
        """So many sessions at once, a message each; their ids."""
        sessions = [
            smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30) for _ in range(number)
        ]
        ids = set()
        for number, session in enumerate(sessions):
            session.ehlo("client.example")
            session.mail("news@example.net")
            session.rcpt("4711@apn_example.com")
            code, text = session.data(message(f"Message {number}"))
            self.assertEqual(code, 250)
            ids.add(text.decode().split()[-1])
            session.quit()
        return ids

    def recorded(self, site: Site) -> list[str]:
        """Ids in D records."""
        return [row[2] for row in site.records("D")]


class WorkTests(WorkerCase):
    def test_both_work(self) -> None:
        """Messages come in through both, one log has them all, and one sum."""
        site = self.site(
            idle_time="300 service_sessions = 45",
            max_outbound_connections='4 outbound_throttle_messages = "20/1"',
        )
        with site.running() as child:
            pids = self.workers(site)
            ids = self.send(site, 40)
            wait_until("all records", lambda: ids <= set(self.recorded(site)))
            self.assertEqual(self.greetings(site, 50), [b"220"] * 45 + [b"421"] * 5)
            self.refuse_another(site, child.pid)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(sorted(ids), sorted(self.recorded(site)))
        written = sorted(float(str(line["time"])) for line in site.journal())
        self.assertGreater(written[20] - written[0], 0.5, "the rate is of both")
        marks = {f"{pid & 0xFFFF:05d}" for pid in pids.values()}
        shares = Counter(each.split("-")[1] for each in ids)
        self.assertEqual(set(shares), marks)
        # Without balance one of them would take nearly all.
        self.assertGreater(min(shares.values()), 10)
        output = site.output()
        self.assertRegex(output, r"#info\] drained; .*reception.messages 40,")
        self.assertRegex(output, r"worker 2: drained; ")
        self.assertNotIn("Traceback", output)
        self.assertFalse(site.greets())

    def greetings(self, site: Site, number: int) -> list[bytes]:
        """What so many clients hear who come at once."""
        address = ("127.0.0.1", site.smtp_port)
        clients = [socket.create_connection(address, 30) for _ in range(number)]
        heard = [client.recv(3) for client in clients]
        for client in clients:
            client.close()
        return sorted(heard)

    def refuse_another(self, site: Site, pid: int) -> None:
        """A second parent is refused as a second process is."""
        second = site.start(wait=False)
        self.assertEqual(second.wait(60), 1)
        self.assertIn(f"is in use by process {pid}: stop it", site.output())

    def test_signals(self) -> None:
        """They reach both; a second SIGTERM has all in a hurry.

        Messages that the second worker left are delivered when there is one only.
        """
        site = self.site(
            delivery_response_timeout="20000",
            idle_timeout="60 apn_flush_interval = 0",
        )
        text = site.configuration.read_text()
        with site.running() as child:
            self.workers(site)
            again = [f"worker {number}: the configuration was" for number in (1, 2)]
            self.reload(
                *(site, child, suspended(text.replace("workers = 2", "workers = 3"))),
                *("workers needs a restart: until then it is 2", *again),
            )
            ids = self.send(site, 30)
            self.verb(site, "queue", "list", answer="30 messages in 1 queue")
            self.reload(site, child, f"{text}\nodd_option = 1\n", "nothing is changed")
            self.assertEqual(site.journal(), [])
            child.send_signal(signal.SIGUSR2)
            for number in (1, 2):
                self.says(site, f"worker {number}: resumed")
            self.reload(site, child, text, *again)
            wait_until("the journal", lambda: site.journal() != [])
            child.send_signal(signal.SIGTERM)
            wait_until("draining", lambda: site.output().count("draining") == 3)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(site.records("D"), [])
        self.assertEqual(site.output().count("needs a restart"), 1)
        text = text.replace("workers = 2", "workers = 1").replace("20000", "200")
        site.configuration.write_text(text)
        with site.running() as child:
            wait_until("all records", lambda: ids <= set(self.recorded(site)))
            wait_until("its end", lambda: "worker 2 has nothing left" in site.output())
            self.assertEqual(terminate(child), 0)
        self.assertEqual(sorted(ids), sorted(self.recorded(site)))

    def test_purge(self) -> None:
        """An order reaches both; what both have is one for the command."""
        if PROFILE == "dev":
            raise SkipTest("it takes half a minute")
        site = self.site()
        self.configure(site, suspended)
        with site.running() as child:
            self.workers(site)
            self.send(site, 6)
            self.verb(site, "queue", "purge", "--all", answer="6 messages purged")
            self.verb(site, "queue", "list", answer="0 messages in 0 queues")
            self.verb(site, "dead", "list", answer="6 dead letters")
            self.assertEqual(terminate(child), 0)
        self.assertEqual(len(site.records("P")), 6)

    def verb(self, site: Site, *words: str, answer: str) -> None:
        """The last line that the command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "mcmtpush.cli", *words, "--config",
             str(site.configuration)],
            capture_output=True, text=True, env=environment(), check=False,
        )  # fmt: skip
        self.assertEqual(done.stdout.splitlines()[-1:], [answer], done.stderr)

    def reload(
        self, site: Site, child: subprocess.Popen[bytes], content: str, *signs: str
    ) -> None:
        """Another configuration, and what is said of it."""
        before = len(site.output())
        site.configuration.write_text(content)
        child.send_signal(signal.SIGHUP)
        for sign in signs:
            self.says(site, sign, after=before)

    def test_errors_at_the_start(self) -> None:
        """One line and exit code 1, from the parent or from a worker."""
        site = self.site()
        spool = site.folder / "var" / "spool" / "worker-2"
        spool.parent.mkdir(parents=True)
        spool.write_text("in the way")
        child = site.start(wait=False)
        self.assertEqual(child.wait(60), 1)
        self.assertRegex(site.output(), "not started: cannot use the spool folder")
        self.assertNotIn("Traceback", site.output())

    def test_a_worker_that_ends_at_the_start(self) -> None:
        """So does the program, with exit code 1 and the reason."""
        site = self.site()
        child = site.start(wait=False)
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        if not children.exists():
            raise SkipTest("this system does not tell a process's children")
        wait_until("both", lambda: len(children.read_text().split()) == 2)
        os.kill(int(children.read_text().split()[1]), signal.SIGKILL)
        self.assertEqual(child.wait(60), 1)
        self.assertRegex(site.output(), r"(?m)^mcmtpush: not started: worker 2 has end")
        self.assertNotIn("Traceback", site.output())


class LimitTests(WorkerCase):
    """What is limited is so for both workers together."""

    def established(self, port: int) -> int:
        """How many connections to this port of ours there are."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        states = [line.split()[2:4] for line in lines]
        return sum(
            int(peer.rpartition(":")[2], 16) == port and state == "01"
            for peer, state in states
        )

    def test_connections_and_rates(self) -> None:
        """One connection for both, in turns; so many messages a second from both."""
        if not Path("/proc/net/tcp").exists():
            raise SkipTest("this system does not tell its connections")
        site = self.site(
            extra='outbound_throttle_messages = "20/1"', max_outbound_connections="1"
        )
        seen: list[int] = []
        with site.running() as child:
            self.workers(site)
            ids = self.send(site, 81)
            self.assertEqual(len({each.split("-")[1] for each in ids}), 2)

            def done() -> bool:
                seen.append(self.established(site.apns_port))
                return ids <= set(self.recorded(site))

            wait_until("all records", done)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(max(seen), 1)
        times = sorted(float(str(line["time"])) for line in site.journal())
        self.assertEqual(len(times), 81)
        self.assertGreater(times[-1] - times[0], 3.9)
        for first, last in zip(times, times[20:], strict=False):
            # Two hundredths are what the way to the simulator may differ by.
            self.assertGreater(last - first, 0.98)

    def test_sessions(self) -> None:
        """Whoever takes them; those of a worker that was killed are free again."""
        site = self.site(max_message_size="1048576 service_sessions = 4")
        with site.running() as child:
            pids = self.workers(site)
            sessions = [self.greeted(site) for _ in range(6)]
            refused = [each for each in sessions if each is None]
            self.assertEqual(len(refused), 2)
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
            self.workers(site, 4)
            again: list[smtplib.SMTP] = []

            def enter() -> bool:
                session = self.greeted(site)
                if session is not None:
                    again.append(session)
                return len(again) == 4

            wait_until("four sessions", enter)
            self.assertIsNone(self.greeted(site))
            again.pop().quit()
            wait_until("a free place", lambda: self.greeted(site) is not None)
            self.assertEqual(terminate(child), 0)

    def greeted(self, site: Site) -> smtplib.SMTP | None:
        """A session, unless there are too many."""
        try:
            session = smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30)
        except smtplib.SMTPConnectError as refusal:
            self.assertEqual(refusal.smtp_code, 421)
            return None
        self.addCleanup(session.close)
        return session


class KillTests(WorkerCase):
    def test_a_worker_under_load(self) -> None:
        """It is replaced; every answered message is delivered, no other is repeated."""
        site = self.site()
        loads, kills = [], []
        with site.running() as child:
            pids = self.workers(site)
            for life, number in enumerate((2, 1, 2), 3):
                loads.append(Load(site, numbers=count(1_000_000 * life)))
                loads[-1].start()
                wait_until("answers", lambda: len(loads[-1].answered) > 30)
                os.kill(pids[number], signal.SIGKILL)
                kills.append(time.time())
                pids = self.workers(site, life)
            answered = self.answered(site, loads)
            self.assertEqual(terminate(child), 0)
        # The simulator is the parent's, which lives.
        findings = Findings(answered, kills, outlived_seconds=1.0)
        findings.read(site)
        repeats = findings.repeats()
        unexcused = [each for each in repeats if repeats[each] > findings.excuses(each)]
        self.assertEqual((findings.lost(), unexcused), ([], []))
        self.assertEqual([text for load in loads for text in load.odd], [])

    def answered(self, site: Site, loads: list[Load]) -> dict[str, str]:
        """All that was, once it is delivered and the clients have been stopped."""
        for load in loads:
            load.stop()
        answered = dict(each for load in loads for each in load.answered.items())
        wait_until("all", lambda: set(answered) <= set(self.recorded(site)))
        return answered

    def test_the_parent(self) -> None:
        """Workers that lost it drain and end; the next parent waits for them."""
        site = self.site(delivery_response_timeout="1500")
        with site.running() as child:
            pids = self.workers(site)
            ids = self.send(site, 10)
            child.kill()
            child.wait()
            with site.running() as second:
                self.workers(site, 4)
                wait_until("all records", lambda: ids <= set(self.recorded(site)))
                self.assertEqual(terminate(second), 0)
        self.assertEqual(sorted(ids), sorted(self.recorded(site)))
        wait_until("their end", lambda: not any(map(lives, pids.values())))
        self.assertNotIn("Traceback", site.output())

    def test_a_daemon(self) -> None:
        """The pid file is the parent's; a worker's SIGTERM has it replaced."""
        site = self.site()
        subprocess.run(
            [*TWISTD, "--pidfile", "run.pid", "--logfile", "run.log", "mcmtpush",
             "-c", str(site.configuration)],
            check=True, cwd=site.folder, env=environment(), timeout=60,
        )  # fmt: skip
        file, log = site.folder / "run.pid", site.folder / "run.log"
        pid = int(file.read_text())
        self.addCleanup(kill, pid)
        wait_until("both", lambda: len(READY.findall(log.read_text())) == 2)
        worker = int(READY.findall(log.read_text())[0][1])
        os.kill(worker, signal.SIGTERM)
        wait_until("another", lambda: len(READY.findall(log.read_text())) == 3)
        ids = self.send(site, 4)
        wait_until("all records", lambda: ids <= set(self.recorded(site)))
        os.kill(pid, signal.SIGTERM)
        wait_until("the end", lambda: not file.exists())
        self.assertRegex(log.read_text(), r"drained; .*reception.messages 4,")
