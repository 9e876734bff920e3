"""The configuration that workers are given."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent

from mcmtpush.config.part import unpack
from mcmtpush.errors import ConfigError
from mcmtpush.intercom import (
    Declined,
    Follow,
)
from tests.support.crew import WorkersCase


class RevisionTests(WorkersCase):
    def test_reload(self) -> None:
        """One reading for all; also for those that are born later."""
        self.begin()
        self.found = self.configuration("retry_interval = 7 workers = 3"), []
        with capturedLogs() as events:
            self.workers.reload()
        self.assertEqual(
            [
                (formatEvent(event) or "").rpartition("warning: ")[2]
                for event in events
                if event["log_level"].name == "warn"
            ],
            ["workers needs a restart: until then it is 1"],
        )
        key = self.configuration().routing_key("e.com")
        for process in self.machine.processes:
            (follow,) = process.told()
            queue = unpack(follow.configuration)[0].queue(key)
            self.assertEqual(queue.retry_interval_seconds, 7)
        self.machine.processes[0].dies()
        self.machine.advance(0)
        (begin,) = self.machine.processes[2].told()
        for text, seconds in ((begin.started, 1200), (begin.latest, 7)):
            self.assertEqual(unpack(text)[0].queue(key).retry_interval_seconds, seconds)

    def test_reload_with_errors(self) -> None:
        """Only the logs are opened anew."""
        self.begin()
        self.found = None, [ConfigError("odd", "gw.conf", 3, 1)]
        with capturedLogs() as events:
            self.workers.reload()
        self.assertIn("gw.conf:3:1: error: odd", map(formatEvent, events))
        self.assertIn("nothing is changed", formatEvent(events[-1]))
        for process in self.machine.processes:
            self.assertEqual(process.told(), [Follow("")])

    def test_reload_that_does_not_work(self) -> None:
        """When a worker declines, those that are born later get what held before."""
        self.begin()
        self.found = self.configuration("retry_interval = 7"), []
        self.workers.reload()
        for process in self.machine.processes:
            process.told()
            process.says(Declined())
        self.machine.processes[0].dies()
        self.machine.advance(0)
        (begin,) = self.machine.processes[2].told()
        key = self.configuration().routing_key("e.com")
        latest, _ = unpack(begin.latest)
        self.assertEqual(latest.queue(key).retry_interval_seconds, 1200)
        self.assertEqual(self.workers.current.queue(key).retry_interval_seconds, 1200)

    def test_scripts(self) -> None:
        """They are read once, with the configuration; also when that is read again."""
        script = self.folder / "quiet.py"
        self.folder.mkdir(parents=True)
        script.write_text("one = 1")
        more = f'python {{ script "q" {{ source = "{script}" }} }}'
        self.start(1, more)
        (process,) = self.machine.processes
        (begin,) = process.told()
        self.assertEqual(unpack(begin.latest)[1], {str(script): "one = 1"})
        script.write_text("two = 2")
        self.found = self.configuration(more), []
        self.workers.reload()
        (follow,) = process.told()
        self.assertEqual(unpack(follow.configuration)[1], {str(script): "two = 2"})
        script.unlink()
        self.workers.reload()
        self.assertEqual(process.told(), [Follow("")])
        process.dies()
        self.assertEqual(len(self.failed), 1)
