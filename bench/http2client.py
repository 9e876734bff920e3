"""One client on one connection, as a program: how long it takes for so many requests.

    python -m bench.http2client KIND PORT CA PATH COUNT STREAMS SIZE

Prints JSON: seconds from the first request to the last answer, the processor time
of this process for them, and how many answers had which status.  Every kind keeps
STREAMS requests under way and is done when each was answered.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field


@define
class Job:
    """What is to be done, and what was."""

    port: int
    ca: str
    path: str
    count: int
    streams: int
    size: int
    statuses: Counter[int] = field(factory=Counter)
    sent: int = 0
    began: float = 0.0
    cpu_began: float = 0.0

    @property
    def body(self) -> bytes:
        """A payload of the size asked for."""
        frame = b'{"aps":{"alert":"%s"}}'
        return frame % (b"x" * (self.size - len(frame) + 2))

    @property
    def answered(self) -> int:
        """How many answers there are."""
        return self.statuses.total()

    def start(self) -> None:
        """Now it counts."""
        self.began, self.cpu_began = time.perf_counter(), time.process_time()

    def report(self) -> None:
        """To the program that started this one."""
        result = {
            "seconds": time.perf_counter() - self.began,
            "cpu_seconds": time.process_time() - self.cpu_began,
            "statuses": dict(self.statuses),
        }
        print(json.dumps(result))


FIELDS = (
    ("apns-topic", "com.example.app"),
    ("apns-push-type", "alert"),
    ("apns-priority", "10"),
)
ID = "0c5d8f3e-1a2b-4c3d-8e4f-"


# -- codecs under Twisted ------------------------------------------------------------


class Ours:
    """`apns.streams` with all that one message needs around it."""

    def __init__(self, job: Job) -> None:
        from mcmtpush.apns import answers, requests, streams  # noqa: PLC0415
        from mcmtpush.values import PushPart  # noqa: PLC0415

        self.job = job
        self.build, self.read = requests.build_request, answers.read_answer
        self.meaning, self.answered = answers.meaning_of, streams.Answered
        self.streams = streams.Streams(
            b"localhost", stream_limit=job.streams, careful=False
        )
        self.push = PushPart(job.path.rpartition("/")[2], job.body)
        self.defaults = requests.RequestDefaults("com.example.app", "alert", 10)
        self.codes: Counter[int] = Counter()
        self.open: dict[int, str] = {}

    def begin(self) -> bytes:
        """The first words."""
        self.streams.begin()
        return self.streams.output()

    def ready(self) -> bool:
        """Whether requests may be sent."""
        return self.streams.ready

    def feed(self, data: bytes) -> None:
        """Settle what was answered."""
        for event in self.streams.feed(data):
            if type(event) is self.answered:
                del self.open[event.stream_id]
                native = self.read(event.status, event.body)
                self.codes[self.meaning(native).code] += 1
                self.job.statuses[event.status] += 1

    def fill(self) -> bytes:
        """Send as many as may be."""
        job, streams = self.job, self.streams
        size = len(self.push.payload)
        now = time.time()
        while job.sent < job.count and streams.takes(size):
            message_id = f"{job.sent:08X}/00-00001-00000000"
            request = self.build(
                self.push, message_id=message_id, now=now, defaults=self.defaults
            )
            self.open[streams.open(request, message_id)] = message_id
            job.sent += 1
        return streams.output()


class Package:
    """The h2 package, as it comes or as far as it can be configured."""

    def __init__(self, job: Job, **options: bool) -> None:
        from h2 import config, connection, events  # noqa: PLC0415

        self.job = job
        self.connection = connection.H2Connection(config.H2Configuration(**options))
        self.events = events
        self.open: dict[int, int] = {}
        self.greeted = False
        self.body = job.body

    def begin(self) -> bytes:
        """The first words."""
        self.connection.initiate_connection()
        self.connection.increment_flow_control_window(4 * 1024 * 1024 - 65535)
        return self.connection.data_to_send()

    def ready(self) -> bool:
        """Whether requests may be sent."""
        return self.greeted

    def feed(self, data: bytes) -> None:
        """Settle what was answered."""
        events = self.events
        for event in self.connection.receive_data(data):
            kind = type(event)
            if kind is events.ResponseReceived:
                self.open[event.stream_id] = int(event.headers[0][1])
            elif kind is events.DataReceived:
                self.connection.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id
                )
            elif kind is events.StreamEnded:
                self.job.statuses[self.open.pop(event.stream_id)] += 1
            elif kind is events.RemoteSettingsChanged:
                self.greeted = True

    def fill(self) -> bytes:
        """Send as many as may be; the count of streams is our own, h2's scans."""
        job, connection, body = self.job, self.connection, self.body
        expiration = str(int(time.time()) + 604800)
        while (
            job.sent < job.count
            and len(self.open) < job.streams
            and connection.outbound_flow_control_window >= len(body)
        ):
            stream_id = connection.get_next_available_stream_id()
            headers = [
                (":method", "POST"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", job.path),
                *FIELDS,
                ("apns-id", f"{ID}{job.sent:012x}"),
                ("apns-expiration", expiration),
            ]
            connection.send_headers(stream_id, headers)
            connection.send_data(stream_id, body, end_stream=True)
            self.open[stream_id] = 0
            job.sent += 1
        return connection.data_to_send()


UNCHECKED = {
    "validate_outbound_headers": False,
    "normalize_outbound_headers": False,
    "validate_inbound_headers": False,
    "normalize_inbound_headers": False,
}


class Quick:
    """An encoder for h2: what all requests share was made once, and no table."""

    header_table_size = 4096

    def __init__(self, write: Callable[[bytes], bytes]) -> None:
        self.write = write
        self.front = b"\x83\x87\x01" + write(b"localhost")
        self.fields = b"".join(
            b"\x00" + write(name.encode()) + write(value.encode())
            for name, value in FIELDS
        )

    def encode(self, headers: Any) -> bytes:
        """As `hpack.Encoder.encode`, for the headers above in their order."""
        headers, write = list(headers), self.write
        return b"".join(
            (
                self.front,
                b"\x04" + write(headers[3][1]),
                self.fields,
                b"\x00\x07apns-id" + write(headers[-2][1]),
                b"\x00\x0fapns-expiration" + write(headers[-1][1]),
            )
        )


class Remembering:
    """A decoder for h2 that remembers blocks which do not touch the table."""

    max_header_list_size = 65536
    max_allowed_table_size = 4096

    def __init__(self, decoder: Any) -> None:
        self.decoder, self.known = decoder, {}

    def decode(self, data: bytes, raw: bool = False) -> Any:
        """As `hpack.Decoder.decode`."""
        block = bytes(data)
        found = self.known.get(block)
        if found is None:
            entries = self.decoder.header_table.dynamic_entries
            before = list(entries)
            found = self.decoder.decode(block, raw=raw)
            if list(entries) != before:
                self.known.clear()
            else:
                self.known[block] = found
        return found


def package_tuned(job: Job) -> Package:
    """h2 with everything replaced that it lets one replace."""
    from mcmtpush.apns.requestblock import encode_size  # noqa: PLC0415

    def write(text: bytes) -> bytes:
        return encode_size(len(text)) + text

    package = Package(job, **UNCHECKED)
    package.connection.encoder = Quick(write)
    package.connection.decoder = Remembering(package.connection.decoder)
    return package


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


# -- codecs alone --------------------------------------------------------------------


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


# -- others --------------------------------------------------------------------------


def run_pycurl(job: Job) -> None:
    """libcurl's multi interface, one connection, easy handles used again."""
    import pycurl  # noqa: PLC0415

    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
    multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, 1000)
    shared = [f"{name}: {value}" for name, value in FIELDS]

    def send(handle: Any) -> None:
        fields = [
            *shared,
            f"apns-id: {ID}{job.sent:012x}",
            f"apns-expiration: {int(time.time()) + 604800}",
        ]
        handle.setopt(pycurl.HTTPHEADER, fields)
        multi.add_handle(handle)
        job.sent += 1

    handles = [a_handle(pycurl, job) for _ in range(min(job.streams, job.count))]
    job.start()
    for handle in handles:
        send(handle)
    while job.answered < job.count:
        multi.perform()
        _, good, bad = multi.info_read(len(handles))
        if bad:
            raise SystemExit(str(bad[0][1:]))
        for handle in good:
            job.statuses[handle.getinfo(pycurl.RESPONSE_CODE)] += 1
            multi.remove_handle(handle)
            if job.sent < job.count:
                send(handle)
        if not good:
            multi.select(1.0)
    job.report()


