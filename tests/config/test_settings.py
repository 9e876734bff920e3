"""Views: what the rooms are told of a configuration."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.settings import Configuration, read_routes
from mcmtpush.config.views import (
    DeliverySettings,
    GuardSettings,
    LimitSettings,
    ListenSettings,
    LoggerSettings,
    ProcessSettings,
    QueueSettings,
    ReceptionSettings,
    Route,
    SimulatorSettings,
    ThrottleSettings,
    TlsClientSettings,
    TlsServerSettings,
)
from mcmtpush.values import QueueKey
from tests.config.samples import SAMPLE, tree
from tests.support.case import TestCase, readable


KEY = QueueKey("default", "default", "e.com")


def configuration(text: str, hostname: str = "host.example.net") -> Configuration:
    """A configuration given as text."""
    return Configuration(tree(text), hostname)


class QueueTests(TestCase):
    """Queue and delivery settings."""

    def test_defaults(self) -> None:
        """An empty configuration gives what the views have by themselves."""
        empty = configuration("")
        self.assertEqual(empty.queue(KEY), QueueSettings())
        self.assertEqual(
            empty.delivery(KEY), DeliverySettings(ehlo_hostname="host.example.net")
        )

    def test_every_queue_setting(self) -> None:
        """Each option arrives in its place."""
        text = """
        domain "e.com" {
          delivery_method = "APN" retry_interval = 1 max_retry_interval = 2
          max_retries = 3 message_expiration = 4 never_retry = on
          never_attempt_expired_messages = yes suspend_delivery = 1
          max_resident_active_queue = -1 apn_ambiguous_policy = Hold
          blackhole = internal dead_letter_retention = 5 generate_bounces = off
          bounces_inline_original = all mailerdaemon = "m@e.com"
        }
        """
        self.assertEqual(
            configuration(text).queue(KEY),
            QueueSettings(
                "apn", 1, 2, 3, 4, True, True, True, -1,
                "hold", "internal", 5, False, "all", "m@e.com",
            ),
        )  # fmt: skip

    def test_words_of_blackhole(self) -> None:
        """True is inline."""
        for word, meant in (
            ("false", "false"),
            ("TRUE", "inline"),
            ("inline", "inline"),
            ("internal", "internal"),
        ):
            settings = configuration(f"blackhole = {word}").queue(KEY)
            self.assertEqual(settings.blackhole, meant)

    def test_words_of_max_retries(self) -> None:
        """Auto and none stay words."""
        for word in ("auto", "NONE"):
            text = f"max_retries = {word}"
            self.assertEqual(configuration(text).queue(KEY).max_retries, word.lower())

    def test_every_delivery_setting(self) -> None:
        """Each option arrives in its place, durations in seconds."""
        text = """
        bind_address = "192.0.2.7"
        domain "e.com" {
          delivery_method = apn
          routes = ( "apn://b?port=2&pref=5" "apn://a?port=1" )
          tls_certificate = /c tls_key = /k tls_ca = /ca tls_verify = host
          tls_ciphers = "HIGH" tls_protocols = "+TLSv1.2"
          apn_expiry = 60 delivery_response_timeout = 2500 idle_timeout = 30
          connect_timeout = 20 max_outbound_connections = -1
          max_deliveries_per_connection = 9
          connection_allocation_aggressiveness = "high"
          host_failure_retry = 3 mx_failures_to_delay = 4
          connect_timeout_to_delay = 44 apn_flush_interval = 5
          apn_unsettled_limit = 6 apn_unsettled_bytes = 7
          apn_guard_first = 8 apn_guard_window = 10 apn_guard_share = 55
          apn_feedback_route = "apn://f?port=99" apn_feedback_interval = 11
          tls = required tls_ifavailable_fallback = no ehlo_hostname = "me.e.com"
        }
        """
        self.assertEqual(
            configuration(text).delivery(KEY),
            DeliverySettings(
                delivery_method="apn",
                routes=(Route("apn", "a", 1, 1), Route("apn", "b", 2, 5)),
                tls=TlsClientSettings("/c", "/k", "/ca", "host", "HIGH", "+TLSv1.2"),
                bind_address="192.0.2.7",
                apn_expiry_seconds=60,
                response_timeout_seconds=2.5,
                idle_timeout_seconds=30,
                connect_timeout_seconds=20,
                max_outbound_connections=-1,
                max_deliveries_per_connection=9,
                connection_aggressiveness=0.75,
                host_failure_retry_seconds=3,
                mx_failures_to_delay=4,
                connect_timeout_to_delay_seconds=44,
                flush_interval_seconds=5,
                unsettled_limit=6,
                unsettled_bytes=7,
                guard=GuardSettings(8, 10, 0.55),
                feedback_route=Route("apn", "f", 99, 0),
                feedback_interval_seconds=11,
                tls_mode="required",
                tls_ifavailable_fallback=False,
                ehlo_hostname="me.e.com",
                request_timeout_seconds=2.5,
                http2_idle_seconds=30,
            ),
        )

    def test_own_name(self) -> None:
        """The words that stand for this machine's name become it."""
        for text in ("", 'ehlo_hostname = "__hostname__"', "ehlo_hostname=__message__"):
            settings = configuration("hostname = h.net " + text).delivery(KEY)
            self.assertEqual(settings.ehlo_hostname, "h.net")

    def test_none_cancels_an_inherited_certificate(self) -> None:
        """tls_certificate = none is no certificate; DEFAULT is no cipher list."""
        text = """
        tls_certificate = /c tls_key = /k tls_ciphers = HIGH
        domain "e.com" {
          tls_certificate = none tls_key = None tls_ciphers = "DEFAULT"
        }
        """
        self.assertEqual(configuration(text).delivery(KEY).tls, TlsClientSettings())

    def test_cached(self) -> None:
        """The same question has the same answer object."""
        settings = configuration(SAMPLE.replace('include "conf.d"', ""))
        self.assertIs(settings.queue(KEY), settings.queue(KEY))
        self.assertIs(settings.delivery(KEY), settings.delivery(KEY))
        self.assertIs(settings.process(), settings.process())
        self.assertIs(
            settings.reception(":2525", "::1"), settings.reception(":2525", "::1")
        )


