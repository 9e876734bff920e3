"""The check before sending: what is refused, with which status, and what is sent."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.notification import Notification, prepare
from mcmtpush.values import PushPart, Refused
from tests.support.case import TestCase, readable


TOKEN = bytes(range(32))
PAYLOAD = b'{"aps":{"alert":"hi"}}'


def status_of(token: str, payload: bytes = PAYLOAD) -> int:
    """The status of a refusal, 0 when there is none."""
    found = prepare(PushPart(token, payload))
    return found.status if isinstance(found, Refused) else 0


def priority_of(content: object) -> int:
    """The priority that this payload is sent with."""
    found = prepare(PushPart(TOKEN.hex(), orjson.dumps(content)))
    assert isinstance(found, Notification)
    return found.priority


class PrepareTests(TestCase):
    def test_good_push(self) -> None:
        """Hexadecimal text becomes bytes, the payload stays as it is."""
        self.assertEqual(
            prepare(PushPart(TOKEN.hex(), PAYLOAD)), Notification(TOKEN, PAYLOAD, 10)
        )

    def test_no_push_part(self) -> None:
        """A message without a push part has no payload to send."""
        self.assertEqual(prepare(None), Refused(4, "Missing Payload"))

    def test_missing_token(self) -> None:
        """No token, or nothing but blanks, is Apple's status 2."""
        self.assertEqual(
            prepare(PushPart("", PAYLOAD)), Refused(2, "Missing Device Token")
        )
        self.assertEqual(status_of(" \t "), 2)

    def test_blanks_and_case_do_not_matter(self) -> None:
        """Tokens are often copied with blanks or in capitals."""
        text = TOKEN.hex().upper()
        for spelled in (
            f" {text} ",
            " ".join(text),
            text[:8] + "\t" + text[8:],
            text[:3] + "\r\n " + text[3:],
        ):
            self.assertEqual(
                prepare(PushPart(spelled, PAYLOAD)), Notification(TOKEN, PAYLOAD, 10)
            )

    def test_token_sizes(self) -> None:
        """32 to 100 bytes are sent; shorter, longer and odd is status 5."""
        sizes = {size: status_of("a" * size) for size in (1, 62, 63, 64, 200, 201, 202)}
        self.assertEqual(sizes, {1: 5, 62: 5, 63: 5, 64: 0, 200: 0, 201: 5, 202: 5})
        self.assertEqual(status_of("a" * 65), 5)

    def test_not_hexadecimal(self) -> None:
        """A token of the right size that is no hexadecimal text is status 8."""
        self.assertEqual(status_of("g" * 64), 8)
        self.assertEqual(status_of("<" + "a" * 62 + ">"), 8)
        self.assertEqual(status_of("٠" * 64), 8)  # noqa: RUF001 - Arabic digits

    def test_payload_sizes(self) -> None:
        """An empty payload is status 4, more than 2048 bytes status 7."""
        token = TOKEN.hex()
        found = {size: status_of(token, b"x" * size) for size in (0, 1, 2048, 2049)}
        self.assertEqual(found, {0: 4, 1: 0, 2048: 0, 2049: 7})

    def test_token_is_judged_first(self) -> None:
        """When both are wrong, the token's status is given."""
        self.assertEqual(status_of("", b""), 2)
        self.assertEqual(status_of("ab", b"x" * 3000), 5)

    def test_priorities(self) -> None:
        """5 only for a payload that wakes the application and shows nothing."""
        table: list[tuple[object, int]] = [
            ({"aps": {"content-available": 1}}, 5),
            ({"aps": {"content-available": 1}, "acme": {"alert": "no"}}, 5),
            ({"aps": {"content-available": 1, "alert": "hi"}}, 10),
            ({"aps": {"content-available": 1, "sound": "default"}}, 10),
            ({"aps": {"content-available": 1, "badge": 0}}, 10),
            ({"aps": {"alert": "hi"}}, 10),
            ({"aps": {}}, 10),
            ({"aps": {}, "content-available": 1}, 10),
            ({"aps": "content-available"}, 10),
            ({"acme": "content-available"}, 10),
            (["content-available"], 10),
        ]
        found = [(content, priority_of(content)) for content, _ in table]
        self.assertEqual(found, table)

    def test_payload_that_is_no_json(self) -> None:
        """The payload's form is not judged here, and raises nothing."""
        payload = b'{"content-available"'
        self.assertEqual(
            prepare(PushPart(TOKEN.hex(), payload)), Notification(TOKEN, payload, 10)
        )

    @readable
    @given(st.text(max_size=210), st.binary(max_size=60))
    def test_never_raises(self, token: str, payload: bytes) -> None:
        """Any text and bytes are sent or refused with one of Apple's codes."""
        self.assertIn(status_of(token, payload), {0, 2, 4, 5, 8})

    @readable
    @given(st.binary(min_size=32, max_size=100))
    def test_keeps_the_token(self, token: bytes) -> None:
        """Every token of an allowed size arrives unchanged."""
        self.assertEqual(
            prepare(PushPart(token.hex(), PAYLOAD)), Notification(token, PAYLOAD, 10)
        )
