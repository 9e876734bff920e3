"""Several processes share rates and limits, and are killed: both hold over all."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random

from twisted.trial.unittest import TestCase

from mcmtpush.shared.database import prepare
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.roster import forget
from tests.integration.gateway import environment, wait_until


WORKERS = 3
KILLS = 8
COUNT = 60
SECONDS = 0.25

TAKER = """
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

HOLDER = """
import random, sys, time
from twisted.internet.task import Clock
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.places import SharedPlaces

path, worker, most = sys.argv[1:]
ledger = Ledger(path, worker=int(worker), seconds=time.monotonic)
places = SharedPlaces(ledger, Clock(), random)
print("ready", flush=True)
while True:
    if places.take([("one", int(most)), ("two", 100)]) is None:
        print(repr(time.monotonic()), 1, flush=True)
        time.sleep(0.003 * random.random())
        print(repr(time.monotonic()), -1, flush=True)
        places.give_back(["one", "two"])
    time.sleep(0.001 * random.random())
"""
"""Has a place now and then; says since when, and until when."""


class SharedTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "workers.db")
        prepare(self.path)
        self.told: list[Path] = []

    def start(self, script: str, worker: int, *more: object) -> subprocess.Popen[bytes]:
        told = self.folder / f"told{len(self.told)}"
        self.told.append(told)
        words = [self.path, *map(str, (worker, *more))]
        with told.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-c", script, *words],
                stdout=output,
                env=environment(),
            )
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_until("a worker", lambda: told.read_bytes().startswith(b"ready"))
        return child

    def lines(self, told: Path) -> list[tuple[float, int]]:
        """What one worker said, when and how much."""
        lines = told.read_text().splitlines(keepends=True)[1:]
        whole = [line.split() for line in lines if line.endswith("\n")]
        return [(float(at), int(count)) for at, count in whole]

    def test_never_above_the_rate(self) -> None:
        """In no interval is more granted than the count, and nearly that in most."""
        dice = Random(7)
        workers = [self.start(TAKER, each, COUNT, SECONDS) for each in range(WORKERS)]
        began = time.monotonic()
        for _ in range(KILLS):
            time.sleep(SECONDS * dice.random())
            number = dice.randrange(WORKERS)
            workers[number].kill()
            workers[number].wait()
            workers[number] = self.start(TAKER, number, COUNT, SECONDS)
        ended = time.monotonic()
        for each in workers:
            each.kill()
            each.wait()
        grants = sorted(
            (at, count)
            for told in self.told
            for at, count in self.lines(told)
            if began <= at <= ended
        )
        total = first = 0
        for at, count in grants:
            total += count
            while grants[first][0] <= at - SECONDS:
                total -= grants[first][1]
                first += 1
            self.assertLessEqual(total, COUNT)
        granted = sum(count for _, count in grants)
        self.assertGreater(granted, 0.5 * COUNT * (ended - began) / SECONDS)

    def test_never_too_many_places(self) -> None:
        """Whoever dies with one in its hand: it counts until it is forgotten."""
        dice, parent = Random(11), Ledger(self.path, worker=0, seconds=time.monotonic)
        self.addCleanup(parent.close)
        numbers = range(1, WORKERS + 2)
        workers = {each: self.start(HOLDER, each, WORKERS - 1) for each in numbers}
        told = dict(zip(numbers, self.told, strict=True))
        changes: list[tuple[float, int]] = []
        for kill in range(KILLS + len(numbers)):
            time.sleep(0.2 * dice.random())
            number = dice.choice(list(workers))
            dead = workers.pop(number)
            dead.kill()
            dead.wait()
            died_at = time.monotonic()
            self.assertTrue(forget(parent, number))
            had = self.lines(told[number])
            changes += had
            changes += [(died_at, -1)] * sum(count for _, count in had)
            if kill < KILLS:
                workers[number] = self.start(HOLDER, number, WORKERS - 1)
                told[number] = self.told[-1]
        held = most = 0
        for _, change in sorted(changes):
            held += change
            most = max(most, held)
        self.assertEqual((held, most), (0, WORKERS - 1))
        self.assertGreater(len(changes), 1000)
