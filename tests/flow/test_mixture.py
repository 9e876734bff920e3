"""The law of the house over both of Apple's interfaces, mixed.

The same as `test_conservation`, with domains that deliver by certificate, by
provider token, by the binary interface, and by one behind the other; and with all
that a server over HTTP/2 can do wrong.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

from attrs import evolve
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from mcmtpush.apns.requests import apns_id_of
from mcmtpush.config.views import Route
from mcmtpush.simulator.provider.reason import STATUS
from mcmtpush.simulator.script import Action, Answer, Http2, Rule, Script
from mcmtpush.simulator.vocabulary import APN2
from tests.flow.test_conservation import (
    Conservation,
    bad_token,
    endings,
    queueings,
    refusals,
    stalls,
)
from tests.support.apple import BINARY, HTTP2, TOKENS
from tests.support.case import TestCase, readable
from tests.support.injector import Injection
from tests.support.pipe import REQUEST_SECONDS, TOKEN


ONLY: Final = frozenset({APN2})
ROUTES: Final[list[tuple[Route, ...]]] = [
    (HTTP2,),
    (TOKENS,),
    (HTTP2, evolve(BINARY, preference=1)),
    (TOKENS, evolve(HTTP2, preference=1)),
    (BINARY, evolve(TOKENS, preference=1)),
]
REASONS: Final = [
    "BadDeviceToken",
    "Unregistered",
    "PayloadTooLarge",
    "Forbidden",
    "IdleTimeout",
    "ExpiredProviderToken",
    "UnrelatedKeyIdInToken",
    "InvalidProviderToken",
    "BadCertificateEnvironment",
    "TooManyProviderTokenUpdates",
    "TooManyRequests",
    "InternalServerError",
    "ServiceUnavailable",
    "Shutdown",
    "NeverHeardOfIt",
]
SECONDS: Final = [0.0, 0.0, 0.3, REQUEST_SECONDS - 1.0, REQUEST_SECONDS + 1.0]

occasions = st.one_of(
    st.fixed_dictionaries({"every": st.integers(1, 5)}),
    st.fixed_dictionaries({"after": st.integers(0, 5)}),
)
times = st.sampled_from([None, 1, 3])
answers = st.builds(
    Answer,
    delay_seconds=st.sampled_from(SECONDS),
    behind=st.sampled_from([0, 0, 2]),
    split=st.sampled_from([(), (), (1, 0, 3)]),
    body=st.sampled_from([None, None, None, "", "no JSON"]),
    unfinished=st.sampled_from([False, False, False, True]),
)


def faults(action: Action, **more: Any) -> st.SearchStrategy[Rule]:
    """Such rules, whenever and however often."""
    return st.builds(
        lambda occasion, limit, chosen: Rule(
            action=action, protocols=ONLY, times=limit, **occasion, **chosen
        ),
        occasions,
        times,
        st.fixed_dictionaries(more),
    )


withholding = faults(Action.WITHHOLD, seconds=st.sampled_from([2.5, 1e6]))
http2_rules = st.one_of(
    faults(
        Action.REFUSE,
        reason=st.sampled_from(REASONS),
        answer=answers,
    ).map(lambda one: evolve(one, http_status=_status(one))),
    faults(Action.ACCEPT, answer=answers),
    faults(Action.IGNORE),
    faults(Action.RESET_STREAM, code=st.sampled_from([None, 2, 8])),
    faults(
        Action.SHUTDOWN,
        last_stream=st.sampled_from(["at", "below", "above", 3]),
        twice=st.booleans(),
        abandon=st.booleans(),
        reason=st.sampled_from(["", "", *REASONS]),
        code=st.sampled_from([None, 7, 11]),
        answer=answers,
    ),
    faults(Action.CLOSE, answer=answers),
    faults(Action.RESET, answer=answers),
    faults(Action.STALL, seconds=st.sampled_from([0.5, REQUEST_SECONDS + 1.0])),
    faults(Action.LIMIT, streams=st.sampled_from([0, 1, 3])),
    withholding,
    faults(Action.WRITE, data=st.binary(max_size=30)),
)
http2_kinds = st.builds(
    Http2,
    streams=st.sampled_from([1000, 1000, 3]),
    error_streams=st.sampled_from([1, 1000]),
    violation=st.sampled_from(["refuse", "goaway"]),
    window=st.sampled_from([65535, 100]),
    settings_delay_seconds=st.sampled_from([0.0, 0.0, 0.2, 10.0]),
    latency_seconds=st.sampled_from([0.0, 0.1]),
    token_life_seconds=st.sampled_from([3600.0, 1500.0]),
)
scripts = st.builds(
    lambda kind, rules: Script(
        linger_seconds=0.1, http2=kind, rules=(bad_token, *rules)
    ),
    http2_kinds,
    st.lists(
        st.one_of(http2_rules, http2_rules, withholding, endings, stalls, refusals),
        min_size=1,
        max_size=3,
    ),
)


def _status(one: Rule) -> int:
    """A reason that is not Apple's needs one of its own."""
    return 0 if one.reason in STATUS else 418


