"""The JSON of a push part: read with two kindnesses, written compactly.

The kindnesses: a comma before a closing bracket, since the format's first
documentation shows one, and a `badge` written as a string.  Nothing is added,
and whether Apple will like the object is not asked here.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from mcmtpush.errors import MessageRejected
from mcmtpush.mcmt.refusal import Refusal


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Strings first, so that no comma in one is touched; a comma behind nothing is
# kept, so that `[,]` stays broken; what remains is a comma before a bracket.
_COMMA = re.compile(
    rb'"(?:[^"\\]|\\.)*"?|[\[{,]\s*,|(,)(?=\s*[}\]])',
    re.DOTALL,
)
_MANY_DIGITS = re.compile(rb"[0-9]{19}")
_LITERAL = re.compile(
    rb'"(?:[^"\\]|\\.)*"?|(-?[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?',
    re.DOTALL,
)
_NUMBER = re.compile(r"\s*(-?[0-9]{1,18})(\.[0-9]{1,18})?\s*", re.ASCII)
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def read_payload(data: bytes, *, where: str) -> bytes:
    """The object that `data` holds, as compact UTF-8 in the same key order.

    Raises:
        MessageRejected: not UTF-8, not JSON, not an object, or not writable
            again without loss.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        value = _read_kindly(data, error, where)
    if type(value) is not dict:
        raise Refusal.NOT_AN_OBJECT.because(where=where)
    if _MANY_DIGITS.search(data):
        _refuse_big_integers(data, where)
    aps = value.get("aps")
    if type(aps) is dict and type(aps.get("badge")) is str:
        aps["badge"] = _number(aps["badge"])
    try:
        return orjson.dumps(value)
    except TypeError as error:  # 254 levels: nothing else can be wrong by now
        raise Refusal.TOO_DEEP.because(where=where) from error


def _read_kindly(data: bytes, first: orjson.JSONDecodeError, where: str) -> Any:
    """Read again what strict reading refused with `first`."""
    text = data.removeprefix(_BYTE_ORDER_MARK)
    if not text.strip():
        raise Refusal.NO_JSON.because(where=where) from first
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal.NOT_UTF8.because(where=where, offset=error.start) from error
    try:
        # A blank for the comma keeps every position as the injector counts it.
        return orjson.loads(_COMMA.sub(_blank_out, text))
    except orjson.JSONDecodeError as error:
        raise _broken(error, where) from error


def _blank_out(match: re.Match[bytes]) -> bytes:
    return match[0] if match[1] is None else b" "


def _broken(error: orjson.JSONDecodeError, where: str) -> MessageRejected:
    if "depth" in error.msg:
        return Refusal.TOO_DEEP.because(where=where)
    return Refusal.BROKEN_JSON.because(
        where=where, line=error.lineno, column=error.colno, reason=error.msg
    )


def _refuse_big_integers(data: bytes, where: str) -> None:
    """Raise for an integer that the JSON reader would have rounded to a float."""
    for match in _LITERAL.finditer(data):
        digits = match[1]
        if digits is None or len(digits) < 19 or match.end(1) != match.end():
            continue
        if len(digits) > 21 or not _SMALLEST <= int(digits) <= _LARGEST:
            before = data[: match.start()]
            line = before.count(b"\n") + 1
            column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
            raise Refusal.BIG_INTEGER.because(where=where, line=line, column=column)


def _number(badge: str) -> str | int | float:
    """The number that `badge` spells, or `badge` itself if it spells none."""
    match = _NUMBER.fullmatch(badge)
    if match is None:
        return badge
    return int(match[1]) if match[2] is None else float(badge)
