"""From push parts to requests: every header, every objection, every suffix."""

from __future__ import annotations

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.requests import (
    SUFFIXES,
    Request,
    RequestDefaults,
    apns_id_of,
    build_request,
    repeated,
    with_suffix,
)
from mcmtpush.values import PushPart, Refused
from tests.support.case import TestCase, readable


TOKEN = "00aaFF" + "11" * 29
ALERT = b'{"aps":{"alert":"hi"}}'
SILENT = b'{"aps":{"content-available":1}}'
NOW = 1_700_000_000.9
BUNDLE = "com.example.app"
DEFAULTS = RequestDefaults(topic=BUNDLE)
AN_ID = "0c5d8f3e-1a2b-4c3d-8e4f-5a6b7c8d9e0f"


def build(
    headers: dict[str, str] | None = None,
    *,
    token: str = TOKEN,
    payload: bytes = ALERT,
    defaults: RequestDefaults = DEFAULTS,
) -> Request | Refused:
    push = PushPart(token, payload, headers=headers or {})
    return build_request(push, message_id="CC/01", now=NOW, defaults=defaults)


def fields(built: Request | Refused) -> dict[bytes, bytes]:
    assert isinstance(built, Request), built
    found = dict((*built.constant, *built.varying))
    assert len(found) == len(built.constant) + len(built.varying)
    return found


class DeviceTests(TestCase):
    def test_plain(self) -> None:
        """A push part that says nothing gets what its domain says."""
        built = build()
        apns_id = apns_id_of("CC/01")
        self.assertEqual(
            built,
            Request(
                b"/3/device/" + TOKEN.lower().encode(),
                ((b"apns-topic", b"com.example.app"), (b"apns-push-type", b"alert")),
                (
                    (b"apns-id", apns_id.encode()),
                    (b"apns-expiration", b"1700604800"),
                ),
                ALERT,
                apns_id,
            ),
        )

    def test_everything_said(self) -> None:
        """Every header of the push part is sent as it was given."""
        built = build(
            {
                "apns-id": AN_ID.upper(),
                "apns-expiration": "123",
                "apns-priority": "1",
                "apns-topic": "org.other",
                "apns-push-type": "location",
                "apns-collapse-id": "a b",
                "token-registered-at": "1",
            },
            defaults=RequestDefaults(BUNDLE, "voip", 10, "zzz", 0),
        )
        self.assertEqual(
            fields(built),
            {
                b"apns-id": AN_ID.encode(),
                b"apns-expiration": b"123",
                b"apns-priority": b"1",
                b"apns-topic": b"org.other.location-query",
                b"apns-push-type": b"location",
                b"apns-collapse-id": b"a b",
            },
        )
        assert isinstance(built, Request)
        self.assertEqual(built.apns_id, AN_ID)

    def test_everything_default(self) -> None:
        """What the push part leaves open is the domain's."""
        self.assertEqual(
            fields(build(defaults=RequestDefaults("t", "voip", 5, "c", 0))),
            {
                b"apns-id": apns_id_of("CC/01").encode(),
                b"apns-expiration": b"0",
                b"apns-priority": b"5",
                b"apns-topic": b"t.voip",
                b"apns-push-type": b"voip",
                b"apns-collapse-id": b"c",
            },
        )

    def test_shared(self) -> None:
        """Alike requests share the object of what they share."""
        first, second = build(), build(token="ab" * 40)
        other = build({"apns-priority": "5"})
        assert isinstance(first, Request)
        assert isinstance(second, Request)
        assert isinstance(other, Request)
        self.assertIs(first.constant, second.constant)
        self.assertNotEqual(first.constant, other.constant)

    def test_payload_limits(self) -> None:
        """4096 bytes, 5120 of push type voip."""
        for push_type, limit in (("alert", 4096), ("mdm", 4096), ("voip", 5120)):
            headers = {"apns-push-type": push_type}
            self.assertIsInstance(build(headers, payload=b"x" * limit), Request)
            self.assertEqual(
                build(headers, payload=b"x" * (limit + 1)),
                Refused(7, "PayloadTooLarge"),
            )


class RepetitionTests(TestCase):
    def test_collapse_id(self) -> None:
        """A later attempt collapses under its own id, unless it has another."""
        first = build()
        assert isinstance(first, Request)
        again = fields(repeated(first))
        self.assertEqual(again.pop(b"apns-collapse-id"), first.apns_id.encode())
        self.assertEqual(again, fields(first))
        for headers, token in (
            ({"apns-collapse-id": "c"}, TOKEN),
            ({"apns-channel-id": "dHN0"}, ""),
        ):
            own = build(headers, token=token)
            assert isinstance(own, Request)
            self.assertIs(repeated(own), own)


