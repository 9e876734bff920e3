"""What the programs share: a gateway in a process of its own, loads, tables."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import define

from bench import measure
from mcmtpush.mcmt.compose import alert_payload, compose


class BenchmarkError(Exception):
    """A measurement that cannot be had, or that miscounts."""


WINDOW_SECONDS = 1.0
"""`delivery_response_timeout` of the benchmarks: silence for so long is acceptance.

It is taken off where records are waited for: waiting is no work.
"""

TWISTD = (
    str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=",
)  # fmt: skip

TOKEN = "00112233445566778899aabbccddeeff" * 2

DOMAIN = "apn.example.com"

CONFIGURATION = """
hostname = "bench.example.com"
spoolbase = "spool"
{extra}
esmtp_listener {{
  listen "127.0.0.1:{smtp_port}" {{ mcmt_reception = "allow" }}
}}
apn {{}}
{scope}
  delivery_method = "apn"
  routes = ( "{scheme}://127.0.0.1?port={apns_port}" )
  {credentials}
  tls_ca = "{ca}"
  tls_verify = "{verify}"
  {domain}
{end}
apn_logger "main" {{ logfile = "log/apnlog.ec" }}
"""

CREDENTIALS = {
    "apn": """
  tls_certificate = "spool/development/client.pem"
  tls_key = "spool/development/client.key"
  delivery_response_timeout = 1000
  idle_timeout = 60""",
    "apn2": """
  apn_key_file = "spool/development/AuthKey_DEVKEY0001.p8"
  apn_key_id = "DEVKEY0001"
  apn_team_id = "DEVTEAM001"
  apn_topic = "com.example.app"
""",
}

SIMULATOR = """
apns_simulator {{
  journal = "log/journal.jsonl"
  listen "127.0.0.1:{apns_port}" {{}}
}}
"""


def found(program: str) -> str | None:
    """Where a program is; the system's own are not on every user's path."""
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")


def free_port() -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, true: Callable[[], bool], seconds: float = 60.0) -> float:
    """Poll until `true`; the seconds it took, or an error naming `what`."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise BenchmarkError(f"gave up after {seconds:.0f} s: {what}")
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
class Cost:
    """Processor time, known in the end."""

    cpu_seconds: float = 0.0


@define
class Process:
    """A server under measurement."""

    pid: int
    port: int
    folder: Path
    log: Path

    def rss_bytes(self) -> int:
        """Resident memory now."""
        return measure.rss_bytes(self.pid)

    def cpu_seconds(self) -> float:
        """Processor time used so far, by its children as well."""
        return measure.cpu_seconds(self.pid)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Cost]:
        """What happens within is what is measured; an onlooker sees just that."""
        cost, before = Cost(), self.cpu_seconds()
        with look_on(self):
            yield cost
        cost.cpu_seconds = self.cpu_seconds() - before

    def lines(self, name: str) -> int:
        """Lines of a file under the folder, 0 if it is not there yet."""
        path = self.folder / name
        return path.read_bytes().count(b"\n") if path.exists() else 0


def look_on(_process: Process) -> contextlib.AbstractContextManager[object]:
    """Nobody does; `bench.profile` puts a sampler here."""
    return contextlib.nullcontext()


