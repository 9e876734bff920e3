"""A real disk that fails: a small file system of its own, in a mount namespace.

Needs root, `unshare`, `mkfs.ext4` and a loop device; skipped where these are not to be
had.  What a read-only or full disk does is also tested without them, in tests/spool.
"""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
import subprocess
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from mcmtpush.mcmt.compose import alert_payload, compose
from tests.integration.gateway import Site, terminate, wait_until


PROGRAMS = ("unshare", "mkfs.ext4", "e2fsck", "findmnt")
MEGABYTES = 24

MOUNTED = """
mount -o loop,errors=remount-ro "$1" "$2" && findmnt -n -o SOURCE "$2" > "$3" || exit 99
shift 3; exec "$@"
"""
"""What the shell in the namespace does: image, folder, a file for the device's name."""


class DiskTests(TestCase):
    """The spool is on a disk of its own."""

    def setUp(self) -> None:
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        self.programs = {name: shutil.which(name, path=path) for name in PROGRAMS}
        missing = [name for name, found in self.programs.items() if not found]
        if os.geteuid() or missing:
            raise SkipTest(f"needs root, and {', '.join(missing) or 'programs'}")
        self.site = Site.make(
            Path(self.mktemp()).absolute(), delivery_response_timeout="1000"
        )
        self.image = self.site.folder / "disk.img"
        self.device = self.site.folder / "device"
        self.place = self.site.folder / "var" / "spool"
        self.place.mkdir(parents=True)
        with self.image.open("wb") as file:
            file.truncate(MEGABYTES << 20)
        self.run_program("mkfs.ext4", "-q", "-F", str(self.image))

    def run_program(self, name: str, *arguments: str) -> int:
        program = self.programs[name]
        assert program is not None
        done = subprocess.run([program, *arguments], capture_output=True, check=False)
        return done.returncode

    def start(self) -> subprocess.Popen[bytes]:
        """The gateway, with the disk where its spool belongs."""
        unshare = self.programs["unshare"]
        assert unshare is not None
        child = self.site.start(
            wait=False,
            around=[unshare, "-m", "sh", "-c", MOUNTED, "sh", str(self.image),
                    str(self.place), str(self.device)],
        )  # fmt: skip
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_until("a start", lambda: self.site.greets() or child.poll() is not None)
        if child.poll() == 99:
            raise SkipTest(f"no loop device here: {self.site.output()}")
        self.assertIsNone(child.poll(), self.site.output())
        return child

    def break_disk(self) -> None:
        """An error that the file system finds in itself: it is read-only from now."""
        name = Path(self.device.read_text().strip()).name
        self.assertTrue(name.startswith("loop"), name)
        trigger = Path(f"/sys/fs/ext4/{name}/trigger_fs_error")
        try:
            trigger.write_text("a test\n")
        except OSError as error:
            raise SkipTest(f"the disk cannot be broken here: {error}") from error

    def inject(self, alert: str, padding: int = 0) -> int:
        """The answer to the message."""
        content = compose(
            sender="news@example.net",
            recipient="4711@apn_example.com",
            token="0123456789abcdef" * 4,
            payload=alert_payload(alert),
            subject="News",
            date="Mon, 23 Nov 2026 12:00:00 +0000",
            message_id=f"<{alert}@example.net>",
            text="x" * 70 + ("\r\n" + "x" * 70) * padding,
        )
        with smtplib.SMTP("127.0.0.1", self.site.smtp_port, timeout=30) as client:
            client.ehlo()
            client.mail("news@example.net")
            client.rcpt("4711@apn_example.com")
            return client.data(content)[0]

    def delivered(self) -> list[str]:
        """Alerts the simulator took."""
        return [
            str(line["payload"]).split('"')[5]
            for line in self.site.journal()
            if line["verdict"] == "accepted"
        ]

    def test_read_only(self) -> None:
        """New mail is refused for now, nothing is lost, and it goes on when mended."""
        child = self.start()
        self.assertEqual(self.inject("early"), 250)
        wait_until("a D record", lambda: len(self.site.records("D")) == 1)
        self.assertEqual(self.inject("late"), 250)
        self.break_disk()
        self.assertIn(self.inject("refused"), {451, 452})
        wait_until("the record", lambda: len(self.site.records("D")) == 2)
        self.assertIn(self.inject("refused again"), {451, 452})
        self.assertIsNone(child.poll(), self.site.output())
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.assertLess(self.run_program("e2fsck", "-f", "-y", str(self.image)), 4)
        child = self.start()
        self.assertEqual(self.inject("mended"), 250)
        wait_until("delivery", lambda: "mended" in self.delivered())
        self.assertEqual(terminate(child), 0)
        # `late` was recorded and, unless the machine is very slow, not forgotten
        # before the disk broke: the window of a crash.
        found = Counter(self.delivered())
        self.assertIn(found.pop("late"), {1, 2})
        self.assertEqual(found, {"early": 1, "mended": 1})

    def test_full(self) -> None:
        """A full disk is 452; the next start delivers, and that makes room again."""
        text = self.site.configuration.read_text()
        self.site.configuration.write_text(f"suspend_delivery = true\n{text}")
        child = self.start()
        taken = 0
        while (answer := self.inject(f"m{taken}", padding=5000)) == 250:
            taken += 1
            self.assertLess(taken, 200, "the disk never fills")
        self.assertEqual(answer, 452)
        self.assertEqual(terminate(child), 0)
        self.site.configuration.write_text(text)
        child = self.start()
        wait_until("all records", lambda: len(self.site.records("D")) == taken)
        wait_until("room", lambda: self.inject("again", padding=5000) == 250)
        wait_until("one more", lambda: len(self.site.records("D")) == taken + 1)
        self.assertEqual(terminate(child), 0)
        self.assertEqual(len(self.delivered()), taken + 1)
