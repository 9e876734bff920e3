"""`twistd mcmtpush` in a process of its own, as a user starts it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from mcmtpush.mcmt.compose import alert_payload, compose
from tests.integration.gateway import (
    TWISTD,
    Site,
    environment,
    free_port,
    terminate,
    wait_until,
)


TOKEN = "0123456789abcdef" * 4


def message(alert: str = "You have mail") -> bytes:
    """An MCMT message with a mail and a push part."""
    return compose(
        sender="news@example.net",
        recipient="4711@apn_example.com",
        token=TOKEN,
        payload=alert_payload(alert),
        subject="News",
        date="Mon, 23 Nov 2026 12:00:00 +0000",
        message_id="<1@example.net>",
    )


def kill(pid: int) -> None:
    """End a daemon that a failed test left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class PluginTests(TestCase):
    """Start, inject, look, stop."""

    def site(self, **replacements: str) -> Site:
        """A site in a folder of its own."""
        return Site.make(Path(self.mktemp()).absolute(), **replacements)

    def inject(self, site: Site, content: bytes, *recipients: str) -> None:
        """By Python's own SMTP client."""
        to = recipients or ("4711@apn_example.com",)
        with smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30) as client:
            client.sendmail("news@example.net", to, content)

    def test_sample_configuration_delivers(self) -> None:
        """The shipped sample takes a message in and the simulator journals it."""
        site = self.site(delivery_response_timeout="200")
        with site.running() as child:
            self.inject(site, message())
            wait_until("a D record", lambda: len(site.records("D")) == 1)
            self.assertEqual(terminate(child), 0)
        (entry,) = site.journal()
        self.assertEqual(entry["token"], TOKEN)
        self.assertEqual(entry["payload"], '{"aps":{"alert":"You have mail"}}')
        self.assertEqual(entry["verdict"], "accepted")

    def test_sample_configuration_delivers_over_http2(self) -> None:
        """Its other domain goes to the HTTP/2 half, with a provider token."""
        site = self.site()
        with site.running() as child:
            self.inject(site, message(), "4711@apn2_example.com")
            wait_until("a D record", lambda: len(site.records("D")) == 1)
            self.assertEqual(terminate(child), 0)
        (entry,) = site.journal()
        self.assertEqual(entry["protocol"], "apn2")
        self.assertEqual((entry["token"], entry["auth"]), (TOKEN, "token"))
        (record,) = site.records("D")
        self.assertEqual(record[-1], entry["apns_id"])

    def test_sigterm_drains_what_was_written(self) -> None:
        """SIGTERM waits for the response window and exits 0 with its record."""
        site = self.site(delivery_response_timeout="1500")
        with site.running() as child:
            self.inject(site, message())
            wait_until("the journal", lambda: len(site.journal()) == 1)
            self.assertEqual(site.records("D"), [])
            self.assertEqual(terminate(child), 0)
        self.assertEqual(len(site.records("D")), 1)

    def test_second_sigterm_does_not_wait(self) -> None:
        """Twice SIGTERM ends the response window early and keeps the message."""
        site = self.site(delivery_response_timeout="20000")
        text = site.configuration.read_text()
        site.configuration.write_text(
            text.replace("retry_interval = 60", "apn_flush_interval = 0")
        )
        with site.running() as child:
            self.inject(site, message())
            wait_until("the journal", lambda: len(site.journal()) == 1)
            child.send_signal(signal.SIGTERM)
            wait_until("the draining", lambda: "draining" in site.output())
            self.assertEqual(terminate(child), 0)
        self.assertIn("in a hurry", site.output())
        self.assertEqual(site.records("D"), [])

    def test_kill_loses_nothing(self) -> None:
        """What was answered 250 before a kill -9 is delivered after a restart."""
        site = self.site(delivery_response_timeout="300")
        text = site.configuration.read_text()
        site.configuration.write_text(
            text.replace("retry_interval = 60", "suspend_delivery = true")
        )
        with site.running() as child:
            answered = self.load_until_killed(site, child)
        site.configuration.write_text(text)
        with site.running() as child:
            wait_until(
                "all records",
                lambda: answered <= {row[2] for row in site.records("D")},
            )
            self.assertEqual(terminate(child), 0)
        ids = [row[2] for row in site.records("D")]
        self.assertEqual(len(ids), len(set(ids)))

    def load_until_killed(self, site: Site, child: subprocess.Popen[bytes]) -> set[str]:
        """Ids that were answered 250 until the process was killed under load."""
        answered = set()
        with smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30) as client:
            for number in range(50):
                if number == 40:
                    child.send_signal(signal.SIGKILL)
                    child.wait()
                try:
                    client.mail("news@example.net")
                    client.rcpt("4711@apn_example.com")
                    code, text = client.data(message(f"Message {number}"))
                except (smtplib.SMTPException, OSError):
                    break
                self.assertEqual(code, 250)
                answered.add(text.decode().split()[-1])
        self.assertEqual(len(answered), 40)
        return answered

    def test_bad_configuration_is_refused(self) -> None:
        """Every error is one line of its own, and the exit code is 1."""
        site = self.site()
        text = site.configuration.read_text() + "\nretry_intervall = 5\nhostname = (\n"
        site.configuration.write_text(text)
        done = subprocess.run(
            [*TWISTD, "-n", "--pidfile=", "mcmtpush", "-c", str(site.configuration)],
            capture_output=True, text=True, cwd=site.folder, env=environment(),
            check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        self.assertIn("retry_interval", done.stderr)
        errors = [row for row in done.stderr.splitlines() if ": error: " in row]
        self.assertGreaterEqual(len(errors), 2)
        self.assertNotIn("Traceback", done.stderr + done.stdout)

    def test_address_in_use_is_one_line(self) -> None:
        """A port that is taken is said in one line, with exit code 1."""
        site = self.site()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", site.smtp_port))
            taken.listen()
            child = site.start(wait=False)
            self.assertEqual(child.wait(60), 1)
        self.assertIn(f"127.0.0.1:{site.smtp_port}", site.output())
        self.assertNotIn("Traceback", site.output())

    def test_daemon(self) -> None:
        """Without -n it daemonises with a pid file and a log file."""
        site = self.site(delivery_response_timeout="200")
        subprocess.run(
            [*TWISTD, "--pidfile", "run.pid", "--logfile", "run.log", "mcmtpush",
             "-c", str(site.configuration)],
            check=True, cwd=site.folder, env=environment(), timeout=60,
        )  # fmt: skip
        wait_until("the banner", site.greets)
        pid_file = site.folder / "run.pid"
        pid = int(pid_file.read_text())
        self.addCleanup(kill, pid)
        self.inject(site, message())
        wait_until("a D record", lambda: len(site.records("D")) == 1)
        self.assertEqual(site.records("D")[0][2].split("-")[1], f"{pid & 0xFFFF:05d}")
        os.kill(pid, signal.SIGTERM)
        wait_until("the end", lambda: not pid_file.exists())
        self.assertIn("mcmtpush", (site.folder / "run.log").read_text())

    def test_sighup_reopens_the_log(self) -> None:
        """After a rename and SIGHUP new records go to a new file."""
        site = self.site(delivery_response_timeout="100")
        log = site.folder / "var" / "log" / "apnlog.ec"
        with site.running() as child:
            self.inject(site, message())
            wait_until("a D record", lambda: len(site.records("D")) == 1)
            log.rename(log.with_suffix(".1"))
            child.send_signal(signal.SIGHUP)
            wait_until("a new file", log.exists)
            self.inject(site, message())
            wait_until("a second record", lambda: len(site.records("D")) == 1)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(log.with_suffix(".1").read_text().count("@D@"), 1)

    def test_sighup_reads_the_configuration_again(self) -> None:
        """A changed option takes effect; a broken file changes nothing."""
        site = self.site(delivery_response_timeout="100")
        file, text = site.configuration, site.configuration.read_text()

        def reload(content: str, sign: str) -> None:
            said = site.output().count(sign)
            file.write_text(content)
            child.send_signal(signal.SIGHUP)
            wait_until(sign, lambda: site.output().count(sign) > said)

        suspended = text.replace("retry_interval = 60", "suspend_delivery = true")
        with site.running() as child:
            reload(suspended.replace("var/spool", "var/elsewhere", 1), "read again")
            self.assertIn("spoolbase needs a restart", site.output())
            self.inject(site, message("Wait"))
            reload(text + "\nno_such_option = 1\n", "nothing is changed")
            self.assertRegex(site.output(), r":\d+:\d+: error: .*no_such_option")
            self.inject(site, message("Wait, too"))
            self.assertEqual(site.journal(), [])
            reload(text.replace("idle_timeout = 30", "idle_timeout = 29"), "1 lanes")
            wait_until("both records", lambda: len(site.records("D")) == 2)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(len(site.journal()), 2)
        self.assertNotIn("Traceback", site.output())

    def test_several_recipients(self) -> None:
        """Each recipient of one transaction gets a push and a record."""
        site = self.site(delivery_response_timeout="200")
        people = [f"{number}@apn_example.com" for number in range(5)]
        with site.running() as child:
            self.inject(site, message(), *people)
            wait_until("the records", lambda: len(site.records("D")) == 5)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(len({row[2] for row in site.records("D")}), 5)

    def test_send_verb(self) -> None:
        """`mcmtpush send` injects and prints the answer with the message id."""
        site = self.site(delivery_response_timeout="200")
        with site.running() as child:
            done = subprocess.run(
                [sys.executable, "-m", "mcmtpush.cli", "send", "--to",
                 "4711@apn_example.com", "--token", TOKEN, "--alert", "Größe",
                 "--badge", "3", "--server", f"127.0.0.1:{site.smtp_port}"],
                capture_output=True, text=True, env=environment(), check=False,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)
            wait_until("a D record", lambda: len(site.records("D")) == 1)
            self.assertIn(site.records("D")[0][2], done.stdout)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(
            site.journal()[0]["payload"], '{"aps":{"alert":"Größe","badge":3}}'
        )


class PolicyTests(TestCase):
    """Scripts of the operator, in the real process."""

    def test_from_start_to_reload(self) -> None:
        """Headers and payload are changed; a broken script changes nothing."""
        site = Site.make(Path(self.mktemp()).absolute())
        script = site.folder / "conf" / "push" / "policy.py"
        script.parent.mkdir()
        with site.configuration.open("a") as configuration:
            configuration.write('python { script "p" { source = "push.policy" } }\n')

        def write(word: str, begins: str = "True") -> None:
            script.write_text(
                "def apn_request_eval(req, msg):\n"
                f"    req.json['aps']['alert'] = '{word}'\n"
                "    req.headers['apns-priority'] = 5\n"
                f"def init():\n    print('init {word}', flush=True)\n"
                f"    return {begins}\n"
                f"def deinit():\n    print('deinit {word}', flush=True)\n"
            )

        def reload(sign: str) -> None:
            said = site.output().count(sign)
            child.send_signal(signal.SIGHUP)
            wait_until(sign, lambda: site.output().count(sign) > said)

        def push() -> None:
            count = len(site.records("D"))
            with smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30) as client:
                client.sendmail("a@example.net", ["1@apn2_example.com"], message())
            wait_until("a record", lambda: len(site.records("D")) > count)

        write("one")
        with site.running() as child:
            push()
            script.write_text("def f(:\n")
            reload("nothing is changed")
            self.assertRegex(site.output(), r'error: script "p": .*policy.py:1: ')
            write("two", begins="None")
            reload("nothing is changed")
            self.assertIn("init failed", site.output())
            push()
            write("three")
            reload("deinit one")
            push()
            self.assertEqual(terminate(child), 0)
        self.assertEqual(
            [(line["payload"], line["priority"]) for line in site.journal()],
            [(f'{{"aps":{{"alert":"{w}"}}}}', 5) for w in ("one", "one", "three")],
        )
        self.assertIn("deinit three", site.output())
        self.assertNotIn("Traceback", site.output())

    def test_lua(self) -> None:
        """Momentum's stanza, over both schemes; one script never ends and is ended."""
        site = Site.make(
            Path(self.mktemp()).absolute(), delivery_response_timeout="200"
        )
        folder = site.folder / "conf" / "push"
        folder.mkdir()
        (folder / "mcmt_policy.lua").write_text(
            'require("msys.apn")\nlocal mod = {}\n'
            "function mod:init() return true end\n"
            "function mod:apn_request_eval(req, msg)\n"
            '  if req.json.aps.alert == "loop" then while true do end end\n'
            '  req.json.aps.alert = msg:rcptto() .. "!"\n'
            '  req.headers["apns-collapse-id"] = "lua"\n'
            'end\nmsys.registerModule("mcmt_policy", mod)\n'
        )
        with site.configuration.open("a") as configuration:
            configuration.write(
                'scriptlet "scriptlet" {\n'
                '  script "mcmt_policy" { source = "push.mcmt_policy" }\n'
                '  script "boot" { source = "msys.boot" }\n}\nalerting { }\n'
            )
        people = ("1@apn_example.com", "2@apn2_example.com")
        with site.running() as child:
            for alert in ("loop", "hello"):
                with smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30) as client:
                    for person in people:
                        client.sendmail("a@example.net", [person], message(alert))
            wait_until("both sent", lambda: len(site.records("D")) == 2)
            wait_until("both put off", lambda: len(site.records("T")) == 2)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(
            {line["payload"] for line in site.journal()},
            {f'{{"aps":{{"alert":"{person}!"}}}}' for person in people},
        )
        ids = {line.get("collapse_id") for line in site.journal()}
        self.assertEqual(ids, {None, "lua"})
        self.assertIn("instruction_limit", site.records("T")[0][-1])
        self.assertNotIn("Traceback", site.output())

    def test_bad_script_at_the_start(self) -> None:
        """One line, exit code 1."""
        site = Site.make(Path(self.mktemp()).absolute())
        (site.folder / "conf" / "p.py").write_text("def init():\n    return 1 / 0\n")
        with site.configuration.open("a") as configuration:
            configuration.write('python { script "p" { source = "p" } }\n')
        child = site.start(wait=False)
        self.assertEqual(child.wait(60), 1)
        self.assertIn("not started: ", site.output())
        self.assertIn("init failed in line 2", site.output())
        self.assertNotIn("Traceback", site.output())


