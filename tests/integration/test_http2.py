"""Foreign HTTP/2 programs: a server for the gateway, clients for the simulator."""

from __future__ import annotations

import contextlib
import json
import shutil
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from mcmtpush.apns.bearer import Instant, Mint
from mcmtpush.mcmt.compose import alert_payload, compose
from mcmtpush.simulator.certificates import (
    KEY_ID,
    TEAM_ID,
    TOPIC,
    CertificatePaths,
    make_development_certificates,
)
from tests.integration.gateway import (
    TWISTD,
    Site,
    environment,
    free_port,
    terminate,
    wait_until,
)


KNOWN = "0123456789abcdef" * 4
UNKNOWN = "fedcba9876543210" * 4


def found(program: str) -> str:
    """Where it is; whoever has it not skips the test."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if path is None:
        raise SkipTest(f"{program} is not installed (Debian's package nghttp2)")
    return path


def listens(port: int) -> bool:
    """Whether somebody does there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def running(arguments: list[str], folder: Path, port: int) -> Iterator[None]:
    """A program that listens on a port, killed in the end."""
    with (folder / f"output-{port}").open("wb") as output:
        child = subprocess.Popen(
            arguments,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(),
        )
    try:
        wait_until(arguments[0], lambda: listens(port) or child.poll() is not None)
        assert child.poll() is None, (folder / f"output-{port}").read_text()
        yield
    finally:
        child.kill()
        child.wait()


class ForeignServerTests(TestCase):
    """The gateway as a user starts it delivers to nghttpd."""

    def setUp(self) -> None:
        self.program = found("nghttpd")
        self.site = Site.make(Path(self.mktemp()).absolute())
        self.port = free_port()
        spool = self.site.folder / "var" / "spool"
        spool.mkdir(parents=True)
        development = str(spool / "development")
        self.paths = make_development_certificates(development, time.time)
        text = self.site.configuration.read_text()
        ours, theirs = f"port={self.site.http2_port}", f"port={self.port}"
        self.assertIn(f"apn2://127.0.0.1?{ours}", text)
        self.site.configuration.write_text(text.replace(ours, theirs))

    def nghttpd(self, *options: str) -> contextlib.AbstractContextManager[None]:
        """Says 200 to one token, 404 to all others."""
        page = self.site.folder / "pages" / "3" / "device" / KNOWN
        page.parent.mkdir(parents=True, exist_ok=True)
        page.touch()
        arguments = [
            self.program, "-a", "127.0.0.1", *options, "-d", str(page.parents[2]),
            str(self.port), self.paths.server_key, self.paths.server,
        ]  # fmt: skip
        return running(arguments, self.site.folder, self.port)

    def inject(self, count: int, token: str, alert: str = "hi") -> None:
        """So many messages in one session."""
        with smtplib.SMTP("127.0.0.1", self.site.smtp_port, timeout=30) as client:
            for number in range(count):
                to = f"{number}@apn2_example.com"
                content = compose(
                    sender="news@example.net",
                    recipient=to,
                    token=token,
                    payload=alert_payload(alert),
                    subject="News",
                    date="Mon, 23 Nov 2026 12:00:00 +0000",
                    message_id=f"<{number}@example.net>",
                )
                client.sendmail("news@example.net", [to], content)

    def assert_calm(self) -> None:
        """The gateway stops when told to, and nothing unexpected was said."""
        output = self.site.output()
        self.assertNotIn("Traceback", output)
        self.assertNotIn("Unhandled", output)

    def test_delivers(self) -> None:
        """Requests arrive and are answered, streams and windows being few."""
        for options in (("-m", "1"), ("-m", "100", "-w", "14", "-W", "14")):
            with self.nghttpd(*options), self.site.running() as child:
                before = len(self.site.records("D"))
                self.inject(60, KNOWN, "x" * 3000)
                wait_until(
                    "60 records",
                    lambda before=before: len(self.site.records("D")) == before + 60,
                )
                self.assertEqual(terminate(child), 0)
        ids = [row[2] for row in self.site.records("D")]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual((self.site.records("T"), self.site.records("P")), ([], []))
        self.assert_calm()

    def test_not_found(self) -> None:
        """A 404 that is not Apple's is for now; the operator hears of it once."""
        with self.nghttpd(), self.site.running() as child:
            self.inject(3, UNKNOWN)
            self.inject(2, KNOWN)
            wait_until("3 records", lambda: len(self.site.records("T")) == 3)
            wait_until("2 records", lambda: len(self.site.records("D")) == 2)
            self.assertEqual(terminate(child), 0)
        for line in self.site.lines("apnlog.ec"):
            if "@T@" in line:
                self.assertIn("HTTP 404", line)
                self.assertIn("255", line)
        self.assertEqual(self.site.output().count("Apple answers 404"), 1)
        self.assert_calm()

    def test_goes_and_comes_back(self) -> None:
        """A server that dies costs no message; it is found again."""
        with self.site.running() as child:
            with self.nghttpd():
                self.inject(1, KNOWN)
                wait_until("a record", lambda: len(self.site.records("D")) == 1)
            self.inject(5, KNOWN)
            with self.nghttpd():
                wait_until("six records", lambda: len(self.site.records("D")) == 6)
            self.assertEqual(terminate(child), 0)
        self.assert_calm()


