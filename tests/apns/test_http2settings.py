"""What a server may set, and what its settings make of ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.apns.http2frame import Violation
from mcmtpush.apns.http2settings import PeerSettings
from tests.support.case import TestCase, readable


def payload(*settings: tuple[int, int]) -> bytes:
    return b"".join(name.to_bytes(2) + value.to_bytes(4) for name, value in settings)


def state(peer: PeerSettings) -> tuple[int | None, int]:
    return peer.max_streams, peer.window


class PeerSettingsTests(TestCase):
    def test_defaults(self) -> None:
        """Before a word, and after an empty one, the standard's defaults hold."""
        peer = PeerSettings()
        self.assertEqual(peer.apply(b""), frozenset())
        self.assertEqual(state(peer), (None, 65535))

    def test_apply(self) -> None:
        """What is not named stays; of one named twice the last counts."""
        peer = PeerSettings()
        self.assertEqual(
            peer.apply(payload((3, 500), (4, 10), (4, 20), (99, 7))),
            frozenset({3, 4, 99}),
        )
        peer.apply(payload((5, 20000)))
        self.assertEqual(state(peer), (500, 20))

    def test_table(self) -> None:
        """The values that end a connection, with the code for it."""
        for name, value, code in (
            (1, 2**32 - 1, None),
            (2, 0, None),
            (2, 1, 1),
            (2, 2, 1),
            (3, 0, None),
            (3, 2**32 - 1, None),
            (4, 2**31 - 1, None),
            (4, 2**31, 3),
            (5, 16383, 1),
            (5, 16384, None),
            (5, 2**24 - 1, None),
            (5, 2**24, 1),
            (6, 0, None),
            (8, 1, None),
            (8, 2, 1),
        ):
            if code is None:
                PeerSettings().apply(payload((name, value)))
                continue
            with self.assertRaises(Violation) as caught:
                PeerSettings().apply(payload((name, value), (name, 0)))
            self.assertEqual(caught.exception.code, code, (name, value))

    @readable
    @given(st.binary(max_size=30))
    def test_anything(self, data: bytes) -> None:
        """Any payload is taken or refused, and a refused one changes nothing."""
        peer = PeerSettings()
        try:
            peer.apply(data)
        except Violation:
            self.assertEqual(state(peer), (None, 65535))
        else:
            self.assertEqual(len(data) % 6, 0)
