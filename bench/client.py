"""A load of our own: pipelined, or at a pace, or both.

    python -m bench.client PORT FILE COUNT SESSIONS RATE GREEDY DOMAINS TIMES

Sends the message in FILE so often over so many sessions, each time with a device
token of its own: the number of the message.  RATE 0 sends as fast as the answers
come.  Otherwise message N is due N/RATE seconds after the first, whether or not
there is an answer to those before: when all sessions are busy it waits, and its
wait counts.  GREEDY 1 sends MAIL, RCPT and DATA in one write and with the end of the
message before (PIPELINING), 0 waits for each reply.  TIMES gets a JSON list of
[due, end of the message written, 250 read] for every message, seconds since the
epoch.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path

from attrs import define, field

from bench import house


@define
class Job:
    """What is to be sent and when that happened."""

    content: bytes
    count: int
    rate: float
    greedy: bool
    domains: int
    sessions: int
    done: asyncio.Future[None]
    times: list[list[float]] = field(factory=list)
    waiting: deque[int] = field(factory=deque)
    idle: deque[Session] = field(factory=deque)
    answered: int = 0

    def message(self, number: int) -> bytes:
        """The content and its end, with this message's token."""
        return self.content.replace(house.TOKEN.encode(), b"%064x" % number, 1)

    def envelope(self, number: int) -> tuple[bytes, bytes, bytes]:
        """What goes before the content."""
        domain = house.DOMAIN.encode()
        if self.domains > 1:
            domain = b"%d.%s" % (number % self.domains, domain)
        return (
            b"MAIL FROM:<news@example.net>\r\n",
            b"RCPT TO:<4711@%s>\r\n" % domain,
            b"DATA\r\n",
        )

    def start(self) -> None:
        """All sessions are there: begin."""
        began = time.time()
        loop = asyncio.get_running_loop() if self.rate else None
        now = loop.time() if loop else 0.0
        for number in range(self.count):
            offset = number / self.rate if self.rate else 0.0
            self.times.append([began + offset, 0.0, 0.0])
            if loop:
                loop.call_at(now + offset, self.due, number)
            else:
                self.waiting.append(number)
        while self.idle and self.waiting:
            self.idle.popleft().send(self.waiting.popleft())

    def due(self, number: int) -> None:
        """Send it now, or as soon as a session is free."""
        if self.idle:
            self.idle.popleft().send(number)
        else:
            self.waiting.append(number)

    def free(self, session: Session) -> None:
        """A session has nothing to do; when none has for the first time, begin."""
        if not self.times:
            self.idle.append(session)
            if len(self.idle) == self.sessions:
                self.start()
        elif self.waiting:
            session.send(self.waiting.popleft())
        else:
            self.idle.append(session)


class Session(asyncio.Protocol):
    """One SMTP client session; `expected` are the replies still to come."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.rest = b""
        self.expected = deque([(b"220", self.greet)])

    def connection_made(self, transport) -> None:
        """Wait for the banner."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take replies; lines with a hyphen go on."""
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-":
                code, then = self.expected.popleft()
                if line[:3] != code:
                    raise SystemExit(f"expected {code!r}, got {line!r}")
                if then is not None:
                    then()

    def greet(self) -> None:
        """Introduce ourselves."""
        self.expected.append((b"250", lambda: self.job.free(self)))
        self.transport.write(b"EHLO bench.example.net\r\n")

    def send(self, number: int) -> None:
        """One message from its beginning."""
        self.number = number
        if self.job.greedy:
            self.expect_envelope()
            self.transport.write(b"".join(self.job.envelope(number)))
        else:
            self.step(0)

    def expect_envelope(self) -> None:
        """Three replies, then the content."""
        self.expected += [(b"250", None), (b"250", None), (b"354", self.content)]

    def step(self, at: int) -> None:
        """One command, one reply."""
        commands = self.job.envelope(self.number)
        last = at == len(commands) - 1
        then = self.content if last else lambda: self.step(at + 1)
        self.expected.append((b"354" if last else b"250", then))
        self.transport.write(commands[at])

    def content(self) -> None:
        """The message; greedily the next one's envelope with it."""
        job, number = self.job, self.number
        data = job.message(number)
        follow = job.waiting.popleft() if job.greedy and job.waiting else None
        self.expected.append((b"250", lambda: self.accepted(number, follow)))
        if follow is not None:
            self.number = follow
            self.expect_envelope()
            data += b"".join(job.envelope(follow))
        job.times[number][1] = time.time()
        self.transport.write(data)

    def accepted(self, number: int, follow: int | None) -> None:
        """Durable, says the server."""
        job = self.job
        job.times[number][2] = time.time()
        job.answered += 1
        if follow is None:
            job.free(self)
        if job.answered == job.count:
            job.done.set_result(None)


async def main(
    port: str, path: str, count: str, sessions: str, rate: str, greedy: str,
    domains: str, times: str,
) -> None:  # fmt: skip
    """As the description says."""
    loop = asyncio.get_running_loop()
    content = read(path).replace(b"\n", b"\r\n") + b".\r\n"
    job = Job(
        content, int(count), float(rate), greedy == "1", int(domains),
        int(sessions), loop.create_future(),
    )  # fmt: skip
    for _ in range(job.sessions):
        await loop.create_connection(lambda: Session(job), "127.0.0.1", int(port))
    await job.done
    write(times, json.dumps(job.times))


def read(path: str) -> bytes:
    """The message, before anything is under way."""
    return Path(path).read_bytes()


def write(path: str, text: str) -> None:
    """What happened, when all is over."""
    Path(path).write_text(text)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
