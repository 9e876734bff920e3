"""What one of several processes sees of the settings."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcmtpush.config.part import (
    ALONE,
    Part,
    folder_of,
    number_of,
    pack,
    unpack,
)
from mcmtpush.config.settings import Configuration
from mcmtpush.config.views import ListenSettings, ProcessSettings, SimulatorSettings
from tests.config.samples import tree
from tests.support.case import TestCase, readable


WHOLE = ProcessSettings(
    hostname="h",
    spoolbase="/spool",
    workers=4,
    max_resident_messages=1000,
    memory_goal_percent=80,
    memory_hwm_percent=90,
    listens=(ListenSettings(":25", port=25),),
    simulator=SimulatorSettings(),
)


class PartTests(TestCase):
    def test_all_of_it(self) -> None:
        """A process without others has everything."""
        self.assertIs(ALONE.of_process(WHOLE), WHOLE)

    def test_the_first(self) -> None:
        """It has the spool that a process alone would have."""
        # Connections and rates are counted together with the others.
        self.assertEqual(
            Part(1, 4).of_process(WHOLE),
            evolve(
                WHOLE,
                max_resident_messages=250,
                memory_goal_percent=20,
                memory_hwm_percent=22.5,
                simulator=None,
            ),
        )

    def test_the_third(self) -> None:
        """It has a spool of its own."""
        own = Part(3, 4).of_process(WHOLE)
        self.assertEqual(own.spoolbase, "/spool/worker-3")
        self.assertEqual((Part(1, 4).first, Part(3, 4).first), (True, False))
        self.assertEqual(own.listens, WHOLE.listens)

    def test_one_that_drains(self) -> None:
        """It takes nothing in."""
        self.assertEqual(Part(3, 4, drains=True).of_process(WHOLE).listens, ())

    @readable
    @given(st.integers(0, 10**6), st.integers(0, 100), st.integers(2, 1024))
    def test_the_parts_are_no_more_than_the_whole(
        self, messages: int, percent: int, count: int
    ) -> None:
        """No limit stays no limit, and a limit never becomes one."""
        whole = evolve(
            WHOLE, max_resident_messages=messages, memory_goal_percent=percent
        )
        part = Part(2, count).of_process(whole)
        self.assertEqual(part.max_resident_messages == 0, messages == 0)
        self.assertEqual(part.memory_goal_percent == 0, percent == 0)
        self.assertLessEqual(part.memory_goal_percent * count, percent + 1e-9)
        self.assertLessEqual(part.max_resident_messages * count, max(messages, count))

    @readable
    @given(st.integers(2, 1024))
    def test_names_of_folders(self, number: int) -> None:
        """They say whose they are."""
        name = folder_of("/s", number).removeprefix("/s/")
        self.assertEqual(number_of(name), number)
        self.assertEqual(folder_of("/s", 1), "/s")

    def test_other_folders(self) -> None:
        """Everything else is nobody's."""
        for name in ("orders", "worker-1", "worker-02", "worker-2x", "worker-", ""):
            self.assertIsNone(number_of(name), name)


class PackTests(TestCase):
    def test_there_and_back(self) -> None:
        """A configuration says the same in another process, places included."""
        made = Configuration(
            tree(
                'workers = auto relay_hosts = ( "10.0.0.0/8" ) '
                'outbound_throttle_messages = "5/60" memory_goal = 7 '
                'domain "/a|b/" { retry_interval = 9 }'
            ),
            "this.host",
        )
        read, scripts = unpack(pack(made, {"/a.py": "pass"}))
        self.assertEqual(scripts, {"/a.py": "pass"})
        self.assertEqual(read.process(), made.process())
        self.assertEqual(read.process().workers, "auto")
        key = made.routing_key("xa")
        self.assertEqual(read.queue(key), made.queue(key))
        self.assertEqual(read.queue(key).retry_interval_seconds, 9)
        places = [
            [each.place for each in one.root.settings["workers"]]
            for one in (made, read)
        ]
        self.assertEqual(*places)
