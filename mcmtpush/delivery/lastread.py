"""The last word of a gateway, read although writing to it failed.

A gateway that objects sends six bytes and closes.  Whatever this side writes
then fails, and Twisted's TCP connection ends with the failed write: bytes that
the operating system has received by that time are never read.  So a failed
write is followed by one more read.  One is enough: a gateway says six bytes in
all, and a read takes 64 KiB.

Twisted offers no such hook; the transport's `writeSomeData` is replaced on the
one object.  Anything without it, such as a transport in memory, is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def read_before_loss(transport: Any) -> None:
    """See that this TCP transport reads once more before a failed write ends it."""
    if hasattr(transport, "doRead") and hasattr(transport, "writeSomeData"):
        transport.writeSomeData = _reading_last(transport, transport.writeSomeData)


def _reading_last(transport: Any, write: Callable[[bytes], Any]) -> Callable[..., Any]:
    def write_or_read(data: bytes) -> Any:
        result = write(data)
        if isinstance(result, Exception) or result < 0:
            transport.doRead()
        return result

    return write_or_read
