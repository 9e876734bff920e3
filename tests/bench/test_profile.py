"""What a sampler saw, by stage and by kind of work."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bench.profile import kind_of, samples, stage_of, table
from tests.support.case import TestCase, readable


REACTOR = "ReactorBase.run (twisted/internet/base.py:686)"
OUTFLOW = "Outflow.write (mcmtpush/reception/outflow.py:45)"
HEADER = "read_header (mcmtpush/mcmt/header.py:66)"
STORE = "Store._insert (mcmtpush/spool/store.py:215)"
MAIN, SPOOL = "thread (7): MainThread", "thread (8): Thread-1"


class StageTests(TestCase):
    """Which room was at work."""

    def test_the_innermost_room(self) -> None:
        """Who called it does not matter, nor what it called outside."""
        frames = [REACTOR, OUTFLOW, HEADER, "sub (re.py:185)"]
        self.assertEqual(stage_of(frames), "mcmt")

    def test_modules_at_the_top_belong_to_a_room(self) -> None:
        """The reactor's hand-out, for one, is no stage of its own."""
        self.assertEqual(stage_of(["hand_out (mcmtpush/dispatch.py:46)"]), "reactor")
        self.assertEqual(stage_of([REACTOR]), "reactor")


class KindTests(TestCase):
    """What was done there."""

    def test_the_system(self) -> None:
        """By the call that the last line of Python made."""
        below = ["sock_send (socketmodule.c:4207)", "send (libc.so.6)"]
        self.assertEqual(kind_of([OUTFLOW, *below]), "network")
        self.assertEqual(kind_of([REACTOR, "epoll_wait (libc.so.6)"]), "idle")

    def test_the_interpreter_lock(self) -> None:
        """Waiting for it after the call; a queue's lock is waiting for work."""
        lock = ["pthread_cond_timedwait (libc.so.6)", "0x7f3f16 (libc.so.6)"]
        send = "sock_send (socketmodule.c:4207)"
        self.assertEqual(kind_of([OUTFLOW, send, *lock]), "interpreter lock")
        get = "_queue_SimpleQueue_get (_queuemodule.c.h:177)"
        self.assertEqual(kind_of([STORE, get, *lock]), "idle")

    def test_libraries(self) -> None:
        """The disk under SQLite is the disk; the rest of it is SQLite."""
        step = "sqlite3_step (libsqlite3.so.0.8.6)"
        self.assertEqual(kind_of([STORE, step]), "SQLite")
        self.assertEqual(kind_of([STORE, step, "fdatasync (libc.so.6)"]), "disk")

    def test_byte_code(self) -> None:
        """Everything else, the memory it takes included."""
        self.assertEqual(kind_of([HEADER]), "byte code")
        self.assertEqual(kind_of([HEADER, "malloc (libc.so.6)"]), "byte code")


class TableTests(TestCase):
    """Samples to rows."""

    def test_samples_of_both_threads(self) -> None:
        """Equal ones add up."""
        lines = [
            f"{MAIN};{REACTOR};{HEADER} 3",
            f"{MAIN};{REACTOR};{OUTFLOW};{HEADER} 2\n",
            f"{SPOOL};{STORE};fdatasync (libc.so.6) 5",
        ]
        self.assertEqual(
            samples(lines),
            {
                ("reactor's thread", "mcmt", "byte code"): 5,
                ("spool's thread", "spool", "disk"): 5,
            },
        )

    def test_rows(self) -> None:
        """Shares of what passed for one message; sums in the last row."""
        thread = "reactor's thread"
        found = Counter(
            {
                (thread, "mcmt", "byte code"): 1,
                (thread, "reception", "byte code"): 2,
                (thread, "reception", "network"): 1,
            }
        )
        self.assertEqual(
            list(table(found, 400.0)),
            [
                "| reactor's thread | sum | byte code | network |",
                "| --- | --- | --- | --- |",
                "| reception | 300.0 | 200.0 | 100.0 |",
                "| mcmt | 100.0 | 100.0 |  |",
                "| all | 400.0 | 300.0 | 100.0 |",
                "",
            ],
        )

    @readable
    @given(
        st.dictionaries(
            st.tuples(
                st.sampled_from(["a", "b"]),
                st.sampled_from(["reception", "mcmt", "spool"]),
                st.sampled_from(["disk", "network", "idle"]),
            ),
            st.integers(1, 1000),
            min_size=1,
        ),
        st.floats(1.0, 1e4),
    )
    def test_every_thread_adds_up(
        self, found: dict[tuple[str, str, str], int], microseconds: float
    ) -> None:
        """Each thread's last row says what passed."""
        rows = [
            line for line in table(Counter(found), microseconds) if "| all |" in line
        ]
        self.assertEqual(len(rows), len({thread for thread, _, _ in found}))
        for row in rows:
            self.assertEqual(row.split(" | ")[1], f"{microseconds:.1f}")