class ShareTests(TestCase):
    """What queues have together."""

    TEXT = """
    outbound_throttle_messages = "100" outbound_throttle_connections = "7/60"
    server_max_outbound_connections = 50 scope_max_outbound_connections = 20
    domain /[.]net$/ {
      outbound_throttle_messages = "600/60" scope_max_outbound_connections = 5
    }
    domain "free.net" {
      outbound_throttle_messages = 0 scope_max_outbound_connections = -1
    }
    binding "b" {
      server_max_outbound_connections = 3 outbound_throttle_messages = "100"
    }
    binding_group "g" { server_max_outbound_connections = 4 binding "c" {} }
    """

    def setUp(self) -> None:
        settings = configuration(self.TEXT)
        self.plain, self.other, self.one, self.two, self.free = (
            settings.delivery(KEY._replace(domain=domain))
            for domain in ("a.com", "b.com", "one.net", "two.net", "free.net")
        )
        self.bound, self.bound_too, self.grouped = (
            settings.delivery(QueueKey(group, binding, domain))
            for group, binding, domain in (
                ("default", "b", "a.com"),
                ("default", "b", "b.com"),
                ("g", "c", "a.com"),
            )
        )
        self.server_limit = settings.process().server_limit

    def rate(self, throttle: ThrottleSettings | None) -> tuple[int, float]:
        assert throttle is not None
        return throttle.count, throttle.per_seconds

    def count(self, limit: LimitSettings | None) -> int:
        assert limit is not None
        return limit.count

    def test_one_definition_one_object(self) -> None:
        """Whoever falls back to the same definition has the same object."""
        self.assertIs(self.plain.message_throttle, self.other.message_throttle)
        self.assertEqual(self.rate(self.plain.message_throttle), (100, 1))
        self.assertIs(self.one.message_throttle, self.two.message_throttle)
        self.assertEqual(self.rate(self.one.message_throttle), (600, 60))
        self.assertIs(self.plain.connection_throttle, self.one.connection_throttle)
        self.assertEqual(self.rate(self.free.connection_throttle), (7, 60))
        self.assertIs(self.plain.scope_limit, self.other.scope_limit)
        self.assertEqual(self.count(self.plain.scope_limit), 20)
        self.assertIs(self.one.scope_limit, self.two.scope_limit)
        self.assertEqual(self.count(self.one.scope_limit), 5)

    def test_equal_is_not_the_same(self) -> None:
        """Two definitions with the same words are two rates."""
        self.assertEqual(self.rate(self.bound.message_throttle), (100, 1))
        self.assertIsNot(self.bound.message_throttle, self.plain.message_throttle)
        self.assertIs(self.bound.message_throttle, self.bound_too.message_throttle)

    def test_nothing(self) -> None:
        """0 is no rate, -1 is no limit, and what nobody sets is none."""
        self.assertIsNone(self.free.message_throttle)
        self.assertIsNone(self.free.scope_limit)
        empty = configuration("").delivery(KEY)
        self.assertIsNone(empty.message_throttle)
        self.assertIsNone(empty.connection_throttle)
        self.assertIsNone(empty.scope_limit)

    def test_connections_of_a_binding(self) -> None:
        """The global number is the process's; a binding's is its own."""
        self.assertEqual(self.server_limit, 50)
        self.assertIsNone(self.plain.binding_limit)
        self.assertEqual(self.count(self.bound.binding_limit), 3)
        self.assertIs(self.bound.binding_limit, self.bound_too.binding_limit)
        self.assertEqual(self.count(self.grouped.binding_limit), 4)