class UrgencyTests(TestCase):
    """Push type and priority: (headers, default type, default priority) to both."""

    def test_table(self) -> None:
        """Derived where it is certain, and whoever speaks first is heard."""
        for payload, headers, push_type, priority, expected in (
            (ALERT, {}, "alert", None, ("alert", None)),
            (ALERT, {}, "alert", 5, ("alert", "5")),
            (SILENT, {}, "alert", None, ("background", "5")),
            (SILENT, {}, "alert", 10, ("background", "5")),
            (SILENT, {"apns-priority": "1"}, "alert", None, ("background", "1")),
            (SILENT, {"apns-push-type": "alert"}, "alert", None, ("alert", None)),
            (SILENT, {"apns-push-type": "voip"}, "alert", 10, ("voip", "10")),
            (SILENT, {}, "voip", None, ("voip", None)),
            (ALERT, {"apns-push-type": "background"}, "alert", 10, ("background", "5")),
            (ALERT, {}, "background", 10, ("background", "5")),
            (ALERT, {}, "background", 1, ("background", "5")),
        ):
            found = fields(
                build(
                    headers,
                    payload=payload,
                    defaults=RequestDefaults(BUNDLE, push_type, priority),
                )
            )
            sent = found.get(b"apns-priority")
            self.assertEqual(
                (found[b"apns-push-type"].decode(), sent and sent.decode()),
                expected,
                (payload, headers, push_type, priority),
            )

    def test_background_at_once(self) -> None:
        """Apple calls background with priority 10 an error, derived or not."""
        for payload, headers in (
            (SILENT, {"apns-priority": "10"}),
            (ALERT, {"apns-priority": "10", "apns-push-type": "background"}),
        ):
            self.assertEqual(build(headers, payload=payload), Refused(7, "BadPriority"))


class TopicTests(TestCase):
    def test_suffixes(self) -> None:
        """Each push type has its topic, as Apple's table says."""
        for push_type, topic in (
            ("alert", "com.example.app"),
            ("background", "com.example.app"),
            ("complication", "com.example.app.complication"),
            ("controls", "com.example.app.push-type.controls"),
            ("fileprovider", "com.example.app.pushkit.fileprovider"),
            ("liveactivity", "com.example.app.push-type.liveactivity"),
            ("location", "com.example.app.location-query"),
            ("mdm", "com.example.app"),
            ("pushtotalk", "com.example.app.voip-ptt"),
            ("voip", "com.example.app.voip"),
            ("widgets", "com.example.app.push-type.widgets"),
        ):
            for given_topic in (BUNDLE, topic):
                found = fields(
                    build({"apns-push-type": push_type, "apns-topic": given_topic})
                )
                self.assertEqual(found[b"apns-topic"].decode(), topic)

    @readable
    @given(st.text("ab.voip-t", min_size=1), st.sampled_from(sorted(SUFFIXES)))
    def test_never_doubled(self, topic: str, push_type: str) -> None:
        """What has the suffix keeps it, once."""
        suffix = SUFFIXES[push_type]
        once = with_suffix(topic, push_type)
        self.assertEqual(with_suffix(once, push_type), once)
        self.assertIn(once, (topic, topic + suffix))
        self.assertTrue(once.endswith(suffix))


class ObjectionTests(TestCase):
    def test_table(self) -> None:
        """What Apple would refuse, with the code of the mapping and Apple's word."""
        long_topic = "x" * 256
        for headers, changes, code, reason in (
            ({}, {"token": ""}, 2, "MissingDeviceToken"),
            ({}, {"token": " \t"}, 2, "MissingDeviceToken"),
            ({}, {"token": "abc"}, 5, "BadDeviceToken"),
            ({}, {"token": "ab" * 31}, 5, "BadDeviceToken"),
            ({}, {"token": "ab" * 101}, 5, "BadDeviceToken"),
            ({}, {"token": "xy" * 32}, 8, "BadDeviceToken"),
            ({}, {"payload": b""}, 4, "PayloadEmpty"),
            ({}, {"defaults": RequestDefaults()}, 3, "MissingTopic"),
            ({"apns-topic": "a b"}, {}, 6, "BadTopic"),
            ({"apns-topic": "a\r\nb"}, {}, 6, "BadTopic"),
            ({"apns-topic": "ä"}, {}, 6, "BadTopic"),
            ({"apns-topic": long_topic}, {}, 6, "BadTopic"),
            ({"apns-collapse-id": "x" * 65}, {}, 7, "BadCollapseId"),
            ({"apns-collapse-id": "a\nb"}, {}, 7, "BadCollapseId"),
            ({"apns-collapse-id": "é"}, {}, 7, "BadCollapseId"),
            ({"apns-priority": "2"}, {}, 7, "BadPriority"),
            ({"apns-priority": "010"}, {}, 7, "BadPriority"),
            ({"apns-push-type": "Alert"}, {}, 7, "InvalidPushType"),
            ({}, {"defaults": RequestDefaults("t", "x")}, 7, "InvalidPushType"),
            ({"apns-expiration": "-1"}, {}, 7, "BadExpirationDate"),
            ({"apns-expiration": "1.5"}, {}, 7, "BadExpirationDate"),
            ({"apns-expiration": "1" * 11}, {}, 7, "BadExpirationDate"),
            ({"apns-id": "x"}, {}, 7, "BadMessageId"),
            ({"apns-id": AN_ID + "0"}, {}, 7, "BadMessageId"),
        ):
            self.assertEqual(
                build(headers, **changes), Refused(code, reason), (headers, changes)
            )

    def test_no_push_part(self) -> None:
        """A message without an Apple part has an empty payload."""
        self.assertEqual(
            build_request(None, message_id="m", now=NOW, defaults=DEFAULTS),
            Refused(4, "PayloadEmpty"),
        )


