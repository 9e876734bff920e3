"""From what delivery has in hand to the views of the hooks, and back.

What a script changed is taken over when all that were asked are done; after a
failure nothing of it is.  A request whose script failed is not sent: half a change
might reach the wrong people, and none may be the very thing policy is to prevent.
Nor is it given up, for the script can be mended: it is put off like a message that
the service refused for now.  A failure after the answer changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import define, evolve, field

from mcmtpush.apns.reasons import NO_ERROR, UNKNOWN, status_text
from mcmtpush.disposition.classify import answer
from mcmtpush.errors import HookError
from mcmtpush.hooks.chain import Chain
from mcmtpush.hooks.jsonvalue import write_payload
from mcmtpush.hooks.message import Message
from mcmtpush.hooks.points import DISPOSE, REQUEST, RESPONSE
from mcmtpush.hooks.request import Request
from mcmtpush.hooks.response import Response, read_status
from mcmtpush.ports import Disposition, Evaluate
from mcmtpush.values import (
    Accepted,
    Attempt,
    Draft,
    Native,
    Outcome,
    PushPart,
    QueueKey,
    Refused,
    Undecided,
)
from mcmtpush.values import Message as AcceptedMessage


_STATUS: Final = "DLV_Response_Status"
_DETAIL: Final = "DLV_Response_Status_Detail"
_OWN: Final = frozenset(
    {
        _STATUS,
        _DETAIL,
        "DLV_Dest_ID",
        "DLV_Transaction_ID",
        "DLV_Msg_Length",
        "DLV_Remote_IP_Address",
        "APNS_Status",
        "APNS_Reason",
    }
)
"""What the record takes from the attempt, whatever the message says."""

_RESULTS: Final = (Accepted, Refused, Undecided)
"""Outcomes that are one: all others are no attempt, or none that was made."""


@define(eq=False)
class Policy:
    """The policy that holds now, between delivery and disposition.

    Implements `ports.Hooks` and `ports.Disposition`.

    Attributes:
        disposition: takes over what was settled; set by the service once it is built.
        evaluate: see `ports.Hooks`.
    """

    disposition: Disposition = field(init=False)
    evaluate: Evaluate | None = field(init=False, default=None)
    _chain: Chain | None = field(init=False, default=None)
    _judge: Callable[[Attempt], None] | None = field(init=False, default=None)

    def adopt(self, chain: Chain | None) -> None:
        """From now on these scripts are asked; `deinit` of those before."""
        before, self._chain = self._chain, chain
        self.evaluate = self._judge = None
        if chain is not None:
            if chain.has(REQUEST):
                self.evaluate = partial(evaluate, chain)
            if chain.has(RESPONSE) or chain.has(DISPOSE):
                self._judge = partial(judge, chain)
        if before is not None:
            before.end()

    def settle(self, key: QueueKey, attempts: Sequence[Attempt]) -> None:
        """See `ports.Disposition`; scripts are heard before."""
        if self._judge is not None:
            for attempt in attempts:
                self._judge(attempt)
        self.disposition.settle(key, attempts)


# -- requests ------------------------------------------------------------------------


def evaluate(chain: Chain, draft: Draft) -> Draft | Refused:
    """What the scripts make of a request; see `ports.Evaluate`."""
    request, message = Request(draft), Message(draft.message, draft.attempts)
    try:
        last = chain.call(REQUEST, request, message)
        changed = chain.conclude(
            REQUEST, last, lambda: _drafted(draft, request, message, last)
        )
    except HookError as error:
        chain.tell(error)
        return Refused(UNKNOWN, f"[internal] {error}")
    if changed is not draft:
        chain.counters.add("hooks.requests_changed")
    return changed


def _drafted(draft: Draft, request: Request, message: Message, last: str) -> Draft:
    push, expiry = draft.push, request.expiry
    accepted = message.changed(draft.message)
    request.headers = request.headers  # looked through once more
    headers: Mapping[str, str] = request.headers.fields
    if headers == push.headers:
        headers = push.headers
    try:
        payload = write_payload(request.json) if request.json_read else push.payload
    except (ValueError, RecursionError) as error:
        raise HookError(REQUEST, last, 0, str(error)) from None
    same = (
        accepted is draft.message
        and headers is push.headers
        and (request.token, payload, expiry) == (push.token, push.payload, draft.expiry)
    )
    if same:
        return draft
    push = PushPart(request.token, payload, push.return_path, headers)
    return Draft(accepted, push, draft.command, draft.id, expiry, draft.attempts)


# -- results -------------------------------------------------------------------------


def judge(chain: Chain, attempt: Attempt) -> None:
    """Let the scripts see what became of an attempt, and change it."""
    if not isinstance(attempt.outcome, _RESULTS):
        return
    before = attempt.outcome
    if chain.has(RESPONSE) and _is_answer(attempt):
        _ask(chain, attempt, _respond)
    if chain.has(DISPOSE):
        _ask(chain, attempt, _dispose)
    if attempt.outcome is not before:
        chain.counters.add("hooks.results_changed")


def _ask(chain: Chain, attempt: Attempt, ask: Callable[[Chain, Attempt], None]) -> None:
    try:
        ask(chain, attempt)
    except HookError as error:
        chain.tell(error)


def _is_answer(attempt: Attempt) -> bool:
    """Whether the service refused it, and not the check before sending."""
    return isinstance(attempt.outcome, Refused) and bool(attempt.transaction_id)


def _respond(chain: Chain, attempt: Attempt) -> None:
    outcome = attempt.outcome
    assert isinstance(outcome, Refused)  # noqa: S101 - `_is_answer` said so
    native = outcome.native or Native(0)
    response = Response(
        outcome.status, attempt.transaction_id, native.status, native.reason
    )
    chain.call(RESPONSE, response)
    if response.status != outcome.status:
        attempt.outcome = _with_status(outcome, response.status, outcome.detail)


def _dispose(chain: Chain, attempt: Attempt) -> None:
    accepted = attempt.message or attempt.entry.message
    if accepted is None:
        return
    variables = _variables(attempt)
    message = Message(accepted, attempt.entry.attempts, variables)
    last = chain.call(DISPOSE, message)

    def conclude() -> tuple[Outcome, AcceptedMessage]:
        said = message.variables
        try:
            outcome = _reread(attempt.outcome, variables, said)
        except ValueError as error:
            raise HookError(DISPOSE, last, 0, f"{_STATUS}: {error}") from None
        return outcome, message.changed(accepted, but=_OWN)

    attempt.outcome, changed = chain.conclude(DISPOSE, last, conclude)
    if changed is not accepted:
        attempt.message = changed


def _variables(attempt: Attempt) -> dict[str, str]:
    """What the attempt says of itself; what does not exist is left out."""
    outcome, push = attempt.outcome, attempt.push or attempt.entry.push
    status, detail = answer(outcome)
    native = getattr(outcome, "native", None) or Native(0)
    variables = {
        _STATUS: "" if status is None else str(status),
        _DETAIL: detail,
        "DLV_Dest_ID": push.token if push is not None else "",
        "DLV_Transaction_ID": str(attempt.transaction_id or ""),
        "DLV_Msg_Length": str(attempt.size or ""),
        "DLV_Remote_IP_Address": attempt.remote_ip,
        "APNS_Status": str(native.status or ""),
        "APNS_Reason": native.reason,
    }
    return {name: text for name, text in variables.items() if text}


def _reread(
    outcome: Outcome, before: Mapping[str, str], said: Mapping[str, str]
) -> Outcome:
    """What the two variables of the status say now; raises ValueError."""
    status, detail = said.get(_STATUS, ""), said.get(_DETAIL, "")
    if status == before.get(_STATUS, "") and detail == before.get(_DETAIL, ""):
        return outcome
    if not status:
        if isinstance(outcome, Accepted):
            return outcome
        return _with_status(outcome, NO_ERROR, "")
    return _with_status(outcome, read_status(status), detail)


def _with_status(outcome: Outcome, status: int, detail: str) -> Outcome:
    native: Native | None = getattr(outcome, "native", None)
    if status == NO_ERROR:
        return Accepted("policy", native)
    detail = detail or status_text(status)
    if native is None and status != getattr(outcome, "status", NO_ERROR):
        native = Native(0)  # no service said this of the token: it is not gone
    if isinstance(outcome, Refused):
        return evolve(outcome, status=status, detail=detail, native=native)
    return Refused(status, detail, native)