class FeedbackTests(TestCase):
    """Whose feedback service is polled."""

    def test_domains(self) -> None:
        """Those that push and have a route, each by its name."""
        text = """
        apn_feedback_route = "apn://feedback?port=2196"
        domain "A.com" { delivery_method = "apn" }
        domain "/b.*/" { delivery_method = "apn" }
        domain "mail.com" {}
        """
        self.assertEqual(configuration(text).feedback_domains(), ["a.com"])
        self.assertEqual(
            configuration(
                'domain "a.com" { delivery_method = "apn" }'
            ).feedback_domains(),
            [],
        )


class RouteTests(TestCase):
    """The order of routes."""

    def test_preference_then_position(self) -> None:
        """Lower preferences first; without pref the position in the list."""
        routes = read_routes(["a?pref=9", "b", "c?pref=1", "d"])
        self.assertEqual([route.host for route in routes], ["b", "c", "d", "a"])
        self.assertEqual([route.preference for route in routes], [1, 1, 3, 9])
        self.assertEqual(read_routes(None), ())


class RoutingTests(TestCase):
    """Which queue a recipient domain has."""

    def test_lower_case(self) -> None:
        """Domains are compared without case."""
        self.assertEqual(
            configuration("").routing_key("Apn_Example.COM"),
            QueueKey("default", "default", "apn_example.com"),
        )

    def test_gateway_renames_the_queue(self) -> None:
        """A domain with a gateway is queued under the gateway's name."""
        settings = configuration('domain "e.com" { gateway = "Hub.net" }')
        self.assertEqual(settings.routing_key("E.com").domain, "hub.net")
        self.assertEqual(settings.routing_key("other.com").domain, "other.com")


