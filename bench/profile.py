"""Where the time goes, by stage: `python -m bench.profile [NAME ...]`.

A sampler (py-spy) looks at the gateway a few hundred times a second while one of
the benchmarks runs, down to the functions of the system's libraries.  Of each
look it is told which room of the program was at work, and with what: byte code,
the system, the disk, a library, or waiting.  Shares are of the time that passed,
for each of the two threads; what they add up to without `idle` is how busy it was.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench import delivery, house, pipe, reception
from bench.run import Figures


LOOKS_PER_SECOND = 200

RUNS: Mapping[str, tuple[int, Callable[[Path, int], Figures]]] = {
    "reception": (
        10_000,
        partial(reception.receive, peer=reception.OURS, load=reception.source),
    ),
    "pipe": (10_000, partial(pipe.through, scheme="apn")),
    "pipe-http2": (6_000, partial(pipe.through, scheme="apn2")),
    "delivery": (100_000, delivery.backlog),
    "delivery-http2": (50_000, delivery.answered),
}

Sample = tuple[str, str, str]
"""Thread, stage, kind."""

_ROOM = re.compile(r"\(mcmtpush/(\w+)")
_STAGES = {
    "service": "queues",
    "lanes": "delivery",
    "throttle": "delivery",
    "dispatch": "reactor",
    "counters": "counters",
}
"""Modules at the top, and the room they work for."""

_SYSTEM = {
    "idle": {"epoll_wait", "epoll_pwait"},
    "disk": {"fdatasync", "fsync", "pwrite64", "pread64", "ftruncate64"},
    "network": {"send", "recv", "sendmsg", "accept4", "accept", "shutdown"},
    "network, files": {"write", "read", "close", "open64", "fcntl", "epoll_ctl"},
}
_CALLS = {name: kind for kind, names in _SYSTEM.items() for name in names}
_LIBRARIES = {"libssl": "OpenSSL", "libcrypto": "OpenSSL", "sqlite": "SQLite"}
_LOCKS = ("take_gil", "pthread_cond_timedwait", "pthread_cond_wait", "do_futex_wait")
_QUEUE = "_queue_SimpleQueue_get"


def stage_of(frames: Sequence[str]) -> str:
    """The room whose code is innermost; what is outside every room is the reactor's."""
    for frame in reversed(frames):
        found = _ROOM.search(frame)
        if found:
            return _STAGES.get(found[1], found[1])
    return "reactor"


def kind_of(frames: Sequence[str]) -> str:
    """What was done there, going by the functions below the last line of Python."""
    below = list(_below(frames))
    names = [frame.partition(" ")[0] for frame in below]
    if any(name.startswith(_QUEUE) for name in names):
        return "idle"
    if any(name in _LOCKS for name in names):
        return "interpreter lock"
    for frame, name in zip(below, names, strict=True):
        for library, kind in _LIBRARIES.items():
            if library in frame:
                return kind
        if name in _CALLS:
            return _CALLS[name]
    return "byte code"


def _below(frames: Sequence[str]) -> Iterator[str]:
    for frame in reversed(frames):
        if ".py:" in frame or "twistd:" in frame:
            return
        yield frame


def samples(lines: Iterable[str]) -> Counter[Sample]:
    """Of a sampler's file: stacks from the outside in, and how often each was seen."""
    found: Counter[Sample] = Counter()
    for line in lines:
        stack, _, count = line.rstrip().rpartition(" ")
        first, *frames = stack.split(";")
        thread = "reactor's thread" if "MainThread" in first else "spool's thread"
        found[thread, stage_of(frames), kind_of(frames)] += int(count)
    return found


def table(found: Counter[Sample], microseconds: float) -> Iterator[str]:
    """Markdown: a row for each stage of each thread, a column for each kind.

    `microseconds` is what passed for one message, on the clock.
    """
    for thread in sorted({thread for thread, _, _ in found}):
        own = {key[1:]: n for key, n in found.items() if key[0] == thread}
        whole = sum(own.values())
        kinds = [kind for kind, _ in _sums(own, 1)]
        yield f"| {thread} | sum | {' | '.join(kinds)} |"
        yield "| --- " * (len(kinds) + 2) + "|"
        scale = microseconds / whole
        for stage, total in [*_sums(own, 0), ("all", whole)]:
            cells = [
                sum(n for (s, k), n in own.items() if k == kind and stage in {s, "all"})
                for kind in kinds
            ]
            figures = [f"{n * scale:.1f}" if n else "" for n in (total, *cells)]
            yield f"| {stage} | {' | '.join(figures)} |"
        yield ""


def _sums(own: Mapping[tuple[str, str], int], index: int) -> list[tuple[str, int]]:
    sums: Counter[str] = Counter()
    for key, count in own.items():
        sums[key[index]] += count
    return sums.most_common()


@contextlib.contextmanager
def sampled(process: house.Process, *, into: Path) -> Iterator[None]:
    """Look at this process as long as it is measured."""
    command = [
        sampler(), "record", "--native", "--format", "raw", "--threads",
        "--rate", str(LOOKS_PER_SECOND), "--duration", "3600",
        "--output", str(into), "--pid", str(process.pid),
    ]  # fmt: skip
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    time.sleep(1.0)  # it reads the symbols first
    try:
        yield
    finally:
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    if not into.exists():
        raise house.BenchmarkError(f"py-spy saw nothing: {said.strip()}")


def sampler() -> str:
    """The program, or how to get it."""
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise SystemExit("py-spy is missing: pip install py-spy")
    return found


def profile(name: str, scale: float) -> None:
    """Run it twice: as it is for its rate, and looked at."""
    count, run = RUNS[name]
    count = max(1, int(count * scale))
    with house.scratch() as folder:
        plain = run(folder, count)
    with tempfile.TemporaryDirectory() as place, house.scratch() as folder:
        into = Path(place, "stacks")
        nobody, house.look_on = house.look_on, partial(sampled, into=into)
        try:
            rate = run(folder, count)["messages/s"]
        finally:
            house.look_on = nobody
        lines = into.read_text().splitlines()
    print(f"## {name}: {count:,} messages, microseconds a message\n")
    print(
        f"{plain['messages/s']:,.0f} messages/s and {plain['cpu us']:.0f} us of "
        f"processor time each; {rate:,.0f}/s while it was looked at.\n"
    )
    print("\n".join(table(samples(lines), 1e6 / rate)), flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", choices=[*RUNS, []], metavar="NAME")
    parser.add_argument("--scale", type=float, default=1.0, help="of all counts")
    options = parser.parse_args(words)
    sampler()
    for name in options.names or RUNS:
        profile(name, options.scale)
    return 0


if __name__ == "__main__":
    sys.exit(main())
