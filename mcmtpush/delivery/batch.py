"""From queued entries to the frames of one write.

Knows neither the window they go into nor the transport that carries them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from mcmtpush.apns.frames import encode_notification
from mcmtpush.apns.notification import prepare
from mcmtpush.apns.window import UNDECIDED, following
from mcmtpush.delivery.revision import note, revise_frame
from mcmtpush.ports import Evaluate
from mcmtpush.values import Attempt, Entry, PushPart, Refused


LATEST_EXPIRY: Final = 0xFFFF_FFFF


class Batch(NamedTuple):
    """What one write carries, and what the check before it refused.

    Attributes:
        data: the frames of `written`, back to back.
        written: identifiers in a row; undecided until somebody decides.
        refused: never to be written; identifier and size are 0.
    """

    data: bytes
    written: list[Attempt]
    refused: list[Attempt]


def encode_batch(
    entries: Sequence[Entry],
    *,
    identifier: int,
    expires_at: int,
    remote_ip: str,
    keep: int = 0,
    evaluate: Evaluate | None = None,
) -> Batch:
    """Check and encode resident entries, in order.

    `identifier` is for the first that is written, `expires_at` seconds since the
    epoch, bent into 32 bits.  The first `keep` that are written keep their
    payload, to be sent again at once should they come back; the others' is dropped
    from the entry, and is in the spool.  `evaluate` is policy, None without any.
    """
    expires_at = min(max(expires_at, 0), LATEST_EXPIRY)
    frames: list[bytes] = []
    written: list[Attempt] = []
    refused: list[Attempt] = []
    for entry in entries:
        push, draft = entry.push, None
        if evaluate is None or push is None:
            prepared = prepare(push)
        else:
            prepared, draft = revise_frame(
                entry, evaluate, identifier=identifier, expires_at=expires_at
            )
        if isinstance(prepared, Refused):
            refused.append(note(Attempt(entry, prepared), draft))
            continue
        frame = encode_notification(
            identifier,
            prepared.token,
            prepared.payload,
            expires_at if draft is None else min(draft.expiry, LATEST_EXPIRY),
            prepared.priority,
        )
        frames.append(frame)
        attempt = Attempt(entry, UNDECIDED, identifier, len(frame), remote_ip)
        written.append(attempt if draft is None else note(attempt, draft))
        if push is not None and len(written) > keep:
            entry.push = PushPart(push.token, b"", push.return_path, push.headers)
        identifier = following(identifier)
    return Batch(b"".join(frames), written, refused)
