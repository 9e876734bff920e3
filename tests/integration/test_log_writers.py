"""Several processes append to one log: killed, rotated, on a disk that fills up.

The full disk is a small one in memory, in a mount namespace: that needs root and
`unshare`, and is skipped where these are not to be had.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

from attrs import define, field
from twisted.trial.unittest import SkipTest, TestCase

from tests.integration.gateway import PATIENCE_SECONDS, environment, wait_until


WRITERS = 4
KILLS = 12
LINE = re.compile(rb"(\w+) (\d+) (x*)!")

WRITER = """
import signal, sys, time
from mcmtpush.shared.lock import FileLock
from mcmtpush.records.logfile import LogFile

path, lock, name, count = sys.argv[1:]
file = LogFile(path, 0o644, FileLock(lock))
signal.signal(signal.SIGHUP, lambda *_: rotated.append(1))
rotated, number = [], 0
print("ready", flush=True)
while number < int(count):
    batch = range(number, number + 1 + number % 40)
    lines = [f"{name} {at} {'x' * (at % 97)}!\\n" for at in batch]
    number = batch.stop
    if rotated:
        rotated.clear()
        file.open()
    reason = file.append("".join(lines).encode())
    while reason:
        print("full", flush=True)
        time.sleep(0.0001)
        reason = file.flush()
    print(number, flush=True)
"""
"""Appends until there are so many lines; says how many are surely written."""

FULL = """
mount -t tmpfs -o size=1m,mode=755 tmpfs "$1" || exit 99
cd "$1"; head -c $((224 * 4096)) /dev/zero > ballast; shift; exec "$@"
"""
"""What the shell in the namespace does: folder, program."""

DRIVER = """
import os, pathlib, subprocess, sys, time
place, count, folder, *command = sys.argv[1:]
told = [pathlib.Path(folder, f"told{each}") for each in range(int(count))]
children = [
    subprocess.Popen([*command, f"w{each}", "3000"], stdout=path.open("wb"))
    for each, path in enumerate(told)
]
end = time.monotonic() + 60
while not all("full" in path.read_text() for path in told):
    if time.monotonic() > end:
        sys.exit("the disk never fills")
    time.sleep(0.01)
early = pathlib.Path(place, "log").read_bytes()
early = early[: early.rfind(b"\\n") + 1]  # a torn line is about to be cut off again
for size in range(224, 0, -1):
    os.truncate(pathlib.Path(place, "ballast"), (size - 1) * 4096)
    time.sleep(0.001)
failed = any([child.wait() for child in children])
log = pathlib.Path(place, "log").read_bytes()
assert log.startswith(early), "what was there has changed"
pathlib.Path(folder, "early").write_bytes(early)
pathlib.Path(folder, "log").write_bytes(log)
sys.exit(failed)
"""


@define
class Writer:
    """A process, and the file of what it told."""

    name: str
    child: subprocess.Popen[bytes]
    told: Path = field()

    @property
    def ready(self) -> bool:
        return b"ready" in self.told.read_bytes()

    @property
    def written(self) -> int:
        """How many lines are surely written."""
        told = self.told.read_bytes()
        numbers = re.findall(rb"(?m)^(\d+)\n", told)
        return int(numbers[-1]) if numbers else 0


class LogWriterTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.names = 0

    def command(self, place: Path) -> list[str]:
        return [
            sys.executable, "-c", WRITER, str(place / "log"), str(place / "lock"),
        ]  # fmt: skip

    def start(self) -> Writer:
        name = f"w{self.names}"
        self.names += 1
        told = self.folder / f"told{name}"
        with told.open("wb") as output:
            child = subprocess.Popen(
                [*self.command(self.folder), name, "1000000"],
                stdout=output,
                env=environment(),
            )
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        writer = Writer(name, child, told)
        wait_until("a writer", lambda: writer.ready)
        return writer

    def count(self, *contents: bytes) -> dict[bytes, int]:
        """How many lines each has; all whole, in order, and no torn piece anywhere."""
        seen: Counter[bytes] = Counter()
        for content in contents:
            self.assertTrue(content.endswith(b"\n"), content[-200:])
            for line in content.splitlines():
                found = LINE.fullmatch(line)
                self.assertIsNotNone(found, line)
                assert found is not None
                number = int(found[2])
                self.assertEqual(len(found[3]), number % 97, line)
                self.assertEqual(number, seen[found[1]], line)
                seen[found[1]] += 1
        return dict(seen)

    def test_killed_and_rotated(self) -> None:
        """What was said to be written is there once and in order, whoever dies."""
        dice = Random(5)
        log, old = self.folder / "log", self.folder / "log.1"
        writers = [self.start() for _ in range(WRITERS)]
        dead: list[Writer] = []
        for kill in range(KILLS):
            victim = dice.choice(writers)
            before = victim.written
            wait_until("lines", lambda: victim.written > before)  # noqa: B023
            if kill == KILLS // 2:
                log.rename(old)
                for each in writers:
                    each.child.send_signal(signal.SIGHUP)
                wait_until("another file", log.exists)
            victim.child.kill()
            victim.child.wait()
            writers.remove(victim)
            dead.append(victim)
            if kill < KILLS - WRITERS:
                writers.append(self.start())
        # A killed writer's last line may be torn; it then stands by itself.
        contents = []
        for path in (old, log):
            lines = path.read_bytes().splitlines(keepends=True)
            whole = [line for line in lines if LINE.fullmatch(line.rstrip(b"\n"))]
            self.assertLessEqual(len(lines) - len(whole), KILLS)
            contents.append(b"".join(line.rstrip(b"\n") + b"\n" for line in whole))
        found = self.count(*contents)
        for each in dead:
            self.assertGreaterEqual(found[each.name.encode()], each.written)

    def test_full_disk(self) -> None:
        """All meet a full disk: every line comes once and whole as room is made."""
        unshare = shutil.which("unshare")
        if os.geteuid() or unshare is None:
            raise SkipTest("needs root, and unshare")
        place = self.folder / "disk"
        place.mkdir()
        done = subprocess.run(
            [unshare, "-mpf", "--kill-child", "sh", "-c", FULL, "sh", str(place),
             sys.executable, "-c", DRIVER, str(place), str(WRITERS), str(self.folder),
             *self.command(place)],
            env=environment(),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )  # fmt: skip
        if done.returncode == 99:
            raise SkipTest(f"nothing can be mounted here: {done.stderr!r}")
        self.assertEqual(done.returncode, 0, done.stderr)
        early = (self.folder / "early").read_bytes()
        self.assertGreater(len(early), 100_000)
        found = self.count((self.folder / "log").read_bytes())
        self.assertEqual(set(found), {b"w%d" % each for each in range(WRITERS)})
        self.assertTrue(all(3000 <= lines < 3040 for lines in found.values()), found)
