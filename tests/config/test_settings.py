"""Views: kept for each chain of scopes, the same for all that fall back along it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import (
    ReceptionSettings,
)
from mcmtpush.values import QueueKey
from tests.config.samples import SAMPLE, configuration, tree
from tests.support.case import TestCase, readable


KEY = QueueKey("default", "default", "e.com")


class CacheTests(TestCase):
    """What was asked before."""

    def test_cached(self) -> None:
        """The same question has the same answer object."""
        settings = configuration(SAMPLE.replace('include "conf.d"', ""))
        self.assertIs(settings.queue(KEY), settings.queue(KEY))
        self.assertIs(settings.delivery(KEY), settings.delivery(KEY))
        self.assertIs(settings.process(), settings.process())
        self.assertIs(
            settings.reception(":2525", "::1"), settings.reception(":2525", "::1")
        )


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