@define
class Tally:
    """How often something stands in a file that grows, without reading it again.

    `what` but not the times that `but` is found; both are on one line each.
    """

    path: Path
    what: bytes
    but: bytes = b""
    count: int = 0
    _offset: int = 0
    _rest: bytes = b""

    def read(self) -> int:
        """How often by now."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        whole, end, self._rest = (self._rest + data).rpartition(b"\n")
        self.count += (whole + end).count(self.what)
        if self.but:
            self.count -= (whole + end).count(self.but)
        return self.count


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
    process = Process(child.pid, port, folder, log)
    try:
        if wait:
            wait_until(
                f"an SMTP banner; see {log}",
                lambda: child.poll() is not None or answers(port),
            )
        if child.poll() is not None:
            raise BenchmarkError(f"the server died:\n{log.read_text()}")
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
    scheme: str = "apn",
    apns_port: int = 0,
    wait: bool = True,
    everywhere: bool = False,
    ca: str = "spool/development/ca.pem",
    verify: str = "host",
) -> Iterator[Process]:
    """The gateway in `folder`; all domains are delivered alike when `everywhere`.

    The simulator is inside unless there is an `apns_port`.
    """
    port = free_port()
    text = CONFIGURATION if apns_port else CONFIGURATION + SIMULATOR
    configuration = folder / "bench.conf"
    configuration.write_text(
        text.format(
            smtp_port=port,
            scheme=scheme,
            credentials=CREDENTIALS[scheme],
            apns_port=apns_port or free_port(),
            domain=domain,
            scope="" if everywhere else f'domain "{DOMAIN}" {{',
            end="" if everywhere else "}",
            extra=extra,
            ca=ca,
            verify=verify,
        )
    )
    (folder / "log").mkdir(exist_ok=True)
    arguments = [*TWISTD, "mcmtpush", "--config", str(configuration)]
    with running(arguments, port, folder, wait=wait) as process:
        yield process


@contextlib.contextmanager
def simulator(folder: Path, script: str = "{}", scheme: str = "apn") -> Iterator[int]:
    """A simulator in a process of its own; its port.  Same files as one inside."""
    (folder / "log").mkdir(exist_ok=True)
    (folder / "script.json").write_text(script)
    ports = {"apn": free_port(), "apn2": free_port()}
    arguments = [
        *TWISTD, "apns-simulator",
        "--listen", f"127.0.0.1:{ports['apn']}",
        "--http2", f"127.0.0.1:{ports['apn2']}",
        "--certificates", str(folder / "spool" / "development"),
        "--journal", str(folder / "log" / "journal.jsonl"),
        "--script", str(folder / "script.json"),
    ]  # fmt: skip
    apart = folder / "simulator"
    apart.mkdir()
    with running(arguments, ports[scheme], apart, wait=False):
        wait_until("the simulator", lambda: listens(ports[scheme]))
        yield ports[scheme]


def listens(port: int) -> bool:
    """Whether anybody does on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sample(folder: Path, size: int = 1024, *, base64: bool = False) -> Path:
    """An MCMT message of about `size` bytes in a file, both parts in base64 if so."""
    mark = "\u2709 " if base64 else ""
    text = mark + "Read it in the app.\r\n"
    for _ in range(4):
        content = compose(
            sender="news@example.net",
            recipient="4711@apn.example.com",
            token=TOKEN,
            payload=alert_payload(mark + "You have mail", badge=1, sound="default"),
            subject="News",
            date="Mon, 23 Nov 2026 12:00:00 +0000",
            message_id="<bench@example.net>",
            text=text,
        )
        missing = (size - len(content)) * (3 if base64 else 4) // 4
        if missing <= 0:
            break
        text += ("x" * 70 + "\r\n") * (missing // 72) + "x" * (missing % 72)
    path = folder / "sample.eml"
    # smtp-source makes CR LF of line feeds.
    path.write_bytes(content.replace(b"\r\n", b"\n"))
    return path


def smtp_source(
    port: int, message: Path, *, count: int, sessions: int, kept: bool = False
) -> float:
    """Send with Postfix's load program; the seconds it took."""
    program = found("smtp-source")
    if program is None:
        raise BenchmarkError("smtp-source is missing: apt-get install postfix")
    arguments = [
        program, "-s", str(sessions), "-m", str(count), "-F", str(message),
        "-f", "news@example.net", "-t", "4711@apn.example.com",
        *(["-d"] if kept else []), f"inet:127.0.0.1:{port}",
    ]  # fmt: skip
    began = time.monotonic()
    try:
        subprocess.run(arguments, check=True, timeout=600)
    except subprocess.SubprocessError as error:
        raise BenchmarkError(f"smtp-source failed: {error}") from error
    return time.monotonic() - began


def client(
    port: int,
    folder: Path,
    count: int,
    *,
    sessions: int,
    rate: float = 0.0,
    greedy: bool = False,
    domains: int = 1,
) -> list[list[float]]:
    """Send with `bench.client`; [due, sent, accepted] of every message."""
    times = folder / "times.json"
    arguments = [
        sys.executable, "-m", "bench.client", str(port), str(sample(folder)),
        str(count), str(sessions), str(rate), str(int(greedy)), str(domains),
        str(times),
    ]  # fmt: skip
    root = Path(__file__).parent.parent
    try:
        subprocess.run(arguments, check=True, timeout=3600, cwd=root)
    except subprocess.SubprocessError as error:
        raise BenchmarkError(f"bench.client failed: {error}") from error
    found: list[list[float]] = json.loads(times.read_text())
    return found


def check(what: str, found: object, expected: object) -> None:
    """A benchmark that miscounts is worthless: stop."""
    if found != expected:
        raise BenchmarkError(f"{what}: {found}, expected {expected}")