def a_handle(pycurl: Any, job: Job) -> Any:
    """One request's handle, all but for its own fields."""
    handle = pycurl.Curl()
    for option, value in (
        (pycurl.URL, f"https://localhost:{job.port}{job.path}"),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2),
        (pycurl.CAINFO, job.ca),
        (pycurl.RESOLVE, [f"localhost:{job.port}:127.0.0.1"]),
        (pycurl.PIPEWAIT, 1),
        (pycurl.POSTFIELDS, job.body),
        (pycurl.WRITEFUNCTION, len),
    ):
        handle.setopt(option, value)
    return handle


def run_aioapns(job: Job) -> None:
    """aioapns, whose answers are matched by stream: nghttpd repeats no apns-id."""
    import asyncio  # noqa: PLC0415
    import logging  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    from aioapns import APNs, NotificationRequest, PushType  # noqa: PLC0415
    from aioapns.connection import APNsProductionClientProtocol  # noqa: PLC0415

    class Patched(APNsProductionClientProtocol):
        APNS_SERVER, APNS_PORT = "localhost", job.port

        def on_response_received(self, headers: Any) -> None:
            self.status = headers[b":status"].decode()

        def on_data_received(self, raw_data: bytes, stream_id: int) -> None:
            """Nothing, and that is no JSON."""

        def on_stream_ended(self, stream_id: int) -> None:
            super().on_stream_ended(stream_id)
            request = self.requests.pop(self.request_streams.pop(stream_id))
            request.set_result(self.status)

    async def main() -> None:
        context = ssl.create_default_context(cafile=job.ca)
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain = lambda *_: None  # type: ignore[method-assign]
        apns = APNs(
            client_cert=job.ca, topic=FIELDS[0][1], max_connections=1,
            ssl_context=context,
        )  # fmt: skip
        apns.pool.protocol_class = Patched
        message = json.loads(job.body)

        async def sender() -> None:
            while job.sent < job.count:
                number = job.sent
                job.sent += 1
                request = NotificationRequest(
                    job.path.rpartition("/")[2],
                    message,
                    notification_id=f"{ID}{number:012x}",
                    time_to_live=604800,
                    priority=10,
                    push_type=PushType.ALERT,
                )
                status = await apns.pool.send_notification(request)
                job.statuses[int(status)] += 1

        job.count += 1
        warm = NotificationRequest(job.path.rpartition("/")[2], message)
        await apns.pool.send_notification(warm)
        job.count -= 1
        job.start()
        await asyncio.gather(*(sender() for _ in range(job.streams)))
        job.report()

    logging.disable(logging.CRITICAL)
    asyncio.run(main())


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
