"""The sample configurations are read as they stand and keep what their comments say."""

from __future__ import annotations

import re
from configparser import ConfigParser
from ipaddress import ip_network
from pathlib import Path

from attrs import define

from mcmtpush.config.lint import load_configuration
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import (
    DeliverySettings,
    KeySettings,
    LoggerSettings,
    Route,
)
from mcmtpush.crew import LOOK_SECONDS, SILENT_LOOKS
from mcmtpush.disposition.schedule import delay_before, retry_limit
from mcmtpush.drain import SETTLED_SECONDS
from mcmtpush.errors import ConfigError, MessageRejected
from mcmtpush.gateway import GOODBYE_SECONDS
from mcmtpush.judges import JUDGES
from mcmtpush.reception.address import Address
from mcmtpush.reception.relay import can_relay, check_relaying
from mcmtpush.simulator.certificates import KEY_ID, TEAM_ID, TOPIC
from tests.config.keys import certificate, day, key
from tests.support.case import TestCase


ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "conf" / "ecelerity.conf"
PRODUCTION = ROOT / "conf" / "production.conf"
UNIT = ROOT / "conf" / "mcmtpush.service"
TLS_FILES = ("apn_key_file", "tls_ca", "tls_certificate", "tls_key")


@define
class Machine:
    """A disk with the samples and, where it is set up, every certificate and key."""

    set_up: bool = True

    def read(self, path: str) -> bytes:
        """Configurations as they are; PEM made up so that each key fits."""
        if path.endswith(".conf"):
            return Path(path).read_bytes()
        if not self.set_up:
            raise FileNotFoundError(2, "No such file or directory", path)
        return key() if path.endswith((".key", ".p8")) else certificate()

    def entries(self, path: str) -> list[str] | None:
        """No sample includes anything."""
        raise FileNotFoundError(2, "No such file or directory", path)

    def mode(self, path: str) -> int:
        """Keys are their owner's alone."""
        return 0o600


def load(
    path: Path, *, set_up: bool = True
) -> tuple[Configuration | None, list[ConfigError]]:
    """What the gateway makes of a sample when it starts."""
    return load_configuration(str(path), Machine(set_up), day(1), "here", JUDGES)


class ConfCase(TestCase):
    """One sample."""

    path: Path

    def setUp(self) -> None:
        loaded, self.findings = load(self.path)
        assert loaded is not None, self.findings
        self.configuration = loaded
        self.process = loaded.process()
        self.text = self.path.read_text(encoding="utf-8")

    def delivery(self, domain: str) -> DeliverySettings:
        """How messages for a domain leave."""
        return self.configuration.delivery(self.configuration.routing_key(domain))

    def logger(self, name: str) -> LoggerSettings:
        """One of the logs."""
        (found,) = (one for one in self.process.loggers if one.name == name)
        return found

    def relays(self, listen: str, peer: str, to: str) -> bool:
        """Whether a client may send to a domain."""
        settings = self.configuration.reception(listen, peer)
        if can_relay(settings, peer, verified=False):
            return True
        sender, recipient = Address("a", "b.example"), Address("c", to)
        try:
            check_relaying(settings, sender, recipient)
        except MessageRejected:
            return False
        return True


