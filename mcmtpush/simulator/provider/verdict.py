"""What this half thinks of a request: Apple's rules first, then the script's.

Decides, and does nothing: how an answer travels is `session`'s business.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mcmtpush.simulator.occasion import ConnectionOccasions
from mcmtpush.simulator.provider.channel import Channels, Told, find_app_fault
from mcmtpush.simulator.provider.check import (
    BEFORE_TRUST,
    find_body_fault,
    find_fault,
    find_topic_fault,
)
from mcmtpush.simulator.provider.reason import STATUS, reason_of
from mcmtpush.simulator.provider.request import Place, Request
from mcmtpush.simulator.provider.trust import Trust
from mcmtpush.simulator.script import Action, Answer, Rule, Script
from mcmtpush.simulator.verdict import Verdict


class Judgement(NamedTuple):
    """What is thought of one request, and what follows.

    Attributes:
        status: the HTTP status to answer with; 0 for no answer at all.
        reason: Apple's, of a refusal; of a discarded request, for readers.
        at: the place of the rule that was followed, if any was.
        rule: that rule.
        told: of a channel management request, what it brought about.
    """

    verdict: Verdict
    status: int = 200
    reason: str | None = None
    at: int | None = None
    rule: Rule | None = None
    answer: Answer = Answer()
    told: Told | None = None


ACCEPTED: Final = Judgement(Verdict.ACCEPTED)
BEHIND: Final = Judgement(Verdict.DISCARDED, 0, "came after the one that ended it")
ABOVE: Final = Judgement(Verdict.DISCARDED, 0, "above the last stream of a GOAWAY")
HELD: Final = Judgement(
    Verdict.DISCARDED, 0, "was not read before the connection ended"
)
TOO_MANY: Final = Judgement(Verdict.DISCARDED, 0, "more streams than the limit")

_ON_FRAME: Final = frozenset(
    {Action.REFUSE, Action.ACCEPT, Action.IGNORE, Action.RESET_STREAM}
)
_LOSES_FRAME: Final = frozenset({Action.CLOSE, Action.RESET, Action.RESET_STREAM})


def acts_behind(rule: Rule) -> bool:
    """Whether "after k" means behind the k-th request, and not on the next."""
    return rule.action not in _ON_FRAME


class Judge:
    """The rules at work on one connection."""

    def __init__(
        self,
        script: Script,
        occasions: ConnectionOccasions,
        trust: Trust,
        channels: Channels,
    ) -> None:
        self.trust = trust
        self._script = script
        self._occasions = occasions
        self._channels = channels

    def open(self) -> Rule | None:
        """What is to happen straight after the handshake."""
        found = self._occasions.find_behind()
        return None if found is None else found[1]

    def judge(self, request: Request, now: float) -> Judgement:
        """The verdict on the next request; `now` is seconds since the epoch."""
        self._occasions.count()
        if request.place is Place.CHANNELS:
            return self._manage(request, now)
        reason = self._find_fault(request, now)
        if reason:
            return self._refuse(reason)
        found = self._occasions.find(request)
        if found is not None:
            return self._follow(*found, request)
        found = self._occasions.find_behind()
        return ACCEPTED if found is None else self._follow_behind(*found, request)

    # -- Apple's rules --

    def _find_fault(self, request: Request, now: float) -> str:
        if request.place is Place.NOWHERE:
            post = request.method == "POST"
            return "BadPath" if post else "MethodNotAllowed"
        if request.place is Place.BROADCAST:
            return self._find_broadcast_fault(request, now)
        return (
            find_fault(request, BEFORE_TRUST)
            or self._find_sender_fault(request, now)
            or find_body_fault(request)
        )

    def _find_sender_fault(self, request: Request, now: float) -> str:
        trust = self.trust
        topic = request.topic
        given = request.headers.get("authorization")
        return (
            trust.find_topic_fault(topic)
            or (find_topic_fault(topic, request.push_type) if topic else "")
            or trust.find_fault(given, now)
        )

    def _find_broadcast_fault(self, request: Request, now: float) -> str:
        if request.method != "POST":
            return "MethodNotAllowed"
        if request.repeated:
            return "DuplicateHeaders"
        return self._find_app_fault(request, now) or self._channels.find_fault(request)

    def _find_app_fault(self, request: Request, now: float) -> str:
        reason = find_app_fault(request.target)
        if reason:
            return reason
        identity = self.trust.identity
        if identity is not None and request.target not in identity.topics:
            return "TopicMismatch"
        return self.trust.find_fault(request.headers.get("authorization"), now)

    def _manage(self, request: Request, now: float) -> Judgement:
        reason = self._find_app_fault(request, now)
        if reason:
            return self._refuse(reason)
        told = self._channels.manage(request)
        if told.reason:
            return self._refuse(told.reason)
        return Judgement(Verdict.ACCEPTED, told.status, told=told)

    def _refuse(self, reason: str) -> Judgement:
        answer = self._script.answer
        return Judgement(Verdict.REFUSED, STATUS[reason], reason, answer=answer)

    # -- the script's --

    def _follow(self, at: int, rule: Rule, request: Request) -> Judgement:
        why = f"rule {at} of the script"
        if rule.action is Action.REFUSE:
            reason = rule.reason or reason_of(rule.status)
            status = rule.http_status or STATUS[reason]
            return Judgement(
                Verdict.REFUSED, status, reason, at, rule, answer=rule.answer
            )
        if rule.action in _LOSES_FRAME or _is_above(rule, request):
            return Judgement(Verdict.DISCARDED, 0, why, at, rule)
        if rule.action is Action.IGNORE:
            return Judgement(Verdict.ACCEPTED, 0, None, at, rule)
        answer = rule.answer if rule.action is Action.ACCEPT else Answer()
        return Judgement(Verdict.ACCEPTED, 200, None, at, rule, answer)

    def _follow_behind(self, at: int, rule: Rule, request: Request) -> Judgement:
        # What is `below` is found where it is known which streams are open.
        if rule.last_stream != "below" and _is_above(rule, request):
            why = f"rule {at} of the script"
            return Judgement(Verdict.DISCARDED, 0, why, at, rule)
        return Judgement(Verdict.ACCEPTED, at=at, rule=rule)


def _is_above(rule: Rule, request: Request) -> bool:
    """Whether a GOAWAY leaves even the request out on which it is said."""
    if rule.action is not Action.SHUTDOWN:
        return False
    last = rule.last_stream
    return last == "below" if isinstance(last, str) else last < request.stream
