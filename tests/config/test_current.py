"""What holds now."""

from __future__ import annotations

from mcmtpush.config.current import Current
from mcmtpush.config.settings import Configuration
from mcmtpush.values import QueueKey
from tests.config.samples import tree
from tests.support.case import TestCase


KEY = QueueKey("default", "default", "e.com")
BEFORE = """
hostname = "one.example" retry_interval = 1 idle_timeout = 2
esmtp_listener {
  listen "127.0.0.1:25" { idle_time = 3 }
  listen ":26" { idle_time = 4 }
}
"""
AFTER = """
hostname = "two.example" retry_interval = 5 idle_timeout = 6
domain "e.com" { gateway = "f.com" }
esmtp_listener { idle_time = 7 listen "*:26" { idle_time = 8 } listen ":27" {} }
"""


class CurrentTests(TestCase):
    def setUp(self) -> None:
        self.before, self.after = (
            Configuration(tree(text)) for text in (BEFORE, AFTER)
        )
        self.current = Current(self.before)

    def said(self) -> tuple[object, ...]:
        """A bit of everything."""
        return (
            self.current.process().hostname,
            self.current.queue(KEY).retry_interval_seconds,
            self.current.delivery(KEY).idle_timeout_seconds,
            self.current.routing_key("e.com").domain,
            self.current.reception(":26", "192.0.2.1").idle_seconds,
        )

    def test_adopted(self) -> None:
        """Everybody who asks is told what was adopted last."""
        ask = self.current.queue
        self.assertEqual(self.said(), ("one.example", 1, 2, "e.com", 4))
        self.current.adopt(self.after)
        self.assertEqual(self.said(), ("two.example", 5, 6, "f.com", 8))
        self.assertEqual(ask(KEY).retry_interval_seconds, 5)
        self.assertIs(self.current.started, self.before)

    def test_a_listen_that_is_gone(self) -> None:
        """It is open until the restart, with the settings it had last."""

        def idle() -> int:
            return self.current.reception("127.0.0.1:25", "192.0.2.1").idle_seconds

        self.assertEqual(
            [each.address for each in self.current.lost_listens(self.after)],
            ["127.0.0.1:25"],
        )
        self.assertEqual(
            [each.address for each in self.current.kept_listens(self.after)], [":26"]
        )
        for configuration, expected in (
            (self.before, 3),
            (self.after, 3),
            (self.after, 3),
            (Configuration(tree(BEFORE.replace("= 3", "= 9"))), 9),
            (self.after, 9),
        ):
            self.current.adopt(configuration)
            self.assertEqual(idle(), expected)