class SampleTests(ConfCase):
    """conf/ecelerity.conf, which the README starts."""

    path = SAMPLE

    def test_nothing_to_complain_about(self) -> None:
        """It has neither errors nor warnings, without any certificate on the disk."""
        loaded, findings = load(SAMPLE, set_up=False)
        self.assertEqual(findings, [])
        self.assertIsNotNone(loaded)

    def test_way_in(self) -> None:
        """ESMTP on 127.0.0.1:2525 only; whoever is there may push and relay."""
        (listen,) = self.process.listens
        self.assertEqual((listen.host, listen.port), ("127.0.0.1", 2525))
        reception = self.configuration.reception(listen.address, "127.0.0.1")
        self.assertEqual(reception.mcmt_reception, "allow")
        self.assertEqual(reception.idle_seconds, 300)
        self.assertEqual(reception.max_message_size, 1048576)
        self.assertTrue(self.relays(listen.address, "127.0.0.1", "apn_example.com"))
        self.assertFalse(self.relays(listen.address, "192.0.2.1", "apn_example.com"))

    def test_passthru_otherwise(self) -> None:
        """Without the line that says so, containers are ordinary mail."""
        text, lines = re.subn(r"\n *mcmt_reception = .*", "", self.text)
        self.assertEqual(lines, 1)
        path = Path(self.mktemp()).absolute().with_suffix(".conf")
        path.write_text(text, encoding="utf-8")
        loaded, findings = load(path)
        assert loaded is not None
        reception = loaded.reception("127.0.0.1:2525", "127.0.0.1")
        self.assertEqual(reception.mcmt_reception, "passthru")
        self.assertEqual([f.option for f in findings], ["listen"])

    def test_way_out(self) -> None:
        """apn_example.com is delivered to the simulator in the same process."""
        self.assertTrue(self.process.apn_enabled)
        self.leads_to("apn_example.com", "apn", 2195)

    def test_http2_way_out(self) -> None:
        """apn2_example.com is delivered to its other half."""
        self.leads_to("apn2_example.com", "apn2", 2197)

    def leads_to(self, domain: str, protocol: str, port: int) -> None:
        """A domain has one route, to the listen of the simulator that speaks this."""
        simulator = self.process.simulator
        assert simulator is not None
        (listen,) = [one for one in simulator.listens if one.protocol == protocol]
        delivery = self.delivery(domain)
        self.assertEqual(delivery.delivery_method, "apn")
        route = Route(protocol, listen.host, listen.port, preference=0)
        self.assertEqual(delivery.routes, (route,))
        self.assertEqual(listen.port, port)

    def test_timing(self) -> None:
        """The response window is in milliseconds, and below the idle time."""
        delivery = self.delivery("apn_example.com")
        self.assertEqual(delivery.response_timeout_seconds, 2)
        self.assertEqual(delivery.idle_timeout_seconds, 30)
        self.assertEqual(delivery.max_outbound_connections, 4)
        key = self.configuration.routing_key("apn_example.com")
        self.assertEqual(self.configuration.queue(key).retry_interval_seconds, 60)

    def test_files(self) -> None:
        """Paths count from the file's folder; all of them are in var, untracked."""
        var = ROOT / "var"
        self.assertEqual(self.process.spoolbase, str(var / "spool"))
        simulator = self.process.simulator
        assert simulator is not None
        self.assertEqual(simulator.journal, str(var / "log" / "apns_simulator.jsonl"))
        logger = self.logger("main")
        self.assertEqual(logger.logfile, str(var / "log" / "apnlog.ec"))
        self.assertEqual((logger.logmode, logger.heartbeat_seconds), (0o644, 60))
        ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
        self.assertIn("/var/", ignored)

    def test_certificates_are_made(self) -> None:
        """Those of the domains are the ones that are made below the spool."""
        development = Path(self.process.spoolbase) / "development"
        tls = self.delivery("apn_example.com").tls
        self.assertEqual(
            (tls.certificate, tls.key, tls.ca, tls.verify),
            (
                str(development / "client.pem"),
                str(development / "client.key"),
                str(development / "ca.pem"),
                "host",
            ),
        )
        delivery = self.delivery("apn2_example.com")
        tls = delivery.tls
        self.assertEqual((tls.ca, tls.verify), (str(development / "ca.pem"), "host"))
        path = development / f"AuthKey_{KEY_ID}.p8"
        self.assertEqual(delivery.key, KeySettings(str(path), KEY_ID, TEAM_ID))
        self.assertEqual(delivery.topic, TOPIC)

    def test_nothing_needs_root(self) -> None:
        """No port is one of those that only root may open."""
        simulator = self.process.simulator
        assert simulator is not None
        ports = [listen.port for listen in (*self.process.listens, *simulator.listens)]
        self.assertEqual([port for port in ports if (port or 0) < 1024], [])

    def test_host_name(self) -> None:
        """The gateway has a name of its own, whatever the machine is called."""
        self.assertEqual(self.process.hostname, "gateway.example.com")


