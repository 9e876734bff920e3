"""Finding and reading the files of one configuration."""

from __future__ import annotations

from mcmtpush.config.sources import MOST_FILES, SourceFault, Sources
from tests.config.samples import MemoryFiles
from tests.support.case import TestCase


class Disorderly(MemoryFiles):
    """Lists folders in no order, and refuses what is called secret."""

    def read(self, path: str) -> bytes:
        if "secret" in path:
            raise PermissionError(13, "Permission denied", path)
        return super().read(path)

    def entries(self, path: str) -> list[str] | None:
        if path.endswith("hidden"):
            raise PermissionError(13, "Permission denied", path)
        names = super().entries(path)
        return names and names[::-1]


FILES = Disorderly(
    {
        "/etc/main.conf": b"",
        "/etc/sub/one.conf": b"",
        "/etc/sub/near.conf": b"",
        "/etc/near.conf": b"",
        "/etc/far.conf": b"",
        "/etc/d/10-b": b"",
        "/etc/d/2-a": b"",
        "/etc/d/.dot": b"",
        "/etc/d/inner/x": b"",
        "/etc/secret": b"",
    }
)


class LocateTests(TestCase):
    """Which files an include names."""

    def locate(self, target: str, *search_path: str) -> list[str]:
        """As included by /etc/sub/one.conf."""
        sources = Sources(FILES, "/etc/main.conf", search_path or None)
        return sources.locate(target, "/etc/sub/one.conf")

    def test_beside_the_includer_then_beside_the_main_file(self) -> None:
        """The nearer one wins; absolute names and `file://` are taken as they are."""
        self.assertEqual(self.locate("near.conf"), ["/etc/sub/near.conf"])
        self.assertEqual(self.locate("far.conf"), ["/etc/far.conf"])
        self.assertEqual(self.locate("../near.conf"), ["/etc/near.conf"])
        self.assertEqual(self.locate("/etc/near.conf"), ["/etc/near.conf"])
        self.assertEqual(self.locate("file:///etc/near.conf"), ["/etc/near.conf"])

    def test_search_path(self) -> None:
        """It takes the main file's place, in its order, behind the includer."""
        self.assertEqual(
            self.locate("near.conf", "/etc/d", "/etc"), ["/etc/sub/near.conf"]
        )
        self.assertEqual(self.locate("far.conf", "/etc/d", "/etc"), ["/etc/far.conf"])
        self.assertEqual(self.locate("x", "/etc", "/etc/d/inner"), ["/etc/d/inner/x"])
        self.assertEqual(self.locate("inner", "/etc/d"), ["/etc/d/inner/x"])
        with self.assertRaises(SourceFault) as caught:
            self.locate("far.conf", "/etc/d", "/opt/x")
        self.assertEqual(
            str(caught.exception),
            'cannot read "far.conf": No such file or directory; looked for '
            "/etc/sub/far.conf, /etc/d/far.conf, /opt/x/far.conf",
        )

    def test_a_folder_stands_for_its_files(self) -> None:
        """In lexical order, without dot files and without subfolders."""
        self.assertEqual(self.locate("d"), ["/etc/d/10-b", "/etc/d/2-a"])
        self.assertEqual(self.locate("d/"), ["/etc/d/10-b", "/etc/d/2-a"])

    def test_what_cannot_be_found(self) -> None:
        """The text names the path and the reason."""
        for target, text in (
            (
                "x.conf",
                (
                    'cannot read "x.conf": No such file or directory; '
                    "looked for /etc/sub/x.conf, /etc/x.conf"
                ),
            ),
            ("/x.conf", 'cannot read "/x.conf": No such file or directory'),
            ("/etc/hidden", 'cannot read "/etc/hidden": Permission denied'),
            ("persist://x", '"persist://x": only local files can be included'),
            ("", "an include without a name"),
        ):
            with self.assertRaises(SourceFault) as caught:
                self.locate(target)
            self.assertEqual(str(caught.exception), text)


class ReadingTests(TestCase):
    """Opening files one inside the other."""

    def test_items_and_faults(self) -> None:
        """Both come together, and the order of first reading is kept."""
        sources = Sources(MemoryFiles({"/a": b"x = 1 }", "/b": b""}), "/a")
        with sources.reading("/a") as (items, errors), sources.reading("/b"):
            self.assertEqual(len(items), 1)
            self.assertEqual(
                [str(e) for e in errors], ['/a:1:7: error: a "}" that closes nothing']
            )
        self.assertEqual(sources.order, {"/a": 0, "/b": 1})

    def test_circles(self) -> None:
        """A file cannot be read inside itself, but twice in a row it can."""
        sources = Sources(MemoryFiles({"/a": b"", "/b": b""}), "/a")
        with sources.reading("/b"):
            pass
        with sources.reading("/a"), sources.reading("/b"):
            with self.assertRaises(SourceFault) as caught, sources.reading("/a"):
                pass
            text = "a file that includes itself: /a -> /b -> /a"
            self.assertEqual(str(caught.exception), text)

    def test_unreadable(self) -> None:
        """The reason is the system's."""
        sources = Sources(FILES, "/etc/main.conf")
        with self.assertRaises(SourceFault) as caught, sources.reading("/etc/secret"):
            pass
        text = 'cannot read "/etc/secret": Permission denied'
        self.assertEqual(str(caught.exception), text)

    def test_there_is_an_end(self) -> None:
        """Files that include one another many times over are cut off."""
        sources = Sources(MemoryFiles({"/a": b""}), "/a")
        for _ in range(MOST_FILES):
            with sources.reading("/a"):
                pass
        with self.assertRaises(SourceFault) as caught, sources.reading("/a"):
            pass
        self.assertIn("more than 1000 files", str(caught.exception))