class ForeignClientTests(TestCase):
    """The simulator as a test double for nghttp2's own clients."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.port = free_port()
        self.body = self.folder / "body.json"
        self.body.write_text('{"aps":{"alert":"hi"}}')

    @contextlib.contextmanager
    def simulator(self, script: dict[str, object]) -> Iterator[CertificatePaths]:
        """Running alone, with certificates of its own."""
        (self.folder / "script.json").write_text(json.dumps(script))
        development = self.folder / "development"
        paths = make_development_certificates(str(development), time.time)
        arguments = [
            *TWISTD, "--nodaemon", "--pidfile=", "apns-simulator",
            "--listen", f"127.0.0.1:{free_port()}",
            "--http2", f"127.0.0.1:{self.port}", "--certificates", str(development),
            "--journal", "journal.jsonl", "--script", "script.json",
        ]  # fmt: skip
        with running(arguments, self.folder, self.port):
            yield paths

    def journal(self) -> list[dict[str, object]]:
        text = (self.folder / "journal.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def bearer(self) -> str:
        """A provider token for the development key."""
        path = self.folder / "development" / f"AuthKey_{KEY_ID}.p8"
        minter = Mint().minter(
            path.read_bytes(), key_id=KEY_ID, team_id=TEAM_ID, file=str(path)
        )
        value = minter.bearer(Instant(time.time(), 0.0))
        return f"authorization: {value.decode()}"

    def ask(self, program: str, *options: str, token: str = KNOWN) -> str:
        """One run of a client; what it said."""
        address = f"https://127.0.0.1:{self.port}/3/device/{token}"
        done = subprocess.run(
            [found(program), *options, "-d", str(self.body), address],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    def test_one_by_one(self) -> None:
        """Each push is answered as by Apple: certificate, token, neither, bad token."""
        topic = ("-H", f"apns-topic: {TOPIC}")
        found("nghttp")
        with self.simulator({}) as paths:
            shown = (f"--cert={paths.client}", f"--key={paths.client_key}")
            for options, token, words in (
                (shown, KNOWN, (":status: 200", "apns-unique-id")),
                (("-H", self.bearer(), *topic), KNOWN, (":status: 200",)),
                (topic, KNOWN, (":status: 403", "MissingProviderToken")),
                (shown, "abcd", (":status: 400", "BadDeviceToken")),
            ):
                said = self.ask("nghttp", "-v", *options, token=token)
                for word in words:
                    self.assertIn(word, said)
        self.assertEqual(
            [line["http_status"] for line in self.journal()], [200, 200, 403, 400]
        )

    def test_a_burst(self) -> None:
        """h2load's requests are all answered and all in the journal."""
        found("h2load")
        kind = {"first_streams": 1000, "streams": 1000}
        with self.simulator({"http2": kind}):
            headers = ("-H", self.bearer(), "-H", f"apns-topic: {TOPIC}")
            said = self.ask("h2load", "-n", "600", "-c", "3", "-m", "50", *headers)
        self.assertIn("600 succeeded, 0 failed", said)
        verdicts = [line["verdict"] for line in self.journal()]
        self.assertEqual(verdicts, ["accepted"] * 600)