class BroadcastTests(TestCase):
    def test_plain(self) -> None:
        """A channel and no token: to the bundle's channel, without a topic."""
        headers = {"apns-channel-id": "dHN0LXNyY2gtY2hubA=="}
        expected_id = apns_id_of("CC/01").encode()
        for topic in (BUNDLE, BUNDLE + ".push-type.liveactivity"):
            built = build(headers, token=" ", defaults=RequestDefaults(topic))
            assert isinstance(built, Request)
            self.assertEqual(built.path, b"/4/broadcasts/apps/com.example.app")
            self.assertEqual(
                fields(built),
                {
                    b"apns-push-type": b"liveactivity",
                    b"apns-channel-id": b"dHN0LXNyY2gtY2hubA==",
                    b"apns-request-id": expected_id,
                    b"apns-expiration": b"1700604800",
                },
            )

    def test_limit(self) -> None:
        """5120 bytes."""
        headers = {"apns-channel-id": "x"}
        self.assertIsInstance(build(headers, token="", payload=b"x" * 5120), Request)
        self.assertEqual(
            build(headers, token="", payload=b"x" * 5121),
            Refused(7, "PayloadTooLarge"),
        )

    def test_objections(self) -> None:
        """Only live activities, a bundle that fits a path, a channel that is one."""
        for changes, code, reason in (
            ({"apns-push-type": "alert"}, 7, "InvalidPushType"),
            ({"apns-topic": "a/b"}, 6, "BadTopic"),
            ({"apns-topic": ".push-type.liveactivity"}, 6, "BadTopic"),
            ({"apns-channel-id": "a\nb"}, 7, "BadChannelId"),
            ({"apns-priority": "3"}, 7, "BadPriority"),
        ):
            self.assertEqual(
                build({"apns-channel-id": "x", **changes}, token=""),
                Refused(code, reason),
            )
        self.assertEqual(
            build({"apns-channel-id": "x"}, token="", payload=b""),
            Refused(4, "PayloadEmpty"),
        )

    def test_token_goes_first(self) -> None:
        """With a token it is an ordinary push."""
        built = build({"apns-channel-id": "x"})
        assert isinstance(built, Request)
        self.assertTrue(built.path.startswith(b"/3/device/"))
        self.assertNotIn(b"apns-channel-id", fields(built))


NAMES = (
    "apns-id",
    "apns-expiration",
    "apns-priority",
    "apns-topic",
    "apns-push-type",
    "apns-collapse-id",
    "apns-channel-id",
    "token-registered-at",
)
VALUES = st.one_of(
    st.text(max_size=80),
    st.text("0123456789", min_size=1, max_size=12),
    st.sampled_from([*SUFFIXES, AN_ID, "com.example", "10", "5", "1"]),
)


class PropertyTests(TestCase):
    @readable
    @given(st.text(max_size=40))
    def test_id_is_version_five(self, message_id: str) -> None:
        """The derived id is the standard's, whatever the message id."""
        namespace = uuid.UUID("8d1f6a0b-5c2e-4f7a-9b3d-0e6c7a41f2d5")
        self.assertEqual(apns_id_of(message_id), str(uuid.uuid5(namespace, message_id)))

    @readable
    @given(
        st.dictionaries(st.sampled_from(NAMES), VALUES),
        st.sampled_from(["", "ab" * 32, "ab" * 100, "x"]),
        st.sampled_from(
            [ALERT, SILENT, b"", b"x" * 5000, b"[1]", b'"content-available"']
        ),
        st.floats(0, 4e9),
    )
    def test_well_formed(
        self, headers: dict[str, str], token: str, payload: bytes, now: float
    ) -> None:
        """Whatever a push part says, its request is one of HTTP/2, or it is refused.

        It is the same on every attempt but for the expiration.
        """
        push = PushPart(token, payload, headers=headers)
        built = build_request(push, message_id="m", now=now, defaults=DEFAULTS)
        if isinstance(built, Refused):
            self.assertIn(built.status, range(2, 9))
            self.assertTrue(built.detail.isalpha())
            return
        for name, value in fields(built).items():
            self.assertTrue(re.fullmatch(rb"[a-z-]+", name), name)
            self.assertTrue(re.fullmatch(rb"[!-~]([ -~]*[!-~])?", value), value)
        self.assertTrue(re.fullmatch(rb"/[34]/[!-~]+", built.path), built.path)
        self.assertEqual(str(uuid.UUID(built.apns_id)), built.apns_id)
        self.assertEqual(built.body, payload)
        again = build_request(push, message_id="m", now=now + 9, defaults=DEFAULTS)
        assert isinstance(again, Request)
        self.assertEqual(again.apns_id, built.apns_id)
        self.assertIs(again.constant, built.constant)
