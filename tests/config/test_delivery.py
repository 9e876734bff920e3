"""How a queue retries, reaches its gateway, and what it has with others."""

from __future__ import annotations

from mcmtpush.config.views import (
    DeliverySettings,
    GuardSettings,
    LimitSettings,
    QueueSettings,
    Route,
    ThrottleSettings,
    TlsClientSettings,
)
from mcmtpush.values import QueueKey
from tests.config.samples import configuration
from tests.support.case import TestCase


KEY = QueueKey("default", "default", "e.com")


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
