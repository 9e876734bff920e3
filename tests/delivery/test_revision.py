"""What policy makes of requests, and that nobody else notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.notification import Notification
from mcmtpush.apns.requests import (
    Request,
    RequestDefaults,
    apns_id_of,
    build_request,
    header_fields,
    repeated,
)
from mcmtpush.delivery.revision import note, revise_frame, revise_request
from mcmtpush.values import Attempt, Discarded, Draft, Entry, Refused
from tests.delivery.stage import NOW, an_entry
from tests.support.case import TestCase, readable


TOPIC = "com.example.app"
DEFAULTS = RequestDefaults(TOPIC, priority=5, collapse_id="default", expiry_seconds=60)
FIELDS = {
    "apns-id": st.just("0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"),
    "apns-expiration": st.sampled_from(["0", "77"]),
    "apns-priority": st.sampled_from(["1", "5", "10"]),
    "apns-topic": st.sampled_from(["a.b", "c.d.voip"]),
    "apns-push-type": st.sampled_from(["alert", "voip", "mdm"]),
    "apns-collapse-id": st.sampled_from(["x", "y"]),
}
HEADERS = st.fixed_dictionaries({}, optional=FIELDS)


def headed(**headers: str) -> Entry:
    """An entry whose injector said these, `_` for a hyphen."""
    entry = an_entry(1)
    assert entry.push is not None
    said = {name.replace("_", "-"): text for name, text in headers.items()}
    entry.push = evolve(entry.push, headers=said)
    return entry


class RequestTests(TestCase):
    """Over HTTP/2."""

    def revise(
        self, entry: Entry, defaults: RequestDefaults = DEFAULTS, **changes: Any
    ) -> tuple[Request | Refused, Draft | None]:
        """`changes` are of the draft, or of its push part."""

        def evaluate(draft: Draft) -> Draft:
            self.shown = draft
            own = {name: changes[name] for name in changes if hasattr(draft, name)}
            part = {name: changes[name] for name in changes if name not in own}
            if not changes:
                return draft
            return evolve(draft, push=evolve(draft.push, **part), **own)

        assert entry.message is not None
        request = build_request(
            entry.push, message_id=entry.message.id, now=NOW, defaults=defaults
        )
        if entry.attempts and isinstance(request, Request):
            request = repeated(request)
        self.before = request
        return revise_request(entry, request, evaluate, now=NOW, defaults=defaults)

    def test_what_is_shown(self) -> None:
        """Every header as it would be sent, whoever said it."""
        request, draft = self.revise(headed(apns_priority="10"))
        self.assertIs(request, self.before)
        self.assertIsNone(draft)
        self.assertEqual(
            self.shown.push.headers,
            {
                "apns-topic": TOPIC,
                "apns-push-type": "alert",
                "apns-priority": "10",
                "apns-id": apns_id_of("id-1"),
                "apns-expiration": str(int(NOW) + 60),
                "apns-collapse-id": "default",
            },
        )
        self.assertEqual(self.shown.expiry, int(NOW) + 60)
        self.assertEqual(self.shown.id, apns_id_of("id-1"))
        self.assertEqual(self.shown.command, 0)

    @readable
    @given(HEADERS, HEADERS)
    def test_as_if_injected(
        self, injected: Mapping[str, str], said: Mapping[str, str]
    ) -> None:
        """What policy says has the effect that an injector's word would have."""
        entry = headed(**injected)
        self.revise(entry)
        headers = {**self.shown.push.headers, **said}
        changed, _ = self.revise(entry, headers=headers)
        direct = build_request(
            headed(**{**injected, **said}).push,
            message_id="id-1",
            now=NOW,
            defaults=DEFAULTS,
        )
        self.assertEqual(changed, direct)

    def test_taken_out(self) -> None:
        """What was seen and taken out is not sent, whoever said it."""
        for name in ("apns-priority", "apns-collapse-id"):
            for entry in (headed(), headed(**{name: "5"})):
                self.revise(entry)
                left = {n: t for n, t in self.shown.push.headers.items() if n != name}
                request, _ = self.revise(entry, headers=left)
                assert isinstance(request, Request)
                self.assertNotIn(name, header_fields(request))

    def test_indispensable(self) -> None:
        """Without its id, type and expiration a request gets those of old."""
        self.revise(headed())
        request, _ = self.revise(headed(), headers={"apns-topic": TOPIC})
        assert isinstance(request, Request)
        fields = header_fields(request)
        self.assertEqual(fields["apns-id"], apns_id_of("id-1"))
        self.assertEqual(fields["apns-push-type"], "alert")
        self.assertEqual(fields["apns-expiration"], str(int(NOW) + 60))
        refused, _ = self.revise(headed(), headers={})
        self.assertEqual(refused, Refused(3, "MissingTopic"))

    def test_expiry(self) -> None:
        """`req.expiry` is the same thing as its header, which wins."""
        for changes, expected in (
            ({"expiry": 99}, "99"),
            ({"expiry": 0}, "0"),
            ({"expiry": 99, "headers": {"apns-expiration": "7"}}, "7"),
        ):
            headers = {"apns-topic": TOPIC, **changes.pop("headers", {})}  # type: ignore[dict-item]
            self.revise(headed())
            base = {**self.shown.push.headers, **headers}
            request, _ = self.revise(headed(), headers=base, **changes)
            assert isinstance(request, Request)
            self.assertEqual(header_fields(request)["apns-expiration"], expected)

    def test_derived_again(self) -> None:
        """The push type follows another payload, the suffix another push type."""
        silent = b'{"aps":{"content-available":1}}'
        request, _ = self.revise(headed(), payload=silent)
        assert isinstance(request, Request)
        self.assertEqual(header_fields(request)["apns-push-type"], "background")
        self.revise(headed())
        voip = {**self.shown.push.headers, "apns-push-type": "voip"}
        request, _ = self.revise(headed(), headers=voip)
        assert isinstance(request, Request)
        self.assertEqual(header_fields(request)["apns-topic"], f"{TOPIC}.voip")

    def test_checked_like_injected_ones(self) -> None:
        """A wrong value is refused here, with the status of the mapping."""
        for changes, refused in (
            ({"token": "ab"}, Refused(5, "BadDeviceToken")),
            ({"payload": b""}, Refused(4, "PayloadEmpty")),
            ({"payload": b"x" * 5000}, Refused(7, "PayloadTooLarge")),
            ({"headers": {"apns-priority": "7"}}, Refused(7, "BadPriority")),
            ({"headers": {"apns-id": "7"}}, Refused(7, "BadMessageId")),
            ({"headers": {"apns-push-type": "x"}}, Refused(7, "InvalidPushType")),
        ):
            headers = {"apns-topic": TOPIC, **changes.get("headers", {})}  # type: ignore[dict-item]
            request, _ = self.revise(headed(), **{**changes, "headers": headers})
            self.assertEqual(request, refused)

    def test_a_refused_one_may_be_cured(self) -> None:
        """Policy is asked about what would not be sent, too."""
        bare = RequestDefaults()
        refused, _ = self.revise(headed(apns_expiration="soon"), bare)
        self.assertEqual(refused, Refused(3, "MissingTopic"))
        self.assertEqual(self.shown.push.headers, {"apns-expiration": "soon"})
        cured, _ = self.revise(
            headed(), bare, headers={"apns-topic": "a.b", "apns-expiration": "5"}
        )
        self.assertIsInstance(cured, Request)

    def test_put_off(self) -> None:
        """A failure of policy is the outcome; the entry stays as it was."""
        entry, failed = headed(), Refused(255, "[internal] boom")
        assert entry.message is not None
        request = build_request(
            entry.push, message_id="id-1", now=NOW, defaults=DEFAULTS
        )
        answer = revise_request(
            entry, request, lambda _: failed, now=NOW, defaults=DEFAULTS
        )
        self.assertEqual(answer, (failed, None))

    def test_broadcast(self) -> None:
        """Its id is called as everywhere else."""
        entry = headed(apns_channel_id="Y2g=", apns_topic="a.b")
        entry.push = evolve(entry.push, token="")
        self.revise(entry)
        self.assertEqual(self.shown.push.headers["apns-id"], apns_id_of("id-1"))
        self.assertEqual(self.shown.push.headers["apns-channel-id"], "Y2g=")

    def test_later_attempt(self) -> None:
        """The collapse id of a repetition is shown, stays, and may be taken out."""
        entry = headed()
        entry.attempts = 1
        plain = RequestDefaults(topic=TOPIC)
        request, _ = self.revise(entry, plain, expiry=99)
        assert isinstance(request, Request)
        shown = self.shown.push.headers
        self.assertEqual(shown["apns-collapse-id"], apns_id_of("id-1"))
        said = header_fields(request)
        self.assertEqual(said["apns-collapse-id"], apns_id_of("id-1"))
        bare = {name: shown[name] for name in shown if name != "apns-collapse-id"}
        request, _ = self.revise(entry, plain, headers=bare)
        assert isinstance(request, Request)
        self.assertNotIn("apns-collapse-id", header_fields(request))


