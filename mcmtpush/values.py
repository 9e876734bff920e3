"""What travels between the rooms.

Frozen values travel; `Entry` and `Attempt` live and are counted in millions,
hence slots and no validators.  `…_at` is seconds since the epoch (float),
`…_seconds` a duration.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from attrs import define, field, frozen


class QueueKey(NamedTuple):
    """Which queue: one per (binding, domain); the group goes with the binding."""

    binding_group: str
    binding: str
    domain: str


NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
"""Of the many push parts that say nothing to the HTTP/2 interface."""


@frozen
class PushPart:
    """The Apple part of a multi-channel message, content checked, values not.

    Attributes:
        token: the device token as hexadecimal text exactly as injected (the
            caller decides at delivery whether it is one), possibly empty.
        payload: the JSON object, compact UTF-8.
        return_path: where a failure notice goes; None means MAIL FROM.
        headers: what the inner header says to the HTTP/2 interface, by
            lower-case name without `x-`, such as "apns-topic"; printable ASCII,
            otherwise unchecked.
    """

    token: str
    payload: bytes
    return_path: str | None = None
    headers: Mapping[str, str] = NO_HEADERS


@frozen
class Message:
    """All that is known of one accepted message for one recipient, bodies aside.

    `domain` is the routing domain in lower case; `recipient` and `sender` are
    full addresses as given in the envelope (`sender` may be empty).  `size` is
    the number of bytes received.  `priority` is 0 or 1; 1 goes first.
    """

    id: str
    batch_id: str
    connection_id: str
    received_at: float
    sender: str
    recipient: str
    key: QueueKey
    size: int
    priority: int = 0
    connection_context: Mapping[str, str] = field(factory=dict)
    message_context: Mapping[str, str] = field(factory=dict)


@frozen
class Submission:
    """One SMTP transaction, accepted: one message per recipient, bodies shared.

    Attributes:
        messages: one for each recipient; never empty.
        mail: the mail content, RFC 5322 with CRLF, never the MCMT container
            (except under `mcmt_reception = passthru`, which changes nothing).
        push: the Apple part, when there is one.
    """

    messages: tuple[Message, ...]
    mail: bytes
    push: PushPart | None


@define(eq=False)
class Entry:
    """One queued message: the little that must be in memory, and what may be.

    Attributes:
        row: its row in the spool, which also orders entries by age.
        received_at: when it was accepted.
        next_attempt_at: not to be attempted before; 0 means at once.
        attempts: attempts that were charged so far.
        priority: 1 before 0.
        message: None while it is only on the disk.
        push: the Apple part; None while it is only on the disk (or if none).
    """

    row: int
    received_at: float
    next_attempt_at: float = 0.0
    attempts: int = 0
    priority: int = 0
    message: Message | None = None
    push: PushPart | None = None


HELD = float("inf")
"""`next_attempt_at` of an entry that waits for an operator, in memory and on disk."""


@frozen
class DeadLetter:
    """What the spool is told of a message that failed for good and is to be kept.

    Attributes:
        row: its row in the spool, where the rest is.
        died_at: when it failed.
        keep_until: when it is given up as a dead letter, too.
        status: the last status code, None where there was no answer.
        reason: the last answer's text.
        attempts: attempts that were charged, the last one included.
    """

    row: int
    died_at: float
    keep_until: float
    status: int | None
    reason: str
    attempts: int


@frozen
class Draft:
    """A request that is about to be sent, for policy to see and to change.

    Attributes:
        message: whom it is for.
        push: token and payload; its headers are those of the request, over the
            binary interface, which has none, those that were injected.
        command: of the binary frame; 0 over HTTP/2, which has no commands.
        id: the identifier of the frame, or the apns-id.
        expiry: seconds since the epoch; 0 is one attempt.
        attempts: charged before this one.
    """

    message: Message
    push: PushPart
    command: int
    id: int | str
    expiry: int
    attempts: int


# -- outcomes of an attempt -------------------------------------------------------


@frozen
class Native:
    """An answer of the HTTP/2 interface in its own words.

    Attributes:
        status: of HTTP; 0 when none came.
        reason: Apple's word for it, or what HTTP/2 calls it; empty with a 200.
        timestamp: of a 410, milliseconds since the epoch, as it came.
    """

    status: int
    reason: str = ""
    timestamp: int | None = None


@frozen
class Accepted:
    """The service took it.

    `proof` is "presumed" when nothing was heard within the response window,
    "proven" when an answer shows that it was processed, and "policy" when a hook of
    the operator calls delivered what was not.
    """

    proof: Literal["presumed", "proven", "policy"]
    native: Native | None = None


@frozen
class Refused:
    """The service, or the check before sending, objected to this very message.

    `status` is the legacy status code (0 to 255), `detail` its text.  When it is
    tried again, then not before `wait_seconds` have passed, and if `soon` just then,
    whatever the schedule of retries says.
    """

    status: int
    detail: str
    native: Native | None = None
    wait_seconds: float = 0.0
    soon: bool = False


@frozen
class Discarded:
    """Provably not processed, such as what was written behind a refused one.

    It costs no attempt.  If it `expires` it may come again and again, and a message
    that is too old by then ends with it.
    """

    expires: bool = False


@frozen
class Undecided:
    """Written, and nothing was heard of it.

    `detail` is for the record; empty means that the connection ended.  If `charged`
    it counts as an attempt and is tried again like one that was refused for now.
    """

    detail: str = ""
    native: Native | None = None
    charged: bool = False


@frozen
class Postponed:
    """Not attempted now, and no attempt: it waits for so many seconds."""

    seconds: float


@frozen
class Expired:
    """Not attempted or not again: too old, or at an order.

    `text` is the internal answer; `quiet` ones are not told to their senders.
    """

    text: str
    quiet: bool = False


@frozen
class Answered:
    """A mail server's final answer to this very message: 4xx for now, 5xx for good."""

    code: int
    text: str