class Mixture(Conservation):
    """Two domains, and two ways to each of them at most."""

    # Quarters of an hour, and tokens that cannot be made for twenty minutes.
    patience_seconds = 4000.0

    @initialize(
        script=scripts,
        queueing=queueings,
        routes=st.tuples(st.sampled_from(ROUTES), st.sampled_from(ROUTES)),
        connections=st.sampled_from([1, 3]),
        per_connection=st.sampled_from([0, 0, 2]),
        policy=st.sampled_from(["resend", "resend", "drop"]),
    )
    def start(  # type: ignore[override]
        self,
        script: Script,
        queueing: dict[str, Any],
        routes: tuple[tuple[Route, ...], tuple[Route, ...]],
        connections: int,
        per_connection: int,
        policy: str,
    ) -> None:
        self.begin(script, {**queueing, "ambiguous_policy": policy}, per_connection)
        pipe = self.pipe
        for number, ways in enumerate(routes):
            pipe.domains[f"apn_{number}.example"] = evolve(
                pipe.delivering,
                routes=ways,
                key=pipe.key if TOKENS in ways else None,
                max_outbound_connections=connections,
            )

    def change(self, **changes: Any) -> None:
        domains = self.pipe.domains
        for domain in domains:
            domains[domain] = evolve(domains[domain], **changes)
        super().change(**changes)

    @rule(script=scripts, at_once=st.booleans())
    def follow(self, script: Script, at_once: bool) -> None:
        if at_once:
            self.pipe.apns.disconnect()
        self.pipe.follow(script)

    @rule(
        count=st.sampled_from([1, 2, 5, 20, 60]),
        distinct=st.booleans(),
        filling=st.sampled_from([0, 150, 3000]),
        mended=st.sampled_from([True, True, True, False]),
        seconds=st.sampled_from([0.0, 0.2, 1.5, REQUEST_SECONDS + 2.0]),
    )
    def work(
        self, count: int, distinct: bool, filling: int, mended: bool, seconds: float
    ) -> None:
        """Good messages for both domains; mostly nothing but Apple is in their way."""
        if mended:
            self.mend()
        for number in range(count):
            token = f"{number:02x}" * 32 if distinct else TOKEN
            people = f"a@apn_{number % 2}.example"
            self.pipe.inject(people, token=token, filling=filling)
        self.pipe.run(seconds)

    def mend(self) -> None:
        """Nothing but the gateways is at fault any more."""
        pipe = self.pipe
        pipe.network, pipe.ways = "up", {}
        pipe.spool_fails, pipe.ledger.room = False, inf
        pipe.queueing = evolve(pipe.queueing, suspend_delivery=False)
        pipe.run(1.0)

    # Every other life must not be too short for anything to happen in it.

    @rule(truly=st.sampled_from([False, False, False, True]))
    def crash(self, truly: bool) -> None:  # type: ignore[override]
        if truly:
            super().crash()

    @rule(truly=st.sampled_from([False, False, False, True]))
    def restart(self, truly: bool) -> None:  # type: ignore[override]
        if truly:
            super().restart()

    @rule(fails=st.sampled_from([False, False, False, True]))
    def spool_disk(self, fails: bool) -> None:
        super().spool_disk(fails)

    @rule(host=st.sampled_from([BINARY.host, HTTP2.host, TOKENS.host]))
    def lose(self, host: str) -> None:
        """One way is gone, until another is."""
        self.pipe.ways = {host: "refuses"}

    def end_faults(self) -> None:
        self.pipe.apns.disconnect()
        self.pipe.ways = {}
        super().end_faults()

    def check_transaction(self, injection: Injection) -> None:
        super().check_transaction(injection)
        lines = [
            line
            for line in self.pipe.judged(injection, "accepted")
            if hasattr(line, "apns_id")
        ]
        names = {apns_id_of(message_id) for message_id in injection.ids}
        if injection.ids:
            assert {line.apns_id for line in lines} <= names, (lines, names)
        for line in lines:
            event(f"accepted over HTTP/2 with {line.http_status}")


class MixtureTests(TestCase):
    """The whole program in memory, run by chance."""

    @readable
    def test_every_message_ends_once(self) -> None:
        """Whatever happened on whichever way, each message has one terminal record."""
        known = settings()
        run_state_machine_as_test(
            Mixture,
            settings=settings(
                max_examples=max(25, known.max_examples // 2),
                stateful_step_count=25,
            ),
        )
