"""What is measured beside a rate: processor time, memory, the disk, the machine."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import ssl
import statistics
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


PEERS = ("aioapns", "pycurl")
"""Python packages that take part where they are installed."""

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of all its children, dead or alive."""
    return sum(_ticks(each) for each in tree(pid)) * TICK_SECONDS


def tree(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += children.get(each, [])


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from `state` on; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _ticks(pid: int) -> int:
    """utime, stime, cutime, cstime."""
    return sum(int(field) for field in _stat(pid)[11:15])


def rss_bytes(pid: int) -> int:
    """Resident memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def fsync_seconds(folder: Path) -> float:
    """The median of fifty small writes, each synchronised to the disk."""
    taken = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def machine() -> dict[str, object]:
    """What this ran on."""
    cpu = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpu.read_text() if cpu.exists() else "")
    return {
        "cores": os.cpu_count(),
        "processor": model[1] if model else platform.processor(),
        "memory MB": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Of what takes part; mail servers add their own."""
    packages = ("mcmtpush", "Twisted", "pyOpenSSL", "h2", "orjson")
    found = {"CPython": platform.python_version()}
    found |= {name: installed(name) or "?" for name in packages}
    found |= {name: there for name in PEERS if (there := installed(name))}
    return found | {
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
        "SQLite": sqlite3.sqlite_version,
    }


def installed(package: str) -> str | None:
    """The version of a Python package that is here."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
