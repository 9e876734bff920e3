"""Counting in files that grow, and the messages that are sent."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench import house
from mcmtpush.mcmt.container import open_container
from tests.support.case import TestCase, readable


LINES = st.lists(st.sampled_from([b"@D@ x", b"@P@ y", b"@D@ \n@D@", b""]), max_size=8)


class TallyTests(TestCase):
    """How often something stands in a file."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_counts_nothing_where_there_is_no_file(self) -> None:
        """It may come later."""
        tally = house.Tally(self.folder / "x", b"@D@")
        self.assertEqual(tally.read(), 0)
        (self.folder / "x").write_bytes(b"@D@\n")
        self.assertEqual(tally.read(), 1)

    def test_leaves_out_lines_that_do_not_count(self) -> None:
        """Flushes of the binary protocol have a line, and no token."""
        path = self.folder / "x"
        path.write_bytes(b'{"token":"ab"}\n{"token":""}\n{"token":"cd"}\n')
        self.assertEqual(house.Tally(path, b"\n", but=b'"token":""').read(), 2)

    @readable
    @given(LINES, st.lists(st.integers(1, 7), max_size=10))
    def test_counts_the_same_in_whatever_pieces_the_file_grows(
        self, lines: list[bytes], sizes: list[int]
    ) -> None:
        """What is cut in the middle counts once, when its line is whole."""
        content = b"".join(line + b"\n" for line in lines)
        path = self.folder / "grows"
        path.write_bytes(b"")
        tally, at = house.Tally(path, b"@D@"), 0
        for size in [*sizes, len(content)]:
            with path.open("ab") as file:
                file.write(content[at : at + size])
            at += size
            tally.read()
        self.assertEqual(tally.count, content.count(b"@D@"))


class SampleTests(TestCase):
    """What is sent is what reception takes."""

    def sample(self, size: int, *, base64: bool = False) -> bytes:
        """The message as it arrives."""
        with tempfile.TemporaryDirectory() as folder:
            path = house.sample(Path(folder), size, base64=base64)
            return path.read_bytes().replace(b"\n", b"\r\n")

    def test_has_about_the_size_that_was_asked_for(self) -> None:
        """And holds a push part with the token that clients replace."""
        for size in (1024, 4096, 100_000):
            content = self.sample(size)
            self.assertLess(abs(len(content) - size), size * 0.05)
            open_container(content)
            self.assertEqual(content.count(house.TOKEN.encode()), 1)

    def test_has_both_parts_in_base64_when_asked_to(self) -> None:
        """The size is that of the encoded message."""
        content = self.sample(4096, base64=True)
        self.assertLess(abs(len(content) - 4096), 250)
        self.assertEqual(content.count(b"Content-Transfer-Encoding: base64"), 2)
        open_container(content)
