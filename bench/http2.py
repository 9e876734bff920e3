"""Requests a second of one process on one HTTP/2 connection, beside other clients.

The server is nghttpd, which answers faster than any of them asks; how fast it can
be is h2load's row.  Every client sends the same requests and is done when each was
answered 200.
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
from functools import partial
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
from bench.run import Contender, Figures


PATH = f"/3/device/{house.TOKEN}"
KINDS = {
    "ours": "mcmtpush",
    "h2": "h2",
    "h2-unchecked": "h2, unchecked",
    "h2-tuned": "h2, tuned",
    "aioapns": "aioapns",
    "pycurl": "pycurl",
    "node": "node:http2",
    "h2load": "h2load (C)",
}
CODECS = ("ours", "h2", "h2-tuned")
MODULES = {"pycurl": "pycurl", "aioapns": "aioapns"}
FROM = {
    "pycurl": "pip install -e '.[bench]'",
    "aioapns": "pip install -e '.[bench]'",
    "node": "apt-get install nodejs",
    "h2load": "apt-get install nghttp2",
    "nghttpd": "apt-get install nghttp2",
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
        raise house.BenchmarkError(f"nghttpd is missing: {FROM['nghttpd']}")
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


def missing(kind: str) -> str:
    """How to get a client and the server, or nothing."""
    programs = {"node": "node", "h2load": "h2load"}
    if found("nghttpd") is None:
        return FROM["nghttpd"]
    if kind in MODULES and importlib.util.find_spec(MODULES[kind]) is None:
        return FROM[kind]
    if kind in programs and found(programs[kind]) is None:
        return FROM[kind]
    return ""


def client(
    kind: str, port: int, ca: Path, count: int, streams: int, size: int
) -> Figures:
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
        raise house.BenchmarkError(f"{kind} failed:\n{run.stderr[-2000:]}")
    result = json.loads(run.stdout)
    house.check(f"answers to {kind}", result["statuses"], {"200": count})
    return {
        "requests/s": count / result["seconds"],
        "cpu us": result["cpu_seconds"] / count * 1e6,
    }


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


def against(folder: Path, count: int, *, kind: str, streams: int, size: int) -> Figures:
    """One client and a server of its own."""
    with nghttpd(folder) as (port, ca):
        if kind == "h2load":
            return {"requests/s": h2load(port, folder, count, streams, size)}
        return client(kind, port, ca, count, streams, size)


def contenders(streams: int, size: int) -> list[Contender]:
    """All of them with one load."""
    return [
        Contender(
            name,
            partial(against, kind=kind, streams=streams, size=size),
            partial(missing, kind),
        )
        for kind, name in KINDS.items()
    ]


def alone(folder: Path, count: int, *, kind: str) -> Figures:
    """A codec without a network, TLS and reactor."""
    return client(f"alone-{kind}", 0, folder, count, 100, 1024)


ALONE = [Contender(KINDS[kind], partial(alone, kind=kind)) for kind in CODECS]


if __name__ == "__main__":
    from bench.__main__ import main

    sys.exit(main(["http2-100", *sys.argv[1:]]))
