"""What an answer says about a credential."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.answers import MEANINGS
from mcmtpush.apns.notification import read_token
from mcmtpush.values import Native
from mcmtpush.verbs.rehearsal import NOBODY, judge
from tests.support.case import TestCase, readable


class JudgeTests(TestCase):
    """Row by row."""

    def test_works(self) -> None:
        """To object to the device token one must have believed the credential."""
        for status, reason in (
            (400, "BadDeviceToken"),
            (400, "DeviceTokenNotForTopic"),
            (410, "Unregistered"),
            (429, "TooManyRequests"),
            (200, ""),
        ):
            self.assertIs(judge(Native(status, reason)).works, True, reason)

    def test_does_not_work(self) -> None:
        """Every 403 is a no, with a text of its own; those of a GOAWAY as well."""
        reasons = [reason for status, reason in MEANINGS if status == 403]
        reasons.remove("TopicMismatch")
        self.assertGreater(len(reasons), 8)
        for reason in reasons:
            for status in (403, 0):
                found = judge(Native(status, reason))
                self.assertIs(found.works, False, reason)
                self.assertNotIn("not known here", found.text)
        for reason in ("MissingTopic", "BadTopic", "TopicDisallowed"):
            self.assertIs(judge(Native(400, reason)).works, False)
        self.assertIs(judge(Native(403, "Whatever")).works, False)

    def test_says_nothing(self) -> None:
        """A service in trouble, and what nobody knows."""
        for status, reason in (
            (500, "InternalServerError"),
            (503, "Shutdown"),
            (502, ""),
            (429, "TooManyProviderTokenUpdates"),
            (418, "Teapot"),
            (0, "REFUSED_STREAM"),
        ):
            self.assertIsNone(judge(Native(status, reason)).works, reason)

    @readable
    @given(st.integers(0, 999), st.text(max_size=30))
    def test_anything(self, status: int, reason: str) -> None:
        """Whatever is answered, one line is said about it."""
        found = judge(Native(status, reason))
        self.assertTrue(found.text)
        self.assertNotIn("\n", found.text)

    def test_nobody(self) -> None:
        """The token has the form of one: it is not refused before it is sent."""
        self.assertIsInstance(read_token(NOBODY), bytes)
