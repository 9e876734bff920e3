"""What one client of an HTTP/2 server is to do, and what it did."""

from __future__ import annotations

import json
import time
from collections import Counter

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
