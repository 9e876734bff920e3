"""Orders to the gateway that owns a spool, as files in a folder of that spool.

Nobody else may change a spool that is in use.  So a verb leaves its order there, the
gateway carries it out and leaves an answer, and whoever gave it reads that.  Orders
survive both: the next start of a gateway finds what is not answered.

    orders/NAME.order       the order, JSON; it appears whole or not at all
    orders/NAME.answer      the answer, JSON; the order is gone then
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
from attrs import asdict, frozen

from mcmtpush.errors import SpoolError
from mcmtpush.spool.lock import FOLDER_MODE
from mcmtpush.values import QueueKey


FOLDER = "orders"
LARGEST = 64 * 1024


@frozen
class Purge:
    """End all messages that wait in some queues and were received before a time.

    Attributes:
        text: the internal answer in their records.
        before: seconds since the epoch.
        domain, binding: which queues; None is any.
        quiet: send no failure notices.
    """

    text: str
    before: float
    domain: str | None = None
    binding: str | None = None
    quiet: bool = False

    def chooses(self, key: QueueKey) -> bool:
        """Whether this queue is meant."""
        return self.domain in {None, key.domain} and self.binding in {None, key.binding}


def write_purge(purge: Purge) -> bytes:
    """As the file holds it."""
    return orjson.dumps(asdict(purge))


def read_purge(data: bytes) -> Purge:
    """The order in a file; raises ValueError with what is wrong."""
    given = orjson.loads(data)
    if not isinstance(given, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - of what was read
    kinds = {
        "text": str,
        "before": (int, float),
        "domain": (str, type(None)),
        "binding": (str, type(None)),
        "quiet": bool,
    }
    wrong = [
        name
        for name, value in given.items()
        if name not in kinds or not isinstance(value, kinds[name])  # type: ignore[arg-type]
    ]
    missing = [name for name in ("text", "before") if name not in given]
    if wrong or missing:
        raise ValueError(f"wrong or missing: {', '.join(map(str, wrong + missing))}")
    return Purge(**given)


class Orders:
    """The folder of orders below a spool folder.  Raises SpoolError."""

    def __init__(self, spool: str) -> None:
        self._spool = Path(spool)
        self._place = self._spool / FOLDER

    # -- who gives them --

    def give(self, name: str, order: bytes) -> None:
        """Leave an order under a name that nobody else uses.

        What root leaves belongs to whom the spool belongs to, who is to read it.
        """
        try:
            self._place.mkdir(FOLDER_MODE, exist_ok=True)
            owner = self._heir()
            if owner is not None:
                os.chown(self._place, owner.st_uid, owner.st_gid, follow_symlinks=False)
            self._write(f"{name}.order", order, owner)
        except OSError as error:
            raise SpoolError(f"cannot leave an order: {error}") from error

    def _heir(self) -> os.stat_result | None:
        """To whom to give what is left here; only root can, and not through a link."""
        if os.geteuid() != 0 or self._place.is_symlink():
            return None
        return self._spool.stat()

    def take_answer(self, name: str) -> Any:
        """The answer, which is gone then; None while there is none."""
        path = self._place / f"{name}.answer"
        try:
            answer = orjson.loads(path.read_bytes())
            path.unlink()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SpoolError(f"cannot read the answer {path}: {error}") from error
        return answer

    # -- who carries them out --

    def pending(self) -> list[str]:
        """Names of orders without an answer, the oldest name first."""
        try:
            found = os.listdir(self._place)  # noqa: PTH208 - names only
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SpoolError(f"cannot look for orders: {error}") from error
        whole = (name for name in found if not name.startswith("."))
        return sorted(name[:-6] for name in whole if name.endswith(".order"))

    def read(self, name: str) -> bytes:
        """The content of an order, as much of it as an order may have."""
        path = self._place / f"{name}.order"
        try:
            with path.open("rb") as file:
                return file.read(LARGEST)
        except OSError as error:
            raise SpoolError(f"cannot read the order {path}: {error}") from error

    def answer(self, name: str, answer: Any) -> None:
        """It is carried out, or refused for good."""
        try:
            self._write(f"{name}.answer", orjson.dumps(answer))
            (self._place / f"{name}.order").unlink(missing_ok=True)
        except OSError as error:
            raise SpoolError(f"cannot answer the order {name}: {error}") from error

    def _write(
        self, name: str, content: bytes, owner: os.stat_result | None = None
    ) -> None:
        made = self._place / f".{name}"
        made.unlink(missing_ok=True)
        with made.open("xb") as file:  # never through a link that somebody laid
            if owner is not None:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(content)
        made.replace(self._place / name)