class ProductionTests(ConfCase):
    """conf/production.conf, a deployment."""

    path = PRODUCTION

    def test_nothing_to_complain_about(self) -> None:
        """Where certificates and keys are in place it is clean."""
        self.assertEqual(self.findings, [])

    def test_only_certificates_are_missing(self) -> None:
        """As shipped it lacks nothing but files, those of its own marked CHANGE."""
        loaded, findings = load(PRODUCTION, set_up=False)
        self.assertIsNone(loaded)
        named = [finding.option for finding in findings]
        self.assertEqual(sorted(map(str, set(named))), sorted(TLS_FILES))
        lines = self.text.splitlines()
        for finding in findings:
            self.assertIn(" cannot be read: No such file", finding.message)
            if finding.option != "tls_ca":
                self.assertIn("# CHANGE", lines[finding.line - 1], finding)

    def test_durable(self) -> None:
        """Everything is on the disk before it is answered, readable by the group."""
        self.assertTrue(self.process.force_fsync)
        self.assertEqual(self.process.spool_mode, 0o640)
        self.assertEqual(self.process.spoolbase, "/var/spool/mcmtpush")
        self.assertEqual(self.process.hostname, "push1.example.net")

    def test_retries(self) -> None:
        """After 2, 4, 8 minutes and so on, at most every hour, for one day."""
        key = self.configuration.routing_key("news.push.example.net")
        queue = self.configuration.queue(key)
        minutes = [
            delay_before(
                n, queue.retry_interval_seconds, queue.max_retry_interval_seconds
            )
            // 60
            for n in range(1, 8)
        ]
        self.assertEqual(minutes, [2, 4, 8, 16, 32, 60, 60])
        self.assertIsNone(retry_limit(queue))
        self.assertEqual(queue.message_expiration_seconds, 24 * 3600)

    def test_outside(self) -> None:
        """Port 25 refuses containers and relays nothing to domains not listed."""
        for peer in ("203.0.113.5", "10.0.0.9"):
            reception = self.configuration.reception(":25", peer)
            self.assertEqual(reception.mcmt_reception, "reject")
            self.assertEqual(reception.tls.certificate, "/etc/mcmtpush/tls/server.pem")
            self.assertEqual(reception.tls.key, "/etc/mcmtpush/tls/server.key")
            self.assertFalse(self.relays(":25", peer, "elsewhere.example"))

    def test_application_servers(self) -> None:
        """Their network may relay and inject containers, nobody else may there."""
        listen = "10.0.0.5:2525"
        inside = self.configuration.reception(listen, "10.0.0.9")
        self.assertEqual(inside.mcmt_reception, "allow")
        self.assertEqual(inside.relay_hosts, (ip_network("10.0.0.0/24"),))
        self.assertEqual(inside.context, {"source": "app-servers"})
        self.assertTrue(self.relays(listen, "10.0.0.9", "news.push.example.net"))
        outside = self.configuration.reception(listen, "10.0.1.9")
        self.assertEqual(outside.mcmt_reception, "reject")
        self.assertFalse(self.relays(listen, "10.0.1.9", "news.push.example.net"))

    def test_limits(self) -> None:
        """Both listens have the listener's limits."""
        for listen in (":25", "10.0.0.5:2525"):
            reception = self.configuration.reception(listen, "10.0.0.9")
            self.assertEqual(reception.idle_seconds, 300)
            self.assertEqual(reception.listener_sessions, 500)
            self.assertEqual(reception.max_message_size, 1048576)
            self.assertEqual(reception.max_recipients_per_message, 1000)

    def test_push_domains_share(self) -> None:
        """What the regex stanza says holds for each app."""
        for app in ("news", "news-dev", "chat", "desk"):
            delivery = self.delivery(f"{app}.push.example.net")
            self.assertEqual(delivery.delivery_method, "apn")
            self.assertEqual(delivery.tls.verify, "host")
            self.assertEqual(delivery.tls.ca, "/etc/ssl/certs/ca-certificates.crt")
            self.assertEqual(delivery.idle_timeout_seconds, 3600)
            self.assertEqual(delivery.apn_expiry_seconds, 7 * 86400)
        self.assertEqual(self.delivery("example.net").delivery_method, "esmtp")

    def test_apps(self) -> None:
        """By the team's key, but for one, each with the topic of its app."""
        team = KeySettings(
            "/etc/mcmtpush/apps/AuthKey_ABCDE12345.p8", "ABCDE12345", "TEAM567890"
        )
        for name, host, topic, credential in (
            ("news", "api.push.apple.com", "com.example.news", team),
            ("news-dev", "api.sandbox.push.apple.com", "com.example.news", team),
            ("calls", "api.push.apple.com", "com.example.phone", team),
            ("chat", "api.push.apple.com", "com.example.org.chat", None),
        ):
            delivery = self.delivery(f"{name}.push.example.net")
            self.assertEqual(delivery.routes, (Route("apn2", host, 443, 0),))
            self.assertEqual((delivery.topic, delivery.key), (topic, credential))
            self.assertEqual(delivery.request_timeout_seconds, 30)
            self.assertIsNone(delivery.proxy)
        calls = self.delivery("calls.push.example.net")
        self.assertEqual((calls.push_type, calls.apn_expiry_seconds), ("voip", 0))
        chat = self.delivery("chat.push.example.net")
        self.assertEqual(chat.max_outbound_connections, 16)
        self.assertEqual(chat.tls.certificate, "/etc/mcmtpush/apps/chat.pem")
        self.assertEqual(chat.tls.key, "/etc/mcmtpush/apps/chat.key")

    def test_proxy(self) -> None:
        """The one that is only shown would work."""
        text = self.text.replace("# apn_proxy", "apn_proxy")
        path = Path(self.mktemp()).absolute().with_suffix(".conf")
        path.write_text(text, encoding="utf-8")
        loaded, findings = load(path)
        assert loaded is not None
        self.assertEqual(findings, [])
        delivery = loaded.delivery(loaded.routing_key("news.push.example.net"))
        assert delivery.proxy is not None
        self.assertEqual(delivery.proxy.host, "proxy.example.net")

    def test_binary_gateway(self) -> None:
        """One domain with gateways of one's own, in order of preference."""
        desk = self.delivery("desk.push.example.net")
        self.assertEqual(
            desk.routes,
            (
                Route("apn", "gateway1.example.org", 2195, preference=0),
                Route("apn", "gateway2.example.org", 2195, preference=1),
            ),
        )
        self.assertEqual(desk.response_timeout_seconds, 4)
        self.assertEqual(desk.max_outbound_connections, 8)

    def test_logs(self) -> None:
        """Everything in one log; failures only, with token and tag, in another."""
        main, failures = self.logger("main"), self.logger("failures")
        self.assertTrue(main.log_delivery and main.log_tempfail and main.log_permfail)
        self.assertEqual((main.logmode, failures.logmode), (0o640, 0o600))
        self.assertFalse(failures.log_delivery or failures.log_tempfail)
        self.assertTrue(failures.log_permfail)
        self.assertEqual(failures.heartbeat_seconds, 0)
        for macro in ("%dt", "%vctx_conn{source}"):
            self.assertIn(macro, failures.log_permfail_format)

    def test_no_simulator(self) -> None:
        """It is for real clients: no pretend Apple."""
        self.assertIsNone(self.process.simulator)
        self.assertTrue(self.process.apn_enabled)


