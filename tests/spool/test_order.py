"""Orders in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.errors import SpoolError
from mcmtpush.spool.order import FOLDER, LARGEST, Orders, Purge, read_purge, write_purge
from mcmtpush.values import QueueKey
from tests.support.case import TestCase, readable


class PurgeTests(TestCase):
    @readable
    @given(
        st.builds(
            Purge,
            st.text(),
            st.floats(0, 1e10),
            st.none() | st.text(),
            st.none() | st.text(),
            st.booleans(),
        )
    )
    def test_comes_as_it_went(self, purge: Purge) -> None:
        """What is written is read again."""
        self.assertEqual(read_purge(write_purge(purge)), purge)

    def test_nonsense(self) -> None:
        """Whatever is no order is refused, with a word why."""
        for data in (
            b"",
            b"[]",
            b"{}",
            b'{"text": "x"}',
            b'{"text": 1, "before": 1}',
            b'{"text": "x", "before": "y"}',
            b'{"text": "x", "before": 1, "more": 1}',
            b"\xff",
        ):
            with self.assertRaises(ValueError, msg=data):
                read_purge(data)

    def test_chooses(self) -> None:
        """By domain, by binding, by both, or every queue."""
        key = QueueKey("g", "b", "d")
        for domain, binding, expected in (
            (None, None, True),
            ("d", None, True),
            ("x", None, False),
            (None, "b", True),
            ("d", "x", False),
            ("d", "b", True),
        ):
            purge = Purge("t", 0.0, domain, binding)
            self.assertEqual(purge.chooses(key), expected, (domain, binding))


class OrdersTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.orders = Orders(str(self.folder))

    def test_given_and_answered(self) -> None:
        """An order is pending until it is answered; an answer is taken once."""
        self.assertEqual(self.orders.pending(), [])
        self.orders.give("2", b"two")
        self.orders.give("1", b"one")
        self.assertEqual(self.orders.pending(), ["1", "2"])
        self.assertEqual(self.orders.read("1"), b"one")
        self.assertIsNone(self.orders.take_answer("1"))
        self.orders.answer("1", {"done": True})
        self.assertEqual(self.orders.pending(), ["2"])
        self.assertEqual(self.orders.take_answer("1"), {"done": True})
        self.assertIsNone(self.orders.take_answer("1"))

    def test_left_by_root(self) -> None:
        """What root leaves is the spool's owner's, the folder too."""
        given: list[tuple[object, int, int]] = []

        def chown(path: Path, user: int, group: int, *, follow_symlinks: bool) -> None:
            self.assertFalse(follow_symlinks)
            given.append((path, user, group))

        def fchown(_: int, user: int, group: int) -> None:
            given.append(("file", user, group))

        owner = self.folder.stat()
        ids = (owner.st_uid, owner.st_gid)
        self.patch(os, "chown", chown)
        self.patch(os, "fchown", fchown)
        self.patch(os, "geteuid", lambda: 0)
        self.orders.give("1", b"one")
        self.assertEqual(given, [(self.folder / FOLDER, *ids), ("file", *ids)])
        self.patch(os, "geteuid", lambda: 1000)
        self.orders.give("2", b"two")
        self.assertEqual(len(given), 2)

    def test_a_link_is_given_to_nobody(self) -> None:
        """Root does not give away what the gateway's user points to."""
        elsewhere = Path(self.mktemp())
        elsewhere.mkdir()
        (self.folder / FOLDER).symlink_to(elsewhere.absolute())
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os, "chown", None)
        self.patch(os, "fchown", None)
        self.orders.give("1", b"one")
        self.assertEqual(self.orders.pending(), ["1"])

    def test_only_orders(self) -> None:
        """Other files in the folder are nobody's orders, half-written ones too."""
        self.orders.give("1", b"one")
        for name in (".2.order", "notes.txt", "3.answer"):
            (self.folder / FOLDER / name).write_text("x")
        self.assertEqual(self.orders.pending(), ["1"])

    def test_bounded(self) -> None:
        """No more is read than an order may have."""
        self.orders.give("1", b"x" * (LARGEST + 1))
        self.assertEqual(len(self.orders.read("1")), LARGEST)

    def test_trouble(self) -> None:
        """What the disk refuses is a SpoolError."""
        (self.folder / FOLDER).write_text("not a folder")
        for verb in (
            lambda: self.orders.give("1", b""),
            self.orders.pending,
            lambda: self.orders.read("1"),
            lambda: self.orders.answer("1", {}),
            lambda: self.orders.take_answer("1"),
        ):
            with self.assertRaises(SpoolError):
                verb()

    def test_broken_answer(self) -> None:
        """An answer that cannot be read is not taken for none."""
        self.orders.give("1", b"")
        (self.folder / FOLDER / "1.answer").write_text("{")
        with self.assertRaises(SpoolError):
            self.orders.take_answer("1")
