"""The program as a user starts it: a process of its own in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import define


ROOT = Path(__file__).resolve().parents[2]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
PATIENCE_SECONDS = 60.0


def environment() -> dict[str, str]:
    """The checkout first on the path, wherever the test runs."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def wait_until(what: str, true: Callable[[], bool]) -> None:
    """Poll until `true`, or fail naming what was waited for."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"gave up waiting for {what}")
        time.sleep(0.02)


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@define
class Site:
    """A copy of the shipped sample configuration with ports of its own."""

    folder: Path
    smtp_port: int
    apns_port: int
    http2_port: int

    @classmethod
    def make(cls, folder: Path, **replacements: str) -> Site:
        """Write `conf/ecelerity.conf` below `folder`."""
        smtp_port, apns_port, http2_port = free_port(), free_port(), free_port()
        site = cls(folder, smtp_port, apns_port, http2_port)
        text = (ROOT / "conf" / "ecelerity.conf").read_text()
        ports = {"2525": smtp_port, "2195": apns_port, "2197": http2_port}
        text = re.sub("|".join(ports), lambda found: str(ports[found[0]]), text)
        for old, new in replacements.items():
            pattern = rf"(?m)^(\s*){old} = .*$"
            text, count = re.subn(pattern, rf"\g<1>{old} = {new}", text)
            assert count, f"{old} is not in the sample"
        (folder / "conf").mkdir(parents=True)
        site.configuration.write_text(text)
        return site

    @property
    def configuration(self) -> Path:
        """The file."""
        return self.folder / "conf" / "ecelerity.conf"

    def lines(self, name: str) -> list[str]:
        """Complete lines of a file below `var/log`."""
        path = self.folder / "var" / "log" / name
        if not path.exists():
            return []
        return path.read_text().split("\n")[:-1]

    def records(self, kind: str) -> list[list[str]]:
        """The apn log's records of a kind, cut at every `@`."""
        rows = (line.split("@") for line in self.lines("apnlog.ec"))
        return [row for row in rows if row[1] == kind]

    def journal(self) -> list[dict[str, object]]:
        """The simulator's journal without flushes, which have no token.

        A kill may have left a fragment; what it was about had not been answered.
        """
        written = self.lines("apns_simulator.jsonl")
        lines = [json.loads(line) for line in written if line.endswith("}")]
        return [line for line in lines if line["token"]]

    def start(
        self, *, wait: bool = True, around: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """In the foreground; `wait` for the banner; `around`: who executes it."""
        output = (self.folder / "output").open("ab")
        child = subprocess.Popen(
            [*around, *TWISTD, "--nodaemon", "--pidfile=", "mcmtpush", "--config",
             str(self.configuration)],
            stdout=output, stderr=subprocess.STDOUT, cwd=self.folder,
            env=environment(),
        )  # fmt: skip
        output.close()
        if wait:
            wait_until("the banner", lambda: self.greets() or child.poll() is not None)
            assert child.poll() is None, self.output()
        return child

    def greets(self) -> bool:
        """Whether an SMTP banner comes."""
        try:
            address = ("127.0.0.1", self.smtp_port)
            with socket.create_connection(address, timeout=5) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            return False

    def output(self) -> str:
        """What the process said."""
        return (self.folder / "output").read_text()

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Started, and in the end killed if it still runs."""
        child = self.start()
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()


def terminate(child: subprocess.Popen[bytes]) -> int:
    """SIGTERM; the exit code."""
    child.send_signal(signal.SIGTERM)
    return child.wait(PATIENCE_SECONDS)
