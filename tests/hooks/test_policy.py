"""From delivery to the hooks and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.hooks.api import (
    ECMESS_CTX_CONN,
    ECMESS_CTX_MESS,
    Message,
    Request,
    Response,
)
from mcmtpush.hooks.points import DISPOSE, REQUEST, RESPONSE
from mcmtpush.hooks.policy import Policy
from mcmtpush.values import (
    Accepted,
    Attempt,
    Discarded,
    Draft,
    Entry,
    Expired,
    Native,
    Outcome,
    Postponed,
    PushPart,
    QueueKey,
    Refused,
    Undecided,
)
from tests.hooks.stage import KEY, MESSAGE, Told, a_chain, a_provider
from tests.support.case import TestCase, readable


PUSH = PushPart("ab" * 32, b'{"aps":{"alert":"hi"}}', "back@x", {"apns-topic": "t"})
DRAFT = Draft(MESSAGE, PUSH, 0, "an-id", 1000, 2)


class PolicyCase(TestCase):
    """A policy of functions."""

    def setUp(self) -> None:
        self.told = Told()
        self.settled: list[Attempt] = []
        self.policy = Policy()
        self.policy.disposition = self

    def settle(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        self.settled += attempts

    def adopt(self, *scripts: dict[str, Callable[..., object]]) -> None:
        self.chain = a_chain(
            *(a_provider(f"s{i}", **each) for i, each in enumerate(scripts)),
            told=self.told,
        )
        self.policy.adopt(self.chain)


class RequestTests(PolicyCase):
    """`apn_request_eval`."""

    def evaluate(self, *functions: Callable[[Request, Message], object]) -> Any:
        self.adopt(*({REQUEST: each} for each in functions))
        assert self.policy.evaluate is not None
        return self.policy.evaluate(DRAFT)

    def test_nobody_asks(self) -> None:
        """Without policy, or without this hook, delivery does not even ask."""
        self.assertIsNone(self.policy.evaluate)
        self.adopt({DISPOSE: lambda _: None})
        self.assertIsNone(self.policy.evaluate)
        self.adopt({REQUEST: lambda *_: None})
        self.assertIsNotNone(self.policy.evaluate)
        self.policy.adopt(None)
        self.assertIsNone(self.policy.evaluate)

    def test_only_looked_at(self) -> None:
        """The very same draft comes back."""

        def look(req: Request, msg: Message) -> int:
            self.assertEqual(req.json["aps"]["alert"], "hi")
            self.assertEqual(req.headers["apns-topic"], msg.context_get(1, "x") or "t")
            return 0

        self.assertIs(self.evaluate(look), DRAFT)
        self.assertEqual(self.chain.counters.get("hooks.requests_changed"), 0)

    def test_everything_changed(self) -> None:
        """By two scripts, the second of which sees what the first one did."""

        def first(req: Request, msg: Message) -> None:
            req.json["aps"]["alert"] = "ho"
            req.headers["apns-priority"] = 5
            req.token = "cd" * 32
            req.expiry = 2000
            msg.context_set(ECMESS_CTX_MESS, "seen", 1)

        def second(req: Request, msg: Message) -> None:
            req.json["aps"]["alert"] += msg.context_get(ECMESS_CTX_MESS, "seen")
            del req.headers["apns-topic"]

        changed = self.evaluate(first, second)
        headers = {"apns-priority": "5"}
        push = PushPart("cd" * 32, b'{"aps":{"alert":"ho1"}}', "back@x", headers)
        message = evolve(MESSAGE, message_context={"a": "b", "seen": "1"})
        self.assertEqual(changed, Draft(message, push, 0, "an-id", 2000, 2))
        self.assertEqual(PUSH.headers, {"apns-topic": "t"})
        self.assertEqual(self.chain.counters.get("hooks.requests_changed"), 1)

    def assert_put_off(self, answer: Any, reason: str) -> None:
        self.assertEqual(answer, Refused(255, f"[internal] {reason}"))
        self.assertEqual(self.chain.counters.get("hooks.failed"), 1)
        self.assertIn(reason, self.told.texts[0])

    def test_half_a_change(self) -> None:
        """After a failure nothing is sent, and nothing of the change is left."""

        def fail(req: Request, _: Message) -> None:
            req.token = "cd" * 32
            raise ValueError("boom")

        answer = self.evaluate(lambda *_: 0, fail)
        self.assert_put_off(
            answer, 'apn_request_eval failed in line 7 of script "s1": boom'
        )
        self.assertEqual(DRAFT.push, PUSH)

    def test_payload_that_is_none(self) -> None:
        """What JSON cannot hold is a failure of the script."""
        circle: dict[str, Any] = {}
        circle["a"] = circle
        for value, reason in (
            ({"aps": print}, "json.aps is no JSON value: builtin_function_or_method"),
            ([], "the payload is not an object"),
            (circle, "more than 64 levels, or a value that holds itself"),
        ):
            self.setUp()

            def fill(req: Request, _: Message, value: Any = value) -> None:
                req.json = value

            answer = self.evaluate(fill)
            self.assert_put_off(
                answer, f'apn_request_eval failed in script "s0": {reason}'
            )

    def test_headers_as_a_whole(self) -> None:
        """A mapping may be set; anything else is a failure and no fault of ours."""

        def assign(value: Any) -> Callable[[Request, Message], None]:
            def run(req: Request, _msg: Message) -> None:
                req.headers = value

            return run

        answer = self.evaluate(assign({"APNs-Priority": 5}))
        self.assertEqual(answer.push.headers, {"apns-priority": "5"})
        for value in (None, 3, ["apns-id"], {"apns-id": None}, {"x": "y"}, {3: "y"}):
            answer = self.evaluate(assign(value))
            self.assertEqual((type(answer), answer.status), (Refused, 255), value)

        def delete(req: Request, _msg: Message) -> None:
            del req.headers

        def spoil(req: Request, _msg: Message) -> None:
            req.headers.fields = 3  # type: ignore[assignment]

        for run in (delete, spoil):
            self.assertIsInstance(self.evaluate(run), Refused)

    @readable
    @given(
        st.lists(
            st.sampled_from(["token", "expiry", "headers", "json", "context", "fail"]),
            min_size=1,
        )
    )
    def test_all_or_nothing(self, steps: list[str]) -> None:
        """Whatever scripts do: a whole change, the same draft, or put off."""

        def step(name: str) -> Callable[[Request, Message], None]:
            def run(req: Request, msg: Message) -> None:
                if name == "token":
                    req.token = "cd" * 32
                elif name == "expiry":
                    req.expiry = 7
                elif name == "headers":
                    req.headers["apns-id"] = "x"
                elif name == "json":
                    req.json["n"] = 1
                elif name == "context":
                    msg.context_set(ECMESS_CTX_CONN, "n", 1)
                else:
                    raise RuntimeError

            return run

        answer = self.evaluate(*map(step, steps))
        if "fail" in steps:
            self.assertIsInstance(answer, Refused)
            return
        self.assertIsNot(answer, DRAFT)
        self.assertEqual(answer.push.token != PUSH.token, "token" in steps)
        self.assertEqual(answer.expiry == 7, "expiry" in steps)
        self.assertEqual("apns-id" in answer.push.headers, "headers" in steps)
        self.assertEqual(b'"n":1' in answer.push.payload, "json" in steps)
        self.assertEqual("n" in answer.message.connection_context, "context" in steps)


class ResultCase(PolicyCase):
    """What became of attempts."""

    def judge(
        self,
        outcome: Outcome,
        hook: str,
        *functions: Callable[[Any], object],
        transaction_id: int | str = 7,
    ) -> Attempt:
        self.adopt(*({hook: each} for each in functions))
        entry = Entry(1, 1.0, attempts=2, message=MESSAGE, push=PUSH)
        attempt = Attempt(entry, outcome, transaction_id, 99, "192.0.2.1")
        self.policy.settle(KEY, [attempt])
        self.assertEqual(self.settled, [attempt])
        self.settled = []
        return attempt


class ResponseTests(ResultCase):
    """`apn_response_eval`."""

    def test_status_is_changed(self) -> None:
        """The words, and how long to wait, stay; the class is the new one's."""
        native = Native(429, "TooManyRequests")
        before = Refused(1, "TooManyRequests", native, 60.0)

        def change(resp: Response) -> None:
            self.assertEqual(
                (resp.command, resp.id, resp.http_status, resp.reason, resp.status),
                (0, "an-id", 429, "TooManyRequests", 1),
            )
            resp.status = 7

        attempt = self.judge(before, RESPONSE, change, transaction_id="an-id")
        self.assertEqual(attempt.outcome, evolve(before, status=7))
        self.assertEqual(self.chain.counters.get("hooks.results_changed"), 1)

    def test_no_error(self) -> None:
        """Status 0 is a success, by policy."""

        def change(resp: Response) -> None:
            resp.status = 0

        attempt = self.judge(Refused(8, "Invalid Token"), RESPONSE, change)
        self.assertEqual(attempt.outcome, Accepted("policy"))

    def test_failure_changes_nothing(self) -> None:
        """The answer counts as it came."""
        before = Refused(8, "Invalid Token")

        def fail(resp: Response) -> None:
            resp.status = 0
            raise ValueError("boom")

        self.assertIs(self.judge(before, RESPONSE, fail).outcome, before)
        self.assertEqual(self.chain.counters.get("hooks.failed"), 1)

    def test_only_answers(self) -> None:
        """Not asked about silence, about what was never sent, or the like."""
        asked: list[Any] = []
        for outcome, transaction_id in (
            (Accepted("proven"), 7),
            (Refused(5, "Invalid Token Size"), 0),
            (Undecided(), 7),
            (Discarded(), 7),
            (Postponed(5.0), 0),
            (Expired("old"), 0),
        ):
            attempt = self.judge(
                outcome, RESPONSE, asked.append, transaction_id=transaction_id
            )
            self.assertIs(attempt.outcome, outcome)
        self.assertEqual(asked, [])


