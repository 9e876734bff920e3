"""What workers inherit from their parent: locks, sockets, the board of sessions.

Part of the composition root; the parent holds it as long as it lives, so that a worker
that is replaced leaves nothing behind.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from twisted.logger import Logger

from mcmtpush.config.part import folder_of
from mcmtpush.config.views import ListenSettings, ProcessSettings
from mcmtpush.intercom import Begin
from mcmtpush.post import BOARD, FROM_CHILD, LOCK, SOCKETS, TO_CHILD, Post
from mcmtpush.reception.board import Board, make_board
from mcmtpush.reception.opening import HeldSocket, hold
from mcmtpush.spool.census import has_work
from mcmtpush.spool.folder import DATABASE, open_spool, worker_folders
from mcmtpush.spool.lock import lock_spool


log = Logger()


def left_over(spoolbase: str, count: int, now: float) -> list[int]:
    """The numbers above `count` whose spools need a worker.  Raises SpoolError."""
    return [
        number
        for number, path in worker_folders(spoolbase)
        if number > count and has_work(posixpath.join(path, DATABASE), now=now)
    ]


def lock_post(
    process: ProcessSettings, number: int, pid: int, *, drains: bool = False
) -> Post:
    """With its spool locked, and opened once: it is as good as started then.

    `pid` is noted in the lock.  Raises SpoolError.
    """
    folder = folder_of(process.spoolbase, number)
    lock = lock_spool(folder, mode=process.spool_mode, pid=pid)
    open_spool(
        folder,
        mode=process.spool_mode,
        force_fsync=process.force_fsync,
        pid=pid,
        lock=lock.copy(),
    ).close()
    return Post(number, drains, lock)


class Inheritance:
    """Sockets of all listens, and a board with a row for each that takes mail in."""

    board: Board

    def __init__(self) -> None:
        self._sockets: list[HeldSocket] = []
        self._listens: list[str] = []
        self._board_at: int | None = None

    def open(self, listens: Iterable[ListenSettings], count: int) -> None:
        """For so many workers.  Raises ConfigError; what is open by then is held."""
        for listen in listens:
            self._sockets.append(hold(listen))
            log.info("listening on {address}", address=listen.address)
        self._listens = [each.settings.address for each in self._sockets]
        self._board_at = make_board(count, len(self._listens))
        self.board = Board.of(self._board_at, self._listens, row=count)

    def descriptors(self, post: Post, null: int) -> Mapping[int, Any]:
        """What a worker's process begins with, as `spawnProcess` takes it.

        `null` is a descriptor for what it has not.
        """
        return {
            0: null,
            1: "r",
            2: "r",
            FROM_CHILD: "r",
            TO_CHILD: "w",
            LOCK: post.lock.fileno(),
            BOARD: null if post.drains else self._board_at or null,
            **{
                number: each.fileno()
                for number, each in enumerate(self._sockets_of(post), SOCKETS)
            },
        }

    def first_word(self, post: Post, of: int, started: str, latest: str) -> Begin:
        """What it is told of that, and of the configuration.

        `of` counts all workers; `started` and `latest` are packed.
        """
        addresses = [each.settings.address for each in self._sockets_of(post)]
        return Begin(
            number=post.number,
            of=of,
            drains=post.drains,
            lock=LOCK,
            board=0 if post.drains else BOARD,
            listens=self._listens,
            sockets={
                address: number for number, address in enumerate(addresses, SOCKETS)
            },
            started=started,
            latest=latest,
        )

    def _sockets_of(self, post: Post) -> list[HeldSocket]:
        return [] if post.drains else self._sockets

    def hang_up(self) -> None:
        """No more connections, once no worker takes any."""
        for each in self._sockets:
            each.close()

    def close(self) -> None:
        """Nobody is left."""
        self.hang_up()
        if self._board_at is not None:
            os.close(self._board_at)
            self._board_at = None
