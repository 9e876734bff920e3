"""Stories of policy: what hooks change, and what becomes of it, over both schemes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from attrs import evolve

from mcmtpush.hooks.api import ECMESS_CTX_MESS, Message, Request, Response
from mcmtpush.hooks.points import DISPOSE, REQUEST, RESPONSE
from mcmtpush.simulator.script import Action
from mcmtpush.values import Record
from tests.flow.story import Http2Case, on, script
from tests.hooks.stage import a_chain, a_provider
from tests.support.injector import Injection
from tests.support.pipe import RESPONSE_SECONDS, TOKEN, Pipe


OTHER = "cd" * 32
WINDOW = RESPONSE_SECONDS + 2.0
SCHEMES = ("apn", "apn2")


class PolicyCase(Http2Case):
    """A pipe with a policy."""

    def policed(self, scheme: str, *rules: Any, **hooks: Callable[..., object]) -> Pipe:
        """Over this scheme; `rules` are the HTTP/2 simulator's, or a script."""
        pipe = self.http2(*rules) if scheme == "apn2" else self.pipe(*rules)
        self.adopt(pipe, **hooks)
        return pipe

    def adopt(self, pipe: Pipe, **hooks: Callable[..., object]) -> None:
        """From now on these are asked."""
        chain = a_chain(a_provider(**hooks))
        chain.counters = pipe.program.counters
        pipe.program.parts.policy.adopt(chain)

    def last(self, pipe: Pipe, injection: Injection) -> Record:
        """The last record of a message."""
        return pipe.records("DTP", injection)[-1]


