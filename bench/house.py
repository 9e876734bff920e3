"""What the programs share: a gateway in a process of its own, loads, tables."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from mcmtpush.mcmt.compose import alert_payload, compose


TWISTD = (
    str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=",
)  # fmt: skip

TOKEN = "00112233445566778899aabbccddeeff" * 2

CONFIGURATION = """
hostname = "bench.example.com"
spoolbase = "spool"
{extra}
esmtp_listener {{
  listen "127.0.0.1:{smtp_port}" {{ mcmt_reception = "allow" }}
}}
apn {{}}
domain "apn_example.com" {{
  delivery_method = "apn"
  routes = ( "apn://127.0.0.1?port={apns_port}" )
  tls_certificate = "spool/development/client.pem"
  tls_key = "spool/development/client.key"
  tls_ca = "spool/development/ca.pem"
  tls_verify = "host"
  delivery_response_timeout = 1000
  idle_timeout = 60
  {domain}
}}
apn_logger "main" {{ logfile = "log/apnlog.ec" }}
"""

SIMULATOR = """
apns_simulator {{
  journal = "log/journal.jsonl"
  listen "127.0.0.1:{apns_port}" {{}}
}}
"""


def free_port() -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, true: Callable[[], bool], seconds: float = 120.0) -> float:
    """Poll until `true`; the seconds it took, or SystemExit naming `what`."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"gave up after {seconds:.0f} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - began


def answers(port: int) -> bool:
    """Whether an SMTP banner comes from this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


@define
class Process:
    """A server under measurement."""

    child: subprocess.Popen[bytes]
    port: int
    folder: Path
    log: Path

    def rss_bytes(self) -> int:
        """Resident memory now."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        line = next(row for row in status.splitlines() if row.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1]
        ticks = fields.split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    def lines(self, name: str) -> int:
        """Lines of a file under the folder, 0 if it is not there yet."""
        path = self.folder / name
        return path.read_bytes().count(b"\n") if path.exists() else 0


@contextlib.contextmanager
def running(
    arguments: Sequence[str], port: int, folder: Path, *, wait: bool = True
) -> Iterator[Process]:
    """A server process that answers on `port`, stopped in the end."""
    log = folder / "process.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            arguments, stdout=output, stderr=subprocess.STDOUT, cwd=folder
        )
    process = Process(child, port, folder, log)
    try:
        if wait:
            wait_until(
                f"an SMTP banner; see {log}",
                lambda: child.poll() is not None or answers(port),
            )
        if child.poll() is not None:
            raise SystemExit(f"the server died:\n{log.read_text()}")
        yield process
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the disk of the work tree (not a memory file system)."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def gateway(
    folder: Path,
    *,
    domain: str = "",
    extra: str = "",
    apns_port: int = 0,
    wait: bool = True,
) -> Iterator[Process]:
    """The gateway in `folder`, its simulator inside unless there is an `apns_port`."""
    port = free_port()
    text = CONFIGURATION if apns_port else CONFIGURATION + SIMULATOR
    configuration = folder / "bench.conf"
    configuration.write_text(
        text.format(
            smtp_port=port,
            apns_port=apns_port or free_port(),
            domain=domain,
            extra=extra,
        )
    )
    (folder / "log").mkdir(exist_ok=True)
    arguments = [*TWISTD, "mcmtpush", "--config", str(configuration)]
    with running(arguments, port, folder, wait=wait) as process:
        yield process


@contextlib.contextmanager
def simulator(folder: Path, script: str) -> Iterator[int]:
    """A simulator in a process of its own; its port.  Same files as one inside."""
    (folder / "log").mkdir(exist_ok=True)
    (folder / "script.json").write_text(script)
    port = free_port()
    arguments = [
        *TWISTD, "apns-simulator", "--listen", f"127.0.0.1:{port}",
        "--certificates", str(folder / "spool" / "development"),
        "--journal", str(folder / "log" / "journal.jsonl"),
        "--script", str(folder / "script.json"),
    ]  # fmt: skip
    apart = folder / "simulator"
    apart.mkdir()
    with running(arguments, port, apart, wait=False):
        wait_until("the simulator", lambda: listens(port))
        yield port


def listens(port: int) -> bool:
    """Whether anybody does on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sample(folder: Path, size: int = 1024) -> Path:
    """An MCMT message of about `size` bytes, in a file."""
    text = "Read it in the app.\r\n"
    for _ in range(4):
        content = compose(
            sender="news@example.net",
            recipient="4711@apn_example.com",
            token=TOKEN,
            payload=alert_payload("You have mail", badge=1, sound="default"),
            subject="News",
            date="Mon, 23 Nov 2026 12:00:00 +0000",
            message_id="<bench@example.net>",
            text=text,
        )
        missing = size - len(content)
        if missing <= 0:
            break
        text += ("x" * 70 + "\r\n") * (missing // 72) + "x" * (missing % 72)
    path = folder / "sample.eml"
    # smtp-source makes CR LF of line feeds.
    path.write_bytes(content.replace(b"\r\n", b"\n"))
    return path


def smtp_source(port: int, message: Path, *, count: int, sessions: int) -> float:
    """Send with Postfix's load program; the seconds it took."""
    program = shutil.which("smtp-source", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        raise SystemExit("smtp-source is missing: install Debian's package postfix")
    arguments = [
        program, "-s", str(sessions), "-m", str(count), "-F", str(message),
        "-f", "news@example.net", "-t", "4711@apn_example.com",
        f"inet:127.0.0.1:{port}",
    ]  # fmt: skip
    began = time.monotonic()
    subprocess.run(arguments, check=True, timeout=600)
    return time.monotonic() - began


@define
class Report:
    """Rows of a table, on the terminal and as JSON."""

    title: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]] = field(factory=list)
    facts: dict[str, Any] = field(factory=dict)

    def add(self, **cells: Any) -> None:
        """One more row."""
        self.rows.append(cells)

    def show(self, json_path: str | None) -> None:
        """Print, and write JSON when asked to."""
        cells = [self.columns] + [
            tuple(_text(row.get(name, "")) for name in self.columns)
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        print(self.title)
        for row in cells:
            print("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)))
        for name, value in self.facts.items():
            print(f"{name}: {_text(value)}")
        if json_path:
            content = {
                "title": self.title,
                "machine": machine(),
                "rows": self.rows,
                "facts": self.facts,
            }
            Path(json_path).write_text(json.dumps(content, indent=2) + "\n")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> dict[str, Any]:
    """What this ran on."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "date": time.strftime("%Y-%m-%d"),
    }


def median(values: Sequence[float]) -> float:
    """The one to quote."""
    return statistics.median(values)


def arguments(description: str, **defaults: int) -> argparse.Namespace:
    """The command line all programs have; `defaults` become options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", metavar="FILE", help="also write JSON")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, no figures")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def check(what: str, found: object, expected: object) -> None:
    """A benchmark that miscounts is worthless: stop."""
    if found != expected:
        raise SystemExit(f"{what}: {found}, expected {expected}")
