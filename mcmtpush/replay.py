"""Dead letters sent again: the message that is made of one, and the pace.

A replay is a new message for the gateway: it comes in by SMTP like any other, with a
new id, a new age and no attempts.  Its push part names the old one.  Knows neither
clock nor network: they are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

import orjson
from attrs import define, field

from mcmtpush.errors import SpoolError
from mcmtpush.injection import InjectionError, Reply
from mcmtpush.mcmt.compose import compose
from mcmtpush.spool.dead import Letter, Original, Selection


REPLAY_OF: Final = "X-Mcmtpush-Replay-Of"
"""The field of the push part's inner header that names the old id."""

_ID: Final = re.compile(r"\b[0-9A-F]{2}/[0-9A-F]{2}-[0-9]{5}-[0-9A-F]{8}\b")
_RATE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(?:/(s|m|h))?")
_SPAN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def replay_of(
    letter: Letter,
    original: Original,
    *,
    hostname: str,
    date: str,
    message_id: str,
) -> bytes:
    """The multi-channel message that sends a letter again, its mail part unchanged.

    Raises:
        ValueError: it cannot be made; the text says why.
    """
    if letter.token is None or original.payload is None:
        raise ValueError("it has no push part")
    payload = orjson.loads(original.payload)
    if not isinstance(payload, dict):
        raise ValueError(  # noqa: TRY004 - of what was kept
            "its payload is not an object"
        )
    return compose(
        sender=letter.sender or f"mcmtpush@{hostname}",
        recipient=letter.recipient,
        token=letter.token,
        payload=payload,
        subject=_subject(payload),
        date=date,
        message_id=message_id,
        return_path=letter.return_path,
        mail=original.mail or None,
        extra={**_native_fields(letter), REPLAY_OF: letter.id},
    )


def _native_fields(letter: Letter) -> dict[str, str]:
    """What its push part said to the HTTP/2 interface, as fields again.

    Not the apns-id: what is sent again is another notification.
    """
    headers = orjson.loads(letter.headers or "{}")
    return {
        f"X-{name.title()}": text for name, text in headers.items() if name != "apns-id"
    }


def _subject(payload: Mapping[str, Any]) -> str:
    aps = payload.get("aps")
    alert = aps.get("alert") if isinstance(aps, dict) else None
    text = alert if isinstance(alert, str) else "Push notification"
    return " ".join(text.replace("\0", " ").split())[:200] or "Push notification"


def id_in(answer: str) -> str:
    """The message id in the answer of a gateway, or the answer if there is none."""
    found = _ID.search(answer)
    return found[0] if found else answer


def parse_rate(text: str) -> float:
    """Messages per second, of `10/s`, `10`, `90/m` or `0.5/s`.

    Raises:
        ValueError: it is none of these, or nothing.
    """
    match = _RATE.fullmatch(text.strip())
    rate = float(match[1]) / _SECONDS[match[2] or "s"] if match else 0.0
    if not rate:
        raise ValueError(f'"{text}" is not a rate such as 10/s')
    return rate


def parse_span(text: str) -> float:
    """Seconds, of `90s`, `30m`, `2h`, `7d` or `1w`.

    Raises:
        ValueError: it is none of these.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not a time such as 30m, 2h or 7d')
    return float(match[1]) * _SECONDS[match[2]]


class Pace:
    """So many a second, evenly, and none faster to make up for lost time.

    Args:
        rate: per second; None is as fast as it goes.
        seconds: a clock that is only good for differences.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        rate: float | None,
        *,
        seconds: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self._gap = 0.0 if rate is None else 1.0 / rate
        self._seconds = seconds
        self._sleep = sleep
        self._next = seconds()

    def wait(self) -> None:
        """Return when the next one may go."""
        delay = self._next - self._seconds()
        if delay > 0:
            self._sleep(delay)
        self._next = max(self._next, self._seconds()) + self._gap


class Letters(Protocol):
    """Where the letters are; `mcmtpush.spool.dead.DeadLetters`."""

    def select(self, selection: Selection) -> Iterator[Letter]:
        """Those that are meant."""

    def original(self, letter: Letter) -> Original | None:
        """The bodies."""

    def mark(self, letter: Letter, replayed_as: str) -> None:
        """Note which message was made of it; raises SpoolError."""


@define(kw_only=True)
class Replay:
    """One run of `mcmtpush dead replay`.

    It ends early when the gateway cannot be reached or says "not now": the next one
    would fare no better.  A letter is marked right after its answer; only when the run
    is killed between the two is one sent that is not marked.

    Attributes:
        send: hands over (sender, recipient, content); raises InjectionError.
        hostname, date, message_id: for the header of the messages.
        say: prints one line.
        replayed, skipped, failed: how many letters.
        stopped: why the run ended before the last letter, or None.
    """

    letters: Letters
    send: Callable[[str, str, bytes], Reply]
    pace: Pace
    hostname: str
    date: Callable[[], str]
    message_id: Callable[[], str]
    say: Callable[[str], object]
    replayed: int = field(default=0, init=False)
    skipped: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    stopped: str | None = field(default=None, init=False)

    def run(self, selection: Selection, *, again: bool, dry_run: bool) -> None:
        """Replay what is selected; `again` also what was replayed before."""
        missing = dict.fromkeys(selection.ids)
        for letter in self.letters.select(selection):
            missing.pop(letter.id, None)
            if letter.replayed_as is not None and not again:
                self.skipped += 1
                self.say(f"{letter.id} skipped: replayed as {letter.replayed_as}")
            else:
                self._take(letter, dry_run=dry_run)
            if self.stopped is not None:
                return
        for id in missing:  # noqa: A001 - the word that people read
            self._fail(id, "there is no such dead letter")

    def summary(self, *, dry_run: bool) -> str:
        """What came of it, in one line."""
        done = "would be replayed" if dry_run else "replayed"
        counts = f"{self.replayed} {done}, {self.skipped} skipped, {self.failed} failed"
        return counts if self.stopped is None else f"{counts}; stopped: {self.stopped}"

    def _take(self, letter: Letter, *, dry_run: bool) -> None:
        try:
            content = self._content(letter)
        except ValueError as error:
            self._fail(letter.id, str(error))
            return
        if dry_run:
            self.replayed += 1
            self.say(f"{letter.id} would be replayed to {letter.recipient}")
            return
        self.pace.wait()
        try:
            reply = self.send(letter.sender, letter.recipient, content)
        except InjectionError as error:
            self._fail(letter.id, str(error))
            self.stopped = "no answer"
            return
        self._note(letter, reply)

    def _content(self, letter: Letter) -> bytes:
        original = self.letters.original(letter)
        if original is None:
            raise ValueError("it was given up meanwhile")
        return replay_of(
            letter,
            original,
            hostname=self.hostname,
            date=self.date(),
            message_id=self.message_id(),
        )

    def _note(self, letter: Letter, reply: Reply) -> None:
        if not reply.accepted:
            self._fail(letter.id, f"refused at {reply.step}: {reply}")
            if reply.code < 500:
                self.stopped = "the gateway takes no more for now"
            return
        new_id = id_in(reply.text)
        self.replayed += 1
        # Before anything is printed: a line may fail, and what was sent is sent.
        try:
            self.letters.mark(letter, new_id)
        except SpoolError as error:
            self.stopped = f"{letter.id} could not be marked as replayed: {error}"
        self.say(f"{letter.id} replayed as {new_id}")

    def _fail(self, id: str, reason: str) -> None:  # noqa: A002 - as above
        self.failed += 1
        self.say(f"{id} not replayed: {reason}")
