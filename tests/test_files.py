"""The real file system behind the port."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path

from mcmtpush.files import SEARCH_PATH, DiskFiles, read_search_path
from tests.support.case import TestCase


class DiskFilesTests(TestCase):
    """Reading, listing and modes."""

    def setUp(self) -> None:
        self.files = DiskFiles()
        # A Unix socket's path must be short.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def refusal(self, path: Path) -> OSError:
        """Why a path is not read."""
        with self.assertRaises(OSError) as caught:
            self.files.read(str(path))
        self.assertEqual(caught.exception.filename, str(path))
        return caught.exception

    def test_regular_files(self) -> None:
        """Content, also through a symbolic link, an empty one too."""
        path, link = self.folder / "a", self.folder / "link"
        path.write_bytes(b"\0x")
        link.symlink_to(path)
        self.assertEqual(self.files.read(str(path)), b"\0x")
        self.assertEqual(self.files.read(str(link)), b"\0x")
        path.write_bytes(b"")
        self.assertEqual(self.files.read(str(path)), b"")

    def test_pipes(self) -> None:
        """A pipe that nobody writes to is refused at once, by its link as well."""
        path, link = self.folder / "pipe", self.folder / "link"
        os.mkfifo(path)
        link.symlink_to(path)
        for name in (path, link):
            error = self.refusal(name)
            self.assertEqual(error.errno, errno.EINVAL)
            self.assertEqual(error.strerror, "it is a pipe, not a regular file")

    def test_sockets_and_devices(self) -> None:
        """Neither is read, not even a device that has an end."""
        path = self.folder / "socket"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            self.assertIn("it is a socket", self.refusal(path).strerror)
        for device in (Path("/dev/zero"), Path("/dev/null")):
            self.assertIn("it is a device", self.refusal(device).strerror)

    def test_what_is_swapped_is_refused(self) -> None:
        """A pipe that takes a file's place after the first look is not waited for."""
        path, pipe = self.folder / "a", self.folder / "pipe"
        path.write_bytes(b"x")
        os.mkfifo(pipe)
        regular = path.stat()
        self.patch(os, "stat", lambda _: regular)
        self.assertIn("it is a pipe", self.refusal(pipe).strerror)

    def test_folders_and_nothing(self) -> None:
        """The system's own words."""
        self.assertEqual(self.refusal(self.folder).errno, errno.EISDIR)
        self.assertEqual(self.refusal(self.folder / "no").errno, errno.ENOENT)

    def test_entries(self) -> None:
        """Names of a folder, None for what is none."""
        (self.folder / "a").write_bytes(b"")
        os.mkfifo(self.folder / "pipe")
        names = self.files.entries(str(self.folder)) or []
        self.assertEqual(sorted(names), ["a", "pipe"])
        self.assertIsNone(self.files.entries(str(self.folder / "a")))
        self.assertIsNone(self.files.entries(str(self.folder / "pipe")))
        self.assertRaises(OSError, self.files.entries, str(self.folder / "no"))

    def test_mode(self) -> None:
        """Permission bits alone."""
        (self.folder / "a").write_bytes(b"")
        (self.folder / "a").chmod(0o640)
        self.assertEqual(self.files.mode(str(self.folder / "a")), 0o640)


class SearchPathTests(TestCase):
    """EC_CONF_SEARCH_PATH."""

    def test_folders(self) -> None:
        """Separated by colons; empty ones do not count."""
        self.assertEqual(read_search_path({SEARCH_PATH: "/a::b:"}), ("/a", "b"))

    def test_none(self) -> None:
        """Not set, and set to nothing, are the same."""
        for environment in ({}, {SEARCH_PATH: ""}, {SEARCH_PATH: ":"}):
            self.assertIsNone(read_search_path(environment))
