"""Apple's rules for a device push, and their order."""

from __future__ import annotations

from mcmtpush.simulator.provider.check import (
    BEFORE_TRUST,
    SUFFIXES,
    find_body_fault,
    find_fault,
    find_topic_fault,
)
from mcmtpush.simulator.provider.request import Request, read_request
from tests.support.case import TestCase


TOKEN = "0f" * 32
GOOD = {":method": "POST", ":path": f"/3/device/{TOKEN}", "apns-topic": "a.b"}


def a_request(body: bytes = b"{}", size: int | None = None, **changes: str) -> Request:
    """A good one, changed; names have underscores, pseudo headers no colon."""
    headers = dict(GOOD)
    for name, value in changes.items():
        key = name.replace("_", "-")
        headers[f":{key}" if f":{key}" in GOOD else key] = value
    pairs = [
        (name.encode(), value.encode("latin-1")) for name, value in headers.items()
    ]
    return read_request(1, pairs, body, len(body) if size is None else size)


def fault(**changes: str) -> str:
    return find_fault(a_request(**changes), BEFORE_TRUST)


class HeaderTests(TestCase):
    def test_the_table(self) -> None:
        """Every fault has its reason."""
        for changes, reason in (
            ({}, ""),
            ({"apns_id": "123E4567-e89b-12d3-a456-42665544000a"}, ""),
            ({"apns_id": "1"}, "BadMessageId"),
            ({"apns_id": "123e4567-e89b-12d3-a456-42665544000g"}, "BadMessageId"),
            ({"method": "GET"}, "MethodNotAllowed"),
            ({"apns_topic": ""}, "BadTopic"),
            ({"apns_topic": "a b"}, "BadTopic"),
            ({"apns_collapse_id": "x" * 64}, ""),
            ({"apns_collapse_id": "x" * 65}, "BadCollapseId"),
            ({"apns_expiration": "0"}, ""),
            ({"apns_expiration": "-1"}, "BadExpirationDate"),
            ({"apns_expiration": ""}, "BadExpirationDate"),
            ({"apns_expiration": "²"}, "BadExpirationDate"),
            ({"apns_priority": "1"}, ""),
            ({"apns_priority": "2"}, "BadPriority"),
            ({"apns_priority": "x"}, "BadPriority"),
            ({"apns_push_type": "background"}, ""),
            ({"apns_push_type": "background", "apns_priority": "5"}, ""),
            ({"apns_push_type": "background", "apns_priority": "10"}, "BadPriority"),
            ({"apns_push_type": "alarm"}, "InvalidPushType"),
            ({"path": "/3/device/"}, "MissingDeviceToken"),
            ({"path": "/3/device"}, "MissingDeviceToken"),
            ({"path": "/3/device/0f"}, "BadDeviceToken"),
            ({"path": f"/3/device/{TOKEN}0"}, "BadDeviceToken"),
            ({"path": f"/3/device/{'xy' * 32}"}, "BadDeviceToken"),
            ({"path": f"/3/device/{'0F' * 100}"}, ""),
            ({"path": f"/3/device/{'0F' * 101}"}, "BadDeviceToken"),
        ):
            self.assertEqual(fault(**changes), reason, changes)

    def test_repeated_headers(self) -> None:
        """A header may stand there once."""
        pairs = [(name.encode(), value.encode()) for name, value in GOOD.items()]
        request = read_request(1, [*pairs, pairs[-1]], b"{}", 2)
        self.assertEqual(find_fault(request, BEFORE_TRUST), "DuplicateHeaders")

    def test_order(self) -> None:
        """Of several faults the first in Apple's order is told."""
        faults = {
            "apns_id": ("1", "BadMessageId"),
            "method": ("PUT", "MethodNotAllowed"),
            "apns_topic": ("?", "BadTopic"),
            "apns_collapse_id": ("x" * 65, "BadCollapseId"),
            "apns_priority": ("7", "BadPriority"),
            "apns_push_type": ("x", "InvalidPushType"),
            "path": ("/3/device/0", "BadDeviceToken"),
        }
        told = []
        while faults:
            told.append(fault(**{name: value for name, (value, _) in faults.items()}))
            first = next(iter(faults))
            self.assertEqual(told[-1], faults.pop(first)[1])
        self.assertEqual(len(told), 7)


class TopicTests(TestCase):
    def test_suffixes(self) -> None:
        """A push type with a suffix wants it in the topic."""
        self.assertEqual(find_topic_fault("a.b.voip", "voip"), "")
        self.assertEqual(find_topic_fault("a.b", "voip"), "TopicDisallowed")
        for push_type, suffix in SUFFIXES.items():
            self.assertEqual(find_topic_fault(f"a.b{suffix}", push_type), "")
        self.assertEqual(find_topic_fault("a.b", None), "")


class BodyTests(TestCase):
    def test_the_table(self) -> None:
        """Empty, too long, or no JSON object."""
        for request, reason in (
            (a_request(), ""),
            (a_request(b""), "PayloadEmpty"),
            (a_request(b"[]"), "BadRequestPayload"),
            (a_request(b'{"a":"\xff"}'), "BadRequestPayload"),
            (a_request(size=4096), ""),
            (a_request(size=4097), "PayloadTooLarge"),
            (a_request(size=5120, apns_push_type="voip"), ""),
            (a_request(size=5121, apns_push_type="voip"), "PayloadTooLarge"),
        ):
            self.assertEqual(find_body_fault(request), reason, request)
