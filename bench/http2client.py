"""One client on one connection, as a program: how long it takes for so many requests.

    python -m bench.http2client KIND PORT CA PATH COUNT STREAMS SIZE

Prints JSON: seconds from the first request to the last answer, the processor time
of this process for them, and how many answers had which status.  Every kind keeps
STREAMS requests under way and is done when each was answered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.codec import UNCHECKED, Ours, Package
from bench.job import ID, Job
from bench.rival import run_aioapns, run_pycurl
from bench.tuning import package_tuned


CODECS: dict[str, Callable[[Job], Any]] = {
    "ours": Ours,
    "h2": Package,
    "h2-unchecked": lambda job: Package(job, **UNCHECKED),
    "h2-tuned": package_tuned,
}


def run_twisted(kind: str, job: Job) -> None:
    """One codec on a TLS connection of Twisted's."""
    from twisted.internet import protocol, reactor, ssl  # noqa: PLC0415

    class Client(protocol.Protocol):
        def connectionMade(self) -> None:
            self.codec = CODECS[kind](job)
            self.transport.write(self.codec.begin())

        def dataReceived(self, data: bytes) -> None:
            self.codec.feed(data)
            if not job.began and self.codec.ready():
                job.start()
            if job.answered == job.count:
                job.report()
                reactor.stop()
            elif job.began:
                self.transport.write(self.codec.fill())

        def connectionLost(self, reason: object = None) -> None:
            if job.answered < job.count:
                print(reason, file=sys.stderr)
                reactor.stop()

    options = ssl.optionsForClientTLS(
        "localhost",
        trustRoot=ssl.Certificate.loadPEM(Path(job.ca).read_bytes()),
        acceptableProtocols=[b"h2"],
    )
    factory = protocol.Factory.forProtocol(Client)
    factory.noisy = False
    client = protocol.ClientFactory()
    client.noisy = False
    client.protocol = Client
    reactor.connectSSL("127.0.0.1", job.port, client, options)
    reactor.run()


def run_alone(kind: str, job: Job) -> None:
    """The same without a network: answers like nghttpd's, made by hand."""
    codec = CODECS[kind](job)
    codec.begin()
    greeting = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x03\xe8"
    codec.feed(greeting + b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\x00\x00\x00")
    block = b"\x88\x00\x07apns-id\x24"
    next_id = 1
    job.start()
    while job.answered < job.count:
        codec.fill()
        said = []
        for stream_id in range(next_id, 2 * job.sent + 1, 2):
            answer = block + b"%s%012x" % (ID.encode(), stream_id)
            head = len(answer).to_bytes(3) + b"\x01\x05" + stream_id.to_bytes(4)
            said.append(head + answer)
        next_id = 2 * job.sent + 1
        data = b"".join(said)
        for start in range(0, len(data), 16384):
            codec.feed(data[start : start + 16384])
    job.report()


def main() -> None:
    """As the description says."""
    kind, port, ca, path, count, streams, size = sys.argv[1:]
    job = Job(int(port), ca, path, int(count), int(streams), int(size))
    if kind == "pycurl":
        run_pycurl(job)
    elif kind == "aioapns":
        run_aioapns(job)
    elif kind.startswith("alone-"):
        run_alone(kind.removeprefix("alone-"), job)
    else:
        run_twisted(kind, job)


if __name__ == "__main__":
    main()
