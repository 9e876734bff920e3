"""Strings of HPACK in Huffman's code, to text.

The code is canonical: of the codes of one length the next is one more, and the
first of the next length goes on behind the last.  So the lengths say it all.
Octets are read whole: what each does in each place of the tree is worked out when
it first happens.  Source: RFC 7541, section 5.2 and appendix B.
"""

from __future__ import annotations

from typing import Final


_SYMBOLS: Final = {
    5: bytes.fromhex("303132616365696f7374"),
    6: bytes.fromhex("20252d2e2f333435363738393d415f62646667686c6d6e707275"),
    7: bytes.fromhex(
        "3a42434445464748494a4b4c4d4e4f5051525354555657596a6b71767778797a"
    ),
    8: bytes.fromhex("262a2c3b585a"),
    10: bytes.fromhex("212228293f"),
    11: bytes.fromhex("272b7c"),
    12: bytes.fromhex("233e"),
    13: bytes.fromhex("0024405b5d7e"),
    14: bytes.fromhex("5e7d"),
    15: bytes.fromhex("3c607b"),
    19: bytes.fromhex("5cc3d0"),
    20: bytes.fromhex("808283a2b8c2e0e2"),
    21: bytes.fromhex("99a1a7acb0b1b3d1d8d9e3e5e6"),
    22: bytes.fromhex("8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9"),
    23: bytes.fromhex("0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef"),
    24: bytes.fromhex("098e9091949fabced7e1eced"),
    25: bytes.fromhex("c7cfeaeb"),
    26: bytes.fromhex("c0c1c8c9cacdd2d5dadbeef0f2f3ff"),
    27: bytes.fromhex("cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe"),
    28: bytes.fromhex("020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9"),
    30: bytes.fromhex("0a0d16"),
}
"""The octets that have a code of so many bits, in order.

The end of a string has the last one of 30 bits, all ones."""

_END: Final = 256
_Node = list[int]


def _grow() -> list[_Node]:
    """The tree: two branches each, the number of a node or `~symbol`; 0 is none."""
    nodes: list[_Node] = [[0, 0]]
    code = bits = 0
    for length, symbols in _SYMBOLS.items():
        for symbol in (*symbols, _END) if length == 30 else symbols:
            code <<= length - bits
            bits = length
            _plant(nodes, code, length, symbol)
            code += 1
    return nodes


def _plant(nodes: list[_Node], code: int, length: int, symbol: int) -> None:
    at = 0
    for shift in range(length - 1, 0, -1):
        bit = code >> shift & 1
        if not nodes[at][bit]:
            nodes.append([0, 0])
            nodes[at][bit] = len(nodes) - 1
        at = nodes[at][bit]
    nodes[at][code & 1] = ~symbol


_NODES: Final = _grow()
_STEPS: Final[dict[int, tuple[int, bytes]]] = {}
"""By node and octet: the node behind it, and the text on the way."""


def _ends() -> frozenset[int]:
    """Where a string may end: up to seven ones behind a symbol, the padding."""
    ends = [0]
    while len(ends) < 8:
        ends.append(_NODES[ends[-1]][1])
    return frozenset(ends)


_ENDS: Final = _ends()


def decode_huffman(data: bytes) -> bytes:
    """The text of a string; `ValueError` when it is none."""
    at = 0
    pieces: list[bytes] = []
    steps, add = _STEPS, pieces.append
    for octet in data:
        try:
            at, piece = steps[at << 8 | octet]
        except KeyError:
            at, piece = _step(at, octet)
        add(piece)
    if at not in _ENDS:
        raise ValueError("a Huffman string ends within a symbol")
    return b"".join(pieces)


def _step(at: int, octet: int) -> tuple[int, bytes]:
    start = at
    text = bytearray()
    for shift in range(7, -1, -1):
        at = _NODES[at][octet >> shift & 1]
        if at < 0:
            if ~at == _END:
                raise ValueError("a Huffman string with an end inside")
            text.append(~at)
            at = 0
    step = _STEPS[start << 8 | octet] = at, bytes(text)
    return step
