"""What queues are told about Apple's HTTP/2 interface."""

from __future__ import annotations

from mcmtpush.config.addresses import read_routes
from mcmtpush.config.push import manage_route
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import (
    DeliverySettings,
    KeySettings,
    ProxySettings,
    Route,
)
from mcmtpush.values import QueueKey
from tests.config.samples import tree
from tests.support.case import TestCase


EVERYTHING = """
domain "e.com" {
  delivery_method = apn
  routes = ( "apn2://api.push.apple.com" "apn://old.example?port=2195" )
  apn_key_file = keys/AuthKey.p8 apn_key_id = ABCDE12345 apn_team_id = "TEAM567890"
  apn_topic = com.example.app apn_push_type = LiveActivity apn_priority = 5
  apn_collapse_id = score apn_proxy = "http://u:secret@proxy:3128"
  apn_manage_host = "127.0.0.1:2196" delivery_response_timeout = 12500
}
"""


def delivery(text: str, *, group: str = "default") -> DeliverySettings:
    """What the queue of e.com is told."""
    return Configuration(tree(text)).delivery(QueueKey(group, "default", "e.com"))


class ViewTests(TestCase):
    """Each option in its place."""

    def test_everything(self) -> None:
        """Paths absolute, durations in seconds, the password in the header only."""
        found = delivery(EVERYTHING)
        self.assertEqual(
            found.key,
            KeySettings("/etc/mcmtpush/keys/AuthKey.p8", "ABCDE12345", "TEAM567890"),
        )
        self.assertEqual(
            (found.topic, found.push_type, found.priority, found.collapse_id),
            ("com.example.app", "liveactivity", 5, "score"),
        )
        self.assertEqual(
            found.proxy, ProxySettings("proxy", 3128, "Basic dTpzZWNyZXQ=")
        )
        self.assertNotIn("dTpz", repr(found))
        self.assertEqual(
            found.routes,
            (
                Route("apn2", "api.push.apple.com", 443, 0),
                Route("apn", "old.example", 2195, 1),
            ),
        )
        self.assertEqual(found.manage_route, Route("apn2", "127.0.0.1", 2196, 0))
        self.assertEqual(found.request_timeout_seconds, 12.5)

    def test_cancelled(self) -> None:
        """What a wider scope says can be taken back."""
        text = """
        apn_key_file = /k.p8 apn_key_id = ABCDE12345 apn_team_id = TEAM567890
        apn_topic = com.example apn_priority = 10 apn_collapse_id = x
        apn_proxy = "http://h:1"
        domain "e.com" {
          apn_key_file = None apn_topic = "" apn_priority = unset
          apn_collapse_id = "" apn_proxy = none
        }
        """
        found = delivery(text)
        self.assertEqual(found.key, None)
        self.assertEqual(
            (found.topic, found.priority, found.collapse_id, found.proxy), (None,) * 4
        )

    def test_incomplete_key(self) -> None:
        """A key without its ids is none."""
        for part in ("apn_key_id = ABCDE12345", "apn_team_id = TEAM567890"):
            self.assertIsNone(delivery(f"apn_key_file = /k {part}").key)

    def test_ids_from_different_scopes(self) -> None:
        """The team may be said once for all, the key for each group."""
        text = """
        apn_team_id = TEAM567890
        binding_group "g" { apn_key_file = /g.p8 apn_key_id = GGGGG12345 }
        """
        self.assertIsNone(delivery(text).key)
        self.assertEqual(
            delivery(text, group="g").key,
            KeySettings("/g.p8", "GGGGG12345", "TEAM567890"),
        )

    def test_idle_connections(self) -> None:
        """Kept for an hour, as Apple wants it, unless somebody says how long."""
        for text, expected in (
            ("", (5, 3600)),
            ("idle_timeout = 40", (40, 40)),
        ):
            found = delivery(text)
            told = found.idle_timeout_seconds, found.http2_idle_seconds
            self.assertEqual(told, expected)

    def test_wait_for_an_answer(self) -> None:
        """30 seconds unless somebody anywhere set the response window."""
        for text, expected in (
            ("", 30.0),
            ("delivery_response_timeout = 5000", 5.0),
            ('domain "e.com" { delivery_response_timeout = 45000 }', 45.0),
        ):
            found = delivery(text)
            self.assertEqual(found.request_timeout_seconds, expected, text)
        self.assertEqual(delivery("").response_timeout_seconds, 5.0)


class ManageTests(TestCase):
    """Where channels are managed when nobody says."""

    def test_apples_hosts(self) -> None:
        """Each environment has its own host and port."""
        for host, expected in (
            ("api.push.apple.com", ("api-manage-broadcast.push.apple.com", 2196)),
            (
                "api.sandbox.push.apple.com:2197",
                ("api-manage-broadcast.sandbox.push.apple.com", 2195),
            ),
            (
                "api.development.push.apple.com",
                ("api-manage-broadcast.sandbox.push.apple.com", 2195),
            ),
        ):
            found = manage_route(read_routes([f"apn2://{host}"]))
            assert found is not None
            self.assertEqual((found.host, found.port), expected)

    def test_others(self) -> None:
        """No credential goes to Apple for a simulator: it is asked itself."""
        found = manage_route(read_routes(["apn://a?port=1", "apn2://127.0.0.1:2197"]))
        self.assertEqual(found, Route("apn2", "127.0.0.1", 2197, 1))
        self.assertIsNone(manage_route(read_routes(["apn://a?port=1"])))
