"""The configuration is read again while the program runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent

from mcmtpush.config.current import Current
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import TlsServerSettings
from mcmtpush.counters import Counters
from mcmtpush.errors import ConfigError, ConfigErrors
from mcmtpush.hooks.chain import Chain
from mcmtpush.hooks.policy import Policy
from mcmtpush.lanes import Lanes
from mcmtpush.reception.tls import ServerContexts
from mcmtpush.reload import Reload
from mcmtpush.simulator.certificates import make_development_certificates
from mcmtpush.values import QueueKey
from tests.config.samples import tree
from tests.hooks.stage import a_chain, a_provider
from tests.support.case import TestCase


KEY = QueueKey("default", "default", "e.com")
TEXT = """
spoolbase = "/spool" hostname = "one.example"
domain "e.com" { idle_timeout = 5 }
esmtp_listener { %s listen "127.0.0.1:25" {} }
"""


class Told:
    """The scheduler and the pollers: what they are asked to renew."""

    def __init__(self) -> None:
        self.renewed: list[bool] = []
        self.followed: list[Configuration] = []

    def renew(self, outdated: Any) -> int:
        self.renewed.append(outdated(KEY))
        return int(outdated(KEY))

    def follow(self, configuration: Configuration) -> int:
        self.followed.append(configuration)
        return 0


class ReloadCase(TestCase):
    """Everybody who is told, and a configuration that the test writes."""

    def setUp(self) -> None:
        self.told: Any = Told()
        self.pressure: Any = SimpleNamespace(goal=0, high_water=0)
        self.notices: Any = SimpleNamespace(hostname="")
        self.contexts = ServerContexts()
        self.findings: list[ConfigError] = []
        self.policy = Policy()
        self.chain: Chain | None = None
        self.policy_faults: list[ConfigError] = []
        self.policies_loaded = 0
        self.text = TEXT % ""
        self.current = Current(Configuration(tree(self.text)))
        lanes: Any = Lanes(
            reactor=MemoryReactorClock(),
            configuration=self.current,
            mails=self.told,
            now=lambda: 0.0,
            dice=Random(1),
            counters=Counters(),
            resolver=list,
            policy=self.policy,
        )
        self.limits = lanes._limits
        self.reload = Reload(
            current=self.current,
            reread=self.reread,
            contexts=self.contexts,
            lanes=lanes,
            scheduler=self.told,
            pollers=self.told,
            pressure=self.pressure,
            notices=self.notices,
            policy=self.policy,
            load_policy=self.load_policy,
            polls=True,
        )

    def reread(self) -> tuple[Configuration | None, list[ConfigError]]:
        if any(each.severity == "error" for each in self.findings):
            return None, self.findings
        return Configuration(tree(self.text)), self.findings

    def load_policy(self, scripts: object) -> Chain | None:
        self.policies_loaded += 1
        if self.policy_faults:
            raise ConfigErrors(self.policy_faults)
        return self.chain

    def run_reload(self) -> tuple[bool, list[str]]:
        """Whether it was followed, and what was said, with its level."""
        with capturedLogs() as events:
            followed = self.reload.run()
        return followed, [
            f"{event['log_level'].name}: {formatEvent(event)}" for event in events
        ]


class FollowTests(ReloadCase):
    """Nothing is wrong."""

    def test_everybody_is_told(self) -> None:
        """Queues, lanes, reception, notices, memory, limits: all in one call."""
        self.text = (TEXT % "idle_time = 7").replace("one.ex", "two.ex") + (
            "server_max_outbound_connections = 3 memory_goal = 50 memory_hwm = 60 "
            "retry_interval = 9"
        )
        followed, said = self.run_reload()
        self.assertTrue(followed)
        text = "the configuration was read again: 1 lanes and 0 feedback pollers begin"
        self.assertEqual(said, [f"info: {text} anew"])
        self.assertEqual(self.current.queue(KEY).retry_interval_seconds, 9)
        self.assertEqual(
            self.current.reception("127.0.0.1:25", "192.0.2.1").idle_seconds, 7
        )
        self.assertEqual(self.notices.hostname, "two.example")
        self.assertEqual((self.pressure.goal, self.pressure.high_water), (50, 60))
        self.assertEqual(self.limits._server.most, 3)
        self.assertEqual(self.told.followed, [self.current.latest])

    def test_only_what_has_changed(self) -> None:
        """Lanes are compared with what held just before, not with the start."""
        for idle, renewed in ((5, False), (6, True), (6, False), (5, True)):
            self.text = (TEXT % "").replace("= 5", f"= {idle}")
            self.run_reload()
            self.assertEqual(self.told.renewed.pop(), renewed)

    def test_what_needs_a_restart(self) -> None:
        """It is named each time, for as long as it is not as it was at the start."""
        for spool, count in (("/other", 1), ("/other", 1), ("/spool", 0)):
            self.text = (TEXT % "").replace("/spool", spool)
            followed, said = self.run_reload()
            warnings = [text for text in said if text.startswith("warn")]
            self.assertTrue(followed)
            self.assertEqual(len(warnings), count, said)
            for text in warnings:
                self.assertIn("gw.conf:2:1: warning: spoolbase needs a restart", text)

    def test_warnings_do_not_stop_it(self) -> None:
        """They are said, and the rest holds."""
        self.findings = [ConfigError("odd", "gw.conf", 3, 1, severity="warning")]
        followed, said = self.run_reload()
        self.assertTrue(followed)
        self.assertEqual(said[0], "warn: gw.conf:3:1: warning: odd")

    def test_other_policy(self) -> None:
        """It is in force once everything else is; the one before is told."""
        ended: list[str] = []
        for name in ("first", "second"):
            self.chain = a_chain(a_provider(name, deinit=partial(ended.append, name)))
            self.assertTrue(self.run_reload()[0])
            self.assertIs(self.policy._chain, self.chain)
        self.assertEqual(ended, ["first"])

    def test_nobody_polls(self) -> None:
        """Without a file for what is read nobody begins to read."""
        self.reload.polls = False
        self.assertTrue(self.run_reload()[0])
        self.assertEqual(self.told.followed, [])


class RefuseTests(ReloadCase):
    """Something is wrong: nothing changes."""

    def assert_unchanged(self, *lines: str) -> None:
        """The lines begin so; the rest of one may be OpenSSL's."""
        before = self.current.latest
        followed, said = self.run_reload()
        self.assertFalse(followed)
        self.assertEqual(
            [text[: len(line)] for text, line in zip(said[:-1], lines, strict=True)],
            list(lines),
        )
        self.assertIn(f"has {len(lines)} error(s): nothing is changed", said[-1])
        self.assertIs(self.current.latest, before)
        self.assertEqual((self.told.renewed, self.told.followed), ([], []))

    def test_every_error_is_a_line(self) -> None:
        """What is wrong with the files is said as `check` says it."""
        self.findings = [ConfigError(word, "gw.conf", 3, 1) for word in ("a", "b")]
        self.assert_unchanged(
            "error: gw.conf:3:1: error: a", "error: gw.conf:3:1: error: b"
        )

    def test_policy_that_does_not_load(self) -> None:
        """A script's fault is a fault of the configuration; nothing is ended."""
        self.policy_faults = [ConfigError("init failed", "gw.conf", 7, 3)]
        self.assert_unchanged("error: gw.conf:7:3: error: init failed")
        self.assertIsNone(self.policy._chain)

    def test_policy_is_loaded_last(self) -> None:
        """Nobody's `init` runs for a configuration that is refused anyway."""
        self.findings = [ConfigError("a", "gw.conf", 3, 1)]
        self.assert_unchanged("error: gw.conf:3:1: error: a")
        self.assertEqual(self.policies_loaded, 0)

    def test_tls_that_no_session_could_use(self) -> None:
        """Certificates of listens are tried before anything changes."""
        paths = make_development_certificates(
            str(Path(self.mktemp()).absolute()), lambda: 1_700_000_000.0
        )
        tls = 'tls_certificate = "{}" tls_key = "{}"'
        self.text = TEXT % tls.format(paths.server, paths.server_key)
        self.assertTrue(self.run_reload()[0])
        settings = TlsServerSettings(paths.server, paths.server_key)
        good = self.contexts.make(settings)
        self.told.renewed.clear()
        self.told.followed.clear()
        self.text = TEXT % tls.format("/nowhere.pem", paths.server_key)
        self.assert_unchanged(
            "error: /nowhere.pem: error: cannot be used as a certificate: "
        )
        self.assertIs(self.contexts.make(settings), good)
        self.text = TEXT % tls.format(paths.server, paths.server_key)
        self.assertTrue(self.run_reload()[0])
        self.assertIsNot(self.contexts.make(settings), good)
