"""The files of one configuration: finding, reading and not reading in circles.

Where an include is looked for: beside the file that includes it, then along the
search path, which is the folder of the main file unless somebody says otherwise.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from mcmtpush.config.grammar import Item
from mcmtpush.config.parser import read_items
from mcmtpush.config.tokens import Faults, decode, printable, read_tokens, shown
from mcmtpush.errors import ConfigError, McmtPushError
from mcmtpush.ports import Files


MOST_FILES = 1000
"""Reads of one configuration: two folders that include one another get nowhere."""


class SourceFault(McmtPushError):
    """A file that cannot be included; the text says why."""


@define
class Sources:
    """Reads files, one inside the other.

    Attributes:
        main: path of the main file.
        search_path: folders; None is the folder of the main file.
        order: every file read, by when it was first met.
    """

    files: Files
    main: str
    search_path: tuple[str, ...] | None = None
    order: dict[str, int] = field(factory=dict)
    _open: list[str] = field(factory=list)
    _reads: int = 0

    def locate(self, target: str, includer: str) -> list[str]:
        """The files an include names: one, or those of a folder in lexical order.

        Raises:
            SourceFault: there is none, or it cannot be looked at.
        """
        scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", target)
        if scheme and scheme[1].lower() != "file":
            raise SourceFault(f"{shown(target)}: only local files can be included")
        path = target[scheme.end() :] if scheme else target
        if not path:
            raise SourceFault("an include without a name")
        candidates = self._candidates(path, includer)
        for candidate in candidates:
            try:
                names = self.files.entries(candidate)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise SourceFault(_unreadable(candidate, error)) from None
            return [candidate] if names is None else self._listed(candidate, names)
        raise SourceFault(_missing(path, candidates))

    def _candidates(self, path: str, includer: str) -> list[str]:
        folders = self.search_path
        if folders is None:
            folders = (posixpath.dirname(self.main),)
        paths = (
            posixpath.normpath(posixpath.join(folder, path))
            for folder in (posixpath.dirname(includer), *folders)
        )
        return list(dict.fromkeys(paths))

    def _listed(self, folder: str, names: list[str]) -> list[str]:
        paths = [posixpath.join(folder, n) for n in sorted(names) if n[:1] != "."]
        return [path for path in paths if not self._is_folder(path)]

    def _is_folder(self, path: str) -> bool:
        try:
            return self.files.entries(path) is not None
        except OSError:
            return False

    @contextmanager
    def reading(
        self, path: str
    ) -> Iterator[tuple[tuple[Item, ...], list[ConfigError]]]:
        """The items of a file, and its syntax errors, while it counts as open.

        Raises:
            SourceFault: it cannot be read, or is being read already.
        """
        key = posixpath.normpath(path)
        if key in self._open:
            circle = " -> ".join([*self._open[self._open.index(key) :], key])
            raise SourceFault(f"a file that includes itself: {circle}")
        if self._reads >= MOST_FILES:
            raise SourceFault(f"more than {MOST_FILES} files in one configuration")
        self._reads += 1
        try:
            data = self.files.read(path)
        except OSError as error:
            raise SourceFault(_unreadable(path, error)) from None
        self.order.setdefault(path, len(self.order))
        faults = Faults(path)
        items = read_items(read_tokens(decode(data, faults), faults), faults)
        self._open.append(key)
        try:
            yield items, faults.errors
        finally:
            self._open.pop()


def _missing(path: str, candidates: list[str]) -> str:
    first, *others = candidates
    why = "No such file or directory"
    if not others:
        return f'cannot read "{printable(first)}": {why}'
    looked = ", ".join(map(printable, candidates))
    return f'cannot read "{printable(path)}": {why}; looked for {looked}'


def _unreadable(path: str, error: OSError) -> str:
    # In full: it is the end of a long path that tells two files apart.
    return f'cannot read "{printable(path)}": {error.strerror or error}'