class FrameTests(TestCase):
    """Over the binary interface."""

    def test_shown_and_checked(self) -> None:
        """Identifier, expiry, token, payload; the check is the usual one."""
        entry = an_entry(1)

        def evaluate(draft: Draft) -> Draft:
            self.assertEqual((draft.command, draft.id, draft.expiry), (2, 7, 1000))
            self.assertEqual(draft.push, entry.push)
            return evolve(draft, push=evolve(draft.push, token="cd" * 32), expiry=5)

        prepared, draft = revise_frame(entry, evaluate, identifier=7, expires_at=1000)
        self.assertEqual(prepared, Notification(b"\xcd" * 32, b"{}", 10))
        assert draft is not None
        self.assertEqual(draft.expiry, 5)
        prepared, draft = revise_frame(
            entry, lambda draft: draft, identifier=7, expires_at=1000
        )
        self.assertIsNone(draft)
        failed = Refused(255, "x")
        self.assertEqual(
            revise_frame(entry, lambda _: failed, identifier=7, expires_at=1000),
            (failed, None),
        )


class NoteTests(TestCase):
    """What an attempt remembers of it."""

    def test_note(self) -> None:
        """Message and push part, without the payload, which is long gone."""
        entry = an_entry(1)
        assert entry.message is not None
        assert entry.push is not None
        attempt = Attempt(entry, Discarded())
        self.assertIs(note(attempt, None).push, None)
        push = evolve(entry.push, token="cd" * 32, payload=b'{"a":1}')
        note(attempt, Draft(entry.message, push, 2, 1, 1, 0))
        self.assertIs(attempt.message, entry.message)
        self.assertEqual(attempt.push, evolve(push, payload=b""))
