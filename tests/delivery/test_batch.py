"""Entries to frames: what is written, what is refused, and what is kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.frames import Frame, FrameReader
from mcmtpush.apns.window import LAST_IDENTIFIER
from mcmtpush.delivery.batch import encode_batch
from mcmtpush.values import Attempt, Entry, PushPart, Refused, Undecided
from tests.delivery.stage import TOKEN, an_entry
from tests.support.case import TestCase, readable


GOLDEN = bytes.fromhex(
    "02 0000004e  03 0004 00000007"
    "01 0020 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "02 0016 7b22617073223a7b22616c657274223a226869227d7d"
    "04 0004 6553f100  05 0001 0a"
)


def encode(
    entries: list[Entry],
    identifier: int = 1,
    expires_at: int = 1_700_000_000,
    keep: int = 0,
) -> tuple[list[Frame], list[Attempt], list[Attempt]]:
    batch = encode_batch(
        entries,
        identifier=identifier,
        expires_at=expires_at,
        remote_ip="192.0.2.1",
        keep=keep,
    )
    frames = FrameReader().feed(batch.data)
    return frames, batch.written, batch.refused  # type: ignore[return-value]


class EncodeBatchTests(TestCase):
    def test_golden_bytes(self) -> None:
        """The frame as written out by hand: identifier first, all five items."""
        entry = an_entry(1, bytes(range(32)).hex(), b'{"aps":{"alert":"hi"}}')
        batch = encode_batch(
            [entry], identifier=7, expires_at=1_700_000_000, remote_ip=""
        )
        self.assertEqual(batch.data, GOLDEN)

    def test_attempts(self) -> None:
        """Each is undecided, with its identifier, size and the gateway's address."""
        entries = [an_entry(1), an_entry(2)]
        _, written, refused = encode(entries, identifier=41)
        size = 29 + 32 + 2
        self.assertEqual(
            [
                (each.entry, each.outcome, each.transaction_id, each.size)
                for each in written
            ],
            [(entries[0], Undecided(), 41, size), (entries[1], Undecided(), 42, size)],
        )
        self.assertEqual({each.remote_ip for each in written}, {"192.0.2.1"})
        self.assertEqual(refused, [])

    def test_refused_ones_take_no_identifier(self) -> None:
        """What the check refuses is not in the bytes and leaves no gap."""
        entries = [an_entry(1), an_entry(2, "xx" * 32), an_entry(3), an_entry(4, "")]
        entries.append(an_entry(5))
        entries[4].push = None
        frames, written, refused = encode(entries)
        self.assertEqual([frame.identifier for frame in frames], [1, 2])
        self.assertEqual([each.entry.row for each in written], [1, 3])
        self.assertEqual(
            [(each.entry.row, each.outcome) for each in refused],
            [
                (2, Refused(8, "Invalid Token")),
                (4, Refused(2, "Missing Device Token")),
                (5, Refused(4, "Missing Payload")),
            ],
        )
        for each in refused:
            self.assertEqual(
                (each.transaction_id, each.size, each.remote_ip), (0, 0, "")
            )

    def test_payload_is_dropped_when_written(self) -> None:
        """A written entry keeps token and return path; a refused one everything."""
        good, bad = an_entry(1), an_entry(2, "0f")
        encode([good, bad])
        self.assertEqual(good.push, PushPart(TOKEN, b"", "back@x"))
        self.assertEqual(bad.push, PushPart("0f", b"{}", "back@x"))

    def test_some_payloads_are_kept(self) -> None:
        """The first ones that are written stay whole, the refused do not count."""
        entries = [an_entry(row, "" if row == 2 else TOKEN) for row in range(1, 6)]
        encode(entries, keep=2)
        kept = [entry.row for entry in entries if entry.push and entry.push.payload]
        self.assertEqual(kept, [1, 2, 3])

    def test_expiry_fits(self) -> None:
        """A clock gone mad yields the nearest time that 32 bits can say."""
        for at, expected in [(-5, 0), (0, 0), (1 << 40, 0xFFFFFFFF)]:
            frames, _, _ = encode([an_entry(1)], expires_at=at)
            self.assertEqual(frames[0].expiry, expected)

    def test_priority(self) -> None:
        """A push that shows nothing goes with priority 5."""
        silent = b'{"aps":{"content-available":1}}'
        frames, _, _ = encode([an_entry(1, payload=silent), an_entry(2)])
        self.assertEqual([frame.priority for frame in frames], [5, 10])

    @readable
    @given(
        st.lists(st.sampled_from(["0f" * 32, "ab" * 100, "", "zz" * 32]), max_size=12),
        st.sampled_from([1, 500, LAST_IDENTIFIER - 3]),
    )
    def test_frames_and_attempts_agree(self, tokens: list[str], first: int) -> None:
        """Every entry is in exactly one list; written ones are the frames, in order."""
        entries = [an_entry(row, token) for row, token in enumerate(tokens)]
        frames, written, refused = encode(entries, identifier=first)
        self.assertEqual(
            [(frame.identifier, frame.token.hex()) for frame in frames],
            [(each.transaction_id, each.entry.push.token) for each in written],  # type: ignore[union-attr]
        )
        identifier = first
        for frame in frames:
            self.assertEqual(frame.identifier, identifier)
            identifier = identifier + 1 if identifier < LAST_IDENTIFIER else 1
        rows = sorted(each.entry.row for each in written + refused)
        self.assertEqual(rows, list(range(len(tokens))))
