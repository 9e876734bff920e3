"""Requests to HPACK field blocks, without a dynamic table.

Every block stands for itself: fields are indexed in the static table or written
as literals that enter no table, the credential as one that no intermediary may
enter either.  So nothing has to be kept in step with the peer, whatever table
size it sets, and the part that alike requests share is made once.

Source: RFC 7541, sections 5 and 6 and appendix A.
"""

from __future__ import annotations

from typing import Final

from mcmtpush.apns.requests import Field, Request


_METHOD_POST: Final = b"\x83"
_METHOD: Final = b"\x02"
_SCHEME_HTTPS: Final = b"\x87"
_AUTHORITY: Final = b"\x01"
_PATH: Final = b"\x04"
_NEW_NAME: Final = b"\x00"
_AUTHORIZATION: Final = b"\x1f\x08"  # never indexed, entry 23 of the static table
_EMPTY_TABLE: Final = b"\x20"

_MAX_SHARED: Final = 1024


def encode_size(size: int) -> bytes:
    """The length in front of a string that is not Huffman coded."""
    if size < 0x7F:
        return bytes((size,))
    size -= 0x7F
    octets = bytearray((0x7F,))
    while size >= 0x80:
        octets.append(size & 0x7F | 0x80)
        size >>= 7
    octets.append(size)
    return bytes(octets)


_SIZES: Final = tuple(encode_size(size) for size in range(512))


def _string(text: bytes) -> bytes:
    size = len(text)
    return (_SIZES[size] if size < 512 else encode_size(size)) + text


class BlockWriter:
    """The blocks of one connection, to be sent in the order they are written."""

    def __init__(self, authority: bytes) -> None:
        self._front = _SCHEME_HTTPS + _AUTHORITY + _string(authority)
        self._post = _METHOD_POST + self._front + _PATH
        self._shared: dict[tuple[tuple[Field, ...], bytes | None], bytes] = {}
        self._last: tuple[tuple[Field, ...], bytes | None, bytes] = ((), None, b"")
        self._names: dict[bytes, bytes] = {}
        self._empty_table = True

    def empty_table(self) -> None:
        """The peer set a table size: the next block says that we use no table.

        The first block says so anyway.
        """
        self._empty_table = True

    def write(self, request: Request, bearer: bytes | None) -> bytes:
        """One block; `bearer` is the value of `authorization`."""
        path, constant, varying, _, _, method = request
        last = self._last
        if constant is last[0] and bearer is last[1]:
            shared = last[2]
        else:
            shared = self._share(constant, bearer)
        if method == b"POST":
            front = self._post
        else:
            front = _METHOD + _string(method) + self._front + _PATH
        if self._empty_table:
            self._empty_table = False
            front = _EMPTY_TABLE + front
        parts = [front, _string(path), shared]
        names = self._names
        for name, value in varying:
            parts += (names.get(name) or self._name(name), _string(value))
        return b"".join(parts)

    def _share(self, constant: tuple[Field, ...], bearer: bytes | None) -> bytes:
        shared = self._shared.get((constant, bearer))
        if shared is None:
            if len(self._shared) >= _MAX_SHARED:
                self._shared.clear()
            shared = b"".join(
                _NEW_NAME + _string(name) + _string(value) for name, value in constant
            )
            if bearer is not None:
                shared += _AUTHORIZATION + _string(bearer)
            self._shared[constant, bearer] = shared
        self._last = (constant, bearer, shared)
        return shared

    def _name(self, name: bytes) -> bytes:
        """The front of a literal; there are a handful of names in this program."""
        front = self._names[name] = _NEW_NAME + _string(name)
        return front
