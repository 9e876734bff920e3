"""Requests: any headers make one, and paths lead somewhere or nowhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.simulator.provider.request import Place, read_request
from tests.support.case import TestCase, readable


class PathTests(TestCase):
    def test_places(self) -> None:
        """Where a path leads, and what it names."""
        for path, place, target in (
            ("/3/device/0f", Place.DEVICE, "0f"),
            ("/3/device/", Place.DEVICE, ""),
            ("/3/device", Place.DEVICE, ""),
            ("/3/devices/0f", Place.NOWHERE, ""),
            ("/3/device/0f/x", Place.NOWHERE, ""),
            ("/3/device/0f?x", Place.NOWHERE, ""),
            ("/4/broadcasts/apps/a.b", Place.BROADCAST, "a.b"),
            ("/4/broadcasts/apps/", Place.NOWHERE, ""),
            ("/1/apps/a.b/channels", Place.CHANNELS, "a.b"),
            ("/1/apps/a.b/all-channels", Place.CHANNELS, "a.b"),
            ("/1/apps/a.b/some-channels", Place.NOWHERE, ""),
            ("", Place.NOWHERE, ""),
        ):
            request = read_request(1, [(b":path", path.encode())], b"", 0)
            self.assertEqual((request.place, request.target), (place, target), path)


class ReadTests(TestCase):
    def test_fields(self) -> None:
        """What rules and the journal ask for."""
        headers = [
            (b":method", b"POST"),
            (b":path", b"/3/device/0F0f"),
            (b"apns-topic", b"a.b"),
            (b"apns-push-type", b"alert"),
            (b"apns-expiration", b"7"),
            (b"apns-priority", b"5"),
        ]
        request = read_request(9, headers, b"{}", 2)
        self.assertEqual((request.identifier, request.token), (9, b"\x0f\x0f"))
        self.assertEqual((request.topic, request.push_type), ("a.b", "alert"))
        self.assertEqual((request.expiry, request.priority), (7, 5))
        self.assertFalse(request.repeated)

    def test_tokens(self) -> None:
        """Whole octets in hexadecimal and nothing else."""
        for text, token in (
            ("0F0f", b"\x0f\x0f"),
            ("", b""),
            ("0", b""),
            ("0g", b""),
            ("0f 0f", b""),
            (" 0f", b""),
            ("0f\n", b""),
            ("\u00b2\u00b2", b""),
        ):
            path = f"/3/device/{text}".encode("latin-1")
            request = read_request(1, [(b":path", path)], b"", 0)
            self.assertEqual((request.token, request.target), (token, text))

    def test_the_topic_of_a_broadcast(self) -> None:
        """It is the app in the path."""
        request = read_request(1, [(b":path", b"/4/broadcasts/apps/a.b")], b"", 0)
        self.assertEqual(request.topic, "a.b")

    @readable
    @given(
        st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=5)
    )
    def test_anything_can_be_read(self, headers: list[tuple[bytes, bytes]]) -> None:
        """No bytes make it fail, and every property has a value."""
        request = read_request(1, headers, b"", 0)
        self.assertEqual(request.repeated, len(dict(headers)) < len(headers))
        self.assertIn(request.priority, (10, None))
        self.assertIsNone(request.expiry)
        method = dict(headers).get(b":method", b"").decode("latin-1")
        self.assertEqual((request.method, request.token), (method, b""))