class RequestTests(PolicyCase):
    """`apn_request_eval`."""

    def test_payload_and_token(self) -> None:
        """What is sent is what policy made; the record shows the token sent."""

        def change(req: Request, msg: Message) -> int:
            req.json["aps"]["alert"] += "!"
            req.token = OTHER
            msg.context_set(ECMESS_CTX_MESS, "campaign", "7")
            return 0

        for scheme in SCHEMES:
            pipe = self.policed(scheme, **{REQUEST: change})
            injection = pipe.inject()
            pipe.run(WINDOW)
            self.assert_records(pipe, injection, "D")
            (line,) = pipe.frames
            self.assertEqual(line.token, OTHER)
            self.assertEqual(
                orjson.loads(line.payload), {"aps": {"alert": f"{injection.alert}!"}}
            )
            record = self.last(pipe, injection)
            self.assertEqual(record.token, OTHER)
            self.assertEqual(record.message.message_context["campaign"], "7")
            self.assertEqual(self.counted(pipe, "hooks.requests_changed"), 1)
            self.assert_at_rest(pipe)

    def test_headers(self) -> None:
        """Seen as they would be sent, and changed."""
        seen: list[dict[str, str]] = []

        def change(req: Request, _: Message) -> None:
            seen.append(dict(req.headers))
            req.headers["apns-priority"] = 5
            req.headers["apns-collapse-id"] = "night"
            req.headers["apns-expiration"] = "0"

        pipe = self.policed("apn2", **{REQUEST: change})
        injection = pipe.inject(headers={"X-APNs-Priority": "10"})
        pipe.run(1)
        self.assert_records(pipe, injection, "D")
        self.assertEqual(seen[0]["apns-priority"], "10")
        (line,) = pipe.journal.lines
        self.assertEqual(
            (line.priority, line.collapse_id, line.expiry, line.apns_id),
            (5, "night", 0, seen[0]["apns-id"]),
        )

    def test_expiry_of_a_frame(self) -> None:
        """`req.expiry` is what the binary frame says."""

        def change(req: Request, _: Message) -> None:
            self.assertEqual(req.command, 2)
            req.expiry = 4711

        pipe = self.policed("apn", **{REQUEST: change})
        pipe.inject()
        pipe.run(WINDOW)
        self.assertEqual([line.expiry for line in pipe.frames], [4711])

    def test_wrong_value(self) -> None:
        """Refused here, for good, with a record; never written."""

        def change(req: Request, _: Message) -> None:
            req.token = "ab"

        for scheme in SCHEMES:
            pipe = self.policed(scheme, **{REQUEST: change})
            injection = pipe.inject()
            pipe.run(WINDOW)
            self.assert_records(pipe, injection, "P")
            record = self.last(pipe, injection)
            self.assertEqual((record.status, record.token), (5, "ab"))
            self.assertEqual(pipe.frames, [])
            self.assert_at_rest(pipe)

    def test_failure_puts_off(self) -> None:
        """Nothing is sent or lost; once the script is mended the message goes."""

        def fail(req: Request, _: Message) -> None:
            req.token = OTHER
            raise ValueError("boom")

        for scheme in SCHEMES:
            pipe = self.policed(scheme, **{REQUEST: fail})
            injections = [pipe.inject() for _ in range(10)]
            pipe.run(WINDOW)
            self.assertEqual(pipe.frames, [])
            for injection in injections:
                self.assert_records(pipe, injection, "T")
                record = self.last(pipe, injection)
                self.assertEqual((record.status, record.token), (255, TOKEN))
                self.assertEqual(
                    record.detail,
                    "[internal] apn_request_eval failed in line 7 of script "
                    '"night": boom',
                )
            self.assertEqual(len(pipe.spooled()), 10)
            self.assertEqual(self.counted(pipe, "hooks.failed"), 10)
            pipe.program.parts.policy.adopt(None)
            pipe.run(60 + WINDOW)
            for injection in injections:
                self.assert_records(pipe, injection, "TD")
                self.assertEqual(self.last(pipe, injection).token, TOKEN)
            self.assert_at_rest(pipe)

    def test_failure_that_lasts(self) -> None:
        """One terminal record each, when the retries are over."""

        def fail(*_: object) -> None:
            raise ValueError("boom")

        pipe = self.policed("apn2", **{REQUEST: fail})
        injection = pipe.inject()
        pipe.run(3 * 7200)
        (kinds,) = ["".join(r.kind for r in pipe.records("DTP", injection))]
        self.assertRegex(kinds, "^T+P$")
        self.assert_at_rest(pipe)

    def test_every_attempt_begins_anew(self) -> None:
        """Changes do not add up; the apns-id stays unless policy changes it."""
        count = [0]

        def change(req: Request, msg: Message) -> None:
            self.assertEqual(msg.context_get(ECMESS_CTX_MESS, "n"), "")
            self.assertEqual(msg.num_retries, count[0])
            count[0] += 1
            msg.context_set(ECMESS_CTX_MESS, "n", count[0])
            req.json["aps"]["alert"] += f" ({count[0]})"

        pipe = self.policed(
            "apn2",
            on(Action.REFUSE, reason="TooManyRequests", every=1, times=1),
            **{REQUEST: change},
        )
        injection = pipe.inject()
        pipe.run(300)
        self.assert_records(pipe, injection, "TD")
        first, second = pipe.journal.lines
        self.assertEqual(first.apns_id, second.apns_id)
        for number, line in ((1, first), (2, second)):
            self.assertIn(f"{injection.alert} ({number})", line.payload)
        found = [r.message.message_context["n"] for r in pipe.records("DT", injection)]
        self.assertEqual(found, ["1", "2"])

    def test_what_was_discarded(self) -> None:
        """Written behind a refused frame and sent again: as policy wants it."""

        def change(req: Request, _: Message) -> None:
            req.json["by"] = "policy"

        pipe = self.policed(
            "apn", script(action=Action.REFUSE, status=8, after=3, times=1),
            **{REQUEST: change},
        )  # fmt: skip
        injections = [pipe.inject() for _ in range(20)]
        pipe.run(3 * WINDOW)
        self.assertEqual(len(pipe.records("D")), 19)
        self.assertEqual(len(pipe.records("P")), 1)
        self.assertTrue(all('"by":"policy"' in line.payload for line in pipe.frames))
        self.assertEqual(len(injections), 20)
        self.assert_at_rest(pipe)

    def test_reload_in_between(self) -> None:
        """Connections that are open ask the new policy from then on."""

        def says(word: str) -> Callable[[Request, Message], None]:
            def change(req: Request, _: Message) -> None:
                req.json["by"] = word

            return change

        for scheme in SCHEMES:
            pipe = self.policed(scheme, **{REQUEST: says("old")})
            pipe.inject()
            pipe.run(0.5)
            self.adopt(pipe, **{REQUEST: says("new")})
            pipe.inject()
            pipe.run(WINDOW)
            self.assertEqual(
                [orjson.loads(line.payload)["by"] for line in pipe.frames],
                ["old", "new"],
            )
            self.assertEqual(self.counted(pipe, "delivery.connections"), 1)


