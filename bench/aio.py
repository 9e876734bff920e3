"""The peer: aiosmtpd, throwing every message away.  `aio.py PORT`.

When it is stopped it prints how many it took.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from aiosmtpd.smtp import SMTP


class Nothing:
    """Counts, keeps nothing."""

    count = 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        """Say yes."""
        self.count += 1
        return "250 Ok"


async def main(port: int) -> None:
    """Serve until SIGTERM."""
    loop, stop, handler = asyncio.get_running_loop(), asyncio.Event(), Nothing()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await loop.create_server(
        lambda: SMTP(handler, hostname="bench.example.com", loop=loop),
        "127.0.0.1", port, backlog=500,
    )  # fmt: skip
    await stop.wait()
    print("took", handler.count, flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
