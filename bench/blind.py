"""A foreign client of the binary protocol that writes frames and never reads.

    python -m bench.blind PORT COUNT

Command 2, five items, as Apple's old document has them, with nothing of ours.
Prints JSON: the seconds before the first frame, and the processor time of all; then
waits for the end of its input.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import sys
import time


TOKEN = bytes(range(32))
PAYLOAD = b'{"aps":{"alert":"You have mail"}}'
BATCH = 500


def item(number: int, content: bytes) -> bytes:
    """One item of a command 2 frame."""
    return struct.pack("!BH", number, len(content)) + content


def frame(identifier: int, expiry: int) -> bytes:
    """One notification."""
    items = (
        item(1, TOKEN) + item(2, PAYLOAD) + item(3, struct.pack("!I", identifier))
        + item(4, struct.pack("!I", expiry)) + item(5, b"\x0a")
    )  # fmt: skip
    return struct.pack("!BI", 2, len(items)) + items


def main() -> None:
    """Write them all, report, and stay connected until the input ends."""
    began = time.monotonic()
    port, count = int(sys.argv[1]), int(sys.argv[2])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    expiry = int(time.time()) + 3600
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain) as connection,
    ):
        starting = time.monotonic() - began
        for first in range(1, count + 1, BATCH):
            last = min(first + BATCH, count + 1)
            connection.sendall(b"".join(frame(n, expiry) for n in range(first, last)))
        used = os.times()
        cpu = used.user + used.system
        print(json.dumps({"starting": starting, "cpu_seconds": cpu}), flush=True)
        # Closing with bytes unread, such as session tickets, would be a reset, which
        # takes back what is still under way.
        sys.stdin.read()


if __name__ == "__main__":
    main()
