"""Several processes share a rate, and are killed: the law holds over all of them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random

from twisted.trial.unittest import TestCase

from mcmtpush.shared.ledger import prepare
from tests.integration.gateway import environment, wait_until


WORKERS = 3
KILLS = 8
COUNT = 60
SECONDS = 0.25

WORKER = """
import sys, time
from mcmtpush.config.views import ThrottleSettings
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.window import SharedBuckets

def seconds():
    instants[:] = [time.monotonic()]
    return instants[0]

path, worker, count, interval = sys.argv[1:]
instants = []
ledger = Ledger(path, worker=int(worker), seconds=seconds)
bucket = SharedBuckets(ledger).of(ThrottleSettings(int(count), float(interval), "rate"))
print("ready", flush=True)
while True:
    granted = bucket.take(7, seconds())
    if granted:
        print(repr(instants[0]), granted, flush=True)
    else:
        time.sleep(bucket.wait(seconds()))
"""
"""Takes as much as it can; says when it was granted how many."""


class SharedRateTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "workers.db")
        prepare(self.path)
        self.told: list[Path] = []

    def start(self, worker: int) -> subprocess.Popen[bytes]:
        told = self.folder / f"told{len(self.told)}"
        self.told.append(told)
        with told.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-c", WORKER, self.path,
                 str(worker), str(COUNT), str(SECONDS)],
                stdout=output,
                env=environment(),
            )  # fmt: skip
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_until("a worker", lambda: told.read_bytes().startswith(b"ready"))
        return child

    def grants(self) -> list[tuple[float, int]]:
        """When how many were granted, by anybody."""
        lines = [
            line
            for told in self.told
            for line in told.read_text().splitlines(keepends=True)[1:]
            if line.endswith("\n")
        ]
        return sorted((float(at), int(n)) for at, n in map(str.split, lines))

    def test_never_above_the_rate(self) -> None:
        """In no interval is more granted than the count, and nearly that in most."""
        dice = Random(7)
        workers = [self.start(each) for each in range(WORKERS)]
        began = time.monotonic()
        for _ in range(KILLS):
            time.sleep(SECONDS * dice.random())
            number = dice.randrange(WORKERS)
            workers[number].kill()
            workers[number].wait()
            workers[number] = self.start(number)
        ended = time.monotonic()
        for each in workers:
            each.kill()
            each.wait()
        grants = [(at, n) for at, n in self.grants() if began <= at <= ended]
        total = first = 0
        for at, count in grants:
            total += count
            while grants[first][0] <= at - SECONDS:
                total -= grants[first][1]
                first += 1
            self.assertLessEqual(total, COUNT)
        granted = sum(count for _, count in grants)
        self.assertGreater(granted, 0.5 * COUNT * (ended - began) / SECONDS)