Outcome = Accepted | Refused | Discarded | Undecided | Postponed | Expired | Answered


@define(eq=False)
class Attempt:
    """One entry with what became of it, on its way to disposition.

    Attributes:
        entry: `entry.message` is resident.
        outcome: what became of it.
        transaction_id: the identifier sent to Apple: a number, or over HTTP/2 the
            apns-id; 0 when nothing was sent.
        size: bytes on the wire; 0 when nothing was sent.
        remote_ip: address of the peer, empty when there was none.
        message, push: as policy changed them for this attempt alone, the push
            without its payload; None where those of the entry hold.
    """

    entry: Entry
    outcome: Outcome
    transaction_id: int | str = 0
    size: int = 0
    remote_ip: str = ""
    message: Message | None = None
    push: PushPart | None = None


@frozen
class Record:
    """One line owed to the operator, before any format is applied.

    Attributes:
        kind: D delivered, T failed for now, P failed for good.
        at: when, seconds since the epoch.
        message: whom it is about.
        token: the device token as injected, or as policy changed it.
        transaction_id, size, remote_ip: as in `Attempt`.
        status: the status code, None after a success or without an answer.
        detail: its text.
        proof: "presumed", "proven", "policy", or empty unless delivered.
        native: what the HTTP/2 interface said, if it was that.
        spared: the token was registered anew since the service lost it.
    """

    kind: Literal["D", "T", "P"]
    at: float
    message: Message
    token: str = ""
    transaction_id: int | str = 0
    size: int = 0
    remote_ip: str = ""
    status: int | None = None
    detail: str = ""
    proof: str = ""
    native: Native | None = None
    spared: bool = False


# -- message ids ------------------------------------------------------------------


def format_message_id(counter: int, pid: int, seconds: int) -> str:
    """The text form `CC/CC-PPPPP-SSSSSSSS` of a message, batch or connection id.

    The counter (16 bits) as four and the slot (seconds, 32 bits) as eight
    upper-case hexadecimal digits, both reversed; the pid (16 bits) as five
    decimal digits.  The form is Momentum's.
    """
    digits = f"{counter & 0xFFFF:04X}"[::-1]
    slot = f"{seconds & 0xFFFFFFFF:08X}"[::-1]
    return f"{digits[:2]}/{digits[2:]}-{pid & 0xFFFF:05d}-{slot}"


_PAIRS = tuple(f"{byte:02X}"[::-1] for byte in range(0x100))
"""Two reversed digits for every byte: three ids are drawn for a message."""


class MessageIds:
    """Draws ids that never repeat in this process, whatever the clock does.

    The slot never goes back, and moves on by itself should the counter come
    round within one second.
    """

    def __init__(self, pid: int, counter: int = 0) -> None:
        self._pid = pid
        self._counter = counter & 0xFFFF
        self._begin_slot(0)
        self._left = 0

    def draw(self, now: float) -> str:
        """The next id; `now` is seconds since the epoch."""
        if now >= self._next_slot_at or not self._left:
            self._begin_slot(max(int(now), self._slot + 1))
        self._left -= 1
        self._counter = counter = (self._counter + 1) & 0xFFFF
        return f"{_PAIRS[counter & 0xFF]}/{_PAIRS[counter >> 8]}{self._ending}"

    def _begin_slot(self, seconds: int) -> None:
        self._slot, self._next_slot_at, self._left = seconds, seconds + 1, 0x10000
        self._ending = format_message_id(0, self._pid, seconds)[5:]
