"""Codecs of HTTP/2 without I/O, as clients that keep a job's requests under way."""

from __future__ import annotations

import time
from collections import Counter

from bench.job import FIELDS, ID, Job


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
