"""What a record can say: one function from record to text for every macro.

Knows the meaning of macros and of the `DLV_*` and `APNS_*` variables; knows neither
how a format is written nor where lines go.  A value that does not exist is empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from mcmtpush.values import Message, QueueKey, Record


Field = Callable[[Record], str]
"""The text of one macro.  It may hold control characters; see `one_line`."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    """`text` with a question mark for whatever could break or spoil a line.

    These are the control characters (C0, DEL, C1), the line and paragraph
    separators, and halves of surrogate pairs, which UTF-8 cannot hold.
    """
    return text if text.isprintable() else _UNSAFE.sub("?", text)


# -- values -------------------------------------------------------------------------


def _time(record: Record) -> str:
    return str(int(record.at))


def _source(record: Record) -> str:
    message = record.message
    return message.message_context.get("DLV_Source_Addr") or message.sender


def _destination(record: Record) -> str:
    message = record.message
    given = message.message_context.get("DLV_Dest_Addr")
    return given or message.recipient.rpartition("@")[0] or message.recipient


def _token(record: Record) -> str:
    return record.token or record.message.message_context.get("DLV_Dest_ID", "")


def _transaction(record: Record) -> str:
    return str(record.transaction_id) if record.transaction_id else ""


def _size(record: Record) -> str:
    return str(record.size) if record.size else ""


def _status(record: Record) -> str:
    return "" if record.status is None else str(record.status)


def _native_status(record: Record) -> str:
    return str(record.native.status) if record.native and record.native.status else ""


def _native_reason(record: Record) -> str:
    return record.native.reason if record.native else ""


def _native_id(record: Record) -> str:
    return record.transaction_id if isinstance(record.transaction_id, str) else ""


def _native_timestamp(record: Record) -> str:
    timestamp = record.native and record.native.timestamp
    return "" if timestamp is None else str(timestamp)


FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "t": _time,
        "i": attrgetter("message.id"),
        "sa": _source,
        "da": _destination,
        "dt": _token,
        "ti": _transaction,
        "d": attrgetter("message.key.domain"),
        "g": attrgetter("message.key.binding_group"),
        "b": attrgetter("message.key.binding"),
        "H": attrgetter("remote_ip"),
        "B": _size,
        "S": _status,
        "e": attrgetter("detail"),
    }
)
"""The macros without an argument, by name without the percent sign."""

_VARIABLES: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "DLV_Source_Addr": _source,
        "DLV_Dest_Addr": _destination,
        "DLV_Dest_ID": _token,
        "DLV_Transaction_ID": _transaction,
        "DLV_Response_Status": _status,
        "DLV_Response_Status_Detail": attrgetter("detail"),
        "DLV_Msg_Length": _size,
        "DLV_Remote_IP_Address": attrgetter("remote_ip"),
        "acceptance": attrgetter("proof"),
        "APNS_Status": _native_status,
        "APNS_Reason": _native_reason,
        "APNS_ID": _native_id,
        "APNS_Timestamp": _native_timestamp,
    }
)


# -- macros with an argument --------------------------------------------------------


def message_variable(key: str) -> Field:
    """A variable of the message context; the attempt's own are in the record."""
    if key in _VARIABLES:
        return _VARIABLES[key]
    return lambda record: record.message.message_context.get(key, "")


def connection_variable(key: str) -> Field:
    """A variable of the context of the connection the message came in by."""
    return lambda record: record.message.connection_context.get(key, "")


def formatted_time(pattern: str) -> Field:
    """The time of the record by strftime, in UTC.

    A time or pattern that strftime cannot do yields the pattern as written.
    All records of a batch carry one time, so the last answer is remembered.
    """
    known: list[tuple[float, str]] = []

    def field(record: Record) -> str:
        if known and known[0][0] == record.at:
            return known[0][1]
        try:
            text = datetime.fromtimestamp(record.at, UTC).strftime(pattern)
        except (ValueError, OverflowError, OSError):
            text = pattern
        known[:] = [(record.at, text)]
        return text

    return field


_ARGUMENTS: Final[Mapping[str, Callable[[str], Field]]] = MappingProxyType(
    {
        "t": formatted_time,
        "vctx_mess": message_variable,
        "vctx_conn": connection_variable,
    }
)
ARGUMENT_MACROS: Final = frozenset(_ARGUMENTS)
"""The macros with an argument in braces, by name without the percent sign."""


def argument_field(name: str, argument: str) -> Field:
    """The field of `%name{argument}`; `name` is one of `ARGUMENT_MACROS`."""
    return _ARGUMENTS[name](argument)


# -- heartbeats ---------------------------------------------------------------------

_NOBODY: Final = Message("", "", "", 0.0, "", "", QueueKey("", "", ""), 0)


def heartbeat(at: float) -> Record:
    """What an M line is rendered from: every macro but the times is empty.

    No macro shows the kind, so that of a heartbeat does not matter.
    """
    return Record(kind="D", at=at, message=_NOBODY)