class ReceptionTests(TestCase):
    """What holds for one client on one listen."""

    def test_defaults(self) -> None:
        """Only loopback may relay, and the host is known."""
        self.assertEqual(
            configuration("").reception(":25", "192.0.2.1"),
            ReceptionSettings(
                hostname="host.example.net",
                relay_hosts=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
            ),
        )

    def test_every_setting(self) -> None:
        """Each option arrives in its place."""
        text = """
        hostname = "configured.net" relay_domains = ( "*.E.com" )
        rfc2822_missing_headers = allow rfc2822_lone_lf_in_headers = fix
        rfc2822_lone_lf_in_body = pedantic rfc2822_trace_headers = off
        esmtp_listener { listen ":25" {
          mcmt_reception = "Allow" mcmt_push_only = false
          banner_hostname = b static_banner = "220 s" received_hostname = r
          idle_time = 1 listener_sessions = 2 service_sessions = 3
          max_receptions_per_connection = 4 max_recipients_per_connection = 5
          max_recipients_per_message = 6 max_message_size = 7
          context = [ a = 1 ] smtp_extensions = ( "SIZE 10" PIPELINING )
          relay_hosts = () relay_for_sending_domains = () open_relay = true
          require_ehlo = true allow_null_envelope_sender = false
          allow_ip_literal = false allow_trailing_whitespace_in_commands = true
          starttls_injection_policy = ignore tls_verified_peer_can_relay = true
          tls_certificate = /c tls_key = /k tls_ciphers = HIGH
          tls_protocols = "+TLSv1.2" tls_client_ca = /ca tls_verify_mode = require
          use_ssl = true
        } }
        """
        self.assertEqual(
            configuration(text).reception("*:25", "192.0.2.1"),
            ReceptionSettings(
                mcmt_reception="allow",
                mcmt_push_only=False,
                hostname="configured.net",
                banner_hostname="b",
                static_banner="220 s",
                received_hostname="r",
                idle_seconds=1,
                listener_sessions=2,
                service_sessions=3,
                max_receptions_per_connection=4,
                max_recipients_per_connection=5,
                max_recipients_per_message=6,
                max_message_size=7,
                context={"a": "1"},
                smtp_extensions=("SIZE 10", "PIPELINING"),
                relay_hosts=(),
                relay_domains=("*.e.com",),
                relay_for_sending_domains=(),
                open_relay=True,
                require_ehlo=True,
                allow_null_envelope_sender=False,
                allow_ip_literal=False,
                allow_trailing_whitespace_in_commands=True,
                rfc2822_missing_headers="allow",
                rfc2822_lone_lf_in_headers="fix",
                rfc2822_lone_lf_in_body="pedantic",
                rfc2822_trace_headers=False,
                starttls_injection_policy="ignore",
                tls_verified_peer_can_relay=True,
                tls=TlsServerSettings(
                    "/c", "/k", "HIGH", "+TLSv1.2", "/ca", "require", True
                ),
            ),
        )

    def test_context_beats_option(self) -> None:
        """The sample: the peer's context allows what the listen rejects."""
        settings = configuration(SAMPLE.replace('include "conf.d"', ""))
        inside = settings.reception(":2525", "192.0.2.9")
        outside = settings.reception(":2525", "127.0.0.1")
        self.assertEqual(inside.mcmt_reception, "allow")
        self.assertEqual(inside.context, {"mcmt_reception": "allow", "tag": "7"})
        self.assertEqual(outside.mcmt_reception, "reject")
        self.assertEqual(outside.idle_seconds, 300)

    def test_nonsense_in_the_context(self) -> None:
        """A word that is no choice leaves the option alone."""
        text = 'esmtp_listener { context = [ mcmt_reception = "maybe" ] }'
        settings = configuration(text).reception(":25", "::1")
        self.assertEqual(settings.mcmt_reception, "passthru")


class ProcessTests(TestCase):
    """What the process as a whole is told."""

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


