"""Streams against a foreign server: nghttpd, with every habit it can be given."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from mcmtpush.apns.requests import Request, RequestDefaults, build_request
from mcmtpush.apns.streams import Answered, Streams
from mcmtpush.values import PushPart
from tests.integration.gateway import free_port, terminate, wait_until


NGHTTPD = shutil.which("nghttpd", path="/usr/bin:/usr/sbin:/usr/local/bin")
GOOD, BAD = "ab" * 32, "cd" * 32
PAYLOAD = b'{"aps":{"alert":"%s"}}' % (b"x" * 900)
SECONDS = 30.0


def request(token: str, number: int) -> Request:
    """For one of two tokens, one of which the server does not know."""
    built = build_request(
        PushPart(token, PAYLOAD),
        message_id=f"message {number}",
        now=0.0,
        defaults=RequestDefaults("com.example.app"),
    )
    assert isinstance(built, Request)
    return built


def deliver(port: int, count: int) -> Counter[tuple[str, int, bool]]:
    """Send so many; how often which token had which status, and whether a body."""
    streams = Streams(b"localhost", stream_limit=1000, careful=False)
    streams.begin()
    sent = 0
    heard: Counter[tuple[str, int, bool]] = Counter()
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as wire:
        while heard.total() < count:
            while sent < count and streams.takes(len(PAYLOAD)):
                token = (GOOD, BAD)[sent % 2]
                streams.open(request(token, sent), token, b"bearer " + b"t" * 200)
                sent += 1
            wire.sendall(streams.output())
            data = wire.recv(65536)
            assert data, "the server hung up"
            for event in streams.feed(data):
                if isinstance(event, Answered):
                    heard[str(event.tag), event.status, bool(event.body)] += 1
        streams.close()
        wire.sendall(streams.output())
    assert (streams.open_count, streams.broken) == (0, None)
    return heard


class NghttpdTests(TestCase):
    """No test here waits for anything but the server."""

    def serve(self, *habits: str) -> int:
        if NGHTTPD is None:
            raise SkipTest("nghttpd is not installed (Debian's package nghttp2)")
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        (folder / "3/device").mkdir(parents=True)
        (folder / "3/device" / GOOD).touch()
        port = free_port()
        server = subprocess.Popen(
            [
                NGHTTPD,
                "--no-tls",
                "-a",
                "127.0.0.1",
                "-d",
                str(folder),
                *habits,
                str(port),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(terminate, server)
        wait_until("nghttpd", lambda: answers(port))
        return port

    def check(self, *habits: str, count: int = 400) -> None:
        heard = deliver(self.serve(*habits), count)
        self.assertEqual(
            heard, {(GOOD, 200, False): count // 2, (BAD, 404, True): count // 2}
        )

    def test_plain(self) -> None:
        """As it comes."""
        self.check()

    def test_few_streams(self) -> None:
        """With three streams at once."""
        self.check("-m", "3")

    def test_small_windows(self) -> None:
        """With windows smaller than one payload, opened by and by."""
        self.check("-w", "9", "-W", "16", count=60)

    def test_padding(self) -> None:
        """With padding in every frame."""
        self.check("-b", "200")

    def test_trailers(self) -> None:
        """With trailers behind the bodies."""
        self.check("--trailer", "a: b")

    def test_early(self) -> None:
        """With answers before the request is whole."""
        self.check("--early-response")

    def test_no_table(self) -> None:
        """Without a table on either side."""
        self.check("--header-table-size", "0", "--encoder-header-table-size", "0")


def answers(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
