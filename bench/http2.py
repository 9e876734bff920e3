"""Requests a second of one process on one HTTP/2 connection, beside other clients.

The server is nghttpd, which answers faster than any of them asks; how fast it can
be is h2load's row.  Every client sends the same requests and is done when each was
answered 200.  `alone` is a codec without a network, TLS and reactor.

Who is not installed is left out by name.  `pip install -e '.[bench]'` brings the
Python clients; nghttpd and h2load are in Debian's package nghttp2, Node in nodejs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from bench import house


PATH = f"/3/device/{house.TOKEN}"
PYTHON = ("ours", "h2", "h2-unchecked", "h2-tuned")
MODULES = {"pycurl": "pycurl", "aioapns": "aioapns"}
FROM = {
    "pycurl": "pip install -e '.[bench]'",
    "aioapns": "pip install -e '.[bench]'",
    "node": "Debian's package nodejs",
    "h2load": "Debian's package nghttp2",
    "nghttpd": "Debian's package nghttp2",
}


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost, in files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        .sign(key, SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "cert.pem"
    key_file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
    return key_file, certificate_file


@contextlib.contextmanager
def nghttpd(folder: Path) -> Iterator[tuple[int, Path]]:
    """A server that answers 200 to PATH with wide windows; its port and its CA."""
    program = found("nghttpd")
    if program is None:
        raise SystemExit(f"nghttpd is missing: {FROM['nghttpd']}")
    key, ca = certificate(folder)
    page = folder / "docroot" / PATH.lstrip("/")
    page.parent.mkdir(parents=True)
    page.touch()
    port = house.free_port()
    arguments = [
        program, "-a", "127.0.0.1", "-m", "1000", "-w", "20", "-W", "24",
        "-d", str(folder / "docroot"), str(port), str(key), str(ca),
    ]  # fmt: skip
    with house.running(arguments, port, folder, wait=False):
        time.sleep(0.5)
        yield port, ca


def found(program: str) -> str | None:
    """Where a program is."""
    return shutil.which(program, path=f"{sys.exec_prefix}/bin:/usr/sbin:/usr/bin:/bin")


def missing() -> list[str]:
    """Who cannot run here."""
    return [
        name
        for name in ("pycurl", "aioapns", "node", "h2load")
        if (
            importlib.util.find_spec(MODULES[name]) is None
            if name in MODULES
            else found(name) is None
        )
    ]


def client(
    kind: str, port: int, ca: Path, count: int, streams: int, size: int
) -> tuple[float, float]:
    """Requests a second and microseconds of processor time for each."""
    numbers = [str(port), str(ca), PATH, str(count), str(streams), str(size)]
    here = Path(__file__).parent
    arguments = [sys.executable, "-m", "bench.http2client", kind, *numbers]
    if kind == "node":
        arguments = [found("node") or "", str(here / "http2client.mjs"), *numbers]
    run = subprocess.run(
        arguments, capture_output=True, text=True, timeout=300, cwd=here.parent,
        check=False,
    )  # fmt: skip
    if run.returncode or not run.stdout:
        raise SystemExit(f"{kind} failed:\n{run.stderr[-2000:]}")
    result = json.loads(run.stdout)
    house.check(f"answers to {kind}", result["statuses"], {"200": count})
    return count / result["seconds"], result["cpu_seconds"] / count * 1e6


def h2load(port: int, folder: Path, count: int, streams: int, size: int) -> float:
    """What the server can do."""
    body = folder / "body"
    body.write_bytes(b"x" * size)
    run = subprocess.run(
        [
            found("h2load") or "", "-n", str(count), "-c", "1", "-m", str(streams),
            "-d", str(body), f"https://127.0.0.1:{port}{PATH}",
        ],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    house.check("answers to h2load", f"{count} succeeded" in run.stdout, True)
    match = re.search(r"([0-9.]+) req/s", run.stdout)
    return float(match[1]) if match else 0.0


def kinds() -> list[str]:
    """Who runs, in the order of the table."""
    others = [name for name in ("aioapns", "node", "pycurl") if name not in missing()]
    return [*PYTHON, *others, "alone-ours", "alone-h2", "alone-h2-tuned"]


def main() -> None:
    """All of them in turn, as often as asked; the medians."""
    options = house.arguments(__doc__, count=20000, rounds=3)
    if options.smoke:
        options.count, options.rounds = 300, 1
    report = house.Report(
        f"http2: {options.count} requests on one connection, TLS, nghttpd; "
        f"medians of {options.rounds}",
        ("client", "streams", "bytes", "requests/s", "us of cpu", "times h2"),
    )
    with house.scratch() as folder, nghttpd(folder) as (port, ca):
        for streams, size in ((100, 100), (100, 1024), (500, 100), (500, 1024)):
            measure(report, options, port, ca, streams, size)
    for name in missing():
        report.facts[f"not here: {name}"] = FROM[name]
    report.show(options.json)


def measure(report, options, port, ca, streams, size) -> None:
    """One size and one number of streams."""
    rounds = [
        {kind: client(kind, port, ca, options.count, streams, size) for kind in kinds()}
        for _ in range(options.rounds)
    ]
    rates = {k: house.median([each[k][0] for each in rounds]) for k in rounds[0]}
    for kind, rate in rates.items():
        base = "alone-h2" if kind.startswith("alone-") else "h2"
        report.add(
            client=kind.replace("-", " "),
            streams=streams,
            bytes=size,
            **{
                "requests/s": rate,
                "us of cpu": house.median([each[kind][1] for each in rounds]),
                "times h2": house.median(
                    [each[kind][0] / each[base][0] for each in rounds]
                ),
            },
        )
    if found("h2load"):
        load = [
            h2load(port, ca.parent, options.count, streams, size)
            for _ in range(options.rounds)
        ]
        report.add(
            client="h2load", streams=streams, bytes=size,
            **{"requests/s": house.median(load)},
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