class MailTests(TestCase):
    """What leaves as mail, to Postfix's sink."""

    def test_notice_and_mail(self) -> None:
        """A refused push is told to its sender; a mail domain gets the mail part."""
        program = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            raise SkipTest("Postfix's smtp-sink is not installed")
        site = Site.make(
            Path(self.mktemp()).absolute(),
            delivery_response_timeout="200",
            generate_bounces="true",
        )
        port, folder = free_port(), site.folder / "mail"
        folder.mkdir()
        with site.configuration.open("a") as configuration:
            configuration.write(
                'domain "example.net" { delivery_method = "esmtp" '
                f'routes = ( "127.0.0.1:{port}" ) }}\n'
            )
        user = ["-u", "root"] if os.geteuid() == 0 else []
        sink = subprocess.Popen(
            [program, *user, "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "10"]
        )
        try:
            with site.running() as child:
                self.send(
                    site,
                    message().replace(TOKEN.encode(), b"ab"),
                    "4711@apn_example.com",
                )
                self.send(site, message("To Bob"), "bob@example.net")
                wait_until("both mails", lambda: len(list(folder.iterdir())) == 2)
                wait_until("their records", lambda: len(site.records("D")) == 2)
                self.assertEqual(terminate(child), 0)
        finally:
            sink.kill()
            sink.wait()
        mails = sorted(path.read_text() for path in folder.iterdir())
        notice = next(mail for mail in mails if "X-Mail-Args: <>" in mail)
        self.assertIn("Diagnostic-Code: x-apns; 5 Invalid Token Size", notice)
        (other,) = set(mails) - {notice}
        self.assertIn("X-Rcpt-Args: <bob@example.net>", other)
        self.assertNotIn("X-Device-Token", other)

    def send(self, site: Site, content: bytes, recipient: str) -> None:
        """By Python's own SMTP client."""
        with smtplib.SMTP("127.0.0.1", site.smtp_port, timeout=30) as client:
            client.sendmail("news@example.net", recipient, content)


class ForeignClientTests(TestCase):
    """SMTP clients somebody else wrote."""

    def test_smtp_source(self) -> None:
        """Postfix's load program delivers through twenty sessions."""
        program = shutil.which("smtp-source", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            raise SkipTest("Postfix's smtp-source is not installed")
        site = Site.make(
            Path(self.mktemp()).absolute(), delivery_response_timeout="200"
        )
        sample = site.folder / "sample.eml"
        # smtp-source makes CR LF of line feeds.
        sample.write_bytes(message().replace(b"\r\n", b"\n"))
        with site.running() as child:
            subprocess.run(
                [program, "-s", "20", "-m", "200", "-F", str(sample), "-f",
                 "news@example.net", "-t", "4711@apn_example.com",
                 f"inet:127.0.0.1:{site.smtp_port}"],
                check=True, timeout=60,
            )  # fmt: skip
            wait_until("the records", lambda: len(site.records("D")) == 200)
            self.assertEqual(terminate(child), 0)
        self.assertEqual(len(site.journal()), 200)

    def test_swaks(self) -> None:
        """Swaks pipelines a transaction and is told the message id."""
        program = shutil.which("swaks")
        if program is None:
            raise SkipTest("swaks is not installed")
        site = Site.make(
            Path(self.mktemp()).absolute(), delivery_response_timeout="200"
        )
        sample = site.folder / "sample.eml"
        sample.write_bytes(message())
        with site.running() as child:
            done = subprocess.run(
                [program, "--pipeline", "--server", f"127.0.0.1:{site.smtp_port}",
                 "--from", "news@example.net", "--to", "4711@apn_example.com",
                 "--data", f"@{sample}"],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout)
            wait_until("a D record", lambda: len(site.records("D")) == 1)
            self.assertIn(site.records("D")[0][2], done.stdout)
            self.assertEqual(terminate(child), 0)