class DisposeTests(ResultCase):
    """`generic_delivery_msg_dispose`."""

    def test_variables(self) -> None:
        """What is known of the attempt; a success has no status."""
        seen: list[dict[str, str]] = []

        def look(msg: Message) -> None:
            seen.append(dict(msg.variables))

        self.judge(Accepted("proven", Native(200)), DISPOSE, look)
        own = {
            "a": "b",
            "DLV_Dest_ID": PUSH.token,
            "DLV_Transaction_ID": "7",
            "DLV_Msg_Length": "99",
            "DLV_Remote_IP_Address": "192.0.2.1",
        }
        self.assertEqual(seen.pop(), {**own, "APNS_Status": "200"})
        self.judge(
            Refused(8, "Unregistered", Native(410, "Unregistered")), DISPOSE, look
        )
        answer = {
            "DLV_Response_Status": "8",
            "DLV_Response_Status_Detail": "Unregistered",
            "APNS_Status": "410",
            "APNS_Reason": "Unregistered",
        }
        self.assertEqual(seen.pop(), {**own, **answer})
        self.judge(Undecided(), DISPOSE, look)
        self.assertEqual(seen.pop()["DLV_Response_Status"], "255")

    def test_only_looked_at(self) -> None:
        """Nothing changes."""
        for outcome in (Accepted("presumed"), Refused(1, "x"), Undecided()):
            attempt = self.judge(outcome, DISPOSE, lambda _: 1)
            self.assertIs(attempt.outcome, outcome)
            self.assertIsNone(attempt.message)

    def test_deleting_the_status(self) -> None:
        """The idiom of channel conversion: it counts as delivered."""

        def delete(msg: Message) -> None:
            msg.context_delete(ECMESS_CTX_MESS, "DLV_Response_Status")

        native = Native(410, "Unregistered")
        for outcome, expected in (
            (Refused(8, "Unregistered", native), Accepted("policy", native)),
            (Undecided(), Accepted("policy")),
            (Accepted("proven"), Accepted("proven")),
        ):
            self.assertEqual(self.judge(outcome, DISPOSE, delete).outcome, expected)

    def test_another_status(self) -> None:
        """Its class decides; the detail is for the record.

        What no service said of a token is no service's word: no token event follows.
        """
        nobody = Native(0)

        def change(
            status: object, detail: str | None = None
        ) -> Callable[[Message], None]:
            def run(msg: Message) -> None:
                msg.context_set(ECMESS_CTX_MESS, "DLV_Response_Status", status)
                if detail is not None:
                    msg.context_set(
                        ECMESS_CTX_MESS, "DLV_Response_Status_Detail", detail
                    )

            return run

        for outcome, run, expected in (
            (Refused(8, "x"), change(1), Refused(1, "x", nobody)),
            (Refused(8, "x"), change(8, "because"), Refused(8, "because")),
            (Accepted("proven"), change(1), Refused(1, "Processing Error", nobody)),
            (Undecided(), change(7, ""), Refused(7, "Invalid Payload Size", nobody)),
            (Refused(8, "x"), change(0), Accepted("policy")),
        ):
            self.assertEqual(self.judge(outcome, DISPOSE, run).outcome, expected)

    def test_status_that_is_none(self) -> None:
        """A failure of the script: the outcome stays, and so do the variables."""

        def fail(msg: Message) -> None:
            msg.context_set(ECMESS_CTX_MESS, "a", "c")
            msg.context_set(ECMESS_CTX_MESS, "DLV_Response_Status", "gone")

        before = Refused(8, "x")
        attempt = self.judge(before, DISPOSE, fail)
        self.assertIs(attempt.outcome, before)
        self.assertIsNone(attempt.message)
        self.assertIn("'gone' is no status code", self.told.texts[0])

    def test_variables_for_the_record(self) -> None:
        """Those of the operator are taken over, those of the attempt are not."""

        def note(msg: Message) -> None:
            msg.context_set(ECMESS_CTX_MESS, "DLV_Source_Addr", "campaign")
            msg.context_set(ECMESS_CTX_MESS, "DLV_Transaction_ID", "forged")
            msg.context_delete(ECMESS_CTX_MESS, "a")

        attempt = self.judge(Accepted("proven"), DISPOSE, note)
        assert attempt.message is not None
        self.assertEqual(
            attempt.message.message_context, {"DLV_Source_Addr": "campaign"}
        )
        self.assertEqual(MESSAGE.message_context, {"a": "b"})

    def test_both(self) -> None:
        """The response comes first; dispose sees what it made of the status."""
        seen: list[str] = []

        def respond(resp: Response) -> None:
            resp.status = 1

        def look(msg: Message) -> None:
            seen.append(msg.context_get(ECMESS_CTX_MESS, "DLV_Response_Status"))

        self.adopt({RESPONSE: respond, DISPOSE: look})
        entry = Entry(1, 1.0, message=MESSAGE, push=PUSH)
        self.policy.settle(KEY, [Attempt(entry, Refused(8, "x"), 7)])
        self.assertEqual(seen, ["1"])
