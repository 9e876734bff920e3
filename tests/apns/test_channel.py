"""Requests about broadcast channels, and what their answers say."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.channel import (
    Channel,
    bundle_of,
    create_request,
    delete_request,
    list_request,
    read_channel,
    read_created,
    read_list,
    read_request,
)
from mcmtpush.errors import RemoteProtocolError
from tests.support.case import TestCase, readable


APP = "com.example.app"
NUMBER = "0f4e9a62-7a54-4c6b-9f3e-5d3c2b1a0e9d"
CHANNEL = "dHN0LXNyY2gtY2hubA=="


class RequestTests(TestCase):
    """As Apple's page has them."""

    def test_create(self) -> None:
        """A body with both fields; the id comes from the service."""
        request = create_request(APP, NUMBER, stores=True)
        self.assertEqual(request.method, b"POST")
        self.assertEqual(request.path, b"/1/apps/com.example.app/channels")
        self.assertEqual(
            request.body, b'{"message-storage-policy":1,"push-type":"LiveActivity"}'
        )
        self.assertEqual(
            (*request.constant, *request.varying),
            ((b"apns-request-id", NUMBER.encode()),),
        )
        nothing = create_request(APP, NUMBER, stores=False)
        self.assertIn(b'"message-storage-policy":0', nothing.body)

    def test_one_channel(self) -> None:
        """Reading and deleting name the channel in a header."""
        for make, method in ((read_request, b"GET"), (delete_request, b"DELETE")):
            request = make(APP, NUMBER, CHANNEL)
            self.assertEqual(request.method, method)
            self.assertEqual(request.path, b"/1/apps/com.example.app/channels")
            self.assertIn((b"apns-channel-id", CHANNEL.encode()), request.varying)
            self.assertEqual(request.body, b"")
            for bad in ("", "a b", "é", "a\r\n"):
                with self.assertRaises(ValueError):
                    make(APP, NUMBER, bad)

    def test_list(self) -> None:
        """All of an app."""
        request = list_request(APP, NUMBER)
        self.assertEqual(request.method, b"GET")
        self.assertEqual(request.path, b"/1/apps/com.example.app/all-channels")

    def test_bundle(self) -> None:
        """Channels belong to the app, whatever its topic has behind it."""
        self.assertEqual(bundle_of(APP), APP)
        self.assertEqual(bundle_of(f"{APP}.push-type.liveactivity"), APP)
        for bad in ("", "com/example", "com example", ".push-type.liveactivity"):
            with self.assertRaises(ValueError):
                bundle_of(bad)


class AnswerTests(TestCase):
    """What comes back."""

    def test_answers(self) -> None:
        """An id, a policy, a list; more than was promised does not matter."""
        self.assertEqual(read_created({b"apns-channel-id": CHANNEL.encode()}), CHANNEL)
        for policy in (0, 1):
            body = b'{"push-type":"LiveActivity","message-storage-policy":%d}' % policy
            self.assertEqual(read_channel("x", body), Channel("x", bool(policy)))
        self.assertEqual(read_list(b'{"channels":["a","b"],"x":1}'), ["a", "b"])
        self.assertEqual(read_list(b'{"channels":[]}'), [])

    def test_nonsense(self) -> None:
        """Anything else is the service's fault and says so."""
        for headers in ({}, {b"apns-channel-id": b""}, {b"apns-channel-id": b"\xff"}):
            with self.assertRaises(RemoteProtocolError):
                read_created(headers)
        for body in (b"", b"[]", b"{}", b'{"message-storage-policy":"1"}', b"\xff"):
            with self.assertRaises(RemoteProtocolError):
                read_channel("x", body)
        for body in (b"", b"{}", b'{"channels":"a"}', b'{"channels":[1]}'):
            with self.assertRaises(RemoteProtocolError):
                read_list(body)

    @readable
    @given(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["channels", "x"]), inner, max_size=2)
            ),
        ),
    )
    def test_garbage(self, noise: bytes, value: object) -> None:
        """Whatever the body is, it is an answer or a RemoteProtocolError."""
        try:
            bodies = [noise, orjson.dumps(value)]
        except TypeError:  # integers beyond 64 bits
            bodies = [noise]
        for body in bodies:
            for read in (read_list, lambda text: read_channel("x", text)):
                try:
                    found = read(body)
                except RemoteProtocolError:
                    continue
                self.assertIsInstance(found, (list, Channel))
