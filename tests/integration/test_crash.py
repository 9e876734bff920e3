"""A real process under load is killed again and again; what was answered survives.

The number of kills is `MCMTPUSH_KILLS`; without it 25 under the Hypothesis profiles
ci and thorough, 5 otherwise.
"""

from __future__ import annotations

import os
import smtplib
import subprocess
import time
from bisect import bisect_left
from collections import defaultdict
from itertools import count, pairwise
from pathlib import Path
from random import Random
from threading import Thread

from attrs import define, field
from twisted.logger import Logger
from twisted.trial.unittest import TestCase

from mcmtpush.mcmt.compose import alert_payload, compose
from tests.integration.gateway import PATIENCE_SECONDS, Site, terminate, wait_until


PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")
KILLS = int(os.environ.get("MCMTPUSH_KILLS", "5" if PROFILE == "dev" else "25"))
CLIENTS = 4
RESPONSE_SECONDS = 0.2
WINDOW_SECONDS = RESPONSE_SECONDS + 1.0  # and what a busy machine needs to settle


def message(alert: str) -> bytes:
    """A push with this alert, and the mail beside it."""
    return compose(
        sender="news@example.net",
        recipient="4711@apn_example.com",
        token="0123456789abcdef" * 4,
        payload=alert_payload(alert),
        subject="News",
        date="Mon, 23 Nov 2026 12:00:00 +0000",
        message_id=f"<{alert}@example.net>",
    )


@define
class Load:
    """Clients that send for as long as they are answered.

    Attributes:
        answered: alert by message id, of all that was answered 250.
        odd: answers to messages that were something else.
        over: whether to send no more.
    """

    site: Site
    answered: dict[str, str] = field(factory=dict)
    odd: list[bytes] = field(factory=list)
    over: bool = False
    _numbers: count[int] = field(factory=count)
    _threads: list[Thread] = field(factory=list)

    def start(self) -> None:
        """One session each."""
        self._threads = [Thread(target=self._send) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all have noticed that nobody answers."""
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a client hangs"

    def stop(self) -> None:
        """End all sessions."""
        self.over = True
        self.join()

    def _send(self) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self.site.smtp_port, timeout=30) as client:
                client.ehlo("client.example")
                while not self.over:
                    self._send_one(client, f"m{next(self._numbers)}")
        except (smtplib.SMTPException, OSError):
            return  # killed

    def _send_one(self, client: smtplib.SMTP, alert: str) -> None:
        client.mail("news@example.net")
        client.rcpt("4711@apn_example.com")
        code, text = client.data(message(alert))
        if code == 250:
            self.answered[text.decode().split()[-1]] = alert
        else:
            self.odd.append(text)


@define
class Findings:
    """The log and the journal, compared with what was answered.

    Attributes:
        outlived_seconds: how long after a kill the simulator may still take what was
            written before it; none where it dies as well.
    """

    answered: dict[str, str]
    kills: list[float]
    outlived_seconds: float = 0.0
    recorded: dict[str, int] = field(factory=lambda: defaultdict(int))
    accepted: dict[str, list[float]] = field(factory=lambda: defaultdict(list))

    def read(self, site: Site) -> None:
        """What the process left behind."""
        for row in site.records("D"):
            self.recorded[row[2]] += 1
        for line in site.journal():
            if line["verdict"] == "accepted":
                alert = str(line["payload"]).split('"')[5]
                self.accepted[alert].append(float(str(line["time"])))

    def lost(self) -> list[str]:
        """Answered, and without a record or never accepted."""
        return [
            message_id
            for message_id, alert in self.answered.items()
            if not self.recorded[message_id] or not self.accepted[alert]
        ]

    def repeats(self) -> dict[str, int]:
        """By message id, how often it was accepted or recorded more than once."""
        counts = {
            message_id: max(self.recorded[message_id], len(self.accepted[alert])) - 1
            for message_id, alert in self.answered.items()
        }
        return {message_id: more for message_id, more in counts.items() if more > 0}

    def excuses(self, message_id: str) -> int:
        """How many kills came while its answer was still waited for.

        Each kill excuses one repetition, and none that was there before it: what the
        simulator took late from a dead worker may go out again just before the next
        kill, and then once more.
        """
        times = sorted(self.accepted[self.answered[message_id]])
        kills, found = sorted(self.kills), 0
        for at, following in pairwise(times):
            place = bisect_left(kills, at - self.outlived_seconds)
            until = min(at + WINDOW_SECONDS, following)
            if kills[place : place + 1] and kills[place] <= until:
                found, kills = found + 1, kills[place + 1 :]
        return found


class CrashTests(TestCase):
    """SIGKILL."""

    def test_kills_under_load_lose_nothing(self) -> None:
        """Every answered message is delivered; a kill repeats only its own window."""
        site = Site.make(
            Path(self.mktemp()).absolute(),
            delivery_response_timeout=str(int(RESPONSE_SECONDS * 1000)),
        )
        load = Load(site)
        dice = Random(KILLS)
        kills = [self.kill(site, load, dice.uniform(0.05, 0.7)) for _ in range(KILLS)]
        with site.running() as child:
            wait_until(
                "all records",
                lambda: set(load.answered) <= {row[2] for row in site.records("D")},
            )
            self.assertEqual(terminate(child), 0)
        findings = Findings(load.answered, kills)
        findings.read(site)
        repeats = findings.repeats()
        unexcused = [each for each in repeats if repeats[each] > findings.excuses(each)]
        summary = (
            f"{len(load.answered)} messages answered, {KILLS} kills, {len(repeats)} "
            f"repeated of which {len(unexcused)} outside every window: {unexcused[:5]}"
        )
        Logger().info("{summary}", summary=summary)
        self.assertEqual(load.odd, [], summary)
        self.assertEqual(findings.lost(), [], summary)
        self.assertEqual(unexcused, [], summary)
        self.assertGreater(len(load.answered), KILLS, summary)
        self.assertEqual(site.records("P"), [], summary)

    def kill(self, site: Site, load: Load, seconds: float) -> float:
        """One life under load, so long; when it ended."""
        child = site.start()
        try:
            load.start()
            with self.assertRaises(subprocess.TimeoutExpired, msg="it ended by itself"):
                child.wait(seconds)
        finally:
            child.kill()
            child.wait()
            killed_at = time.time()
            load.join()
        return killed_at


class FindingsTests(TestCase):
    """What a kill excuses."""

    def excuses(self, kills: list[float], times: list[float]) -> int:
        """For one message that was accepted at these times."""
        findings = Findings({"id": "m1"}, kills, outlived_seconds=1.0)
        findings.accepted["m1"] = times
        return findings.excuses("id")

    def test_each_kill_once(self) -> None:
        """From a dead worker late, before the next kill and behind it."""
        self.assertEqual(self.excuses([10.0, 10.7], [10.56, 10.68, 12.4]), 2)
        self.assertEqual(self.excuses([10.0], [10.56, 10.68, 12.4]), 1)

    def test_not_what_came_before(self) -> None:
        """A kill explains nothing that had happened already."""
        self.assertEqual(self.excuses([10.0], [9.7, 9.8]), 0)
        self.assertEqual(self.excuses([10.0], [9.7, 9.8, 10.1]), 1)
        self.assertEqual(self.excuses([10.0], [5.0, 6.0]), 0)
