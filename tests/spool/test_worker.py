"""The thread."""

from __future__ import annotations

from queue import SimpleQueue
from threading import current_thread

from mcmtpush.spool.worker import WriterThread
from tests.support.case import TestCase


class WriterThreadTests(TestCase):
    """A real thread."""

    def test_does_jobs_in_order(self) -> None:
        """Jobs given before the start and after it are done in order, elsewhere."""
        thread, done = WriterThread(), SimpleQueue[tuple[int, object]]()
        for number in range(5):
            thread.run(lambda number=number: done.put((number, current_thread())))
        thread.start()
        thread.run(lambda: done.put((5, current_thread())))
        thread.close()
        thread.run(lambda: done.put((6, current_thread())))
        thread.join()
        found = [done.get_nowait() for _ in range(done.qsize())]
        self.assertEqual([number for number, _ in found], list(range(6)))
        self.assertNotIn(current_thread(), [where for _, where in found])

    def test_survives_a_bug(self) -> None:
        """A turn that fails is told, and the next ones are done."""
        thread, done = WriterThread(), SimpleQueue[int]()
        thread.start()
        thread.run(lambda: {}[1])
        thread.run(lambda: done.put(1))
        self.assertEqual(done.get(timeout=30), 1)
        thread.close()
        thread.join()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
