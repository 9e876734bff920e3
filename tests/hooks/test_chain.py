"""Who is asked, in which order, and what happens when one fails."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import HookError
from mcmtpush.hooks.chain import SILENCE_SECONDS, Chain, Provider
from mcmtpush.hooks.points import DISPOSE, POINTS, REQUEST
from tests.hooks.stage import Told, a_chain, a_provider
from tests.support.case import TestCase, readable


class ChainTests(TestCase):
    """Order and stops."""

    @readable
    @given(
        st.sampled_from([REQUEST, DISPOSE]),
        st.lists(st.sampled_from([None, 0, 1, False, True])),
    )
    def test_order_and_stop(self, hook: str, answers: list[Any]) -> None:
        """In the order of registration, up to the first that stops it."""
        asked: list[int] = []

        def says(index: int, answer: Any) -> Provider:
            return a_provider(
                str(index),
                **{hook: lambda view: (asked.append(view + index), answer)[1]},
            )

        chain = a_chain(*(says(i, a) for i, a in enumerate(answers)))
        last = chain.call(hook, 0)
        stopping = [i for i, answer in enumerate(answers) if POINTS[hook].stops(answer)]
        expected = list(range(stopping[0] + 1 if stopping else len(answers)))
        self.assertEqual(asked, expected)
        self.assertEqual(last, str(asked[-1]) if asked else "")

    def test_only_those_with_a_function(self) -> None:
        """A script that has nothing to say at a hook is not in the way."""
        asked: list[str] = []
        chain = a_chain(a_provider("a"), a_provider("b", **{REQUEST: asked.append}))
        chain.call(REQUEST, "x")
        self.assertEqual(asked, ["x"])
        self.assertTrue(chain.has(REQUEST))
        self.assertFalse(chain.has(DISPOSE))

    def test_failure_ends_the_chain(self) -> None:
        """It says hook, script and line; later scripts are not asked."""
        asked: list[str] = []

        def fail(_: object) -> None:
            raise KeyError("aps")

        chain = a_chain(
            a_provider("a", **{REQUEST: fail}),
            a_provider("b", **{REQUEST: asked.append}),
        )
        error = self.assertRaises(HookError, chain.call, REQUEST, "x")
        self.assertEqual((error.hook, error.script, error.line), (REQUEST, "a", 7))
        self.assertEqual(
            str(error), "apn_request_eval failed in line 7 of script \"a\": 'aps'"
        )
        self.assertEqual(asked, [])

    def test_exit_is_a_failure(self) -> None:
        """A script cannot end the program; what has no text is named by its kind."""
        for kind in (SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError):

            def leave(_: object, kind: type[BaseException] = kind) -> None:
                raise kind

            error = self.assertRaises(
                HookError, a_chain(a_provider(**{REQUEST: leave})).call, REQUEST, 1
            )
            self.assertEqual(error.reason, kind.__name__)

    def test_answer_that_cannot_be_compared(self) -> None:
        """What a script returns may be anything."""

        class Odd:
            __hash__ = None  # type: ignore[assignment]

            def __eq__(self, other: object) -> bool:
                raise ArithmeticError("never")

        chain = a_chain(a_provider("a", **{REQUEST: lambda _: Odd()}))
        error = self.assertRaises(HookError, chain.call, REQUEST, 1)
        self.assertIn("cannot be compared: never", error.reason)

    def test_conclusion(self) -> None:
        """What a script left behind may be anything, too."""

        def work() -> str:
            raise ValueError("not a header")

        chain = a_chain()
        self.assertEqual(chain.conclude(REQUEST, "a", lambda: "done"), "done")
        error = self.assertRaises(HookError, chain.conclude, REQUEST, "a", work)
        self.assertEqual((error.script, error.reason), ("a", "not a header"))


class LifeTests(TestCase):
    """`init` and `deinit`."""

    def setUp(self) -> None:
        self.told = Told()
        self.calls: list[str] = []

    def says(self, script: str, answer: object) -> Provider:
        """Notes both calls."""

        def init() -> object:
            self.calls.append(f"init {script}")
            return answer

        return a_provider(
            script, init=init, deinit=lambda: self.calls.append(f"deinit {script}")
        )

    def test_all_begin_and_end(self) -> None:
        """Each once, in order."""
        chain = a_chain(self.says("a", True), self.says("b", True))
        chain.begin()
        chain.end()
        self.assertEqual(self.calls, ["init a", "init b", "deinit a", "deinit b"])

    def test_init_that_fails(self) -> None:
        """Those that began before it end; nobody else does."""
        chain = a_chain(
            self.says("a", True), self.says("b", None), self.says("c", True)
        )
        error = self.assertRaises(HookError, chain.begin)
        self.assertEqual(error.reason, "it did not return true")
        self.assertEqual(self.calls, ["init a", "init b", "deinit a"])

    def test_deinit_that_fails(self) -> None:
        """It is told, and the others end all the same."""

        def fail() -> None:
            raise ValueError("no")

        chain = a_chain(a_provider(deinit=fail), self.says("b", True), told=self.told)
        chain.end()
        self.assertEqual(self.calls, ["deinit b"])
        self.assertEqual(len(self.told.texts), 1)


class TellTests(TestCase):
    """Every fault is counted, and told now and then."""

    def test_once_for_a_while(self) -> None:
        """A thousand messages are one line; the next says how many were not told."""
        now, told = [0.0], Told()
        chain = a_chain()
        chain = Chain([], chain.counters, told, lambda: now[0])
        error = HookError(REQUEST, "night", 3, "boom")
        for _ in range(1000):
            chain.tell(error)
        self.assertEqual(len(told.texts), 1)
        self.assertIn('line 3 of script "night": boom', told.texts[0])
        chain.tell(HookError(REQUEST, "night", 4, "boom"))
        self.assertIn("999 were not told", told.texts[1])
        now[0] = SILENCE_SECONDS
        chain.tell(error)
        self.assertEqual(len(told.texts), 3)
        self.assertEqual(chain.counters.get("hooks.failed"), 1002)
