"""One thread that does jobs in order; what the jobs are is not its affair."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from twisted.logger import Logger


log = Logger()


class Worker(Protocol):
    """One thread, from outside."""

    def start(self) -> None:
        """Begin."""

    def run(self, job: Callable[[], None]) -> None:
        """Have this done, after everything given before; never waits."""

    def close(self) -> None:
        """End when everything given so far is done; never waits."""


class WriterThread:
    """A `Worker` with a real thread.  A kill in its middle is a crash, no worse."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="spool", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def run(self, job: Callable[[], None]) -> None:
        """Have this done, after everything given before."""
        self._jobs.put(job)

    def close(self) -> None:
        """End when everything given so far is done."""
        self._jobs.put(None)

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # noqa: BLE001 - a bug in one turn must not end them all
                log.failure("a turn of the spool's thread failed")
