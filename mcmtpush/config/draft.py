"""Files of a configuration while they are rewritten, and what to say about it.

Reads files and writes none; what is to be changed to what is for `config.migration`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff
from typing import Final

from attrs import define, field, frozen

from mcmtpush.config.edit import Page
from mcmtpush.config.tokens import Faults, decode
from mcmtpush.config.tree import Place, Setting
from mcmtpush.ports import Files


_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")


@frozen
class Note:
    """Something to know or to decide, about a place."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@frozen
class Rewritten:
    """One file before and after."""

    file: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """Unified, as `patch -p0` reads it."""
        before, after = _LINE.findall(self.before), _LINE.findall(self.after)
        lines = unified_diff(before, after, self.file, self.file)
        return "".join(map(_ended, lines))


def _ended(line: str) -> str:
    return line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


@define
class Draft:
    """All files that were asked for, as they will be.

    Attributes:
        files: where they are read from.
        notes: what only people can decide.
    """

    files: Files
    notes: set[Note] = field(factory=set, init=False)
    _pages: dict[str, Page] = field(factory=dict, init=False)

    def note(self, setting: Setting, text: str) -> None:
        """Say this about the place of a setting."""
        self.notes.add(Note(setting.place, text))

    def page(self, setting: Setting) -> Page:
        """The file that a setting stands in."""
        file = setting.place.file
        if file not in self._pages:
            text = decode(self.files.read(file), Faults(file))
            self._pages[file] = Page(text)
        return self._pages[file]

    def add(self, anchor: Setting, line: str) -> None:
        """Another setting behind this one."""
        page, place = self.page(anchor), anchor.place
        page.add(page.setting(place.line, place.column), line)

    def remove(self, setting: Setting) -> None:
        """Take a setting out."""
        page, place = self.page(setting), setting.place
        page.remove(page.setting(place.line, place.column))

    def rewritten(self) -> Iterator[Rewritten]:
        """The files that differ, in the order in which they were asked for."""
        for file, page in self._pages.items():
            after = page.edited()
            if after != page.text:
                yield Rewritten(file, page.text, after)