class ResultTests(PolicyCase):
    """`apn_response_eval` and `generic_delivery_msg_dispose`."""

    def refusing(self, scheme: str, **hooks: Callable[..., object]) -> Pipe:
        """The first push is called an invalid token."""
        if scheme == "apn2":
            rule: Any = on(Action.REFUSE, reason="Unregistered", every=1, times=1)
        else:
            rule = script(action=Action.REFUSE, status=8, every=1, times=1)
        return self.policed(scheme, rule, **hooks)

    def test_response_status(self) -> None:
        """A permanent failure becomes a temporary one, and is tried again."""

        def change(resp: Response) -> int:
            self.assertEqual(resp.status, 8)
            resp.status = 1
            return 0

        for scheme in SCHEMES:
            pipe = self.refusing(scheme, **{RESPONSE: change})
            injection = pipe.inject()
            pipe.run(2 * 60 + WINDOW)
            self.assert_records(pipe, injection, "TD")
            self.assertEqual(self.record(pipe, injection).status, 1)
            self.assertEqual(self.events(pipe), [])
            self.assert_at_rest(pipe)

    def test_success_by_policy(self) -> None:
        """The idiom: without its status the message is done, and says by whom."""

        def change(msg: Message) -> None:
            if msg.context_exists(ECMESS_CTX_MESS, "DLV_Response_Status"):
                msg.context_delete(ECMESS_CTX_MESS, "DLV_Response_Status")
                msg.context_set(ECMESS_CTX_MESS, "converted", "yes")

        for scheme in SCHEMES:
            pipe = self.refusing(scheme, **{DISPOSE: change})
            injection = pipe.inject()
            pipe.run(WINDOW)
            self.assert_records(pipe, injection, "D")
            record = self.record(pipe, injection)
            self.assertEqual((record.status, record.proof), (None, "policy"))
            self.assertEqual(record.message.message_context["converted"], "yes")
            self.assertEqual(self.counted(pipe, "disposition.policy"), 1)
            self.assert_at_rest(pipe)

    def test_failure_changes_nothing(self) -> None:
        """The answer's record is made as it would be without policy."""

        def fail(*_: object) -> None:
            raise ValueError("boom")

        for scheme in SCHEMES:
            pipe = self.refusing(scheme, **{RESPONSE: fail, DISPOSE: fail})
            bad = pipe.inject()
            pipe.run(WINDOW)
            good = pipe.inject()
            pipe.run(WINDOW)
            self.assert_records(pipe, bad, "P")
            self.assertEqual(self.record(pipe, bad).status, 8)
            self.assert_records(pipe, good, "D")
            self.assertEqual(self.counted(pipe, "hooks.failed"), 3)
            self.assert_at_rest(pipe)

    def test_the_guard_comes_first(self) -> None:
        """Policy cannot hide from it that nearly every token is called invalid."""

        def hide(resp: Response) -> None:
            resp.status = 0

        pipe = self.policed(
            "apn2",
            on(Action.REFUSE, reason="BadDeviceToken", every=1),
            **{RESPONSE: hide},
        )
        guard = evolve(pipe.delivering.guard, first=5)
        pipe.delivering = evolve(pipe.delivering, guard=guard)
        injections = [pipe.inject() for _ in range(10)]
        pipe.run(30)
        self.assertEqual(self.counted(pipe, "delivery.guard_trips"), 1)
        self.assertEqual(len(pipe.spooled()), len(injections))

    def test_nothing_of_no_policy(self) -> None:
        """Without scripts nothing is counted and nobody is asked."""
        for scheme in SCHEMES:
            pipe = self.pipe() if scheme == "apn" else self.http2()
            pipe.inject()
            pipe.run(WINDOW)
            self.assertIsNone(pipe.program.parts.policy.evaluate)
            names = pipe.program.counters.snapshot()
            self.assertEqual([n for n in names if n.startswith("hooks.")], [])
