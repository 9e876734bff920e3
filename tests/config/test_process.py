"""What the process as a whole is told."""

from __future__ import annotations

from mcmtpush.config.views import (
    ListenSettings,
    LoggerSettings,
    ProcessSettings,
    SimulatorSettings,
)
from mcmtpush.values import QueueKey
from tests.config.samples import configuration
from tests.support.case import TestCase


class ProcessTests(TestCase):
    """Its options, listens, loggers and simulator."""

    def test_defaults(self) -> None:
        """Without the apn stanza push is off; the host name is the machine's."""
        self.assertEqual(
            configuration("").process(),
            ProcessSettings(
                hostname="host.example.net",
                spoolbase="/var/spool/ecelerity",
                apn_enabled=False,
            ),
        )

    def test_every_setting(self) -> None:
        """Each option arrives in its place."""
        text = """
        hostname = h spoolbase = "spool" spool_mode = 0600 force_fsync = false
        max_resident_messages = 1 delayed_queue_scan_interval = 3
        memory_goal = 80 memory_hwm = 85
        server_max_outbound_connections = 4 token_events = "t" token_events_mode = 0600
        apn {}
        """
        self.assertEqual(
            configuration(text).process(),
            ProcessSettings(
                "h", "/etc/mcmtpush/spool", 0o600, False, True, 1, 80, 85,
                3, 4, "/etc/mcmtpush/t", 0o600,
            ),
        )  # fmt: skip

    def test_disabled_apn(self) -> None:
        """A module that is not enabled is off, and its messages stay queued."""
        domain = 'domain "e.com" { delivery_method = "apn" }'
        passive = configuration("apn { enabled = false }" + domain)
        self.assertFalse(passive.process().apn_enabled)
        key = QueueKey("default", "default", "e.com")
        self.assertTrue(passive.queue(key).suspend_delivery)
        self.assertFalse(passive.queue(key._replace(domain="x.com")).suspend_delivery)
        active = configuration("apn {}" + domain)
        self.assertFalse(active.queue(key).suspend_delivery)

    def test_listens(self) -> None:
        """Every listen that is enabled, with what holds for its socket."""
        text = """
        disable_nagle_algorithm = true
        esmtp_listener {
          listen_backlog = 9
          listen ":2525" { file_mode = 0600 }
          listen "[*]:25" { listen_backlog = 5 disable_nagle_algorithm = false }
          listen "/run/in.sock" {}
          listen "127.0.0.1:9" { enable = off }
        }
        http_listener { listen ":80" {} }
        """
        self.assertEqual(
            configuration(text).process().listens,
            (
                ListenSettings(":2525", "", 2525, None, 0o600, 9, True),
                ListenSettings("[*]:25", "::", 25, None, 0o660, 5, False),
                ListenSettings(
                    "/run/in.sock", "", None, "/run/in.sock", 0o660, 9, True
                ),
            ),
        )

    def test_disabled_listener(self) -> None:
        """Nothing of a listener that is switched off is opened."""
        text = "esmtp_listener { enable = off listen :25 { enable = on } }"
        self.assertEqual(configuration(text).process().listens, ())

    def test_loggers(self) -> None:
        """Every logger with all of its options."""
        text = """
        apn_logger "a" {}
        apn_logger "b" {
          enabled = no logfile = "b.ec" logmode = 0600 heartbeat = 0
          log_delivery = 0 log_tempfail = off log_permfail = false
          log_delivery_format = d log_tempfail_format = t
          log_permfail_format = p log_heartbeat_format = m
        }
        """
        self.assertEqual(
            configuration(text).process().loggers,
            (
                LoggerSettings("a", "/var/log/ecelerity/apnlog.ec"),
                LoggerSettings(
                    "b", "/etc/mcmtpush/b.ec", 0o600, False, 0, False, False, False,
                    "d", "t", "p", "m",
                ),
            ),
        )  # fmt: skip

    def test_simulator(self) -> None:
        """The embedded simulator, when its stanza is there and enabled."""
        text = """
        apns_simulator {
          journal = j script = s tls_certificate = c tls_key = k
          listen "127.0.0.1:2195" {} listen ":1" { enable = no }
          listen "127.0.0.1:2197" { protocol = "apn2" }
        }
        """
        self.assertEqual(
            configuration(text).process().simulator,
            SimulatorSettings(
                listens=(
                    ListenSettings("127.0.0.1:2195", "127.0.0.1", 2195),
                    ListenSettings(
                        "127.0.0.1:2197", "127.0.0.1", 2197, protocol="apn2"
                    ),
                ),
                certificate="/etc/mcmtpush/c",
                key="/etc/mcmtpush/k",
                journal="/etc/mcmtpush/j",
                script="/etc/mcmtpush/s",
            ),
        )
        off = text.replace("journal", "enabled = false journal")
        self.assertIsNone(configuration(off).process().simulator)
        self.assertIsNone(configuration("").process().simulator)