class UnitTests(ConfCase):
    """conf/mcmtpush.service, which runs conf/production.conf."""

    path = PRODUCTION

    def setUp(self) -> None:
        super().setUp()
        # ExecReload stands twice, as systemd wants it.
        unit = ConfigParser(interpolation=None, strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(UNIT.read_text(encoding="utf-8"))
        self.unit = unit["Service"]

    def test_it_can_write(self) -> None:
        """What the configuration writes to is in the folders that are left open."""
        folders = self.unit["ReadWritePaths"].split()
        folders.append(f"/var/log/{self.unit['LogsDirectory']}")
        written = [self.process.spoolbase, *(e.logfile for e in self.process.loggers)]
        self.assertGreater(len(written), 1)
        for path in written:
            inside = [Path(path).is_relative_to(folder) for folder in folders]
            self.assertTrue(any(inside), path)

    def test_it_can_listen(self) -> None:
        """A port below 1024, without root, needs this."""
        self.assertLess(min(each.port for each in self.process.listens), 1024)
        self.assertEqual(self.unit["User"], "mcmtpush")
        for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
            self.assertEqual(self.unit[name], "CAP_NET_BIND_SERVICE")

    def test_it_can_drain(self) -> None:
        """Workers hear of the end from their parent; nobody is killed before it."""
        self.assertEqual(self.unit["KillMode"], "mixed")
        # As docs/explanation/exactness.md has it; binary and HTTP/2 wait for 33 s.
        longest = GOODBYE_SECONDS + 33 + SETTLED_SECONDS
        hangs = LOOK_SECONDS * SILENT_LOOKS
        self.assertGreater(int(self.unit["TimeoutStopSec"]), longest + hangs)
