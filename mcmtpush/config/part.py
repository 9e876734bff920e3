"""One of several processes that share a configuration: which part of it is its own.

Knows settings and names of folders; starts nothing.
"""

from __future__ import annotations

import pickle
import posixpath
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import ProcessSettings


_FOLDER: Final = re.compile(r"worker-([2-9]|[1-9][0-9]{1,3})")


@frozen
class Part:
    """The part of one worker; the default is all of it.

    Attributes:
        number: from 1.
        of: how many processes share what is given for all of them.
        drains: takes nothing in: delivers what is in its spool.
    """

    number: int = 1
    of: int = 1
    drains: bool = False

    @property
    def first(self) -> bool:
        """Whether this is the one that does what is to be done once."""
        return self.number == 1

    def of_process(self, settings: ProcessSettings) -> ProcessSettings:
        """What this one sees of the settings of the process as a whole."""
        if self == ALONE:
            return settings
        return evolve(
            settings,
            spoolbase=folder_of(settings.spoolbase, self.number),
            max_resident_messages=self._share(settings.max_resident_messages),
            memory_goal_percent=settings.memory_goal_percent / self.of,
            memory_hwm_percent=settings.memory_hwm_percent / self.of,
            listens=() if self.drains else settings.listens,
            simulator=None,
        )

    def _share(self, count: int) -> int:
        """Of something that 0 does not limit."""
        return max(1, count // self.of) if count else 0


ALONE: Final = Part()


def folder_of(spoolbase: str, number: int) -> str:
    """The spool folder of a worker: the first has that of a process without any."""
    if number == 1:
        return spoolbase
    return posixpath.join(spoolbase, f"worker-{number}")


def number_of(name: str) -> int | None:
    """Whose folder is named so; None for others."""
    found = _FOLDER.fullmatch(name)
    return int(found[1]) if found else None


def pack(configuration: Configuration, scripts: Mapping[str, str]) -> str:
    """A configuration and its scripts, text by path, for a process that we start."""
    content = configuration.root, configuration.hostname, dict(scripts)
    return b64encode(pickle.dumps(content)).decode()


def unpack(text: str) -> tuple[Configuration, dict[str, str]]:
    """What `pack` made, in this program and by this user: never a stranger's."""
    root, hostname, scripts = pickle.loads(b64decode(text))  # noqa: S301 - see above
    return Configuration(root, hostname), scripts
