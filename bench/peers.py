"""Other mail servers, each started for one measurement in a folder of its own.

A peer is started with its own configuration and queue on a free port and ended
afterwards; nothing of the machine's own mail service is touched or installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from attrs import frozen

from bench import house, measure


Starts = Callable[[Path], AbstractContextManager[house.Process]]


@frozen
class Peer:
    """One server that takes mail.

    `kept` counts, after the end, what it says it took, or what is in its queue.
    """

    name: str
    start: Starts
    kept: Callable[[Path], int]
    missing: Callable[[], str]
    version: Callable[[], str]


def nothing_missing() -> str:
    """Of what comes with mcmtpush."""
    return ""


# -- servers that throw everything away ----------------------------------------------


def discarding(program: str) -> Starts:
    """One of ours in this folder, in a process of its own."""

    @contextmanager
    def start(folder: Path) -> Iterator[house.Process]:
        port = house.free_port()
        path = str(Path(__file__).with_name(program))
        with house.running([sys.executable, path, str(port)], port, folder) as process:
            yield process

    return start


def said(folder: Path) -> int:
    """What the server printed when it was stopped."""
    words = (folder / "process.log").read_text().split()
    return int(words[words.index("took") + 1])


def aiosmtpd_missing() -> str:
    """How to get it, or nothing."""
    return "" if measure.installed("aiosmtpd") else "pip install -e '.[bench]'"


# -- Postfix -------------------------------------------------------------------------

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = bench.example.com
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
relayhost = [127.0.0.1]:{sink}
smtpd_client_restrictions = {restrictions}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


def postfix_missing() -> str:
    """How to get it, or nothing."""
    if os.getuid():
        return "only root can start a Postfix"
    if house.found("postfix") is None or house.found("smtp-sink") is None:
        return "apt-get install postfix"
    return ""


def postfix_version() -> str:
    """Such as 3.7.11."""
    run = subprocess.run(
        [house.found("postconf") or "", "-dh", "mail_version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.strip()


@contextmanager
def postfix(folder: Path, sink: int = 9) -> Iterator[house.Process]:
    """A Postfix that relays to the port `sink`; without one it keeps all on hold."""
    port = house.free_port()
    folder.chmod(0o755)  # its processes have another user's rights
    configuration = folder / "postfix"
    for name in ("postfix", "queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    hold = "check_client_access static:HOLD" if sink == 9 else ""
    (configuration / "main.cf").write_text(
        MAIN.format(folder=folder, sink=sink, restrictions=hold)
    )
    (configuration / "master.cf").write_text(MASTER.format(port=port))
    command = [house.found("postfix") or "", "-c", str(configuration)]
    with (folder / "process.log").open("wb") as log:
        subprocess.run([*command, "start"], check=True, stdout=log, stderr=log)
        try:
            house.wait_until("Postfix", lambda: house.answers(port), 30)
            pid = int((folder / "queue" / "pid" / "master.pid").read_text())
            yield house.Process(pid, port, folder, folder / "maillog")
        finally:
            subprocess.run([*command, "stop"], check=True, stdout=log, stderr=log)


@contextmanager
def smtp_sink(folder: Path) -> Iterator[int]:
    """Postfix's program that throws mail away; its port."""
    port = house.free_port()
    program = house.found("smtp-sink") or ""
    apart = folder / "sink"
    apart.mkdir()
    user = ["-u", "postfix"] if not os.getuid() else []
    arguments = [program, *user, f"127.0.0.1:{port}", "500"]
    with house.running(arguments, port, apart):
        yield port


def held(folder: Path) -> int:
    """Messages in Postfix's queue of those on hold."""
    return files(folder / "queue" / "hold")


def relayed(folder: Path) -> int:
    """Messages that Postfix's log calls sent."""
    return (folder / "maillog").read_bytes().count(b"status=sent")


def files(folder: Path) -> int:
    """How many there are, at any depth."""
    return sum(path.is_file() for path in folder.rglob("*"))


# -- Haraka --------------------------------------------------------------------------

EVERYBODY = """
exports.hook_lookup_rdns = (next) => next(OK, "client.example.com");
exports.hook_connect = (next, connection) => { connection.relaying = true; next(); };
exports.hook_rcpt = (next) => next(OK);
"""

HARAKA = {
    "config/smtp.ini": "listen=127.0.0.1:{port}\n",
    "config/outbound.ini": "disabled=true\n",
    "config/plugins": "everybody\n",
    "config/me": "bench.example.com\n",
    "config/loglevel": "ERROR\n",
}


def haraka_program() -> str | None:
    """Where it is: $BENCH_HARAKA, node_modules here, or the path."""
    for folder in (os.environ.get("BENCH_HARAKA", ""), "."):
        program = Path(folder or ".") / "node_modules" / ".bin" / "haraka"
        if program.exists():
            return str(program.absolute())
    return shutil.which("haraka")


def haraka_missing() -> str:
    """How to get it, or nothing."""
    if haraka_program():
        return ""
    return (
        "npm install --prefix FOLDER Haraka, and BENCH_HARAKA=FOLDER in the environment"
    )


def haraka_version() -> str:
    """Such as 3.1.1."""
    run = subprocess.run(
        [haraka_program() or "", "--version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.split()[-1]


@contextmanager
def haraka(folder: Path) -> Iterator[house.Process]:
    """A Haraka that keeps everything in its disk queue."""
    port = house.free_port()
    program = haraka_program() or ""
    subprocess.run([program, "-i", folder], check=True, stdout=subprocess.DEVNULL)
    for name, content in HARAKA.items():
        (folder / name).write_text(content.format(port=port))
    (folder / "plugins" / "everybody.js").write_text(EVERYBODY)
    (folder / "queue").mkdir()
    with house.running([program, "-c", str(folder)], port, folder) as process:
        yield process
        time.sleep(0.2)  # its last renames come behind its last answers


def queued(folder: Path) -> int:
    """Messages in Haraka's disk queue."""
    return sum(not path.name.startswith(".") for path in (folder / "queue").iterdir())


# -- the table -----------------------------------------------------------------------

BARE = Peer(
    "bare twisted.mail",
    discarding("bare.py"),
    said,
    nothing_missing,
    lambda: measure.installed("Twisted") or "",
)
AIOSMTPD = Peer(
    "aiosmtpd",
    discarding("aio.py"),
    said,
    aiosmtpd_missing,
    lambda: measure.installed("aiosmtpd") or "",
)
POSTFIX = Peer("Postfix", postfix, held, postfix_missing, postfix_version)
HARAKA_QUEUE = Peer("Haraka", haraka, queued, haraka_missing, haraka_version)
