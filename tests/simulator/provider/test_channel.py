"""Broadcast channels: their life, and what a broadcast must be like."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

from mcmtpush.simulator.provider.channel import Channels, find_app_fault
from mcmtpush.simulator.provider.request import Request, read_request
from tests.support.case import TestCase


APP = "com.example.app"
STORED, FLEETING = "c3RvcmVk", "ZmxlZXRpbmc="
PATH = f"/1/apps/{APP}/channels"


def a_request(
    method: str, path: str = PATH, body: bytes = b"{}", **headers: str
) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = {":method": method, ":path": path, **named}.items()
    encoded = [(name.encode(), value.encode()) for name, value in pairs]
    return read_request(1, encoded, body, len(body))


class ChannelCase(TestCase):
    def setUp(self) -> None:
        known = {APP: {STORED: 1, FLEETING: 0}}
        self.channels = Channels(known, Random(1))


class ManageTests(ChannelCase):
    def create(self, **asked: Any) -> Any:
        content = {"message-storage-policy": 1, "push-type": "LiveActivity", **asked}
        return self.channels.manage(a_request("POST", body=orjson.dumps(content)))

    def names(self, app: str = APP) -> list[str]:
        told = self.channels.manage(a_request("GET", f"/1/apps/{app}/all-channels"))
        self.assertEqual(told.status, 200)
        return list(orjson.loads(told.body)["channels"])

    def test_life(self) -> None:
        """Made, listed, read and removed."""
        told = self.create()
        self.assertEqual((told.status, told.reason), (201, ""))
        self.assertEqual(self.names(), [STORED, FLEETING, told.channel])
        self.assertEqual(self.names("other.app"), [])
        read = self.channels.manage(a_request("GET", apns_channel_id=told.channel))
        content = {"message-storage-policy": 1, "push-type": "LiveActivity"}
        self.assertEqual((read.status, orjson.loads(read.body)), (200, content))
        gone = a_request("DELETE", apns_channel_id=told.channel)
        self.assertEqual(self.channels.manage(gone).status, 204)
        self.assertEqual(self.channels.manage(gone).reason, "ChannelNotRegistered")
        self.assertEqual(self.names(), [STORED, FLEETING])

    def test_faults(self) -> None:
        """Of management requests."""
        for request, reason in (
            (a_request("POST", body=b"[]"), "BadRequestPayload"),
            (a_request("POST", body=b"{}"), "BadRequestParams"),
            (a_request("POST", body=b'{"a":"%s"}' % (b"x" * 5120)), "PayloadTooLarge"),
            (a_request("PUT"), "MethodNotAllowed"),
            (a_request("POST", f"/1/apps/{APP}/all-channels"), "MethodNotAllowed"),
            (a_request("GET"), "MissingChannelId"),
            (a_request("GET", apns_channel_id="???"), "BadChannelId"),
            (a_request("GET", apns_channel_id="YWJj"), "ChannelNotRegistered"),
        ):
            self.assertEqual(self.channels.manage(request).reason, reason, request)
        for asked in (
            {"message-storage-policy": 2},
            {"message-storage-policy": True},
            {"push-type": "alert"},
        ):
            self.assertEqual(self.create(**asked).reason, "BadRequestParams")

    def test_there_is_an_end(self) -> None:
        """An app has ten thousand channels and no more."""
        for _ in range(10_000 - 2):
            self.assertEqual(self.create().reason, "")
        self.assertEqual(self.create().reason, "CannotCreateChannelConfig")


class BroadcastTests(ChannelCase):
    def fault(self, body: bytes = b"{}", **changes: str) -> str:
        headers = {"apns_channel_id": STORED, "apns_push_type": "liveactivity"}
        given = {k: v for k, v in {**headers, **changes}.items() if v}
        path = f"/4/broadcasts/apps/{APP}"
        return self.channels.find_fault(a_request("POST", path, body, **given))

    def test_the_table(self) -> None:
        """Every fault has its reason."""
        for changes, reason in (
            ({}, ""),
            ({"apns_push_type": ""}, "MissingPushType"),
            ({"apns_push_type": "alert"}, "InvalidPushType"),
            ({"apns_priority": "3"}, "BadPriority"),
            ({"apns_expiration": "x"}, "BadExpirationDate"),
            ({"apns_expiration": "9"}, ""),
            ({"apns_channel_id": FLEETING}, ""),
            ({"apns_channel_id": FLEETING, "apns_expiration": "0"}, ""),
            (
                {"apns_channel_id": FLEETING, "apns_expiration": "9"},
                "BadExpirationDate",
            ),
            ({"apns_channel_id": ""}, "MissingChannelId"),
            ({"apns_channel_id": "%"}, "BadChannelId"),
            ({"apns_channel_id": "YWJj"}, "ChannelNotRegistered"),
        ):
            self.assertEqual(self.fault(**changes), reason, changes)

    def test_bodies(self) -> None:
        """A JSON object of up to 5120 bytes."""
        for body, reason in (
            (b"", "BadRequestPayload"),
            (b"x", "BadRequestPayload"),
            (b'{"a":"%s"}' % (b"x" * 5112), ""),
            (b'{"a":"%s"}' % (b"x" * 5113), "PayloadTooLarge"),
        ):
            self.assertEqual(self.fault(body), reason)


class AppTests(TestCase):
    def test_suffixes(self) -> None:
        """Channels belong to apps and not to their topics."""
        for app, reason in (
            (APP, ""),
            (f"{APP}.voip", "TopicDisallowed"),
            (f"{APP}.push-type.liveactivity", "TopicDisallowed"),
            ("com.voip.app", ""),
        ):
            self.assertEqual(find_app_fault(app), reason)