_OF_BINDINGS = [
    "idle_timeout = 7",
    "idle_timeout = 8",
    "tls_certificate = /a.pem tls_key = /a.key",
    "retry_interval = 3",
    "outbound_throttle_messages = 5",
]
_OF_DOMAINS = [
    *_OF_BINDINGS,
    'routes = ( "apn2://h?port=1" "apn://i?port=2" )',
    'apn_topic = "com.example.app"',
    "blackhole = internal",
    "scope_max_outbound_connections = 6",
    'gateway = "b.example"',
]
_DOMAINS = ("a.example", "b.example", "xx.example", "deep.a.example")


def _said(options: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(options), max_size=2).map(" ".join)


def _several(texts: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(texts, max_size=most).map(" ".join)


_STANZAS = st.builds(
    'domain "{}" {{ {} }}'.format,
    st.sampled_from([*_DOMAINS[:3], r"/^.{4}\\.ex/", "/a[.]example$/", "/x/"]),
    _said(_OF_DOMAINS),
)
_CONTAINERS = st.builds(
    "{} {{ {} {} }}".format,
    st.sampled_from(['binding "b"', 'binding_group "g"', 'binding_group "default"']),
    _said(_OF_BINDINGS),
    _several(_STANZAS, 2),
)
_INSIDE = st.builds(
    'binding_group "{}" {{ binding "{}" {{ {} }} }}'.format,
    st.sampled_from(["g", "default"]),
    st.sampled_from(["b", "c"]),
    _said(_OF_BINDINGS),
)
_TEXTS = st.builds(
    "{} {} {}".format,
    _said(_OF_DOMAINS),
    _several(_STANZAS, 4),
    _several(st.one_of(_CONTAINERS, _INSIDE), 3),
)
_KEYS = st.builds(
    QueueKey,
    st.sampled_from(["default", "g"]),
    st.sampled_from(["default", "b", "c"]),
    st.sampled_from(_DOMAINS),
)


class SharingTests(TestCase):
    """One view for all that fall back along the same scopes, and never for others."""

    def test_without_a_stanza(self) -> None:
        """However many domains there are."""
        shared = configuration('idle_timeout = 7 domain "e.com" { idle_timeout = 8 }')
        one, two = (KEY._replace(domain=name) for name in ("one.com", "two.com"))
        self.assertIs(shared.delivery(one), shared.delivery(two))
        self.assertIs(shared.queue(one), shared.queue(two))
        self.assertEqual(shared.delivery(one).idle_timeout_seconds, 7)
        self.assertEqual(shared.delivery(KEY).idle_timeout_seconds, 8)

    def test_clients(self) -> None:
        """So with what clients are told, by listen and block."""
        shared = configuration(
            """
            esmtp_listener {
              peer "192.0.2.0/24" { idle_time = 3 }
              listen ":25" { idle_time = 5 } listen ":26" {}
            }
            """
        )

        def said(listen: str, peer: str) -> ReceptionSettings:
            return shared.reception(listen, peer)

        self.assertIs(said(":26", "192.0.2.1"), said(":26", "192.0.2.2"))
        self.assertIs(said(":25", "198.51.100.1"), said("*:25", "203.0.113.1"))
        self.assertEqual(
            [
                said(listen, peer).idle_seconds
                for listen in (":25", ":26")
                for peer in ("192.0.2.9", "203.0.113.9")
            ],
            [3, 5, 3, 0],
        )

    @readable
    @given(_TEXTS, st.lists(_KEYS, min_size=1, max_size=9))
    def test_as_if_nobody_else_had_asked(self, text: str, keys: list[QueueKey]) -> None:
        """In whatever order the queues are asked for, each is told what is its own."""
        root = tree(text)
        shared = Configuration(root, "host")
        for key in keys:
            alone = Configuration(root, "host")
            self.assertEqual(shared.queue(key), alone.queue(key))
            self.assertEqual(shared.delivery(key), alone.delivery(key))
            self.assertEqual(
                shared.routing_key(key.domain), alone.routing_key(key.domain)
            )
