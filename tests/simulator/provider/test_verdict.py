"""Verdicts on requests: Apple's rules, the sender, the body, and then the script."""

from __future__ import annotations

from random import Random
from typing import Any

from mcmtpush.simulator.occasion import Occasions
from mcmtpush.simulator.provider.channel import Channels
from mcmtpush.simulator.provider.identity import Identity
from mcmtpush.simulator.provider.request import Request, read_request
from mcmtpush.simulator.provider.trust import Keyring, Trust
from mcmtpush.simulator.provider.verdict import Judge, acts_behind
from mcmtpush.simulator.script import Action, Rule, Script
from mcmtpush.simulator.verdict import Verdict
from tests.simulator.caller import KEY, NOW, TOKEN, TOPIC, a_jwt
from tests.support.case import TestCase


def a_request(body: bytes = b"{}", **changes: str | None) -> Request:
    headers: dict[str, str | None] = {
        ":method": "POST",
        ":path": f"/3/device/{TOKEN}",
        "apns-topic": TOPIC,
        "authorization": f"bearer {a_jwt()}",
    }
    for name, value in changes.items():
        headers[
            {"method": ":method", "path": ":path"}.get(name, name.replace("_", "-"))
        ] = value
    pairs = [(k.encode(), v.encode()) for k, v in headers.items() if v is not None]
    return read_request(1, pairs, body, len(body))


class JudgeCase(TestCase):
    def judge(self, *rules: Rule, identity: Identity | None = None) -> Judge:
        script = Script(rules=rules)
        occasions = Occasions(script, Random(0), "apn2", acts_behind).connect()
        trust = Trust(Keyring([KEY]), identity)
        return Judge(script, occasions, trust, Channels({}, Random(0)))


class FaultTests(JudgeCase):
    def test_order(self) -> None:
        """What is looked at before the sender, the sender, what is after."""
        for changes, reason in (
            ({"apns_id": "x", "apns_topic": None, "body": b""}, "BadMessageId"),
            ({"apns_topic": None, "authorization": None, "body": b""}, "MissingTopic"),
            ({"apns_push_type": "voip", "authorization": None}, "TopicDisallowed"),
            ({"authorization": None, "body": b""}, "MissingProviderToken"),
            ({"authorization": "bearer x", "body": b""}, "InvalidProviderToken"),
            ({"body": b""}, "PayloadEmpty"),
            ({}, None),
        ):
            given: dict[str, Any] = changes
            found = self.judge().judge(a_request(**given), NOW)
            self.assertEqual(found.reason, reason)
            refused = Verdict.REFUSED if reason else Verdict.ACCEPTED
            self.assertEqual(found.verdict, refused)

    def test_paths(self) -> None:
        """Nowhere is a bad path, or a wrong method before that."""
        for method, path, reason in (
            ("POST", "/", "BadPath"),
            ("GET", "/", "MethodNotAllowed"),
            ("GET", f"/4/broadcasts/apps/{TOPIC}", "MethodNotAllowed"),
            ("POST", f"/4/broadcasts/apps/{TOPIC}", "MissingPushType"),
            ("POST", f"/4/broadcasts/apps/{TOPIC}.voip", "TopicDisallowed"),
            ("GET", f"/1/apps/{TOPIC}/channels", "MissingChannelId"),
        ):
            request = a_request(method=method, path=path)
            self.assertEqual(self.judge().judge(request, NOW).reason, reason, path)

    def test_a_certificate_has_its_apps(self) -> None:
        """Also for broadcasts and channels."""
        identity = Identity((TOPIC,))
        for path in ("/4/broadcasts/apps/other.app", "/1/apps/other.app/channels"):
            found = self.judge(identity=identity).judge(a_request(path=path), NOW)
            self.assertEqual((found.status, found.reason), (403, "TopicMismatch"))

    def test_repeated_headers_of_a_broadcast(self) -> None:
        """As of a device push."""
        pairs = [(b":method", b"POST"), (b":path", b"/4/broadcasts/apps/a.b")] * 2
        found = self.judge().judge(read_request(1, pairs, b"", 0), NOW)
        self.assertEqual(found.reason, "DuplicateHeaders")


class RuleTests(JudgeCase):
    def test_faults_come_first(self) -> None:
        """A request that is no good is refused whatever the script says."""
        judge = self.judge(Rule(action=Action.IGNORE, every=1))
        self.assertEqual(judge.judge(a_request(b""), NOW).reason, "PayloadEmpty")
        self.assertEqual(judge.judge(a_request(), NOW).status, 0)

    def test_channels_have_no_rules(self) -> None:
        """They are for pushes; managing is counted all the same."""
        judge = self.judge(Rule(action=Action.REFUSE, status=1, after=1))
        path = f"/1/apps/{TOPIC}/all-channels"
        self.assertEqual(
            judge.judge(a_request(path=path, method="GET"), NOW).status, 200
        )
        self.assertEqual(judge.judge(a_request(), NOW).reason, "InternalServerError")

    def test_what_a_goaway_leaves_out(self) -> None:
        """The request it is said on is above its last stream, or not."""
        for last, verdict in (
            ("at", Verdict.ACCEPTED),
            ("above", Verdict.ACCEPTED),
            ("below", Verdict.DISCARDED),
            (0, Verdict.DISCARDED),
            (1, Verdict.ACCEPTED),
        ):
            rule = Rule(action=Action.SHUTDOWN, every=1, last_stream=last)
            self.assertEqual(self.judge(rule).judge(a_request(), NOW).verdict, verdict)
            behind = Rule(action=Action.SHUTDOWN, after=1, last_stream=last)
            found = self.judge(behind).judge(a_request(), NOW)
            self.assertIs(found.rule, behind)
