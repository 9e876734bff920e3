"""Files that are removed while they are open."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock

from mcmtpush.errors import SpoolLostError
from mcmtpush.spool.database import open_database
from mcmtpush.spool.presence import INTERVAL_SECONDS, Presence
from tests.support.case import TestCase


class PresenceTests(TestCase):
    """A database with its log and its index, looked at once a second."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        database = open_database(str(self.path), force_fsync=False)
        self.addCleanup(database.close)
        self.clock = Clock()
        self.presence = Presence(self.path, self.clock.seconds)

    def pass_time(self) -> None:
        """Until the next look."""
        self.clock.advance(INTERVAL_SECONDS)

    def test_there(self) -> None:
        """Nothing is wrong with files that stay."""
        for _ in range(3):
            self.presence.require()
            self.pass_time()

    def test_removed(self) -> None:
        """Each is missed by name, once a look is due, and until it is put back."""
        for suffix in ("", "-wal", "-shm"):
            path = self.path.with_name(f"{self.path.name}{suffix}")
            self.presence.require()
            path.rename(path.with_name("elsewhere"))
            self.presence.require()
            self.pass_time()
            for _ in range(2):
                with self.assertRaisesRegex(SpoolLostError, f"{path} was removed"):
                    self.presence.require()
            path.with_name("elsewhere").rename(path)
            self.pass_time()

    def test_cannot_look(self) -> None:
        """A folder that may not be looked into says nothing of its files."""

        def refuse(_: object) -> None:
            raise PermissionError

        self.patch(Path, "stat", refuse)
        self.pass_time()
        self.presence.require()

    def test_replaced(self) -> None:
        """Another file of the same name is not the one that is open."""
        self.path.unlink()
        self.path.touch()
        self.pass_time()
        with self.assertRaisesRegex(SpoolLostError, "or replaced"):
            self.presence.require()

    def test_folder_removed(self) -> None:
        """With all that was in it."""
        presence = self.presence
        presence._files = {self.path / "below": (1, 2)}
        self.pass_time()
        with self.assertRaises(SpoolLostError):
            presence.require()
